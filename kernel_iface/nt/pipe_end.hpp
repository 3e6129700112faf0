// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a file object asks of the named pipe it is an end of. named_pipe.cpp has the essay.
#include "kernel_iface/nt/status.hpp"

namespace rp::nt {

class server_end;

class pipe_end {
public:
    pipe_end() noexcept = default;
    pipe_end(const pipe_end&) = delete;
    pipe_end& operator=(const pipe_end&) = delete;

    /// May a transfer begin? success, pipe_listening, pipe_disconnected.
    [[nodiscard]] virtual ntstatus check() noexcept = 0;
    /// The status of a transfer that has ended, as this end should see it.
    [[nodiscard]] virtual ntstatus refine(ntstatus code) noexcept = 0;
    /// Sleeps, announced, until the other end has read what was written. success or a failure.
    [[nodiscard]] virtual ntstatus flush(int fd) noexcept = 0;
    /// The last handle was closed; operations may still be in flight.
    virtual void handle_closed() noexcept = 0;
    /// The descriptor is closed. Ends the life of this object.
    virtual void file_closed() noexcept = 0;

    /// The server's end, or nullptr.
    virtual server_end* as_server() noexcept { return nullptr; }

protected:
    ~pipe_end() = default;
};

} // namespace rp::nt
