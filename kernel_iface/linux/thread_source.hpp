// SPDX-License-Identifier: Apache-2.0
#pragma once
// Thread-backed completion source: the same promises as a ring, for machines that forbid io_uring.
#include "kernel_iface/linux/io_request.hpp"

namespace rp::kernel {

/// Process-wide; made on first use, never destroyed. Pollable descriptors are served by one poller
/// thread, regular files by a few blocking helper threads. `complete` runs on those threads (on the
/// caller's, with -EAGAIN, should it be impossible to start a thread at all).
///
/// Unlike a ring it cannot keep a file alive by itself: the descriptor must stay open until
/// `complete`. Short counts are possible wherever read(2) and write(2) may return them.
io_sink& thread_source();

} // namespace rp::kernel
