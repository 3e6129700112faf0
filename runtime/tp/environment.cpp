// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/environment.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/tp/cleanup_group.hpp"
#include "runtime/tp/pool.hpp"

#include <cstdint>
#include <cstring>

namespace rp::tp {

namespace {

/// The fields every version has.
void copy_common(const TP_CALLBACK_ENVIRON_V1& from, environment& to) noexcept {
    to.pool = pool::of(from.Pool);
    to.group = group::of(from.CleanupGroup);
    to.cancel_callback = from.CleanupGroupCancelCallback;
    to.finalization_callback = from.FinalizationCallback;
    to.library = from.RaceDll;
    to.runs_long = from.u.s.LongFunction != 0;
    to.is_persistent = from.u.s.Persistent != 0;
}

} // namespace

DWORD read_environment(const TP_CALLBACK_ENVIRON* from,
                       const char* function,
                       environment& to) noexcept {
    if (pool::is_process_exiting()) {
        return ERROR_INVALID_PARAMETER;
    }
    if (from != nullptr) {
        const auto& common = *reinterpret_cast<const TP_CALLBACK_ENVIRON_V1*>(from);
        if (common.Version == 3) {
            const auto& v3 = *reinterpret_cast<const TP_CALLBACK_ENVIRON_V3*>(from);
            // As a number: a program may have put anything there, and an enumeration may not hold
            // it.
            uint32_t priority = 0;
            std::memcpy(&priority, &v3.CallbackPriority, sizeof priority);
            if (v3.Size < sizeof(TP_CALLBACK_ENVIRON_V3) ||
                priority >= TP_CALLBACK_PRIORITY_COUNT) {
                return ERROR_INVALID_PARAMETER;
            }
            to.priority = static_cast<TP_CALLBACK_PRIORITY>(priority);
        } else if (common.Version != 1) {
            return ERROR_INVALID_PARAMETER;
        }
        copy_common(common, to);
        if (to.group != nullptr && !to.group->is_alive()) {
            nt::fatal_misuse(
                nt::status::invalid_parameter,
                function,
                to.group,
                0,
                "the environment names a cleanup group that has been closed (R-GRP-14)");
            return ERROR_INVALID_PARAMETER;
        }
        if (to.pool != nullptr && !to.pool->is_alive()) {
            nt::fatal_misuse(nt::status::invalid_parameter,
                             function,
                             to.pool,
                             0,
                             "the environment names a pool that has been closed (R-POOL-15)");
            return ERROR_INVALID_PARAMETER;
        }
    }
    if (to.pool == nullptr) {
        to.pool = pool::process_default();
        if (to.pool == nullptr) {
            return nt::last_error();
        }
    }
    return 0;
}

} // namespace rp::tp
