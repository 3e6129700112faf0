// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using rp::kernel::slab;

namespace {

constexpr size_t piece_bytes = 200;

bool is_aligned(const void* piece, size_t align) {
    return reinterpret_cast<uintptr_t>(piece) % align == 0;
}

} // namespace

TEST_SUITE("slab") {
    TEST_CASE("pieces are zeroed, aligned and distinct") {
        static constinit slab pieces(piece_bytes, 64);
        std::set<void*> taken;
        for (int i = 0; i < 500; ++i) {
            void* piece = pieces.take();
            REQUIRE(piece != nullptr);
            CHECK(is_aligned(piece, 64));
            static const char zeroes[piece_bytes] = {};
            CHECK(std::memcmp(piece, zeroes, piece_bytes) == 0);
            std::memset(piece, 0xab, piece_bytes);
            CHECK(taken.insert(piece).second);
        }
        for (void* piece : taken) {
            pieces.give(piece);
        }
    }

    TEST_CASE("a reused piece is one of the same slab and keeps what its last user left") {
        static constinit slab pieces(piece_bytes, 16);
        void* first = pieces.take();
        std::memcpy(first, "left behind", 12);
        pieces.give(first);
        CHECK(std::memcmp(first, "left behind", 12) == 0); // a stale handle may look
        CHECK(pieces.take() == first);
        CHECK(std::memcmp(first, "left behind", 12) == 0);
        pieces.give(first);
    }

#if defined(__SANITIZE_ADDRESS__)
    TEST_CASE("under AddressSanitizer a free piece is poisoned behind its first 64 bytes") {
        static constinit slab pieces(piece_bytes, 64);
        char* piece = static_cast<char*>(pieces.take());
        CHECK(__asan_address_is_poisoned(piece + 64) == 0);
        pieces.give(piece);
        CHECK(__asan_address_is_poisoned(piece + 63) == 0);
        CHECK(__asan_address_is_poisoned(piece + 64) != 0);
        CHECK(__asan_address_is_poisoned(piece + piece_bytes - 1) != 0);
    }
#endif

    TEST_CASE("made here and freed there: memory circulates instead of growing") {
        static constinit slab pieces(piece_bytes, 64);
        std::set<void*> ever_seen;
        for (int round = 0; round < 50; ++round) {
            std::vector<void*> batch;
            for (int i = 0; i < 300; ++i) {
                batch.push_back(pieces.take());
                ever_seen.insert(batch.back());
            }
            // A thread that exits hands back what its magazines hold.
            std::thread([&] {
                for (void* piece : batch) {
                    pieces.give(piece);
                }
            }).join();
        }
        CHECK(ever_seen.size() <= 300 + 4 * 64);
    }

    TEST_CASE("threads exchanging pieces at random never own the same piece") {
        static constinit slab pieces(piece_bytes, 8);
        constexpr size_t slots = 128;
        static std::atomic<void*> exchange[slots];
        std::atomic<int> wrong{0};
        std::vector<std::thread> threads;
        for (uint64_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                rp::test::random_source random(rp::test::seed() + t);
                for (int i = 0; i < 20'000; ++i) {
                    void* mine = pieces.take();
                    std::memset(mine, static_cast<int>(t + 1), piece_bytes);
                    const auto* bytes = static_cast<const unsigned char*>(mine);
                    if (bytes[0] != t + 1 || bytes[piece_bytes - 1] != t + 1) {
                        // mo: relaxed, a counter read after join.
                        wrong.fetch_add(1, std::memory_order_relaxed);
                    }
                    // mo: acq_rel, pairs test.exchange (the thread that put or takes the piece).
                    void* other =
                        exchange[random.below(slots)].exchange(mine, std::memory_order_acq_rel);
                    if (other != nullptr) {
                        pieces.give(other);
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (std::atomic<void*>& slot : exchange) {
            // mo: relaxed, all threads have been joined.
            if (void* left = slot.exchange(nullptr, std::memory_order_relaxed); left != nullptr) {
                pieces.give(left);
            }
        }
        // mo: relaxed, all threads have been joined.
        CHECK(wrong.load(std::memory_order_relaxed) == 0);
    }

    TEST_CASE("a thread may still take and give after its magazines went back") {
        static constinit slab pieces(piece_bytes, 64);
        static bool is_late_use_fine = false;
        is_late_use_fine = false;
        std::thread([] {
            // Hooks run last-registered first, so this one runs after the slab's own.
            REQUIRE(rp::kernel::at_thread_exit(
                        [](void*) {
                            std::vector<void*> late;
                            for (int i = 0; i < 200; ++i) {
                                late.push_back(pieces.take());
                            }
                            for (void* piece : late) {
                                pieces.give(piece);
                            }
                            is_late_use_fine =
                                std::set<void*>(late.begin(), late.end()).size() == late.size();
                        },
                        nullptr) == 0);
            pieces.give(pieces.take());
        }).join();
        CHECK(is_late_use_fine);
    }
}
