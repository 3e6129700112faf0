// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/barrier.hpp"
#include "kernel_iface/linux/clock.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <thread>

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool is_tsan = true;
#elif defined(__has_feature)
constexpr bool is_tsan = __has_feature(thread_sanitizer);
#else
constexpr bool is_tsan = false;
#endif

struct alignas(64) padded {
    std::atomic<uint32_t> value{0};
};

/// Spins, then gives the CPU away: the other side may have none.
template <class Done>
void spin_until(Done done) {
    for (unsigned round = 1; !done(); ++round) {
        if (round % 256 == 0) {
            std::this_thread::yield();
        } else {
            rp::kernel::cpu_relax();
        }
    }
}

/// Dekker's litmus test: how often did neither side see the other's store of the same round?
template <class Fence>
uint32_t count_blind_rounds(uint32_t rounds) {
    padded hot;
    padded rare;
    padded hot_seen;
    padded rare_done;
    std::thread hot_side([&] {
        for (uint32_t round = 1; round <= rounds; ++round) {
            // mo: relaxed, ordered by the fence under test.
            hot.value.store(round, std::memory_order_relaxed);
            Fence::light();
            // mo: relaxed, ordered by the fence under test.
            const uint32_t seen = rare.value.load(std::memory_order_relaxed);
            // mo: release, pairs litmus.hot_seen (the rare side).
            hot_seen.value.store(seen == round ? 2 * round + 1 : 2 * round,
                                 std::memory_order_release);
            spin_until([&] {
                // mo: acquire, pairs litmus.rare_done (the rare side).
                return rare_done.value.load(std::memory_order_acquire) == round;
            });
        }
    });
    uint32_t blind = 0;
    for (uint32_t round = 1; round <= rounds; ++round) {
        // mo: relaxed, ordered by the fence under test.
        rare.value.store(round, std::memory_order_relaxed);
        Fence::heavy();
        // mo: relaxed, ordered by the fence under test.
        const bool rare_saw = hot.value.load(std::memory_order_relaxed) == round;
        uint32_t answer = 0;
        spin_until([&] {
            // mo: acquire, pairs litmus.hot_seen (the hot side).
            answer = hot_seen.value.load(std::memory_order_acquire);
            return answer / 2 == round;
        });
        const bool hot_saw = (answer & 1) != 0;
        blind += !rare_saw && !hot_saw ? 1 : 0;
        // mo: release, pairs litmus.rare_done (the hot side).
        rare_done.value.store(round, std::memory_order_release);
    }
    hot_side.join();
    return blind;
}

} // namespace

TEST_SUITE("barrier") {
    TEST_CASE("asymmetric fence: at least one side sees the other's store") {
        if (!rp::kernel::membarrier_available()) {
            rp::test::skip_missing("membarrier(PRIVATE_EXPEDITED)");
            return;
        }
        if (is_tsan) {
            return; // models neither membarrier nor signal fences; the fence below is the one used
        }
        CHECK(count_blind_rounds<rp::kernel::asymmetric_fence>(20'000) == 0);
    }

    TEST_CASE("symmetric fence: at least one side sees the other's store") {
        CHECK(count_blind_rounds<rp::kernel::symmetric_fence>(is_tsan ? 3'000 : 20'000) == 0);
    }
}
