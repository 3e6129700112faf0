// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_echo.hpp"

#include "bench/lab/descriptor.hpp"
#include "bench/lab/workloads/io_echo_job.hpp"
#include "bench/lab/workloads/io_window.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

namespace rp::lab {

bool is_hang_up(int error) noexcept {
    return error == ECONNRESET || error == EPIPE || error == ECONNABORTED;
}

echo_outcome
run_echo_loops(const echo_job& job,
               const std::function<std::string(const echo_job&, std::span<const int>)>& loop) {
    const std::span<const int> sockets = job.sockets;
    const std::size_t loops = std::min<std::size_t>(std::max(job.workers, 1U), sockets.size());
    std::vector<std::string> errors(loops);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < loops; ++i) {
        const std::size_t first = sockets.size() * i / loops;
        const std::size_t last = sockets.size() * (i + 1) / loops;
        threads.emplace_back([&, i, share = sockets.subspan(first, last - first)] {
            try {
                errors[i] = loop(job, share);
            } catch (const std::exception& fault) {
                errors[i] = fault.what();
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    const auto first_error =
        std::find_if(errors.begin(), errors.end(), [](const auto& e) { return !e.empty(); });
    return {first_error == errors.end() ? std::string() : *first_error, {}};
}

namespace {

// How long connecting, accepting and the client's last words may take.
constexpr std::uint64_t setup_limit_ns = 10'000'000'000;

int milliseconds_left(std::uint64_t until_ns) {
    const std::uint64_t now_ns = monotonic_ns();
    return now_ns >= until_ns ? 0 : static_cast<int>((until_ns - now_ns) / 1'000'000U) + 1;
}

// False on end of file, error or when the time has come.
bool read_until(int fd, void* data, std::size_t length, std::uint64_t until_ns) {
    char* at = static_cast<char*>(data);
    while (length != 0) {
        pollfd wanted{fd, POLLIN, 0};
        const int ready = ::poll(&wanted, 1, milliseconds_left(until_ns));
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            return false;
        }
        const ssize_t got = ready < 0 ? 0 : ::read(fd, at, length);
        if (ready > 0 && (got == 0 || (got < 0 && errno != EINTR))) {
            return false;
        }
        const std::size_t step = got < 0 ? 0 : static_cast<std::size_t>(got);
        at += step;
        length -= step;
    }
    return true;
}

// A listening socket on a free loopback port.
class listener {
public:
    std::string open(unsigned connections) {
        socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (socket_.get() < 0 || ::bind(socket_.get(), generic, length) != 0 ||
            ::listen(socket_.get(), static_cast<int>(connections)) != 0 ||
            ::getsockname(socket_.get(), generic, &length) != 0) {
            return std::string("echo: cannot listen on loopback: ") + std::strerror(errno);
        }
        port_ = ntohs(address.sin_port);
        return {};
    }

    // Accepts until `sockets` holds `count`. `client_pipe` becomes readable when the client gives
    // up early.
    std::string
    accept_all(std::vector<int>& sockets, unsigned count, int client_pipe, std::uint64_t until_ns) {
        while (sockets.size() < count) {
            std::array<pollfd, 2> wanted{{{socket_.get(), POLLIN, 0}, {client_pipe, POLLIN, 0}}};
            const int ready = ::poll(wanted.data(), wanted.size(), milliseconds_left(until_ns));
            if (ready < 0 && errno == EINTR) {
                continue;
            }
            if (ready <= 0 || wanted[1].revents != 0) {
                return "echo: only " + std::to_string(sockets.size()) + " of " +
                       std::to_string(count) + " connections came";
            }
            const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) {
                return std::string("echo: accept: ") + std::strerror(errno);
            }
            sockets.push_back(fd);
            const int on = 1;
            if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
                return std::string("echo: TCP_NODELAY: ") + std::strerror(errno);
            }
        }
        return {};
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    descriptor socket_;
    std::uint16_t port_ = 0;
};

class client_process {
public:
    client_process() = default;
    client_process(const client_process&) = delete;
    client_process& operator=(const client_process&) = delete;

    ~client_process() {
        if (pid_ > 0) {
            // It exits by itself after its report; one that does not is ended.
            if (!has_exited_until(monotonic_ns() + 500'000'000)) {
                ::kill(pid_, SIGKILL);
            }
            ::waitpid(pid_, nullptr, 0);
        }
    }

    std::string start(std::uint16_t port, unsigned connections) {
        std::array<int, 2> down{};
        std::array<int, 2> up{};
        if (::pipe2(down.data(), O_CLOEXEC) != 0) {
            return std::string("echo: pipe: ") + std::strerror(errno);
        }
        descriptor child_in(down[0]);
        to_.reset(down[1]);
        if (::pipe2(up.data(), O_CLOEXEC) != 0) {
            return std::string("echo: pipe: ") + std::strerror(errno);
        }
        from_.reset(up[0]);
        descriptor child_out(up[1]);

        std::string name = "ringpool";
        std::string mode = "echo-client";
        std::string port_text = std::to_string(port);
        std::string count_text = std::to_string(connections);
        std::string limit_text = std::to_string(2 * setup_limit_ns / 1'000'000U);
        std::array<char*, 6> arguments{name.data(),
                                       mode.data(),
                                       port_text.data(),
                                       count_text.data(),
                                       limit_text.data(),
                                       nullptr};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
        const int fault =
            ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (fault != 0) {
            pid_ = -1;
            return std::string("echo: cannot start the client process: ") + std::strerror(fault);
        }
        return {};
    }

    std::string begin(const measured_window& window) {
        const echo_window agreed{window.begin_ns, window.end_ns};
        // 16 bytes into an empty pipe are never cut or delayed; a client that is gone must not kill
        // this process with SIGPIPE.
        sigset_t pipe_signal;
        sigset_t before;
        sigemptyset(&pipe_signal);
        sigaddset(&pipe_signal, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
        const ssize_t put = ::write(to_.get(), &agreed, sizeof(agreed));
        const int fault = errno;
        if (put < 0 && fault == EPIPE) {
            const timespec none{};
            ::sigtimedwait(&pipe_signal, nullptr, &none);
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return put == static_cast<ssize_t>(sizeof(agreed))
                   ? std::string()
                   : std::string("echo: the client is gone: ") + std::strerror(fault);
    }

    std::string collect(cell_result& into, std::uint64_t until_ns) {
        echo_report_head head{};
        if (!read_until(from_.get(), &head, sizeof(head), until_ns) ||
            head.magic != echo_report_head::expected_magic || head.error_bytes > 4096 ||
            head.buckets > histogram::counters) {
            return "echo: the client process ended without a report";
        }
        std::string error(head.error_bytes, '\0');
        std::vector<echo_bucket> pairs(head.buckets);
        if (!read_until(from_.get(), error.data(), error.size(), until_ns) ||
            !read_until(from_.get(), pairs.data(), pairs.size() * sizeof(echo_bucket), until_ns)) {
            return "echo: the client's report is cut short";
        }
        std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets;
        buckets.reserve(pairs.size());
        for (const auto& pair : pairs) {
            buckets.emplace_back(static_cast<std::uint32_t>(pair.index), pair.count);
        }
        if (!into.latency_ns.restore(buckets, head.exact)) {
            return "echo: the client's report is damaged";
        }
        into.operations = head.operations;
        return error.empty() ? std::string() : "echo client: " + error;
    }

    [[nodiscard]] int report_pipe() const { return from_.get(); }

private:
    bool has_exited_until(std::uint64_t until_ns) {
        const descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        pollfd wanted{process.get(), POLLIN, 0};
        return process.get() >= 0 && ::poll(&wanted, 1, milliseconds_left(until_ns)) == 1;
    }

    pid_t pid_ = -1;
    descriptor to_;
    descriptor from_;
};

std::optional<echo_outcome (*)(const echo_job&)> engine_named(const std::string& name,
                                                              std::string& policy) {
    constexpr std::string_view ringpool = "ringpool:";
    if (name.starts_with(ringpool)) {
        policy = name.substr(ringpool.size());
        return run_echo_ringpool;
    }
    if (name == "raw") {
        return run_echo_raw;
    }
    if (name == "libuv") {
        return run_echo_libuv;
    }
    if (name == "asio") {
        return run_echo_asio;
    }
    if (name == "epoll") {
        return run_echo_epoll;
    }
    return std::nullopt;
}

std::string echo_fault(const cell_spec& spec) {
    if (spec.depth == 0 || spec.depth > 4096) {
        return "echo: " + std::to_string(spec.depth) + " connections are not in 1..4096";
    }
    if (!(spec.seconds > 0) || !(spec.warmup_seconds >= 0)) {
        return "echo: seconds must be positive and warmup_seconds not negative";
    }
    return {};
}

void measure(cell_result& result,
             const cell_spec& spec,
             client_process& client,
             echo_job& job,
             echo_outcome (*engine)(const echo_job&)) {
    const measured_window window =
        measured_window::starting_at(monotonic_ns(), spec.warmup_seconds, spec.seconds);
    job.give_up_ns = window.give_up_ns() + drain_limit_ns;
    result.wall_seconds = window.seconds();
    echo_outcome outcome;
    std::thread server([&] { outcome = engine(job); });
    cpu_meter meter(window);
    std::string client_error = client.begin(window);
    if (client_error.empty()) {
        client_error = client.collect(result, window.give_up_ns() + drain_limit_ns / 2);
    }
    if (!client_error.empty()) {
        meter.abandon();
    }
    result.cpu_seconds = meter.finish();
    server.join();
    const bool both = !outcome.error.empty() && !client_error.empty();
    result.error = outcome.error + (both ? "; " : "") + client_error;
    result.note = outcome.note;
    if (result.error.empty() && result.operations == 0) {
        result.was_idle = true;
        result.error = "no message came back inside the window";
    }
}

} // namespace

cell_result run_echo_cell(const cell_spec& spec) {
    cell_result result;
    result.error = echo_fault(spec);
    if (!result.error.empty()) {
        return result;
    }
    echo_job job;
    job.workers = spec.workers;
    const auto engine = engine_named(spec.engine, job.policy);
    if (!engine) {
        result.error = "echo: unknown engine '" + spec.engine + "'";
        return result;
    }
    listener door;
    client_process client;
    result.error = door.open(spec.depth);
    if (result.error.empty()) {
        result.error = client.start(door.port(), spec.depth);
    }
    if (result.error.empty()) {
        result.error = door.accept_all(
            job.sockets, spec.depth, client.report_pipe(), monotonic_ns() + setup_limit_ns);
        if (!result.error.empty()) {
            // The client knows more when it was the one to fail.
            cell_result scratch;
            const std::string why = client.collect(scratch, monotonic_ns() + 100'000'000);
            result.error += " (" + why + ")";
        }
    }
    if (!result.error.empty()) {
        for (const int fd : job.sockets) {
            ::close(fd);
        }
        return result;
    }
    measure(result, spec, client, job, *engine);
    return result;
}

} // namespace rp::lab
