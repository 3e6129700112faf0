// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/child.hpp"

#include "bench/lab/descriptor.hpp"
#include "bench/lab/machine.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rp::peers {

namespace {

std::vector<std::string>
environment_with(const std::vector<std::pair<std::string, std::string>>& more) {
    std::vector<std::string> all;
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string text = *one;
        const std::string name = text.substr(0, text.find('='));
        bool is_replaced = false;
        for (const auto& [key, value] : more) {
            is_replaced = is_replaced || key == name;
        }
        if (!is_replaced) {
            all.push_back(text);
        }
    }
    for (const auto& [key, value] : more) {
        all.push_back(key + "=" + value);
    }
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
        all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
}

// Reads to the end; false when the limit came first.
bool read_all(int fd, std::string& text, unsigned limit_ms) {
    const std::uint64_t until = lab::now_ns() + std::uint64_t{limit_ms} * 1'000'000;
    for (;;) {
        const std::uint64_t now = lab::now_ns();
        const int left = now >= until ? 0 : static_cast<int>((until - now) / 1'000'000 + 1);
        pollfd wanted{fd, POLLIN, 0};
        const int ready = ::poll(&wanted, 1, left);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        std::array<char, 4096> buffer{};
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
            return true;
        }
    }
}

std::string last_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    const auto before = text.rfind('\n');
    return before == std::string::npos ? text : text.substr(before + 1);
}

sample answer_in(const std::string& program, const std::string& output, int status) {
    sample found;
    const std::string line = last_line(output);
    const char* const end = line.data() + line.size();
    const auto [stopped, error] = std::from_chars(line.data(), end, found.value);
    if (status != 0 || error != std::errc() || stopped != end || !(found.value >= 0)) {
        found.fault = fmt::format("{} ended with {} and said \"{}\"",
                                  program,
                                  WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                                      : fmt::format("{}", WEXITSTATUS(status)),
                                  line);
    }
    return found;
}

} // namespace

sample ask_process(const std::vector<std::string>& arguments,
                   const std::vector<std::pair<std::string, std::string>>& environment,
                   unsigned limit_ms) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {0, fmt::format("pipe: {}", std::strerror(errno))};
    }
    const lab::descriptor from(ends[0]);
    lab::descriptor to(ends[1]);
    std::vector<std::string> words = arguments;
    std::vector<std::string> surroundings = environment_with(environment);
    const std::vector<char*> argv = pointers_to(words);
    const std::vector<char*> envp = pointers_to(surroundings);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int fault = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (fault != 0) {
        return {0, fmt::format("cannot start {}: {}", arguments[0], std::strerror(fault))};
    }
    to.reset();
    std::string output;
    const bool ended = read_all(from.get(), output, limit_ms);
    if (!ended) {
        ::kill(child, SIGKILL);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended) {
        return {0, fmt::format("{} had no answer after {} s", arguments[0], limit_ms / 1000)};
    }
    return answer_in(arguments[0], output, status);
}

sample ask_libuv(const std::string& shape, unsigned workers, std::uint64_t n) {
    return ask_process(
        {"/proc/self/exe", "bench-libuv", shape, std::to_string(workers), std::to_string(n)},
        {{"UV_THREADPOOL_SIZE", std::to_string(workers)}},
        60'000);
}

int libuv_child_main(int argc, char** argv) {
    const engine_kind libuv{"libuv", role::peer, make_libuv, libuv_runs};
    if (argc != 5) {
        std::puts("bench-libuv: started by `ringpool bench --peers` only");
        return 2;
    }
    const std::string wanted = argv[2];
    const auto workers = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    const std::uint64_t n = std::strtoull(argv[4], nullptr, 10);
    std::string fault = "bench-libuv: unknown shape " + wanted;
    double value = 0;
    if (wanted == "idle_wake") {
        fault.clear();
        const std::unique_ptr<engine> fresh = libuv.make(workers);
        value = wake_up_median(*fresh, n, fault);
    }
    for (const shape s : all_shapes) {
        if (name_of(s) == wanted && libuv.can_run(s)) {
            fault.clear();
            value = measure_shape(libuv, workers, s, n, fault);
        }
    }
    std::puts(fault.empty() ? fmt::format("{:.3f}", value).c_str() : fault.c_str());
    return fault.empty() ? 0 : 1;
}

} // namespace rp::peers
