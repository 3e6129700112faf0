// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a waiting thread is to the objects it waits on.
#include <atomic>
#include <cstdint>

namespace rp::nt {

class mutex_object;
class thread_object;
struct apc_timer;

/// One per thread that ever waited or owned a mutex. The memory is type-stable: a signaller may
/// still bump and wake `wake_word` after the waiter has gone on, even after its thread has exited,
/// and whoever has the record then sees one spurious wake-up.
struct thread_record {
    std::atomic<uint32_t> wake_word{0}; // never reset, only incremented
    bool is_made = false;               // the piece was constructed once; survives reuse
    /// Mutexes the thread owns. owner: the thread; while it waits, whoever satisfied its wait,
    /// until that object's lock is released.
    mutex_object* owned_mutexes = nullptr;
    // Both are touched by the thread itself only.
    thread_object* object =
        nullptr;                 // one reference; made when somebody may ask for it (thread.hpp)
    apc_timer* timers = nullptr; // timers whose completion routine runs here (timer.hpp)
};

/// The calling thread's record; made on first use. nullptr: out of memory. When the thread exits
/// its mutexes become abandoned (R-SYNC-3).
thread_record* current_thread_record() noexcept;
/// The same, but nullptr when the thread has none yet.
thread_record* existing_thread_record() noexcept;

} // namespace rp::nt
