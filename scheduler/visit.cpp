// SPDX-License-Identifier: Apache-2.0
#include "scheduler/visit.hpp"

#include "kernel_iface/linux/fatal.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <new>

namespace rp::sched {

namespace {

constinit std::atomic<visit_record*> all_records{nullptr};

visit_record* reuse_one() noexcept {
    // mo: acquire, pairs visit.all (make_mine).
    for (visit_record* r = all_records.load(std::memory_order_acquire); r != nullptr; r = r->next) {
        bool is_owned = false;
        // mo: acquire, pairs visit.owned (leave_mine).
        if (r->is_owned.compare_exchange_strong(
                is_owned, true, std::memory_order_acquire, std::memory_order_relaxed)) {
            return r;
        }
    }
    return nullptr;
}

} // namespace

thread_local visit_record* visit::mine = nullptr;

visit_record& visit::make_mine() noexcept {
    visit_record* r = reuse_one();
    if (r == nullptr) {
        r = new (std::nothrow) visit_record;
        if (r == nullptr) {
            // A submit cannot fail and must not touch an engine unprotected.
            kernel::fatal("out of memory for the first submit of a thread");
        }
        // mo: relaxed, the CAS below orders it.
        r->next = all_records.load(std::memory_order_relaxed);
        // mo: release, pairs visit.all (is_visited).
        while (!all_records.compare_exchange_weak(
            r->next, r, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }
    mine = r;
    // Should the hook not be registered, the record stays owned: 24 bytes for each such thread.
    (void)kernel::at_thread_exit(&visit::leave_mine, r);
    return *r;
}

void visit::leave_mine(void* record) noexcept {
    mine = nullptr;
    // mo: release, pairs visit.owned (reuse_one).
    static_cast<visit_record*>(record)->is_owned.store(false, std::memory_order_release);
}

bool visit::is_visited(const engine& e) noexcept {
    // mo: acquire, pairs visit.all (make_mine).
    for (const visit_record* r = all_records.load(std::memory_order_acquire); r != nullptr;
         r = r->next) {
        // mo: acquire, pairs visit.record (~visit).
        if (r->visited.load(std::memory_order_acquire) == &e) {
            return true;
        }
    }
    return false;
}

} // namespace rp::sched
