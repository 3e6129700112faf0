// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rp::kernel {

struct thread_options {
    size_t stack_bytes = 0; ///< 0: the process default; otherwise clamped up to PTHREAD_STACK_MIN
    const char* name = nullptr;    ///< at most 15 bytes are kept
    int keep_signal = 0;           ///< the one signal left unblocked (0: all are blocked)
    bool inherits_signals = false; ///< keeps the creator's signal mask instead
    bool may_exit_early = false;   ///< exit_thread() leaves it without unwinding
};

/// Starts a detached thread with all signals blocked but one (and but those a thread raises by its
/// own fault: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS). Returns 0 or -errno.
int start_thread(const thread_options& options, void (*entry)(void*), void* argument) noexcept;
/// Ends the calling thread; its exit hooks run. A thread with may_exit_early leaves its frames
/// without running their destructors; any other (but the pools', which must not come here) is
/// unwound.
[[noreturn]] void exit_thread();
/// Gives up the CPU. Returns whether another thread ran meanwhile.
bool yield_thread() noexcept;
pid_t thread_id() noexcept; ///< gettid, cached per thread
size_t default_stack_bytes() noexcept;
/// Sends `signal` to one thread of this process. Returns 0 or -errno (-ESRCH: it has exited).
int signal_thread(pid_t tid, int signal) noexcept;
/// Keeps the calling thread on these CPUs; what the kernel refuses is left as it is.
void keep_thread_on(const std::vector<int>& cpus) noexcept;
/// State letter of a thread of this process from /proc (R, S, D, ...); 0 when it cannot be read.
char thread_state(pid_t tid) noexcept;

/// How often the kernel has taken the CPU from a thread: because it slept, and because it had to.
struct thread_switches {
    uint64_t voluntary = 0;
    uint64_t by_force = 0;
};

/// For a thread of this process; false when it has ended. 1 us for the caller's own, else a file of
/// /proc is read (15 us).
bool switches_of(pid_t tid, thread_switches& out) noexcept;
/// Runs `hook(argument)` once when the calling thread exits, the last registered first, after its
/// C++ thread_locals are gone. Returns 0 or -errno.
int at_thread_exit(void (*hook)(void*), void* argument) noexcept;

} // namespace rp::kernel
