// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/process.hpp"
#include "kernel_iface/nt/thread.hpp"

namespace rp::nt {

ref<object> pseudo_object(HANDLE handle) noexcept {
    constexpr intptr_t current_process_value = -1;
    if (reinterpret_cast<intptr_t>(handle) == current_process_value) {
        return ref<object>::share(current_process());
    }
    return ref<object>::share(current_thread());
}

} // namespace rp::nt
