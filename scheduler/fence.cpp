// SPDX-License-Identifier: Apache-2.0
#include "scheduler/fence.hpp"

namespace rp::sched {

// Constant-initialized to the safe side until the dynamic initializer has asked the kernel; no
// engine exists before that.
const bool fence::is_asymmetric_ = kernel::membarrier_available();

} // namespace rp::sched
