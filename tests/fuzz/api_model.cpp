// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/api_model.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace rp::fuzz {

namespace {

constexpr DWORD answer_ms = 20'000;
constexpr size_t manual = 0;

FILETIME now_due() {
    return {0, 0};
}

FILETIME far_due() {
    return {0, 0xFFFFFFF0}; // about an hour and a half
}

} // namespace

machine::machine() : pool_(CreateThreadpool(nullptr)), group_(CreateThreadpoolCleanupGroup()) {
    SetThreadpoolThreadMaximum(pool_, 1);
    InitializeThreadpoolEnvironment(&environment_);
    SetThreadpoolCallbackPool(&environment_, pool_);
    blocker_ = CreateThreadpoolWork(&on_block, this, &environment_);
    SetThreadpoolCallbackCleanupGroup(&environment_, group_, &on_cancel);
    blocked_ = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    gate_ = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    events_ = {CreateEventA(nullptr, TRUE, FALSE, nullptr),
               CreateEventA(nullptr, FALSE, FALSE, nullptr)};
}

machine::~machine() {
    release();
    CloseThreadpoolWork(blocker_);
    CloseThreadpoolCleanupGroup(group_);
    CloseThreadpool(pool_);
    for (object& o : ios_) {
        close_io(o);
    }
    while (has_reads()) {
        std::this_thread::yield();
    }
    for (HANDLE h : {blocked_, gate_, events_[0], events_[1]}) {
        CloseHandle(h);
    }
}

void machine::check(bool holds, const char* what) {
    if (!holds && difference_.empty()) {
        difference_ = what;
    }
}

// --- callbacks -----------------------------------------------------------------------------------

VOID CALLBACK machine::on_block(PTP_CALLBACK_INSTANCE /*instance*/,
                                PVOID context,
                                PTP_WORK /*work*/) {
    auto& self = *static_cast<machine*>(context);
    SetEvent(self.blocked_);
    (void)WaitForSingleObject(self.gate_, answer_ms);
}

VOID CALLBACK machine::on_work(PTP_CALLBACK_INSTANCE /*instance*/, PVOID context, PTP_WORK work) {
    auto& o = *static_cast<object*>(context);
    // Only one thread runs callbacks. A call of a closed object may find another in its slot.
    if (work == o.work && o.resubmits > 0) {
        --o.resubmits;
        SubmitThreadpoolWork(work);
    }
    ++o.ran;
}

VOID CALLBACK machine::on_simple(PTP_CALLBACK_INSTANCE /*instance*/, PVOID context) {
    ++static_cast<object*>(context)->ran;
}

VOID CALLBACK machine::on_timer(PTP_CALLBACK_INSTANCE /*instance*/, PVOID context, PTP_TIMER) {
    ++static_cast<object*>(context)->ran;
}

VOID CALLBACK machine::on_wait(PTP_CALLBACK_INSTANCE /*instance*/,
                               PVOID context,
                               PTP_WAIT /*wait*/,
                               TP_WAIT_RESULT /*result*/) {
    ++static_cast<object*>(context)->ran;
}

VOID CALLBACK machine::on_cancel(PVOID /*context*/, PVOID cleanup) {
    ++static_cast<machine*>(cleanup)->cancels_seen_;
}

// --- the only thread -----------------------------------------------------------------------------

void machine::block() {
    if (is_blocked_) {
        return;
    }
    SubmitThreadpoolWork(blocker_);
    check(WaitForSingleObject(blocked_, answer_ms) == WAIT_OBJECT_0, "the pool does not run");
    is_blocked_ = true;
}

void machine::release() {
    if (is_blocked_) {
        SetEvent(gate_);
        WaitForThreadpoolWorkCallbacks(blocker_, FALSE);
        is_blocked_ = false;
    }
}

/// Lets everything run that is owed.
void machine::unblock() {
    for (auto* all : all_) {
        for (object& o : *all) {
            if (o.work != nullptr && o.pending > 0) {
                o.expected += o.resubmits; // each is used up, whoever runs first
            }
            if (o.io != nullptr) {
                cancel_reads(o);
            }
        }
    }
    release();
    simples_.expected += std::exchange(simples_.pending, 0);
    for (auto* all : all_) {
        for (object& o : *all) {
            o.expected += std::exchange(o.pending, 0);
            if (!o.is_open) {
                continue;
            }
            if (o.work != nullptr) {
                WaitForThreadpoolWorkCallbacks(o.work, FALSE);
            } else if (o.timer != nullptr) {
                WaitForThreadpoolTimerCallbacks(o.timer, FALSE);
            } else if (o.wait != nullptr) {
                WaitForThreadpoolWaitCallbacks(o.wait, FALSE);
            } else if (o.io != nullptr) {
                WaitForThreadpoolIoCallbacks(o.io, FALSE);
                drain(o);
            }
        }
    }
    check_counts();
}

