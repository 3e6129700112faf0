// SPDX-License-Identifier: Apache-2.0
#pragma once
// The callback environment, checked and copied when an object is created (R-ENV-1).
#include <windows.h>

namespace rp::tp {

class pool;
class group;

struct environment {
    tp::pool* pool = nullptr; ///< never nullptr after a successful read
    tp::group* group = nullptr;
    PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel_callback = nullptr;
    PTP_SIMPLE_CALLBACK finalization_callback = nullptr;
    PVOID library = nullptr;
    TP_CALLBACK_PRIORITY priority = TP_CALLBACK_PRIORITY_NORMAL;
    bool runs_long = false;
    bool is_persistent = false;
};

/// Returns 0 or the Win32 error: ERROR_INVALID_PARAMETER for an unknown version or priority
/// (R-ENV-4/5), a closed pool or group, or when the process is exiting (R-LIFE-23).
DWORD read_environment(const TP_CALLBACK_ENVIRON* from,
                       const char* function,
                       environment& to) noexcept;

} // namespace rp::tp
