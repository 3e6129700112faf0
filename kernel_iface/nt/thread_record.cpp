// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/thread_record.hpp"

#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/thread.hpp"
#include "kernel_iface/nt/timer.hpp"

#include <new>

namespace rp::nt {
namespace {

constinit kernel::slab records{sizeof(thread_record), alignof(thread_record)};

[[gnu::tls_model("initial-exec")]] constinit thread_local thread_record* record_of_thread = nullptr;

void retire_record(void* argument) {
    auto* record = static_cast<thread_record*>(argument);
    while (record->owned_mutexes != nullptr) {
        record->owned_mutexes->abandon(*record);
    }
    disown_timers(*record);
    end_thread(*record); // last: whoever waited for the thread finds everything else done
    record_of_thread = nullptr;
    records.give(record);
}

thread_record* make_record() noexcept {
    void* piece = records.take();
    if (piece == nullptr) {
        return nullptr;
    }
    auto* record = static_cast<thread_record*>(piece);
    if (!record->is_made) {
        new (record) thread_record;
        record->is_made = true;
    }
    if (kernel::at_thread_exit(retire_record, record) != 0) {
        records.give(record);
        return nullptr;
    }
    record_of_thread = record;
    return record;
}

} // namespace

thread_record* current_thread_record() noexcept {
    return record_of_thread != nullptr ? record_of_thread : make_record();
}

thread_record* existing_thread_record() noexcept {
    return record_of_thread;
}

} // namespace rp::nt
