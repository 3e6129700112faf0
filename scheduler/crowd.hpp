// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who is idle and who is searching: the word every submit looks at.
//
// Nouns. An *idle core* has no worker; its bit is set in the map. *searching*: a woken worker that
// has not found work yet. At most one searcher is woken at a time, because a wake is the dearest
// thing a submit can do (6 us for the waker, 20 us until the sleeper runs, on a virtual machine).
//
// The race between a submit and a parking worker:
//   submitter                                   parking worker
//   1. push the item                            1. set its core idle (and stop searching), one RMW
//   2. light()                                  2. heavy()
//   3. reads the word: a searcher, or nobody    3. looks at every queue its core reads; not empty:
//      idle: nothing to do; else wakes one         takes its core back instead of sleeping
// At least one of the two sees the other, so an item is never left with everyone asleep.
//
// A searcher that finds work stops searching and then looks for more to wake the next for. Its look
// is not fenced (membarrier costs 8 us, and this happens at every wake), so a push at that very
// instant may go unseen by both sides; the monitor notices the waiting item at its next tick.
//
// A lone object that a worker has queued again before it runs one of its calls is a gamble: the
// worker may be back for it in ten nanoseconds or in a second. So the pool learns: each search that
// ends in sleep doubles the number of such wakes that are left out (up to 1023), each that finds
// something sets it to zero. A wake left out wrongly is made up for by the monitor's tick.
//
// Rejected: waking one worker per submit (a wake storm: 6 us each); a count of sleepers without the
// searching half (every submit during the 20 us of a wake-up sends another).
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace rp::sched {

class crowd {
public:
    static constexpr unsigned cores_max = 1024;

    /// One load: is there an idle core, and nobody already looking for work?
    [[nodiscard]] bool wants_wake() const noexcept {
        // mo: relaxed, ordered by the fence pair of the essay.
        const uint64_t word = word_.load(std::memory_order_relaxed);
        return word != 0 && word < one_searching; // some idle, none searching
    }

    [[nodiscard]] uint32_t idle() const noexcept {
        // mo: relaxed, a hint.
        return static_cast<uint32_t>(word_.load(std::memory_order_relaxed));
    }

    [[nodiscard]] uint32_t searching() const noexcept {
        // mo: relaxed, a hint.
        return static_cast<uint32_t>(word_.load(std::memory_order_relaxed) >> 32U);
    }

    /// Becomes the one searcher. False when there is one already or no core is idle.
    [[nodiscard]] bool start_searching() noexcept {
        // mo: relaxed, the CAS below orders it.
        uint64_t word = word_.load(std::memory_order_relaxed);
        while (word != 0 && word < one_searching) {
            // mo: seq_cst, pairs crowd.word (set_idle): orders the claim before the look at the
            // map.
            if (word_.compare_exchange_weak(word,
                                            word + one_searching,
                                            std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    /// How many wakes for a lone requeued object to leave out before the next.
    [[nodiscard]] uint32_t wakes_to_leave_out() const noexcept {
        // mo: relaxed, a hint.
        return to_leave_out_.load(std::memory_order_relaxed);
    }

    /// A searcher has found something, or goes to sleep without: how the number above learns.
    void searched(bool has_found) noexcept {
        // mo: relaxed, a hint; searchers are few.
        const uint32_t before = to_leave_out_.load(std::memory_order_relaxed);
        const uint32_t after = has_found ? 0 : std::min(2 * before + 1, leave_out_max);
        if (after != before) {
            // mo: relaxed, as above.
            to_leave_out_.store(after, std::memory_order_relaxed);
        }
    }

    void stop_searching() noexcept {
        // mo: seq_cst, pairs crowd.word (start_searching).
        word_.fetch_sub(one_searching, std::memory_order_seq_cst);
    }

    /// The core becomes idle; `was_searching`: its worker stops searching in the same step.
    void set_idle(int32_t core, bool was_searching) noexcept {
        // mo: release, pairs crowd.map (claim): everything the last holder did to the core.
        map_[core / 64U].fetch_or(bit(core), std::memory_order_release);
        // mo: seq_cst, pairs crowd.word (start_searching): the StoreLoad of step 1 and 3 of the
        // parking worker where the fence is symmetric.
        word_.fetch_add(1 - (was_searching ? one_searching : 0), std::memory_order_seq_cst);
    }

    [[nodiscard]] bool is_idle(int32_t core) const noexcept {
        // mo: relaxed, a hint; claim() decides.
        return (map_[core / 64U].load(std::memory_order_relaxed) & bit(core)) != 0;
    }

    /// Takes this core. False when it is not idle (any more).
    [[nodiscard]] bool claim(int32_t core) noexcept {
        if (!is_idle(core)) {
            return false;
        }
        // mo: acquire, pairs crowd.map (set_idle).
        const uint64_t before = map_[core / 64U].fetch_and(~bit(core), std::memory_order_acquire);
        if ((before & bit(core)) == 0) {
            return false;
        }
        // mo: seq_cst, pairs crowd.word (start_searching).
        word_.fetch_sub(1, std::memory_order_seq_cst);
        return true;
    }

    /// Takes the idle core with the lowest number below `cores`, or returns -1.
    [[nodiscard]] int32_t claim_any(int32_t cores) noexcept {
        for (int32_t c = 0; c < cores; ++c) {
            if (claim(c)) {
                return c;
            }
        }
        return -1;
    }

private:
    static constexpr uint64_t one_searching = 1ULL << 32U;
    static constexpr uint32_t leave_out_max = 1023;

    static constexpr uint64_t bit(int32_t core) noexcept {
        return 1ULL << (static_cast<uint32_t>(core) % 64U);
    }

    alignas(64) std::atomic<uint64_t> word_{0}; // bits 0-31: idle cores; 32-63: searching workers
    alignas(64) std::atomic<uint64_t> map_[cores_max / 64U] = {};
    alignas(64) std::atomic<uint32_t> to_leave_out_{0};
};

} // namespace rp::sched
