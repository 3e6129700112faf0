// SPDX-License-Identifier: Apache-2.0
#pragma once
// The server's ends of named pipes, for the two files that work on them. named_pipe.cpp has the
// essay.
#include "kernel_iface/nt/announced_mutex.hpp"
#include "kernel_iface/nt/file.hpp"
#include "kernel_iface/nt/pipe_end.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rp::nt {

extern announced_mutex pipes_lock;
/// Ends the sleep of every WaitNamedPipe, which then looks again.
void announce_pipe_change() noexcept;

enum class pipe_state : uint8_t { listening, connected, disconnected, closed };

struct pipe_link {
    std::atomic<bool> is_disconnected{false};
    std::atomic<bool> is_client_gone{false};
};

struct pipe_class {
    DWORD access = 0;
    DWORD instances_max = 0;
    DWORD timeout_ms = 0;
    std::vector<server_end*> instances; // in order of creation
};

class server_end final : public pipe_end {
public:
    using class_place = std::map<std::string, pipe_class>::iterator;

    explicit server_end(class_place where) noexcept : home(where) {}

    ntstatus check() noexcept override;
    ntstatus refine(ntstatus code) noexcept override;
    ntstatus flush(int fd) noexcept override;
    void handle_closed() noexcept override;

    void file_closed() noexcept override { delete this; }

    server_end* as_server() noexcept override { return this; }

    /// Needs the lock. A fresh pair of sockets; ours is returned, or -errno.
    [[nodiscard]] int make_pair() noexcept;
    /// Needs the lock.
    void close_client_fd() noexcept;

    const class_place home;
    // guard: pipes_lock
    pipe_state state = pipe_state::listening;
    bool is_awaited = false;
    int client_fd = -1;
    std::shared_ptr<pipe_link> link;
};

} // namespace rp::nt
