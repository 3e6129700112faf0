// SPDX-License-Identifier: Apache-2.0
#pragma once
// Verifier mode: checks that cost too much to be always on, for misuse that Windows leaves
// undefined. This is the part that knows files and locks; runtime/tp/verifier.hpp knows the objects
// of the pool.
//
// Off, each place that asks pays one relaxed load of a word that never changes. On, operations in
// flight are kept in a table by their OVERLAPPED, and threads count the critical sections they
// hold.
#include <windows.h>

#include <atomic>
#include <cstdint>

namespace rp::nt {

class verify {
public:
    [[nodiscard]] static bool is_on() noexcept {
        // mo: relaxed, a switch; what was not seen switched on is not checked.
        return is_on_.load(std::memory_order_relaxed);
    }

    /// For ever. What began before is not judged.
    static void switch_on() noexcept;

    /// False: an operation with this OVERLAPPED is still in flight (R-IO-16).
    [[nodiscard]] static bool operation_begins(const OVERLAPPED* overlapped);

    /// An operation that was announced by operation_begins could not be issued.
    static void operation_not_begun(const OVERLAPPED* overlapped) {
        if (is_on()) {
            (void)operation_ends(overlapped);
        }
    }

    /// Before its OVERLAPPED is written: false: it no longer says what the issuer wrote there, so
    /// it was freed or used for something else meanwhile (R-IO-14).
    [[nodiscard]] static bool operation_ends(const OVERLAPPED* overlapped);

    /// How many critical sections the calling thread holds, as far as it took them with the mode
    /// on.
    static int32_t& held_sections() noexcept;

private:
    static std::atomic<bool> is_on_;
};

} // namespace rp::nt