void machine::check_count(object& o) {
    // A closed object cannot be waited for.
    const ULONGLONG begin = GetTickCount64();
    while (o.ran < o.expected && GetTickCount64() - begin < answer_ms) {
        std::this_thread::yield();
    }
    if (o.ran != o.expected) {
        const char* const kind = o.work != nullptr    ? "a work object"
                                 : o.timer != nullptr ? "a timer"
                                 : o.wait != nullptr  ? "a wait"
                                 : o.io != nullptr    ? "an I/O object"
                                                      : "the simple callbacks";
        const std::string text = std::string(kind) + " ran " + std::to_string(o.ran) +
                                 " callbacks, expected " + std::to_string(o.expected);
        check(false, text.c_str());
    }
}

void machine::check_counts() {
    check_count(simples_);
    for (auto* all : all_) {
        for (object& o : *all) {
            check_count(o);
        }
    }
}

// --- objects -------------------------------------------------------------------------------------

/// What is pending is dropped.
void machine::drop(object& o) {
    o.pending = 0;
}

/// The object is closed: what is pending still runs, and the slot is free for another.
void machine::close_slot(object& o) {
    o.expected += std::exchange(o.pending, 0);
    o.resubmits = 0; // a closed object may not be submitted again
    o.is_open = o.is_set = o.is_armed = false;
}

void machine::open_work(object& o) {
    o.work = CreateThreadpoolWork(&on_work, &o, &environment_);
    check(o.work != nullptr, "CreateThreadpoolWork failed");
    o.is_open = true;
}

void machine::open_timer(object& o) {
    o.timer = CreateThreadpoolTimer(&on_timer, &o, &environment_);
    check(o.timer != nullptr && !IsThreadpoolTimerSet(o.timer), "a new timer is set");
    o.is_open = true;
    o.is_set = o.is_armed = false;
}

void machine::open_wait(object& o) {
    o.wait = CreateThreadpoolWait(&on_wait, &o, &environment_);
    check(o.wait != nullptr, "CreateThreadpoolWait failed");
    o.is_open = true;
    o.is_set = o.is_armed = false;
}

void machine::step_work(object& o, uint8_t what) {
    if (!o.is_open) {
        open_work(o);
        return;
    }
    switch (what % 8) {
    case 4:
        o.resubmits = what / 8;
        break;
    case 0:
    case 1:
    case 5:
        for (int i = what % 8; i >= 0; --i) {
            SubmitThreadpoolWork(o.work);
            ++o.pending;
            ++calls_;
        }
        break;
    case 2:
    case 6:
        WaitForThreadpoolWorkCallbacks(o.work, TRUE);
        drop(o);
        break;
    default:
        CloseThreadpoolWork(o.work);
        close_slot(o);
        break;
    }
}

void machine::step_timer(object& o, uint8_t what, uint8_t detail) {
    if (!o.is_open) {
        open_timer(o);
        return;
    }
    if (what % 8 == 6) {
        WaitForThreadpoolTimerCallbacks(o.timer, TRUE);
        drop(o);
        o.is_set = o.is_armed = false; // R-TIMER-18
        return;
    }
    if (what % 8 == 7) {
        CloseThreadpoolTimer(o.timer);
        close_slot(o);
        return;
    }
    // R-TIMER-14, with the thread blocked: an expiry that is queued can always be recalled.
    const bool is_kept = o.is_set && (o.is_armed || o.pending > 0);
    const bool recalls = o.is_set && !o.is_armed && o.pending > 0;
    FILETIME due = detail % 2 == 0 ? now_due() : far_due();
    const bool arms = what % 4 != 3;
    const BOOL told = SetThreadpoolTimerEx(o.timer, arms ? &due : nullptr, 0, detail % 3);
    check((told != FALSE) == is_kept, "SetThreadpoolTimerEx returned the other value");
    o.pending -= recalls ? 1 : 0;
    o.is_set = arms;
    o.is_armed = arms && detail % 2 != 0;
    o.pending += arms && detail % 2 == 0 ? 1 : 0;
    check((IsThreadpoolTimerSet(o.timer) != FALSE) == o.is_set, "IsThreadpoolTimerSet differs");
}

void machine::step_wait(object& o, uint8_t what, uint8_t detail) {
    if (!o.is_open) {
        open_wait(o);
        return;
    }
    if (what % 8 == 6) {
        WaitForThreadpoolWaitCallbacks(o.wait, TRUE); // R-WAIT-13: stays armed
        drop(o);
        return;
    }
    if (what % 8 == 7) {
        CloseThreadpoolWait(o.wait);
        close_slot(o);
        return;
    }
    const bool is_kept = o.is_set && o.is_armed;
    const bool arms = what % 4 != 3;
    o.watched = detail % 2;
    FILETIME timeout = detail % 4 < 2 ? far_due() : now_due();
    const bool has_timeout = (detail / 4) % 2 != 0;
    const BOOL told = SetThreadpoolWaitEx(
        o.wait, arms ? events_[o.watched] : nullptr, has_timeout ? &timeout : nullptr, nullptr);
    check((told != FALSE) == is_kept, "SetThreadpoolWaitEx returned the other value");
    o.is_set = arms;
    o.is_armed = arms;
    if (!arms) {
        return;
    }
    if (is_signalled_[o.watched]) {
        is_signalled_[o.watched] = o.watched == manual;
        o.is_armed = false;
        ++o.pending;
    } else if (has_timeout && detail % 4 >= 2) {
        o.is_armed = false;
        ++o.pending;
    }
}

