// SPDX-License-Identifier: Apache-2.0
#pragma once
// Verifier mode for the objects of the pool: RINGPOOL_VERIFY=1 or rp_verifier_enable().
//
// Each object made while the mode is on has a *record*: what it is, where it was made, and the last
// 16 things that happened to it. A report of misuse prints the record of its object; what is still
// open when the process ends is listed with the place that made it. Freed memory waits a while
// before it is used again, so that a stale pointer is not taken for the object that came after.
#include "kernel_iface/nt/verify.hpp"

#include <cstdint>

namespace rp::tp::verifier {

void enable();

[[nodiscard]] inline bool is_on() noexcept {
    return nt::verify::is_on();
}

/// `kind`, `what`: static storage.
void created(const void* object, const char* kind);
void gone(const void* object);
void note(const void* object, const char* what);

/// What the calling thread holds: compared before and after a callback.
struct held_locks {
    int32_t sections = 0;
    uint32_t mutexes = 0;

    static held_locks of_this_thread();
};

void check_held_locks(const held_locks& before, const void* object);

} // namespace rp::tp::verifier
