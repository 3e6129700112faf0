// SPDX-License-Identifier: Apache-2.0
// Threads, timers and APCs under contention, through the public surface: nothing is lost, nothing
// happens twice, nobody sleeps for ever, nothing leaks.
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <vector>

using rp::test::limit_ms;

namespace {

HANDLE start(LPTHREAD_START_ROUTINE routine, void* argument) {
    const HANDLE thread = CreateThread(nullptr, 0, routine, argument, 0, nullptr);
    REQUIRE(thread != nullptr);
    return thread;
}

void join(HANDLE thread) {
    REQUIRE(WaitForSingleObject(thread, limit_ms) == WAIT_OBJECT_0);
    DWORD code = 1;
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(code == 0);
    CHECK(CloseHandle(thread));
}

LONG value_of(const LONG& shared) {
    // mo: relaxed, a snapshot; the ends of threads order what is asserted.
    return std::atomic_ref<LONG>(const_cast<LONG&>(shared)).load(std::memory_order_relaxed);
}

void add_one(LONG& shared) {
    // mo: relaxed, a counter.
    std::atomic_ref<LONG>(shared).fetch_add(1, std::memory_order_relaxed);
}

// --- APCs ----------------------------------------------------------------------------------------

struct apc_target {
    LONG calls = 0;
    LONG wrong_thread = 0;
    LONG alerted = 0;
    LONG last_of_poster[2] = {};
    LONG out_of_order = 0;
    LONG is_over = 0;
    DWORD id = 0;
    HANDLE semaphore = nullptr;
    HANDLE event = nullptr;
    LONG units_taken = 0;
    HANDLE thread = nullptr;
    LONG rounds = 0;
};

apc_target* target_of_apcs = nullptr;

// The data is the number of the call and, in the lowest bit, which poster it came from.
VOID CALLBACK note_apc(ULONG_PTR data) {
    apc_target& target = *target_of_apcs;
    const LONG number = static_cast<LONG>(data >> 1);
    LONG& last = target.last_of_poster[data & 1];
    if (number != last + 1) {
        ++target.out_of_order;
    }
    last = number;
    if (GetCurrentThreadId() != target.id) {
        ++target.wrong_thread;
    }
    add_one(target.calls);
}

DWORD WINAPI be_alerted(void* argument) {
    auto& target = *static_cast<apc_target*>(argument);
    rp::test::random_source random(rp::test::seed());
    const HANDLE set[] = {target.semaphore, target.event};
    while (value_of(target.calls) < 2 * target.rounds) {
        DWORD result = WAIT_FAILED;
        switch (random.below(5)) {
        case 0:
            result = SleepEx(static_cast<DWORD>(random.below(2)), TRUE);
            break;
        case 1:
            result = WaitForSingleObjectEx(target.semaphore, 1, TRUE);
            break;
        case 2:
            result = WaitForMultipleObjectsEx(2, set, FALSE, 1, TRUE);
            break;
        case 3:
            result = WaitForMultipleObjectsEx(2, set, TRUE, 0, TRUE);
            break;
        default:
            result = WaitForSingleObjectEx(target.semaphore, INFINITE, TRUE);
            break;
        }
        if (result == WAIT_FAILED) {
            return 1;
        }
        target.alerted += result == WAIT_IO_COMPLETION ? 1 : 0;
    }
    return 0;
}

struct apc_poster {
    apc_target* target;
    ULONG_PTR which;
};

DWORD WINAPI post_apcs(void* argument) {
    const apc_poster& poster = *static_cast<apc_poster*>(argument);
    for (LONG i = 1; i <= poster.target->rounds; ++i) {
        const ULONG_PTR data = static_cast<ULONG_PTR>(i) << 1 | poster.which;
        if (QueueUserAPC(note_apc, poster.target->thread, data) == 0) {
            return 1;
        }
        if (i % 16 == 0 && !ReleaseSemaphore(poster.target->semaphore, 1, nullptr)) {
            return 2;
        }
    }
    return 0;
}

TEST_CASE(
    "APCs from two threads to one in all kinds of alertable waits: each runs once, in order") {
    apc_target target;
    target.rounds = static_cast<LONG>(rp::test::scaled(50'000));
    target.semaphore = CreateSemaphoreA(nullptr, 0, 1 << 30, nullptr);
    target.event = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    target_of_apcs = &target;
    target.thread = start(be_alerted, &target);
    target.id = GetThreadId(target.thread);
    std::array<apc_poster, 2> posters{{{&target, 0}, {&target, 1}}};
    std::array<HANDLE, 2> threads{};
    for (size_t i = 0; i < 2; ++i) {
        threads[i] = start(post_apcs, &posters[i]);
    }
    join(threads[0]);
    join(threads[1]);
    join(target.thread);
    CHECK(target.calls == 2 * target.rounds);
    CHECK(target.wrong_thread == 0);
    CHECK(target.out_of_order == 0);
    CHECK(target.alerted > 0);
    CloseHandle(target.semaphore);
    CloseHandle(target.event);
}

VOID CALLBACK count_apc(ULONG_PTR data) {
    add_one(*reinterpret_cast<LONG*>(data));
}

DWORD WINAPI wait_once_alertably(void* argument) {
    // Whatever comes first; an APC that comes too late for this wait is never run.
    const DWORD result = WaitForSingleObjectEx(argument, limit_ms, TRUE);
    return result == WAIT_OBJECT_0 || result == WAIT_IO_COMPLETION ? 0 : 1;
}

TEST_CASE("an APC races with the signal of the object, and with the end of the thread") {
    const uint32_t rounds = rp::test::scaled(3'000);
    LONG calls = 0;
    LONG posted = 0;
    for (uint32_t i = 0; i < rounds; ++i) {
        const HANDLE event = CreateEventA(nullptr, FALSE, FALSE, nullptr);
        const HANDLE thread = start(wait_once_alertably, event);
        if (i % 2 == 0) {
            SetEvent(event);
        }
        posted += QueueUserAPC(count_apc, thread, reinterpret_cast<ULONG_PTR>(&calls)) != 0 ? 1 : 0;
        if (i % 2 != 0) {
            SetEvent(event);
        }
        join(thread);
        CloseHandle(event);
    }
    CHECK(calls <= posted);
    CHECK(calls > 0);
}

// --- timers --------------------------------------------------------------------------------------

struct timer_game {
    HANDLE timer = nullptr;
    HANDLE taken = nullptr;
    uint32_t rounds = 0;
    LONG is_over = 0;
    LONG apcs = 0;
    HANDLE other = nullptr;
};

LARGE_INTEGER after_ns(int64_t ns) {
    LARGE_INTEGER due;
    due.QuadPart = -(ns / 100);
    return due;
}

constexpr int64_t hour_ns = 3'600'000'000'000;

DWORD WINAPI take_expiries(void* argument) {
    auto& game = *static_cast<timer_game*>(argument);
    const HANDLE set[] = {game.other, game.timer};
    for (uint32_t i = 0; i < game.rounds; ++i) {
        const DWORD result = i % 2 == 0 ? WaitForSingleObject(game.timer, limit_ms)
                                        : WaitForMultipleObjects(2, set, FALSE, limit_ms) - 1;
        if (result != WAIT_OBJECT_0 || !ReleaseSemaphore(game.taken, 1, nullptr)) {
            return 1;
        }
    }
    return 0;
}

TEST_CASE("a timer set near while somebody sleeps until far releases exactly one wait") {
    timer_game game;
    game.rounds = rp::test::scaled(10'000);
    game.timer = CreateWaitableTimerA(nullptr, FALSE, nullptr);
    game.other = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    game.taken = CreateSemaphoreA(nullptr, 0, 1 << 30, nullptr);
    const HANDLE thread = start(take_expiries, &game);
    rp::test::random_source random(rp::test::seed());
    for (uint32_t i = 0; i < game.rounds; ++i) {
        const LARGE_INTEGER far = after_ns(hour_ns);
        CHECK(SetWaitableTimer(game.timer, &far, 0, nullptr, nullptr, FALSE));
        for (uint64_t spin = random.below(400); spin > 0; --spin) {
            YieldProcessor();
        }
        const LARGE_INTEGER near = after_ns(static_cast<int64_t>(random.below(30'000)));
        CHECK(SetWaitableTimer(game.timer, &near, 0, nullptr, nullptr, FALSE));
        REQUIRE(WaitForSingleObject(game.taken, limit_ms) == WAIT_OBJECT_0);
    }
    join(thread);
    CHECK(WaitForSingleObject(game.timer, 0) == WAIT_TIMEOUT);
    CloseHandle(game.timer);
    CloseHandle(game.other);
    CloseHandle(game.taken);
}

VOID CALLBACK count_timer(LPVOID argument, DWORD /*low*/, DWORD /*high*/) {
    add_one(static_cast<timer_game*>(argument)->apcs);
}

DWORD WINAPI set_and_cancel(void* argument) {
    auto& game = *static_cast<timer_game*>(argument);
    rp::test::random_source random(rp::test::seed() + GetCurrentThreadId());
    for (uint32_t i = 0; i < game.rounds; ++i) {
        const LARGE_INTEGER due = after_ns(static_cast<int64_t>(random.below(20'000)));
        BOOL is_ok = TRUE;
        switch (random.below(6)) {
        case 0:
            is_ok = CancelWaitableTimer(game.timer);
            break;
        case 1:
            is_ok = SetWaitableTimer(game.timer, &due, 1, nullptr, nullptr, FALSE);
            break;
        case 2:
        case 3: {
            const LONG period = static_cast<LONG>(random.below(2));
            is_ok = SetWaitableTimer(game.timer, &due, period, count_timer, &game, FALSE);
            break;
        }
        default:
            is_ok = SleepEx(static_cast<DWORD>(random.below(2)), TRUE) != WAIT_FAILED;
            break;
        }
        if (!is_ok) {
            return 1;
        }
    }
    return 0;
}

DWORD WINAPI poll_until_over(void* argument) {
    auto& game = *static_cast<timer_game*>(argument);
    while (value_of(game.is_over) == 0) {
        const DWORD result = WaitForSingleObjectEx(game.timer, 1, TRUE);
        if (result != WAIT_OBJECT_0 && result != WAIT_TIMEOUT) {
            return 1;
        }
    }
    return 0;
}

TEST_CASE("three threads set, cancel and wait for one timer with completion routines") {
    timer_game game;
    game.rounds = rp::test::scaled(4'000);
    game.timer = CreateWaitableTimerA(nullptr, FALSE, nullptr);
    const std::array setters{start(set_and_cancel, &game), start(set_and_cancel, &game)};
    const HANDLE poller = start(poll_until_over, &game);
    for (const HANDLE setter : setters) {
        join(setter);
    }
    add_one(game.is_over);
    join(poller);
    CHECK(CancelWaitableTimer(game.timer));
    WaitForSingleObject(game.timer, 0);
    const LONG calls = game.apcs;
    CHECK(calls > 0);
    CHECK(SleepEx(5, TRUE) == 0);
    CHECK(game.apcs == calls); // the setters have ended, so nobody runs any more
    CHECK(CloseHandle(game.timer));
}

// --- threads -------------------------------------------------------------------------------------

DWORD WINAPI do_nothing(void* argument) {
    if (argument != nullptr) {
        WaitForSingleObject(argument, limit_ms); // a mutex to leave abandoned
    }
    return 0;
}

struct opener {
    LONG id = 0;
    LONG is_over = 0;
    LONG opened = 0;
};

DWORD WINAPI open_again_and_again(void* argument) {
    auto& game = *static_cast<opener*>(argument);
    while (value_of(game.is_over) == 0) {
        const HANDLE thread = OpenThread(SYNCHRONIZE, FALSE, static_cast<DWORD>(value_of(game.id)));
        if (thread == nullptr) {
            continue;
        }
        HANDLE other = nullptr;
        if (!DuplicateHandle(GetCurrentProcess(),
                             thread,
                             GetCurrentProcess(),
                             &other,
                             0,
                             FALSE,
                             DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS) ||
            WaitForSingleObject(other, limit_ms) != WAIT_OBJECT_0 || !CloseHandle(other)) {
            return 1;
        }
        add_one(game.opened);
    }
    return 0;
}

TEST_CASE("threads come and go while others open, duplicate, wait for and close their handles") {
    const uint32_t rounds = rp::test::scaled(4'000);
    const HANDLE mutex = CreateMutexA(nullptr, FALSE, nullptr);
    opener game;
    const std::array openers{start(open_again_and_again, &game),
                             start(open_again_and_again, &game)};
    for (uint32_t i = 0; i < rounds; ++i) {
        DWORD id = 0;
        const bool has_mutex = i % 4 == 0;
        const HANDLE thread =
            CreateThread(nullptr, 0, do_nothing, has_mutex ? mutex : nullptr, 0, &id);
        REQUIRE(thread != nullptr);
        // mo: relaxed, a hint whose thread to look for.
        std::atomic_ref<LONG>(game.id).store(static_cast<LONG>(id), std::memory_order_relaxed);
        if (has_mutex) {
            join(thread);
            CHECK(WaitForSingleObject(mutex, 0) == WAIT_ABANDONED);
            CHECK(ReleaseMutex(mutex));
        } else if (i % 4 == 1) {
            CHECK(CloseHandle(thread)); // it goes on by itself
        } else {
            join(thread);
        }
    }
    add_one(game.is_over);
    for (const HANDLE one : openers) {
        join(one);
    }
    CHECK(game.opened > 0);
    CHECK(CloseHandle(mutex));
}

struct duplicate_race {
    HANDLE semaphore = nullptr;
    HANDLE handles[2] = {};
    LONG is_over = 0;
    LONG copies = 0;
};

DWORD WINAPI duplicate_again_and_again(void* argument) {
    auto& race = *static_cast<duplicate_race*>(argument);
    while (value_of(race.is_over) == 0) {
        HANDLE copy = nullptr;
        // mo: acquire, pairs stress.handle (below).
        const HANDLE source =
            std::atomic_ref<HANDLE>(race.handles[0]).load(std::memory_order_acquire);
        if (DuplicateHandle(GetCurrentProcess(),
                            source,
                            GetCurrentProcess(),
                            &copy,
                            0,
                            FALSE,
                            DUPLICATE_SAME_ACCESS)) {
            add_one(race.copies);
            if (!SetEvent(copy) || !CloseHandle(copy)) {
                return 1;
            }
        } else if (GetLastError() != ERROR_INVALID_HANDLE) {
            return 2;
        }
    }
    return 0;
}

TEST_CASE("DuplicateHandle races with the last CloseHandle: a good copy, or error 6") {
    const uint32_t rounds = rp::test::scaled(50'000);
    duplicate_race race;
    race.handles[0] = CreateEventA(nullptr, TRUE, FALSE, "kernel_stress_test");
    const std::array copiers{start(duplicate_again_and_again, &race),
                             start(duplicate_again_and_again, &race)};
    for (uint32_t i = 0; i < rounds; ++i) {
        const HANDLE old = race.handles[0];
        CHECK(CloseHandle(old));
        const HANDLE made = CreateEventA(nullptr, TRUE, FALSE, "kernel_stress_test");
        REQUIRE(made != nullptr);
        // mo: release, pairs stress.handle (duplicate_again_and_again).
        std::atomic_ref<HANDLE>(race.handles[0]).store(made, std::memory_order_release);
    }
    add_one(race.is_over);
    for (const HANDLE one : copiers) {
        join(one);
    }
    CHECK(race.copies > 0);
    CHECK(CloseHandle(race.handles[0]));
    CHECK(OpenEventA(EVENT_ALL_ACCESS, FALSE, "kernel_stress_test") == nullptr);
}

// --- operations with completion routines ---------------------------------------------------------

struct file_game;

struct file_op {
    OVERLAPPED overlapped{};
    file_game* game = nullptr;
    bool is_busy = false;
    char byte = 0;
};

struct file_game {
    HANDLE file = nullptr;
    std::array<file_op, 8> ops;
    LONG rounds = 0;
    LONG is_over = 0;
    LONG ended = 0;
    LONG cancelled = 0;
};

VOID CALLBACK end_op(DWORD error, DWORD bytes, LPOVERLAPPED overlapped) {
    auto* op = reinterpret_cast<file_op*>(overlapped);
    op->is_busy = false;
    ++op->game->ended;
    if (error != ERROR_SUCCESS || bytes != 1) {
        ++op->game->cancelled;
    }
}

DWORD WINAPI read_with_routines(void* argument) {
    auto& game = *static_cast<file_game*>(argument);
    LONG issued = 0;
    while (issued < game.rounds) {
        for (file_op& op : game.ops) {
            if (!op.is_busy && issued < game.rounds) {
                op.overlapped = {};
                op.game = &game;
                op.is_busy = true;
                if (!ReadFileEx(game.file, &op.byte, 1, &op.overlapped, end_op)) {
                    return 1;
                }
                ++issued;
            }
        }
        if (SleepEx(limit_ms, TRUE) != WAIT_IO_COMPLETION) {
            return 2;
        }
    }
    // Half of the games end with operations in flight, which the thread's end awaits.
    while (game.rounds % 2 == 0 && game.ended < issued) {
        if (SleepEx(limit_ms, TRUE) != WAIT_IO_COMPLETION) {
            return 3;
        }
    }
    return 0;
}

DWORD WINAPI cancel_again_and_again(void* argument) {
    auto& game = *static_cast<file_game*>(argument);
    while (value_of(game.is_over) == 0) {
        CancelIoEx(game.file, nullptr);
        SwitchToThread();
    }
    return 0;
}

TEST_CASE("ReadFileEx races with cancelling, and with the end of its thread") {
    const char* const name = "/dev/zero";
    const HANDLE file = CreateFileA(
        name, GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, nullptr);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    for (LONG i = 0; i < 20; ++i) {
        file_game game;
        game.file = file;
        game.rounds = static_cast<LONG>(rp::test::scaled(400)) + i;
        const HANDLE reader = start(read_with_routines, &game);
        const HANDLE canceller = start(cancel_again_and_again, &game);
        join(reader);
        add_one(game.is_over);
        join(canceller);
        CHECK((game.rounds % 2 != 0 || game.ended == game.rounds));
    }
    CHECK(CloseHandle(file));
}

} // namespace
