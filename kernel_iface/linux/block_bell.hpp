// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sleeping until one of several threads is switched by the kernel.
//
// The descriptors of switch_records stand in one epoll set, to which threads add themselves while
// another sleeps on it. One thread of the process waits (the monitor). A ring says only that
// something has happened; the rings' newest records say what.
//
// The set exists while somebody stands in it. Only the waiter closes it, so it never sleeps on a
// number that has come to mean another file.
// A ring is not free for the thread that causes it (switch_records.hpp). Where it costs more than
// 4 us, less than which a hand-over of a core never costs, nobody rings: the monitor looks at the
// records every 200 us while a block would matter, which is a few percent of one core whatever the
// number of switches. RINGPOOL_BELL=1 or 0 decides instead of the measurement.
//
// Rejected: poll() on an array of descriptors (a thread that comes while the waiter sleeps is not
// heard); SIGIO (a signal to some thread of the program for every switch).
#include <cstdint>

namespace rp::kernel::block_bell {

/// Whether records should ring here; found out at the first call.
[[nodiscard]] bool is_worthwhile() noexcept;

/// 0 or -errno.
[[nodiscard]] int add(int descriptor) noexcept;
/// Before the descriptor is closed: with a copy of it in a child of fork(), it would go on ringing.
void remove(int descriptor) noexcept;

enum class answer : uint8_t { rang, timed_out, nobody };

/// Sleeps until a thread of the set is switched, or until the time on CLOCK_MONOTONIC has come.
/// `nobody`, without sleeping: the set is empty (and is closed). For one thread of the process.
answer wait(int64_t until_ns) noexcept;

} // namespace rp::kernel::block_bell
