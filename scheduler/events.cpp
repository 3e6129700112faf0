// SPDX-License-Identifier: Apache-2.0
#include "scheduler/events.hpp"

#include "kernel_iface/linux/thread.hpp"
#include "scheduler/sight/probes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace rp::sched::events {

// In a section that the file has contents for: the kernel finds the count of tracers by its place
// in the file. Nothing that is written often is beside it.
[[gnu::section(".probes")]] alignas(64) constinit std::atomic<uint32_t> wanted{0};

namespace {

constexpr unsigned words_per_record = 4;

/// Four words: ticks; who; object; detail.
constexpr uint64_t
pack_who(event_kind kind, uint64_t pool, int32_t core, uint32_t thread) noexcept {
    return static_cast<uint64_t>(kind) << 56U |
           static_cast<uint64_t>(static_cast<uint16_t>(core + 1)) << 40U |
           static_cast<uint64_t>(static_cast<uint16_t>(pool)) << 24U | (thread & 0xFFFFFFU);
}

event unpack(const uint64_t* words) noexcept {
    event e;
    e.ticks = words[0];
    e.kind = static_cast<event_kind>(words[1] >> 56U);
    e.core = static_cast<int32_t>((words[1] >> 40U) & 0xFFFFU) - 1;
    e.pool = static_cast<uint16_t>(words[1] >> 24U);
    e.thread = static_cast<uint32_t>(words[1]) & 0xFFFFFFU;
    e.object = words[2];
    e.detail = words[3];
    return e;
}

struct ring {
    explicit ring(uint32_t records, std::atomic<uint64_t>* memory) noexcept
        : size(records), words(memory) {}

    void write(uint64_t ticks, uint64_t who, uint64_t object, uint64_t detail) noexcept {
        // mo: relaxed, only this thread writes it; a change of threads is ordered by is_owned.
        const uint64_t at = head.load(std::memory_order_relaxed);
        std::atomic<uint64_t>* slot = words + (at & (size - 1)) * words_per_record;
        // mo: release, pairs events.word (copy): after the head that the last write released.
        slot[0].store(ticks, std::memory_order_release);
        // mo: release, pairs events.word (copy): as above.
        slot[1].store(who, std::memory_order_release);
        // mo: release, pairs events.word (copy): as above.
        slot[2].store(object, std::memory_order_release);
        // mo: release, pairs events.word (copy): as above.
        slot[3].store(detail, std::memory_order_release);
        // mo: release, pairs events.head (copy): the record.
        head.store(at + 1, std::memory_order_release);
    }

    void copy_record(uint64_t index, uint64_t* out) const noexcept {
        const std::atomic<uint64_t>* slot = words + (index & (size - 1)) * words_per_record;
        for (unsigned i = 0; i < words_per_record; ++i) {
            // mo: acquire, pairs events.word (write).
            out[i] = slot[i].load(std::memory_order_acquire);
        }
    }

    /// The records that are whole, oldest first; returns the index of the first.
    uint64_t copy(std::vector<event>& out) const {
        // mo: acquire, pairs events.head (write).
        const uint64_t last = head.load(std::memory_order_acquire);
        const uint64_t first = last > size ? last - size : 0;
        const size_t kept = out.size();
        out.reserve(kept + static_cast<size_t>(last - first));
        uint64_t raw[words_per_record];
        for (uint64_t i = first; i < last; ++i) {
            copy_record(i, raw);
            out.push_back(unpack(raw));
        }
        // mo: acquire, pairs events.head (write): see step 3 of the essay.
        const uint64_t now = head.load(std::memory_order_acquire);
        const uint64_t whole = now >= size ? std::clamp(now - size + 1, first, last) : first;
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(kept),
                  out.begin() + static_cast<std::ptrdiff_t>(kept + (whole - first)));
        return whole;
    }

    std::atomic<uint64_t> head{0}; // records ever written
    const uint64_t size;           // a power of two
    std::atomic<uint64_t>* const words;
    std::atomic<uint64_t> trace_began_at{0};
    std::atomic<uint32_t> thread{0}; // its present or last writer
    std::atomic<bool> is_owned{true};
    ring* next = nullptr; // constant once published
};

constinit std::atomic<ring*> all_rings{nullptr};
constinit std::atomic<uint32_t> records_of_new_rings{default_ring_records};

[[gnu::tls_model("initial-exec")]] thread_local ring* mine = nullptr;

void leave_mine(void* left) noexcept {
    mine = nullptr;
    // mo: release, pairs events.owned (reuse_one).
    static_cast<ring*>(left)->is_owned.store(false, std::memory_order_release);
}

ring* reuse_one() noexcept {
    // mo: acquire, pairs events.all (make_one).
    for (ring* r = all_rings.load(std::memory_order_acquire); r != nullptr; r = r->next) {
        bool is_owned = false;
        // mo: acquire, pairs events.owned (leave_mine).
        if (r->is_owned.compare_exchange_strong(
                is_owned, true, std::memory_order_acquire, std::memory_order_relaxed)) {
            return r;
        }
    }
    return nullptr;
}

