// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/blocking.hpp"

namespace rp::kernel {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local blocking_observer* observer_of_thread = nullptr;

} // namespace

blocking_observer* current_blocking_observer() noexcept {
    return observer_of_thread;
}

void install_blocking_observer(blocking_observer* observer) noexcept {
    observer_of_thread = observer;
}

} // namespace rp::kernel
