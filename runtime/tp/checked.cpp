// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/checked.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/tp/cleanup_group.hpp"
#include "runtime/tp/instance.hpp"

namespace rp::tp {

bool prepare(bool has_callback,
             const TP_CALLBACK_ENVIRON* from,
             const char* function,
             environment& to) noexcept {
    const DWORD error =
        has_callback ? read_environment(from, function, to) : DWORD{ERROR_INVALID_PARAMETER};
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0;
}

void report_unusable(const void* object, const char* function) noexcept {
    nt::fatal_misuse(nt::status::invalid_parameter,
                     function,
                     object,
                     0,
                     object == nullptr
                         ? "the object is NULL (R-LIFE-5)"
                         : "the object has been closed, or is of another kind (R-LIFE-5)");
}

void wait_for_callbacks(callback_object& object,
                        BOOL is_cancelling,
                        const char* function) noexcept {
    const instance* running = instance::current();
    if (running != nullptr && running->is_of(object) && !running->is_disassociated()) {
        nt::fatal_misuse(
            nt::status::invalid_parameter,
            function,
            &object,
            0,
            "called from a callback of the same object: it would wait for itself (R-LIFE-13)");
        return;
    }
    if (is_cancelling != FALSE) {
        (void)object.cancel_pending();
    }
    object.wait_until_quiet(is_cancelling != FALSE);
}

void close_object(callback_object& object, const char* function) noexcept {
    group::forget(object);
    object.disarm();
    if (!object.close()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         function,
                         &object,
                         0,
                         "the object has been closed before (R-LIFE-5)");
    }
}

} // namespace rp::tp
