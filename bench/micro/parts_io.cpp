// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_echo.hpp"
#include "bench/lab/workloads/io_read.hpp"
#include "bench/micro/parts.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

// Reads of a file and echoes over TCP: the workloads of the ringpool tool, each a cell of fixed
// length for every repetition. "per_op" is the wall time by the operations in it, so with several
// in flight less than the time that one takes ("p50", "p99"). "cpu_per_op" is the process's,
// without the client's of an echo, which is a process of its own.

namespace rp::micro {

namespace {

constexpr std::uint64_t file_bytes = std::uint64_t{16} << 20U;

// A file of the tool's that has a descriptor and no name, so that nothing is left behind.
class nameless_file {
public:
    static nameless_file& get() {
        static nameless_file file;
        return file;
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] const std::string& error() const { return error_; }

private:
    nameless_file() {
        const auto name = std::filesystem::temp_directory_path() /
                          ("ringpool_micro." + std::to_string(::getpid()) + ".data");
        if (!lab::prepare_data_file(name.string(), file_bytes, error_)) {
            return;
        }
        const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC); // closed when the process ends
        if (fd < 0) {
            error_ = name.string() + ": " + std::strerror(errno);
        }
        ::unlink(name.c_str());
        path_ = "/proc/self/fd/" + std::to_string(fd);
    }

    std::string path_;
    std::string error_;
};

void report(State& state, const lab::cell_result& result) {
    if (!result.error.empty()) {
        fail(state, result.error);
        return;
    }
    const auto operations = static_cast<double>(result.operations);
    state.SetIterationTime(result.wall_seconds / operations);
    state.counters["per_op"] = result.wall_seconds / operations;
    state.counters["cpu_per_op"] = result.cpu_seconds / operations;
    state.counters["p50"] = static_cast<double>(result.latency_ns.value_at(0.5)) * 1e-9;
    state.counters["p99"] = static_cast<double>(result.latency_ns.value_at(0.99)) * 1e-9;
}

// On a busy machine nothing may come back within a short window: that is no wrong answer, so it is
// tried again with a longer one.
lab::cell_result measure(lab::cell_result (*run)(const lab::cell_spec&), lab::cell_spec spec) {
    constexpr double longest = 10;
    for (;;) {
        lab::cell_result result = run(spec);
        spec.seconds *= 4;
        if (result.operations != 0 || spec.seconds > longest) {
            return result;
        }
    }
}

lab::cell_spec cell_of(unsigned depth) {
    lab::cell_spec spec;
    spec.engine = "ringpool:ws";
    spec.depth = depth;
    spec.seed = 1;
    spec.workers = 1;
    spec.seconds = fixed_seconds();
    spec.warmup_seconds = fixed_seconds() / 4;
    return spec;
}

void read_file(State& state, unsigned depth, bool is_direct) {
    const nameless_file& file = nameless_file::get();
    lab::cell_spec spec = cell_of(depth);
    spec.workload = "read";
    spec.direct = is_direct;
    spec.path = file.path();
    spec.file_bytes = file_bytes;
    for ([[maybe_unused]] auto _ : state) {
        lab::cell_result none;
        none.error = file.error();
        report(state, none.error.empty() ? measure(lab::run_read_cell, spec) : none);
    }
}

void echo(State& state, unsigned connections) {
    lab::cell_spec spec = cell_of(connections);
    spec.workload = "echo";
    for ([[maybe_unused]] auto _ : state) {
        report(state, measure(lab::run_echo_cell, spec));
    }
}

bool has_direct_io() {
    const auto directory = std::filesystem::temp_directory_path();
    const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
    if (fd < 0) {
        std::fprintf(stderr,
                     "ringpool_micro: no O_DIRECT in %s (%s), so read/direct is left out; TMPDIR "
                     "names another place\n",
                     directory.c_str(),
                     std::strerror(errno));
        return false;
    }
    ::close(fd);
    return true;
}

// The server's sockets, and as many in the client, which inherits the limit.
bool has_descriptors_for(unsigned connections) {
    const rlim_t wanted = rlim_t{connections} + 64;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= wanted) {
        return true;
    }
    const rlimit raised{wanted, files.rlim_max};
    if (wanted <= files.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return true;
    }
    std::fprintf(stderr,
                 "ringpool_micro: %u connections need a limit of %llu open files (ulimit -n), so "
                 "they are left out\n",
                 connections,
                 static_cast<unsigned long long>(wanted));
    return false;
}

} // namespace

void register_io_parts() {
    const bool direct = has_direct_io();
    for (const bool is_direct : {false, true}) {
        for (const unsigned depth : {1U, 32U, 256U}) {
            if (is_direct && !direct) {
                continue;
            }
            const std::string name =
                std::string("read/") + (is_direct ? "direct" : "cached") + "/depth:";
            add_timed_part(name + std::to_string(depth), [depth, is_direct](State& state) {
                read_file(state, depth, is_direct);
            })->Iterations(1);
        }
    }
    for (const unsigned connections : {1U, 64U, 1024U}) {
        if (has_descriptors_for(connections)) {
            add_timed_part("echo/connections:" + std::to_string(connections),
                           [connections](State& state) { echo(state, connections); })
                ->Iterations(1);
        }
    }
}

} // namespace rp::micro