ring* make_one() noexcept {
    // mo: relaxed, a setting.
    const uint32_t records = records_of_new_rings.load(std::memory_order_relaxed);
    const size_t bytes = size_t{records} * words_per_record * sizeof(uint64_t);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return nullptr;
    }
    auto* r = new (std::nothrow) ring(records, static_cast<std::atomic<uint64_t>*>(memory));
    if (r == nullptr) {
        munmap(memory, bytes);
        return nullptr;
    }
    // mo: relaxed, the CAS below orders it.
    r->next = all_rings.load(std::memory_order_relaxed);
    // mo: release, pairs events.all (reuse_one).
    while (!all_rings.compare_exchange_weak(
        r->next, r, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return r;
}

[[gnu::noinline]] ring* make_mine() noexcept {
    ring* r = reuse_one();
    if (r == nullptr) {
        r = make_one();
        if (r == nullptr) {
            return nullptr;
        }
    }
    // mo: relaxed, looked at by dumps only.
    r->thread.store(static_cast<uint32_t>(kernel::thread_id()), std::memory_order_relaxed);
    mine = r;
    // Should the hook not be registered, the ring stays owned, and is read like the others.
    (void)kernel::at_thread_exit(&leave_mine, r);
    return r;
}

} // namespace

bool begin(reason why, uint32_t ring_records) noexcept {
    kernel::tick_clock::prepare();
    const auto bit = static_cast<uint32_t>(why);
    // mo: relaxed, the RMW below decides; an owner of recording does not race with itself.
    if ((wanted.load(std::memory_order_relaxed) & bit) != 0) {
        return false;
    }
    // mo: relaxed, a setting.
    records_of_new_rings.store(std::bit_ceil(std::clamp(ring_records, 64U, ring_records_max)),
                               std::memory_order_relaxed);
    if (why == reason::trace) {
        // mo: acquire, pairs events.all (make_one).
        for (ring* r = all_rings.load(std::memory_order_acquire); r != nullptr; r = r->next) {
            // mo: relaxed (both), bounds a count of what was lost.
            r->trace_began_at.store(r->head.load(std::memory_order_relaxed),
                                    std::memory_order_relaxed);
        }
    }
    // mo: relaxed, a switch; the clock was set before it, and is a plain setting too.
    return (wanted.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

void end(reason why) noexcept {
    // mo: relaxed, a switch.
    wanted.fetch_and(~static_cast<uint32_t>(why), std::memory_order_relaxed);
}

void note(event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept {
    // mo: relaxed, a switch.
    if ((wanted.load(std::memory_order_relaxed) & tracers) != 0) {
        probes::fire(kind, pool, core, object, detail);
    }
    if (!is_recording()) {
        return;
    }
    ring* r = mine;
    if (r == nullptr) [[unlikely]] {
        r = make_mine();
        if (r == nullptr) {
            return;
        }
    }
    // mo: relaxed, written by this thread.
    const uint32_t thread = r->thread.load(std::memory_order_relaxed);
    r->write(kernel::tick_clock::now(), pack_who(kind, pool, core, thread), object, detail);
}

snapshot read(uint64_t since_ticks) {
    snapshot s;
    std::vector<event> one;
    // mo: acquire, pairs events.all (make_one).
    for (ring* r = all_rings.load(std::memory_order_acquire); r != nullptr; r = r->next) {
        one.clear();
        const uint64_t first = r->copy(one);
        // mo: relaxed, bounds a count of what was lost.
        const uint64_t began_at = r->trace_began_at.load(std::memory_order_relaxed);
        s.lost += first > began_at ? first - began_at : 0;
        for (const event& e : one) {
            if (e.ticks >= since_ticks) {
                s.all.push_back(e);
            }
        }
    }
    std::stable_sort(s.all.begin(), s.all.end(), [](const event& a, const event& b) {
        return a.ticks < b.ticks;
    });
    return s;
}

bool last_of(uint32_t thread, event& last) noexcept {
    // mo: acquire, pairs events.all (make_one).
    for (const ring* r = all_rings.load(std::memory_order_acquire); r != nullptr; r = r->next) {
        // mo: relaxed, a hint; the record names its thread.
        if (r->thread.load(std::memory_order_relaxed) != thread) {
            continue;
        }
        // mo: acquire, pairs events.head (write).
        const uint64_t end = r->head.load(std::memory_order_acquire);
        if (end == 0) {
            continue;
        }
        uint64_t raw[words_per_record];
        r->copy_record(end - 1, raw);
        last = unpack(raw);
        // mo: acquire, pairs events.head (write): see step 3 of the essay.
        return r->head.load(std::memory_order_acquire) < end - 1 + r->size && last.thread == thread;
    }
    return false;
}

} // namespace rp::sched::events
