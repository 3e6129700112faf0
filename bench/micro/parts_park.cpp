// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/ring.hpp"

#include <ringpool/ringpool.h>

#include <atomic>
#include <cstdio>
#include <memory>

// Going to sleep and being woken: the two ways a worker sleeps, from thread to thread and back, and
// the whole way from a submission to the callback of a pool that sleeps.

namespace rp::micro {

namespace {

constexpr std::uint32_t asleep = 0;
constexpr std::uint32_t awake = 1;

class futex_bed {
public:
    void wake() {
        // mo: release, pairs bed.word (sleep): what the waker did before.
        word_.store(awake, std::memory_order_release);
        kernel::futex_wake(word_, 1);
    }

    void sleep() {
        // mo: acquire, pairs bed.word (wake).
        while (word_.exchange(asleep, std::memory_order_acquire) == asleep) {
            kernel::futex_wait(word_, asleep, kernel::no_deadline);
        }
    }

private:
    std::atomic<std::uint32_t> word_{asleep};
};

// A worker with requests in flight sleeps in its ring. Made on the thread that sleeps in it.
class ring_bed {
public:
    ring_bed() : ring_(kernel::ring::create(64, error_)) {}

    [[nodiscard]] int error() const { return ring_ != nullptr ? 0 : error_; }

    void wake() {
        // mo: release, pairs bed.word (sleep): what the waker did before.
        word_.store(awake, std::memory_order_release);
        ring_->wake(word_);
    }

    void sleep() {
        // mo: acquire, pairs bed.word (wake).
        while (word_.exchange(asleep, std::memory_order_acquire) == asleep) {
            ring_->wait(word_, asleep, kernel::no_deadline);
        }
    }

private:
    int error_ = 0;
    std::unique_ptr<kernel::ring> ring_;
    std::atomic<std::uint32_t> word_{asleep};
};

constexpr unsigned trips_of_iteration = 200;

template <class Bed>
unsigned answer(Bed& mine, Bed& other, unsigned trips) {
    unsigned made = 0;
    for (; made < trips; ++made) {
        mine.sleep();
        other.wake();
    }
    return made;
}

template <class Bed>
unsigned ask(Bed& mine, Bed& other, unsigned trips) {
    unsigned made = 0;
    for (; made < trips; ++made) {
        other.wake();
        mine.sleep();
    }
    return made;
}

void park_in_futex(State& state) {
    futex_bed here;
    futex_bed there;
    companion second;
    for ([[maybe_unused]] auto _ : state) {
        second.start([&] { answer(there, here, trips_of_iteration); });
        ask(here, there, trips_of_iteration);
        second.wait();
    }
    count_operations(state, trips_of_iteration);
}

void park_in_ring(State& state) {
    ring_bed here;
    std::unique_ptr<ring_bed> there;
    companion second;
    second.start([&] { there = std::make_unique<ring_bed>(); });
    second.wait();
    if (here.error() != 0 || there->error() != 0) {
        fail(state, "no ring: error " + std::to_string(here.error()));
    } else {
        for ([[maybe_unused]] auto _ : state) {
            second.start([&] { answer(*there, here, trips_of_iteration); });
            ask(here, *there, trips_of_iteration);
            second.wait();
        }
        count_operations(state, trips_of_iteration);
    }
    second.start([&] { there.reset(); });
    second.wait();
}

struct wake_note {
    double called_at = 0;
    std::uint64_t calls = 0;

    static void CALLBACK on_call(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
        auto& note = *static_cast<wake_note*>(context);
        note.called_at = seconds_now();
        ++note.calls;
    }
};

void await_idle(PTP_POOL pool, DWORD threads) {
    rp_pool_info info{};
    info.size = sizeof(info);
    while (rp_pool_query(pool, &info) && info.idle != threads) {
        std::this_thread::yield();
    }
}

enum class idle_side { whole_way, submitter };

// One submission to a pool of one parked thread: until the callback begins, or until the call of
// the submitter returns.
void wake_idle(State& state, idle_side side) {
    own_pool pool(1);
    wake_note note;
    const PTP_WORK work =
        required(CreateThreadpoolWork(wake_note::on_call, &note, pool.environment()), "work");
    std::uint64_t submitted = 0;
    for ([[maybe_unused]] auto _ : state) {
        await_idle(pool.get(), 1);
        const double begin = seconds_now();
        SubmitThreadpoolWork(work);
        const double returned = seconds_now();
        ++submitted;
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        state.SetIterationTime((side == idle_side::submitter ? returned : note.called_at) - begin);
    }
    count_operations(state, 1);
    if (note.calls != submitted) {
        fail(state, std::to_string(note.calls) + " calls of " + std::to_string(submitted));
    }
    CloseThreadpoolWork(work);
}

} // namespace

void register_park_parts() {
    add_part("park/futex_round_trip", park_in_futex);
    if (kernel::probed_ring_caps().ring) {
        add_part("park/ring_round_trip", park_in_ring);
    }
    add_timed_part("idle_wake/until_callback",
                   [](State& s) { wake_idle(s, idle_side::whole_way); });
    add_timed_part("idle_wake/submit_call", [](State& s) { wake_idle(s, idle_side::submitter); });
}

} // namespace rp::micro
