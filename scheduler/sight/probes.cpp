// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sight/probes.hpp"

#if RINGPOOL_PROBES

#include <bit>

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

// Tracers count themselves in 16 bits at the semaphore of a probe: all are one word, see
// events.hpp.
static_assert(std::endian::native == std::endian::little && rp::sched::events::tracers == 0xFFFF);

// clang-format off
#define RP_PROBES(X) \
    X(PoolCreate) X(PoolClose) X(ThreadMinSet) X(ThreadMaxSet) X(ControllerDecision) \
    X(CallbackEnqueue) X(CallbackSubmit) X(CallbackDequeue) \
    X(CallbackStart) X(CallbackStop) X(CallbackCancel) \
    X(ThreadCreate) X(ThreadExit) X(WorkerPark) X(WorkerUnpark) X(WorkerWake) \
    X(SearchStart) X(SearchStop) X(Steal) X(StealMiss) X(CompletionsReaped) \
    X(SwitchedOff) X(BlockStart) X(BlockStop) X(CoreTake) X(CoreYield) X(CoreRevoke)
// clang-format on

#define RP_COUNT_IN_WANTED(probe)                                                                  \
    extern unsigned short ringpool_##probe##_semaphore __asm__("rp_events_wanted");                \
    __asm__(".set ringpool_" #probe "_semaphore, rp_events_wanted");

extern "C" {
RP_PROBES(RP_COUNT_IN_WANTED)
} // extern "C"

namespace rp::sched::probes {

namespace {

void fire_object(
    event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept {
    constexpr uint64_t function_mask = (uint64_t{1} << events::function_bits) - 1;
    switch (kind) {
    case event_kind::submitted:
        DTRACE_PROBE2(ringpool, CallbackSubmit, pool, object);
        break;
    case event_kind::placed:
        DTRACE_PROBE6(ringpool,
                      CallbackEnqueue,
                      pool,
                      object,
                      core,
                      detail & 0xFFU,
                      (detail >> 8U) & 0xFFU,
                      static_cast<int16_t>(detail >> 16U));
        break;
    case event_kind::taken:
        DTRACE_PROBE5(ringpool,
                      CallbackDequeue,
                      pool,
                      object,
                      core,
                      detail & 0xFFU,
                      static_cast<int16_t>(detail >> 8U));
        break;
    case event_kind::callback_begins:
        DTRACE_PROBE5(ringpool,
                      CallbackStart,
                      pool,
                      object,
                      core,
                      detail & function_mask,
                      detail >> events::function_bits);
        break;
    case event_kind::callback_ends:
        DTRACE_PROBE3(ringpool, CallbackStop, pool, object, core);
        break;
    case event_kind::cancelled:
        DTRACE_PROBE3(ringpool, CallbackCancel, pool, object, detail);
        break;
    default:
        break;
    }
}

void fire_worker(
    event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept {
    switch (kind) {
    case event_kind::thread_starts:
        DTRACE_PROBE1(ringpool, ThreadCreate, pool);
        break;
    case event_kind::thread_exits:
        DTRACE_PROBE1(ringpool, ThreadExit, pool);
        break;
    case event_kind::parks:
        DTRACE_PROBE1(ringpool, WorkerPark, pool);
        break;
    case event_kind::unparks:
        DTRACE_PROBE1(ringpool, WorkerUnpark, pool);
        break;
    case event_kind::wakes:
        DTRACE_PROBE3(ringpool, WorkerWake, pool, object, detail);
        break;
    case event_kind::search_begins:
        DTRACE_PROBE2(ringpool, SearchStart, pool, core);
        break;
    case event_kind::search_ends:
        DTRACE_PROBE3(ringpool, SearchStop, pool, core, detail);
        break;
    case event_kind::stole:
        DTRACE_PROBE4(ringpool, Steal, pool, core, detail, object);
        break;
    case event_kind::stole_nothing:
        DTRACE_PROBE3(ringpool, StealMiss, pool, core, detail);
        break;
    case event_kind::reaped:
        DTRACE_PROBE3(ringpool, CompletionsReaped, pool, core, object);
        break;
    case event_kind::switched_off:
        DTRACE_PROBE4(ringpool, SwitchedOff, pool, core, object, detail);
        break;
    case event_kind::blocking_begins:
        DTRACE_PROBE2(ringpool, BlockStart, pool, core);
        break;
    case event_kind::blocking_ends:
        DTRACE_PROBE2(ringpool, BlockStop, pool, core);
        break;
    default:
        break;
    }
}

void fire_pool(
    event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept {
    switch (kind) {
    case event_kind::core_taken:
        DTRACE_PROBE2(ringpool, CoreTake, pool, core);
        break;
    case event_kind::core_given_up:
        DTRACE_PROBE2(ringpool, CoreYield, pool, core);
        break;
    case event_kind::core_revoked:
        DTRACE_PROBE3(ringpool, CoreRevoke, pool, core, object);
        break;
    case event_kind::pool_made:
        DTRACE_PROBE1(ringpool, PoolCreate, pool);
        break;
    case event_kind::pool_closed:
        DTRACE_PROBE1(ringpool, PoolClose, pool);
        break;
    case event_kind::minimum_set:
        DTRACE_PROBE3(ringpool, ThreadMinSet, pool, object, detail);
        break;
    case event_kind::maximum_set:
        DTRACE_PROBE3(ringpool, ThreadMaxSet, pool, detail, object);
        break;
    case event_kind::decision:
        DTRACE_PROBE3(ringpool, ControllerDecision, pool, object, detail);
        break;
    default: // seen when recording began, which is nothing to a tracer
        break;
    }
}

} // namespace

void fire(event_kind kind, uint64_t pool, int32_t core, uint64_t object, uint64_t detail) noexcept {
    if (kind <= event_kind::cancelled) {
        fire_object(kind, pool, core, object, detail);
    } else if (kind <= event_kind::blocking_ends) {
        fire_worker(kind, pool, core, object, detail);
    } else {
        fire_pool(kind, pool, core, object, detail);
    }
}

} // namespace rp::sched::probes

#else

namespace rp::sched::probes {

void fire(event_kind, uint64_t, int32_t, uint64_t, uint64_t) noexcept {}

} // namespace rp::sched::probes

#endif
