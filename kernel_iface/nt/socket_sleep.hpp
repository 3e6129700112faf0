// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a synchronous socket call waits: try, and sleep until trying again makes sense.
#include "kernel_iface/linux/socket_call.hpp"
#include "kernel_iface/nt/socket.hpp"

#include <cerrno>

namespace rp::nt {

/// Repeats `attempt` until it says something else than -EAGAIN, sleeping for `events` in between.
/// -EAGAIN: the socket is in non-blocking mode. -ETIMEDOUT: after `timeout_ms` (-1: none). -EINTR:
/// the handle was closed meanwhile.
template <class Attempt>
int attempt_until_done(file_object& file,
                       short events,
                       int timeout_ms,
                       const Attempt& attempt) noexcept {
    int result = attempt();
    if (result != -EAGAIN || has_socket_bit(file, socket_bits::non_blocking)) {
        return result;
    }
    if (!file.begin_sleep()) {
        return -EINTR;
    }
    while (result == -EAGAIN) {
        const int ready = kernel::wait_for_socket(file.about.fd, events, timeout_ms);
        if (file.is_closing()) {
            result = -EINTR;
        } else if (ready <= 0) {
            result = ready == 0 ? -ETIMEDOUT : ready;
        } else {
            result = attempt();
        }
    }
    file.end_sleep();
    return result;
}

} // namespace rp::nt
