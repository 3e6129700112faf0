// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_POOL: the limits a program sets, and the engine that keeps them.
#include "kernel_iface/linux/io_request.hpp"
#include "scheduler/engine.hpp"

#include <windows.h>

#include <atomic>
#include <mutex>

namespace rp::tp {

class pool {
public:
    /// nullptr with the last error set: out of memory, or RINGPOOL_POLICY names no policy, or
    /// RINGPOOL_CONTROLLER no controller.
    static pool* create() noexcept;
    /// The pool of everything that names none; made on first use (R-POOL-3).
    static pool* process_default() noexcept;

    static pool* given_or_default(PTP_POOL handle, const char* function) noexcept;

    static pool* of(PTP_POOL handle) noexcept { return reinterpret_cast<pool*>(handle); }

    /// R-LIFE-23: after exit() has begun, creating fails and waiting returns at once.
    static bool is_process_exiting() noexcept {
        // mo: relaxed, a one-way flag.
        return is_exiting_.load(std::memory_order_relaxed);
    }

    static void begin_exit() noexcept;

    [[nodiscard]] PTP_POOL handle() noexcept { return reinterpret_cast<PTP_POOL>(this); }

    [[nodiscard]] bool is_alive() const noexcept {
        // mo: relaxed, a check for programs that use a closed pool; nothing is published.
        return magic_.load(std::memory_order_relaxed) == magic_alive;
    }

    [[nodiscard]] sched::engine& engine() const noexcept {
        // mo: acquire, pairs pool.engine (set_policy).
        return *engine_.load(std::memory_order_acquire);
    }

    /// One reference for the program's handle and one for each object (R-POOL-15/16). The default
    /// pool lives for ever and is not counted.
    void retain() noexcept;
    void release() noexcept;
    /// The program's Close. False when it has been closed before.
    [[nodiscard]] bool close() noexcept;

    /// Returns 0, ERROR_INVALID_PARAMETER (unknown) or ERROR_BUSY (has started).
    DWORD set_policy(const char* name) noexcept;
    /// Returns 0, ERROR_INVALID_PARAMETER (unknown) or ERROR_NOT_ENOUGH_MEMORY.
    DWORD set_controller(const char* name) noexcept;
    /// The engine as the sink of a file handle: from now on the engine cannot be exchanged.
    [[nodiscard]] sched::engine& bind_engine() noexcept;

    void set_stack(const TP_POOL_STACK_INFORMATION& information) noexcept;
    [[nodiscard]] TP_POOL_STACK_INFORMATION stack() const noexcept;

private:
    explicit pool(sched::engine& e) noexcept;

    static constexpr uint32_t magic_alive = 0x6C6F6F50;  // "Pool"
    static constexpr uint32_t magic_closed = 0x64736C43; // "Clsd": objects may still refer to it

    static constinit inline std::atomic<bool> is_exiting_{false};

    std::atomic<uint32_t> magic_{magic_alive};
    std::atomic<uint32_t> references_{1};
    std::atomic<sched::engine*> engine_;
    bool is_default_ = false;
    mutable std::mutex settings_;          // cold: policy and stack
    bool is_engine_bound_ = false;         // guard: settings_
    TP_POOL_STACK_INFORMATION stack_ = {}; // guard: settings_; as set, zeros mean the default
    bool is_stack_set_ = false;            // guard: settings_
};

} // namespace rp::tp
