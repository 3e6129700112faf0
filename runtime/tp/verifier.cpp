// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/verifier.hpp"

#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/status.hpp"
#include "kernel_iface/nt/thread_record.hpp"
#include "runtime/export.hpp"

#include <ringpool/ringpool.h>

#include <execinfo.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace rp::tp::verifier {

namespace {

constexpr size_t events_kept = 16;
constexpr int frames_kept = 12;
constexpr int own_frames = 2; // of created() and its caller in the library
constexpr size_t pieces_kept = 8192;

struct event {
    const char* what = nullptr;
    uint32_t thread = 0;
    int64_t at_ns = 0;
};

struct record {
    const char* kind = nullptr;
    bool is_open = true;
    int depth = 0;
    std::array<void*, frames_kept> made_at{};
    uint64_t events = 0; // that ever happened
    std::array<event, events_kept> last{};
};

struct book {
    std::mutex lock;
    std::unordered_map<const void*, record> records; // guard: lock
};

book& the_book() {
    static auto* const b = new book; // never destroyed: workers outlive static objects
    return *b;
}

void print_made_at(const record& r, int fd) {
    const int skipped = std::min(own_frames, r.depth);
    ::backtrace_symbols_fd(r.made_at.data() + skipped, r.depth - skipped, fd);
}

/// For a report of misuse: what is known about the object.
void describe(const void* object, int fd) {
    record r;
    {
        book& b = the_book();
        const std::scoped_lock guard(b.lock);
        const auto found = b.records.find(object);
        if (found == b.records.end()) {
            return;
        }
        r = found->second;
    }
    ::dprintf(fd, "  The object is %s %s, made at:\n", r.is_open ? "an open" : "a closed", r.kind);
    print_made_at(r, fd);
    ::dprintf(fd, "  What happened to it last (microseconds ago, thread, what):\n");
    const int64_t now = kernel::now_ns();
    const uint64_t first = r.events > events_kept ? r.events - events_kept : 0;
    for (uint64_t i = first; i < r.events; ++i) {
        const event& e = r.last[i % events_kept];
        ::dprintf(
            fd, "    %10.1f %7u %s\n", static_cast<double>(now - e.at_ns) / 1e3, e.thread, e.what);
    }
}

void list_what_is_open() {
    book& b = the_book();
    const std::scoped_lock guard(b.lock);
    const auto open = std::count_if(
        b.records.begin(), b.records.end(), [](const auto& r) { return r.second.is_open; });
    if (open == 0) {
        return;
    }
    std::fprintf(stderr, "ringpool: verifier: %td objects were never closed:\n", open);
    for (const auto& [object, r] : b.records) {
        if (r.is_open) {
            std::fprintf(stderr, "  %s %p, made at:\n", r.kind, object);
            std::fflush(stderr);
            print_made_at(r, fileno(stderr));
        }
    }
}

void add_event(record& r, const char* what) {
    r.last[r.events % events_kept] = {
        what, static_cast<uint32_t>(kernel::thread_id()), kernel::now_ns()};
    ++r.events;
}

/// Before any program code runs.
[[gnu::constructor]] void read_environment_variable() {
    const char* wanted = std::getenv("RINGPOOL_VERIFY");
    if (wanted != nullptr && std::strcmp(wanted, "1") == 0) {
        enable();
    }
}

} // namespace

void enable() {
    static const int enabled = [] {
        kernel::slab::quarantine(pieces_kept);
        nt::set_misuse_describer(&describe);
        std::atexit(&list_what_is_open);
        nt::verify::switch_on();
        return 0;
    }();
    (void)enabled;
}

void created(const void* object, const char* kind) {
    record r;
    r.kind = kind;
    r.depth = ::backtrace(r.made_at.data(), frames_kept);
    add_event(r, "made");
    book& b = the_book();
    const std::scoped_lock guard(b.lock);
    b.records[object] = r;
}

void gone(const void* object) {
    book& b = the_book();
    const std::scoped_lock guard(b.lock);
    if (const auto found = b.records.find(object); found != b.records.end()) {
        found->second.is_open = false;
        add_event(found->second, "freed");
    }
}

void note(const void* object, const char* what) {
    book& b = the_book();
    const std::scoped_lock guard(b.lock);
    if (const auto found = b.records.find(object); found != b.records.end()) {
        add_event(found->second, what);
    }
}

held_locks held_locks::of_this_thread() {
    held_locks held;
    held.sections = nt::verify::held_sections();
    if (const nt::thread_record* thread = nt::current_thread_record(); thread != nullptr) {
        held.mutexes = nt::mutexes_owned_by(*thread);
    }
    return held;
}

void check_held_locks(const held_locks& before, const void* object) {
    const held_locks now = held_locks::of_this_thread();
    if (now.sections > before.sections) {
        nt::report_misuse(nt::status::invalid_parameter,
                          "a callback",
                          object,
                          static_cast<uintptr_t>(now.sections - before.sections),
                          "it returned with a critical section held (R-LIFE-21)");
    }
    if (now.mutexes > before.mutexes) {
        nt::report_misuse(nt::status::invalid_parameter,
                          "a callback",
                          object,
                          now.mutexes - before.mutexes,
                          "it returned with a mutex held (R-LIFE-21)");
    }
}

} // namespace rp::tp::verifier

RP_EXPORT void rp_verifier_enable(void) {
    rp::tp::verifier::enable();
}
