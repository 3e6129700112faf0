// SPDX-License-Identifier: Apache-2.0
// Statistics, traces, the flight recorder and dumps: the functions, and the variables that do the
// same for a program that knows nothing of them.
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/pool.hpp"
#include "scheduler/sight/dump.hpp"
#include "scheduler/sight/flight.hpp"
#include "scheduler/sight/trace.hpp"

#include <ringpool/ringpool.h>

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace rp::tp {

namespace {

void complain(const char* about, const std::string& problem) noexcept {
    std::fprintf(stderr, "ringpool: %s: %s\n", about, problem.c_str());
}

/// RINGPOOL_TRACE_EVENTS, or the default when it is not set or makes no sense.
uint32_t ring_records() noexcept {
    const char* text = std::getenv("RINGPOOL_TRACE_EVENTS");
    if (text == nullptr || *text == '\0') {
        return sched::events::default_ring_records;
    }
    uint32_t number = 0;
    const char* end = text + std::strlen(text);
    const auto [rest, error] = std::from_chars(text, end, number);
    if (error != std::errc{} || rest != end || number < 64 ||
        number > sched::events::ring_records_max) {
        std::fprintf(stderr,
                     "ringpool: RINGPOOL_TRACE_EVENTS=%s: write a whole number from 64 to %u; "
                     "using %u\n",
                     text,
                     sched::events::ring_records_max,
                     sched::events::default_ring_records);
        return sched::events::default_ring_records;
    }
    return number;
}

/// "%p" becomes the process id.
std::string with_process(std::string path) {
    const std::string id = std::to_string(getpid());
    for (size_t at = path.find("%p"); at != std::string::npos; at = path.find("%p", at)) {
        path.replace(at, 2, id);
        at += id.size();
    }
    return path;
}

DWORD start_trace(const char* path, const char* about) noexcept {
    if (!sched::has_sight) {
        return ERROR_NOT_SUPPORTED;
    }
    if (path == nullptr || *path == '\0') {
        return ERROR_INVALID_PARAMETER;
    }
    try {
        std::string problem;
        switch (sched::sight::start_trace(with_process(path), ring_records(), problem)) {
        case sched::sight::trace_result::done:
            return 0;
        case sched::sight::trace_result::already_on:
            return ERROR_BUSY;
        default:
            complain(about, problem);
            return ERROR_OPEN_FAILED;
        }
    } catch (const std::bad_alloc&) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
}

DWORD stop_trace(const char* about) noexcept {
    try {
        std::string problem;
        switch (sched::sight::stop_trace(problem)) {
        case sched::sight::trace_result::done:
            return 0;
        case sched::sight::trace_result::not_on:
            return ERROR_NOT_READY;
        default:
            complain(about, problem);
            return ERROR_OPEN_FAILED;
        }
    } catch (const std::bad_alloc&) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
}

DWORD start_flight(const char* settings, const char* about) noexcept {
    if (!sched::has_sight) {
        return ERROR_NOT_SUPPORTED;
    }
    if (settings == nullptr) {
        return ERROR_INVALID_PARAMETER;
    }
    try {
        sched::flight::settings wanted;
        std::string problem;
        if (!sched::flight::parse(settings, wanted, problem)) {
            complain(about, problem);
            return ERROR_INVALID_PARAMETER;
        }
        wanted.file = with_process(wanted.file);
        switch (sched::flight::start(wanted, ring_records())) {
        case sched::flight::start_result::started:
            return 0;
        case sched::flight::start_result::already_on:
            return ERROR_BUSY;
        default:
            return ERROR_NOT_ENOUGH_MEMORY;
        }
    } catch (const std::bad_alloc&) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
}

BOOL told(DWORD error) noexcept {
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0 ? TRUE : FALSE;
}

// --- the variables -------------------------------------------------------------------------------

pid_t observed_process = 0;

void finish_at_exit() noexcept {
    if (getpid() != observed_process) {
        return; // a child of fork() has neither the threads nor the file
    }
    (void)stop_trace("RINGPOOL_TRACE");
    (void)sched::flight::stop();
}

const char* variable(const char* name) noexcept {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

/// Before any program code runs; its exit handler runs after all the program registers.
[[gnu::constructor]] void read_variables() {
    const char* trace = variable("RINGPOOL_TRACE");
    const char* flight = variable("RINGPOOL_FLIGHT");
    if ((trace != nullptr || flight != nullptr) && !sched::has_sight) {
        complain("RINGPOOL_TRACE, RINGPOOL_FLIGHT", "this library was built with -Dsight=false");
        return;
    }
    if (trace != nullptr || flight != nullptr) {
        observed_process = getpid();
        std::atexit(&finish_at_exit);
    }
    if (trace != nullptr) {
        (void)start_trace(trace, "RINGPOOL_TRACE");
    }
    if (flight != nullptr) {
        (void)start_flight(flight, "RINGPOOL_FLIGHT");
    }
    if (const char* dump = variable("RINGPOOL_DUMP_SIGNAL"); dump != nullptr) {
        if (std::strcmp(dump, "1") == 0) {
            (void)sched::dump_on_signal();
        } else if (std::strcmp(dump, "0") != 0) {
            complain("RINGPOOL_DUMP_SIGNAL", std::string(dump) + ": write 1 or 0");
        }
    }
}

// --- statistics ----------------------------------------------------------------------------------

template <class Element>
struct room {
    Element* to;
    DWORD available;
    DWORD count;

    /// The next element with its size set, or nullptr when there is no room for it.
    Element* next() noexcept {
        Element* const e = count < available ? to + count : nullptr;
        ++count;
        if (e != nullptr) {
            *e = {};
            e->size = sizeof(Element);
        }
        return e;
    }
};

void fill_core(const sched::core_detail& from, void* to) {
    rp_core_stats* s = static_cast<room<rp_core_stats>*>(to)->next();
    if (s == nullptr) {
        return;
    }
    s->core = static_cast<DWORD>(from.id);
    s->is_open = from.is_open ? 1 : 0;
    s->holder = static_cast<DWORD>(from.holder);
    s->items = from.items;
    s->placed = from.placed;
    s->inbox = from.inbox;
    s->queued = from.queued;
}

void fill_worker(const sched::worker_detail& from, void* to) {
    rp_worker_stats* s = static_cast<room<rp_worker_stats>*>(to)->next();
    if (s == nullptr) {
        return;
    }
    s->thread = static_cast<DWORD>(from.thread);
    s->core = from.core == sched::no_core ? RP_CORE_NONE : static_cast<DWORD>(from.core);
    s->state = !from.is_alive        ? RP_WORKER_ENDED
               : from.is_parked      ? RP_WORKER_PARKED
               : from.is_in_callback ? RP_WORKER_IN_CALLBACK
                                     : RP_WORKER_SCHEDULING;
    s->callbacks = from.callbacks;
    s->items_stolen = from.stolen_items;
    s->steal_hits = from.steal_hits;
    s->steal_misses = from.steal_misses;
    s->searches = from.searches;
    s->searches_found = from.searches_found;
    s->parks = from.parks;
    s->wakes = from.wakes;
    s->completions = from.completions;
    s->switches_voluntary = from.switched_voluntarily;
    s->switches_by_force = from.switched_by_force;
}

/// An array and its count come together, and the first element says which version it is of.
template <class Element>
bool is_proper(const Element* first, const DWORD* count) noexcept {
    return first == nullptr ||
           (count != nullptr && (*count == 0 || first->size == sizeof(Element)));
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT BOOL rp_stats(PTP_POOL pool,
                        rp_pool_stats* stats,
                        rp_core_stats* cores,
                        DWORD* core_count,
                        rp_worker_stats* workers,
                        DWORD* worker_count) {
    if (!sched::has_sight) {
        return tp::told(ERROR_NOT_SUPPORTED);
    }
    if (stats == nullptr || stats->size != sizeof(rp_pool_stats) ||
        !tp::is_proper(cores, core_count) || !tp::is_proper(workers, worker_count)) {
        return tp::told(ERROR_INVALID_PARAMETER);
    }
    tp::pool* p = tp::pool::given_or_default(pool, "rp_stats");
    if (p == nullptr) {
        return FALSE;
    }
    sched::engine& e = p->engine();
    const sched::statistics_in_detail d = e.detail();
    tp::room<rp_core_stats> core_room{cores, core_count != nullptr ? *core_count : 0, 0};
    tp::room<rp_worker_stats> worker_room{workers, worker_count != nullptr ? *worker_count : 0, 0};
    core_room.available = cores != nullptr ? core_room.available : 0;
    worker_room.available = workers != nullptr ? worker_room.available : 0;
    e.each_core(&tp::fill_core, &core_room);
    if (workers != nullptr) {
        e.each_worker(&tp::fill_worker, &worker_room);
    } else {
        worker_room.count = d.workers;
    }
    stats->cores = core_room.count;
    stats->workers = worker_room.count;
    stats->reserved = 0;
    stats->placed_arrivals = d.arrivals;
    stats->placed_shared = d.shared;
    stats->placed_inboxes = d.inboxes;
    stats->placed_own = d.own;
    stats->queued = d.queued;
    if (core_count != nullptr) {
        *core_count = core_room.count;
    }
    if (worker_count != nullptr) {
        *worker_count = worker_room.count;
    }
    const bool is_all = (cores == nullptr || core_room.count <= core_room.available) &&
                        (workers == nullptr || worker_room.count <= worker_room.available);
    return tp::told(is_all ? 0 : ERROR_MORE_DATA);
}

RP_EXPORT BOOL rp_trace_start(const char* path) {
    return tp::told(tp::start_trace(path, "rp_trace_start"));
}

RP_EXPORT BOOL rp_trace_stop(void) {
    return tp::told(tp::stop_trace("rp_trace_stop"));
}

RP_EXPORT BOOL rp_flight_start(const char* settings) {
    return tp::told(tp::start_flight(settings, "rp_flight_start"));
}

RP_EXPORT BOOL rp_flight_stop(void) {
    return tp::told(sched::flight::stop() ? 0 : ERROR_NOT_READY);
}

RP_EXPORT BOOL rp_dump(int fd) {
    return tp::told(sched::dump_all(fd) ? 0 : ERROR_WRITE_FAULT);
}
