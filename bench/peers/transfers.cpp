// SPDX-License-Identifier: Apache-2.0
// Reads and echo: the workloads and engines of the lab, each repetition one of its cells.
#include "bench/lab/environment.hpp"
#include "bench/lab/workloads/io_echo.hpp"
#include "bench/lab/workloads/io_read.hpp"
#include "bench/peers/contest.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace rp::peers {

namespace {

using run_cell = lab::cell_result (*)(const lab::cell_spec&);

// Made when the first row needs it, removed with the last.
class data_file {
public:
    data_file(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

    ~data_file() {
        if (is_made_) {
            ::unlink(path_.c_str());
        }
    }

    data_file(const data_file&) = delete;
    data_file& operator=(const data_file&) = delete;

    std::string make() {
        std::string error;
        is_made_ = is_made_ || lab::prepare_data_file(path_, bytes_, error);
        return is_made_ ? std::string() : error;
    }

    std::string make_for_direct() {
        if (std::string error = make(); !error.empty()) {
            return error;
        }
        const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
        if (fd < 0) {
            return fmt::format("the file system of {} refuses O_DIRECT ({}); choose another --out",
                               path_,
                               std::strerror(errno));
        }
        ::close(fd);
        return {};
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
    std::string path_;
    std::uint64_t bytes_;
    bool is_made_ = false;
};

// That of the process, so that RINGPOOL_POLICY chooses here as it does for the other rows.
std::string ringpool_engine_name() {
    const char* const chosen = std::getenv("RINGPOOL_POLICY");
    return std::string("ringpool:") + (chosen != nullptr && *chosen != '\0' ? chosen : "ws");
}

contestant transfer(const char* name,
                    role part,
                    run_cell run,
                    const lab::cell_spec& spec,
                    const std::string& absent = {}) {
    return {name,
            part,
            [run, spec](std::uint64_t seed) {
                lab::cell_spec own = spec;
                own.seed = seed;
                const lab::cell_result got = run(own);
                sample found;
                (got.was_idle ? found.missed : found.fault) = got.error;
                found.value = got.wall_seconds > 0
                                  ? static_cast<double>(got.operations) / got.wall_seconds
                                  : 0;
                return found;
            },
            absent};
}

std::string why_no_ring() {
    const std::string source = lab::completion_source();
    return source.rfind("threads", 0) == 0
               ? "needs io_uring; this machine's completions come from " + source
               : std::string();
}

lab::cell_spec spec_of(const bench_settings& settings, const char* workload, unsigned workers) {
    lab::cell_spec spec;
    spec.workload = workload;
    spec.workers = workers;
    spec.seconds = settings.quick ? 0.2 : 0.5;
    spec.warmup_seconds = settings.quick ? 0.05 : 0.1;
    return spec;
}

lab::cell_spec with_engine(lab::cell_spec spec, const std::string& engine) {
    spec.engine = engine;
    return spec;
}

void add_read(std::vector<contest>& to,
              const bench_settings& settings,
              const std::shared_ptr<data_file>& data,
              bool direct,
              unsigned depth,
              unsigned workers) {
    contest row;
    row.family = direct ? "read_direct" : "read_cached";
    row.shape = fmt::format("{}_qd{}", row.family, depth);
    row.workers = workers;
    row.unit = "1/s";
    row.sense = better::more;
    row.prepare = [data, direct] { return direct ? data->make_for_direct() : data->make(); };
    lab::cell_spec spec = spec_of(settings, "read", workers);
    spec.direct = direct;
    spec.depth = depth;
    spec.path = data->path();
    spec.file_bytes = data->bytes();
    row.seconds = spec.seconds + spec.warmup_seconds + 0.05;
    const std::string no_ring = why_no_ring();
    lab::cell_spec one_loop = with_engine(spec, "raw");
    one_loop.workers = 1;
    row.contestants = {
        transfer(
            "ringpool", role::ours, lab::run_read_cell, with_engine(spec, ringpool_engine_name())),
        transfer("libuv", role::peer, lab::run_read_cell, with_engine(spec, "libuv")),
        transfer("asio", role::peer, lab::run_read_cell, with_engine(spec, "asio"), no_ring),
        transfer("raw", role::limit, lab::run_read_cell, one_loop, no_ring),
    };
    to.push_back(std::move(row));
}

void add_echo(std::vector<contest>& to, const bench_settings& settings, unsigned connections) {
    contest row;
    row.family = "echo";
    row.shape = fmt::format("echo_{}", connections);
    row.unit = "1/s";
    row.sense = better::more;
    lab::cell_spec spec = spec_of(settings, "echo", 1);
    spec.depth = connections;
    row.seconds = spec.seconds + spec.warmup_seconds + 0.15;
    const auto with = [&](const std::string& engine) { return with_engine(spec, engine); };
    row.contestants = {
        transfer("ringpool", role::ours, lab::run_echo_cell, with(ringpool_engine_name())),
        transfer("libuv", role::peer, lab::run_echo_cell, with("libuv")),
        transfer("asio", role::peer, lab::run_echo_cell, with("asio")),
        transfer("raw", role::limit, lab::run_echo_cell, with("raw"), why_no_ring()),
        transfer("epoll", role::limit, lab::run_echo_cell, with("epoll")),
    };
    to.push_back(std::move(row));
}

} // namespace

void add_transfers(std::vector<contest>& to, const bench_settings& settings) {
    const std::uint64_t mib = 1U << 20;
    const auto data = std::make_shared<data_file>(settings.directory + "/bench-read.dat",
                                                  settings.quick ? 64 * mib : 256 * mib);
    for (const unsigned depth : {1U, 32U}) {
        for (const unsigned workers : {1U, 2U}) {
            add_read(to, settings, data, false, depth, workers);
        }
    }
    for (const unsigned depth : {1U, 32U, 256U}) {
        add_read(to, settings, data, true, depth, 1);
    }
    for (const unsigned connections : {1U, 64U, 1024U}) {
        add_echo(to, settings, connections);
    }
}

} // namespace rp::peers
