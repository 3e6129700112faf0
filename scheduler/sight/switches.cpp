// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sight/switches.hpp"

#include "kernel_iface/linux/thread.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>

namespace rp::sched::switches {

constinit std::atomic<uint32_t> session{0};

namespace {

struct recorder {
    switch_records records;       // its ring is made and unmapped by its thread under the lock
    uint32_t session = 0;         // of its ring, or in which it was refused one; its thread alone
    bool has_ring = false;        // guard: lock
    recorder* next = nullptr;     // guard: lock
    recorder* previous = nullptr; // guard: lock
};

constinit std::mutex lock;
constinit recorder* all_recorders = nullptr;     // guard: lock
constinit unsigned rings = 0;                    // guard: lock
constinit uint32_t sessions_so_far = 0;          // guard: lock
constinit switch_records::refusal first_refusal; // guard: lock
constinit bool were_too_many = false;            // guard: lock
[[gnu::tls_model("initial-exec")]] thread_local recorder* mine = nullptr;

// A child of fork() has no workers and records nothing; the lock may have been held by a thread
// that it does not have.
constinit bool is_child = false;
[[maybe_unused]] const int forget_in_child = pthread_atfork(nullptr, nullptr, [] {
    is_child = true;
    mine = nullptr;
    // mo: relaxed, a child of fork() has one thread.
    session.store(0, std::memory_order_relaxed);
});

uint32_t present_session() noexcept {
    // mo: relaxed, a switch; where it matters, it is read under the lock.
    return session.load(std::memory_order_relaxed);
}

void leave(void* left) noexcept {
    if (is_child) {
        return;
    }
    mine = nullptr;
    auto* r = static_cast<recorder*>(left);
    {
        const std::scoped_lock guard(lock);
        (r->previous != nullptr ? r->previous->next : all_recorders) = r->next;
        if (r->next != nullptr) {
            r->next->previous = r->previous;
        }
        rings -= r->has_ring ? 1 : 0;
        r->records.close();
    }
    delete r;
}

recorder* make_mine() noexcept {
    auto* r = new (std::nothrow) recorder;
    if (r == nullptr || kernel::at_thread_exit(&leave, r) != 0) {
        delete r;
        return nullptr;
    }
    const std::scoped_lock guard(lock);
    r->next = all_recorders;
    if (r->next != nullptr) {
        r->next->previous = r;
    }
    all_recorders = r;
    mine = r;
    return r;
}

/// Under the lock: the ring of the calling thread for session `now`.
void make_ring(recorder& r, uint32_t now) noexcept {
    if (present_session() != now) {
        return;
    }
    r.session = now; // refused or not: asked once
    r.records.close();
    if (rings >= recorders_max()) {
        were_too_many = true;
        return;
    }
    const switch_records::refusal why = r.records.open(kernel::thread_id(), false);
    if (why.error != 0) {
        first_refusal = first_refusal.error != 0 ? first_refusal : why;
        return;
    }
    r.records.drop_descriptor();
    r.has_ring = true;
    ++rings;
}

} // namespace

unsigned recorders_max() noexcept {
    // The kernel allows 516 KiB for each CPU by default, and a ring takes 8.
    static const unsigned most =
        32U * static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    return most;
}

void begin() noexcept {
    if (is_child) {
        return;
    }
    const std::scoped_lock guard(lock);
    first_refusal = {};
    were_too_many = false;
    sessions_so_far += sessions_so_far == UINT32_MAX ? 2 : 1;
    // mo: relaxed, a switch.
    session.store(sessions_so_far, std::memory_order_relaxed);
}

void end() noexcept {
    if (is_child) {
        return;
    }
    const std::scoped_lock guard(lock);
    // mo: relaxed, a switch; whoever makes a ring reads it under the lock.
    session.store(0, std::memory_order_relaxed);
    for (recorder* r = all_recorders; r != nullptr; r = r->next) {
        if (r->has_ring) {
            (void)r->records.withdraw();
            r->has_ring = false;
            --rings;
        }
    }
}

void prepare() noexcept {
    const uint32_t now = present_session();
    if (now == 0 || (mine != nullptr && mine->session == now)) {
        return;
    }
    recorder* r = mine != nullptr ? mine : make_mine();
    if (r != nullptr) {
        const std::scoped_lock guard(lock);
        make_ring(*r, now);
    }
}

mark here() noexcept {
    const uint32_t now = present_session();
    if (now == 0 || mine == nullptr || mine->session != now) {
        return {};
    }
    return {now, mine->records.position()};
}

switch_records::absence since(const mark& from) noexcept {
    if (from.session == 0 || mine == nullptr || mine->session != from.session ||
        present_session() != from.session) {
        return {};
    }
    return mine->records.since(from.position);
}

std::string why_unknown() {
    switch_records::refusal why;
    bool is_full = false;
    {
        const std::scoped_lock guard(lock);
        why = first_refusal;
        is_full = were_too_many;
    }
    if (why.error != 0) {
        return kernel::explain(why);
    }
    return is_full ? "no more than " + std::to_string(recorders_max()) +
                         " threads have their switches recorded at a time"
                   : "";
}

} // namespace rp::sched::switches
