// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/verify.hpp"

#include "kernel_iface/nt/status.hpp"

#include <mutex>
#include <unordered_set>

namespace rp::nt {

constinit std::atomic<bool> verify::is_on_{false};

namespace {

struct in_flight {
    std::mutex lock;
    std::unordered_set<const OVERLAPPED*> overlapped; // guard: lock
};

in_flight& operations() {
    static auto* const all =
        new in_flight; // never destroyed: operations may outlive static objects
    return *all;
}

} // namespace

void verify::switch_on() noexcept {
    // mo: relaxed, see is_on.
    is_on_.store(true, std::memory_order_relaxed);
}

bool verify::operation_begins(const OVERLAPPED* overlapped) {
    in_flight& all = operations();
    const std::scoped_lock guard(all.lock);
    return all.overlapped.insert(overlapped).second;
}

bool verify::operation_ends(const OVERLAPPED* overlapped) {
    in_flight& all = operations();
    const std::scoped_lock guard(all.lock);
    if (all.overlapped.erase(overlapped) == 0) {
        return true; // issued before the mode was switched on
    }
    // mo: relaxed, nobody should have written it since; a program that has is what is looked for.
    return __atomic_load_n(&overlapped->Internal, __ATOMIC_RELAXED) == status::pending &&
           // mo: relaxed, as above.
           __atomic_load_n(&overlapped->InternalHigh, __ATOMIC_RELAXED) == 0;
}

int32_t& verify::held_sections() noexcept {
    static thread_local int32_t count = 0;
    return count;
}

} // namespace rp::nt
