// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/parts.hpp"

#include <array>
#include <atomic>
#include <vector>

// Waits of a pool on events, and what the objects themselves take.

namespace rp::micro {

namespace {

constexpr unsigned calls_of_iteration = 1000;

class waits_on_events {
public:
    explicit waits_on_events(unsigned count) : pool_(1) {
        for (unsigned i = 0; i < count; ++i) {
            events_.push_back(required(CreateEventA(nullptr, FALSE, FALSE, nullptr), "event"));
            waits_.push_back(
                required(CreateThreadpoolWait(on_signal, this, pool_.environment()), "wait"));
        }
    }

    ~waits_on_events() {
        for (const PTP_WAIT wait : waits_) {
            SetThreadpoolWait(wait, nullptr, nullptr);
            WaitForThreadpoolWaitCallbacks(wait, TRUE);
            CloseThreadpoolWait(wait);
        }
        for (const HANDLE event : events_) {
            CloseHandle(event);
        }
        CloseHandle(finished_);
    }

    waits_on_events(const waits_on_events&) = delete;
    waits_on_events& operator=(const waits_on_events&) = delete;

    // Arms all, signals all, and returns when all have called back; false after 10 s.
    bool signal_all() {
        // mo: relaxed, published by arming.
        left_.store(static_cast<unsigned>(waits_.size()), std::memory_order_relaxed);
        for (std::size_t i = 0; i < waits_.size(); ++i) {
            SetThreadpoolWait(waits_[i], events_[i], nullptr);
        }
        for (const HANDLE event : events_) {
            SetEvent(event);
        }
        return WaitForSingleObject(finished_, 10'000) == WAIT_OBJECT_0;
    }

    void arm_and_disarm(unsigned times) {
        for (unsigned i = 0; i < times; ++i) {
            SetThreadpoolWait(waits_.front(), events_.front(), nullptr);
            SetThreadpoolWait(waits_.front(), nullptr, nullptr);
        }
    }

    [[nodiscard]] std::uint64_t calls() {
        for (const PTP_WAIT wait : waits_) {
            WaitForThreadpoolWaitCallbacks(wait, FALSE);
        }
        return calls_;
    }

private:
    static void CALLBACK on_signal(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT) {
        auto& self = *static_cast<waits_on_events*>(context);
        ++self.calls_; // one thread
        // mo: acq_rel, pairs signalled.left (itself): the last one has seen the others.
        if (self.left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            SetEvent(self.finished_);
        }
    }

    own_pool pool_;
    std::vector<HANDLE> events_;
    std::vector<PTP_WAIT> waits_;
    HANDLE finished_ = required(CreateEventA(nullptr, FALSE, FALSE, nullptr), "event");
    std::atomic<unsigned> left_{0};
    std::uint64_t calls_ = 0;
};

void signal_waits(State& state, unsigned objects) {
    waits_on_events waits(objects);
    std::uint64_t rounds = 0;
    for ([[maybe_unused]] auto _ : state) {
        ++rounds;
        if (!waits.signal_all()) {
            fail(state, "a wait has not called back within 10 s");
            break;
        }
    }
    count_operations(state, objects);
    if (waits.calls() != rounds * objects) {
        fail(state, "a wait has called back twice");
    }
}

void arm_waits(State& state) {
    waits_on_events waits(1);
    for ([[maybe_unused]] auto _ : state) {
        waits.arm_and_disarm(calls_of_iteration);
    }
    count_operations(state, calls_of_iteration);
    if (waits.calls() != 0) {
        fail(state, "a wait on an event that was never set has called back");
    }
}

// `operation` returns whether it did what it should.
template <class Operation>
void call_object(State& state, HANDLE object, Operation operation) {
    required(object, "create the object");
    std::uint64_t wrong = 0;
    for ([[maybe_unused]] auto _ : state) {
        for (unsigned i = 0; i < calls_of_iteration; ++i) {
            wrong += operation(object) ? 0 : 1;
        }
    }
    count_operations(state, calls_of_iteration);
    if (wrong != 0 || WaitForSingleObject(object, 0) != WAIT_TIMEOUT) {
        fail(state, std::to_string(wrong) + " calls failed, or the object is left signalled");
    }
    CloseHandle(object);
}

void set_reset_event(State& state) {
    call_object(state, CreateEventA(nullptr, TRUE, FALSE, nullptr), [](HANDLE event) {
        return SetEvent(event) && ResetEvent(event);
    });
}

void set_wait_event(State& state) {
    call_object(state, CreateEventA(nullptr, FALSE, FALSE, nullptr), [](HANDLE event) {
        return SetEvent(event) && WaitForSingleObject(event, 0) == WAIT_OBJECT_0;
    });
}

void poll_event(State& state) {
    call_object(state, CreateEventA(nullptr, TRUE, FALSE, nullptr), [](HANDLE event) {
        return WaitForSingleObject(event, 0) == WAIT_TIMEOUT;
    });
}

void release_wait_semaphore(State& state) {
    call_object(state, CreateSemaphoreA(nullptr, 0, 1, nullptr), [](HANDLE semaphore) {
        return ReleaseSemaphore(semaphore, 1, nullptr) &&
               WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0;
    });
}

} // namespace

void register_wait_parts() {
    for (const unsigned objects : {1U, 1000U}) {
        add_part("wait/arm_signal/objects:" + std::to_string(objects),
                 [objects](State& state) { signal_waits(state, objects); });
    }
    add_part("wait/arm_disarm", arm_waits);
    add_part("event/set_reset", set_reset_event);
    add_part("event/set_wait", set_wait_event);
    add_part("event/poll", poll_event);
    add_part("semaphore/release_wait", release_wait_semaphore);
}

} // namespace rp::micro