/// The event was set: which waits does it satisfy? The oldest arming first; the model does not know
/// their order, so an auto-reset event is only set while at most one wait watches it.
void machine::fire_waits(size_t event) {
    for (object& o : waits_) {
        if (o.is_armed && o.watched == event && is_signalled_[event]) {
            o.is_armed = false;
            ++o.pending;
            is_signalled_[event] = event == manual;
        }
    }
}

void machine::step_event(size_t event, uint8_t what) {
    const auto watchers = std::count_if(waits_.begin(), waits_.end(), [event](const object& o) {
        return o.is_armed && o.watched == event;
    });
    if (what % 3 == 0) {
        ResetEvent(events_[event]);
        is_signalled_[event] = false;
    } else if (event == manual || watchers <= 1) {
        SetEvent(events_[event]);
        is_signalled_[event] = true;
        fire_waits(event);
    }
    const DWORD state = WaitForSingleObject(events_[event], 0);
    check((state == WAIT_OBJECT_0) == is_signalled_[event], "an event is in the other state");
    is_signalled_[event] = is_signalled_[event] && event == manual;
}

/// Closes every member; cancelling drops what is pending (R-GRP-3, R-GRP-8).
void machine::step_group(uint8_t what) {
    const bool cancels = what % 2 != 0;
    if (!cancels) {
        unblock();
    }
    uint64_t members = simples_.pending;
    simples_.pending = 0;
    cancels_seen_ = 0;
    for (auto* all : all_) {
        for (object& o : *all) {
            members += o.is_open ? 1 : 0;
            if (o.is_open && cancels) {
                drop(o);
            }
            close_slot(o);
        }
    }
    CloseThreadpoolCleanupGroupMembers(group_, cancels ? TRUE : FALSE, this);
    for (object& o : ios_) {
        close_io(o);
    }
    check(cancels_seen_ == (cancels ? members : 0), "another number of cancel callbacks");
}

/// Arguments that must be refused.
void machine::step_bad(uint8_t what) {
    TP_CALLBACK_ENVIRON bad = environment_;
    SetLastError(0);
    switch (what % 5) {
    case 0:
        check(CreateThreadpoolWork(nullptr, this, nullptr) == nullptr,
              "no callback, but an object");
        break;
    case 1:
        bad.Version = 77;
        check(CreateThreadpoolTimer(&on_timer, this, &bad) == nullptr, "a bad version is accepted");
        break;
    case 2:
        bad.CallbackPriority = static_cast<TP_CALLBACK_PRIORITY>(what % 3 + 3);
        check(TrySubmitThreadpoolCallback(&on_simple, &simples_, &bad) == FALSE,
              "a bad priority is accepted");
        break;
    case 3:
        check(CreateThreadpool(this) == nullptr, "a reserved parameter is accepted");
        break;
    default:
        check(SetEvent(reinterpret_cast<HANDLE>(uintptr_t{what} * 4 + 0x7000)) == FALSE &&
                  GetLastError() == ERROR_INVALID_HANDLE,
              "a bad handle is accepted");
        return;
    }
    check(GetLastError() == ERROR_INVALID_PARAMETER, "the last error is another one");
}

void machine::step(program& from) {
    const uint8_t what = from.next();
    const size_t slot = from.next() % slots;
    const uint8_t detail = from.next();
    ++calls_;
    switch (what % 16) {
    case 0:
        unblock();
        break;
    case 1:
        step_group(detail);
        break;
    case 2:
        step_bad(detail);
        break;
    case 3:
    case 4:
        step_event(slot % 2, detail);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        step_timer(timers_[slot], what / 16, detail);
        break;
    case 9:
    case 10:
    case 11:
        step_wait(waits_[slot], what / 16, detail);
        break;
    case 12:
        step_io(ios_[slot], detail);
        break;
    case 13:
        step_simple();
        break;
    default:
        step_work(works_[slot], detail);
        break;
    }
}

void machine::step_simple() {
    check(TrySubmitThreadpoolCallback(&on_simple, &simples_, &environment_) != FALSE,
          "TrySubmitThreadpoolCallback failed");
    ++simples_.pending;
}

uint64_t machine::run(program& from) {
    while (!from.is_over() && difference_.empty()) {
        block();
        step(from);
    }
    unblock();
    step_group(1);
    unblock();
    return calls_;
}

} // namespace rp::fuzz
