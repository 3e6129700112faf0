// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every exported function of a TP_* object checks first.
#include "runtime/tp/callback_object.hpp"
#include "runtime/tp/verifier.hpp"

namespace rp::tp {

/// For Create... and TrySubmit: reads the environment. False with the last error set.
bool prepare(bool has_callback,
             const TP_CALLBACK_ENVIRON* from,
             const char* function,
             environment& to) noexcept;

/// Reports a NULL or dead object as misuse (R-LIFE-5).
void report_unusable(const void* object, const char* function) noexcept;

inline bool
is_usable(const callback_object* object, object_magic kind, const char* function) noexcept {
    if (object != nullptr && object->is_alive_as(kind)) [[likely]] {
        if (verifier::is_on()) [[unlikely]] {
            verifier::note(object, function);
        }
        return true;
    }
    report_unusable(object, function);
    return false;
}

/// WaitForThreadpool...Callbacks. Waiting for oneself is misuse (R-LIFE-13), except after
/// DisassociateCurrentThreadFromCallback (R-LIFE-14).
void wait_for_callbacks(callback_object& object, BOOL is_cancelling, const char* function) noexcept;

/// CloseThreadpool...: releases the program's handle and leaves the group (R-GRP-2).
void close_object(callback_object& object, const char* function) noexcept;

} // namespace rp::tp
