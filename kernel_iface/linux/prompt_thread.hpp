// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rp::kernel {

/// Asks the kernel to run the calling thread soon after it wakes: timeouts are not put off to be
/// served together (timer slack, 50 us by default), and where the scheduler knows slices of one's
/// own (Linux 6.12), the slice is the shortest, so that a thread that wakes for a few microseconds
/// at a time goes before those that compute. It gets no larger share. Needs no privilege; what the
/// kernel does not know is left out.
void become_prompt() noexcept;

} // namespace rp::kernel
