// SPDX-License-Identifier: Apache-2.0
/* Condition variables (W32-CV-*) and waiting on an address (W32-ADDR-*). */
#include "tests/conformance/fixture.h"

struct meeting {
    CONDITION_VARIABLE changed;
    CRITICAL_SECTION section;
    SRWLOCK lock;
    HANDLE through; /* semaphore: one unit for each sleeper that returned */
    LONG tokens;    /* guard: section or lock */
    counter sleeping;
    int is_shared;
};

static struct meeting* meeting_new(void) {
    struct meeting* m = fresh(sizeof *m);
    InitializeConditionVariable(&m->changed);
    InitializeCriticalSection(&m->section);
    InitializeSRWLock(&m->lock);
    m->through = CreateSemaphoreA(NULL, 0, 1000, NULL);
    return m;
}

static void meeting_end(struct meeting* m) {
    DeleteCriticalSection(&m->section);
    CloseHandle(m->through);
}

TEST("W32-CV-1", "a static initialiser and InitializeConditionVariable agree") {
    static CONDITION_VARIABLE fixed = CONDITION_VARIABLE_INIT;
    CONDITION_VARIABLE made;
    memset(&made, 0xcc, sizeof made);
    InitializeConditionVariable(&made);
    CHECK_EQ(sizeof made, sizeof(void*));
    CHECK(!memcmp(&made, &fixed, sizeof made));
}

TEST("W32-CV-2", "a time-out gives FALSE and ERROR_TIMEOUT, with the section held") {
    struct meeting* m = meeting_new();
    EnterCriticalSection(&m->section);
    CHECK_FAILS(SleepConditionVariableCS(&m->changed, &m->section, 0), ERROR_TIMEOUT);
    CHECK_FAILS(SleepConditionVariableCS(&m->changed, &m->section, 10), ERROR_TIMEOUT);
    CHECK_EQ(m->section.RecursionCount, 1);
    LeaveCriticalSection(&m->section);
    meeting_end(m);
}

TEST("W32-CV-2", "a time-out with a slim lock leaves it held as before") {
    struct meeting* m = meeting_new();
    AcquireSRWLockExclusive(&m->lock);
    CHECK_FAILS(SleepConditionVariableSRW(&m->changed, &m->lock, 10, 0), ERROR_TIMEOUT);
    CHECK(!TryAcquireSRWLockShared(&m->lock));
    ReleaseSRWLockExclusive(&m->lock);
    AcquireSRWLockShared(&m->lock);
    CHECK_FAILS(
        SleepConditionVariableSRW(&m->changed, &m->lock, 10, CONDITION_VARIABLE_LOCKMODE_SHARED),
        ERROR_TIMEOUT);
    CHECK(TryAcquireSRWLockShared(&m->lock));
    CHECK(!TryAcquireSRWLockExclusive(&m->lock));
    ReleaseSRWLockShared(&m->lock);
    ReleaseSRWLockShared(&m->lock);
    meeting_end(m);
}

TEST("W32-CV-3", "a wake that finds nobody asleep is not remembered") {
    struct meeting* m = meeting_new();
    WakeConditionVariable(&m->changed);
    WakeAllConditionVariable(&m->changed);
    EnterCriticalSection(&m->section);
    CHECK_FAILS(SleepConditionVariableCS(&m->changed, &m->section, 10), ERROR_TIMEOUT);
    LeaveCriticalSection(&m->section);
    meeting_end(m);
}

static void take_token_cs(void* argument) {
    struct meeting* m = argument;
    EnterCriticalSection(&m->section);
    InterlockedIncrement(&m->sleeping);
    while (m->tokens == 0)
        CHECK(SleepConditionVariableCS(&m->changed, &m->section, INFINITE));
    m->tokens--;
    InterlockedDecrement(&m->sleeping);
    LeaveCriticalSection(&m->section);
    ReleaseSemaphore(m->through, 1, NULL);
}

/* The sleepers count themselves under the lock that only their sleep gives up. */
static void await_sleepers_cs(struct meeting* m, LONG number) {
    for (int all = 0; !all; Sleep(0)) {
        EnterCriticalSection(&m->section);
        all = count(&m->sleeping) == number;
        LeaveCriticalSection(&m->section);
    }
}

TEST("W32-CV-4", "WakeConditionVariable lets one sleeper go on") {
    struct meeting* m = meeting_new();
    struct helper* helpers[3];
    for (int i = 0; i < 3; i++)
        helpers[i] = helper_start(take_token_cs, m);
    await_sleepers_cs(m, 3);
    for (int i = 0; i < 3; i++) {
        EnterCriticalSection(&m->section);
        m->tokens++;
        LeaveCriticalSection(&m->section);
        WakeConditionVariable(&m->changed);
        CHECK(signaled(m->through));
    }
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    meeting_end(m);
}

TEST("W32-CV-5", "WakeAllConditionVariable lets all sleepers go on") {
    struct meeting* m = meeting_new();
    struct helper* helpers[4];
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(take_token_cs, m);
    await_sleepers_cs(m, 4);
    EnterCriticalSection(&m->section);
    m->tokens = 4;
    WakeAllConditionVariable(&m->changed);
    CHECK(quiet(m->through)); /* none gets past before the section is left */
    LeaveCriticalSection(&m->section);
    CHECK(take(m->through, 4));
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    meeting_end(m);
}

static void take_token_srw(void* argument) {
    struct meeting* m = argument;
    ULONG mode = m->is_shared ? CONDITION_VARIABLE_LOCKMODE_SHARED : 0;
    if (m->is_shared)
        AcquireSRWLockShared(&m->lock);
    else
        AcquireSRWLockExclusive(&m->lock);
    InterlockedIncrement(&m->sleeping);
    while (m->tokens == 0)
        CHECK(SleepConditionVariableSRW(&m->changed, &m->lock, INFINITE, mode));
    if (m->is_shared)
        ReleaseSRWLockShared(&m->lock);
    else
        ReleaseSRWLockExclusive(&m->lock);
    ReleaseSemaphore(m->through, 1, NULL);
}

static void wake_through_srw(int is_shared) {
    struct meeting* m = meeting_new();
    struct helper* helpers[3];
    m->is_shared = is_shared;
    for (int i = 0; i < 3; i++)
        helpers[i] = helper_start(take_token_srw, m);
    for (int all = 0; !all; Sleep(0)) {
        AcquireSRWLockExclusive(&m->lock);
        all = count(&m->sleeping) == 3;
        ReleaseSRWLockExclusive(&m->lock);
    }
    AcquireSRWLockExclusive(&m->lock);
    m->tokens = 1;
    ReleaseSRWLockExclusive(&m->lock);
    WakeAllConditionVariable(&m->changed);
    CHECK(take(m->through, 3));
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    meeting_end(m);
}

TEST("W32-CV-6", "sleeping with a slim lock held exclusively") {
    wake_through_srw(0);
}

TEST("W32-CV-6", "sleeping with a slim lock held shared") {
    wake_through_srw(1);
}

struct queue {
    CRITICAL_SECTION section;
    CONDITION_VARIABLE not_empty, not_full;
    LONG items[4];
    int size;
    LONGLONG sum;
};

#define ITEMS 3000

static void produce(void* argument) {
    struct queue* q = argument;
    for (LONG i = 1; i <= ITEMS; i++) {
        EnterCriticalSection(&q->section);
        while (q->size == 4)
            SleepConditionVariableCS(&q->not_full, &q->section, INFINITE);
        q->items[q->size++] = i;
        LeaveCriticalSection(&q->section);
        WakeConditionVariable(&q->not_empty);
    }
}

static void consume(void* argument) {
    struct queue* q = argument;
    for (LONG i = 1; i <= ITEMS; i++) {
        EnterCriticalSection(&q->section);
        while (q->size == 0)
            SleepConditionVariableCS(&q->not_empty, &q->section, INFINITE);
        q->sum += q->items[--q->size];
        LeaveCriticalSection(&q->section);
        WakeConditionVariable(&q->not_full);
    }
}

TEST("W32-CV-7", "a bounded queue between two producers and two consumers loses nothing") {
    struct queue* q = fresh(sizeof *q);
    struct helper* helpers[4];
    InitializeCriticalSection(&q->section);
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(i % 2 ? produce : consume, q);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(q->sum, (LONGLONG)ITEMS * (ITEMS + 1));
    CHECK_EQ(q->size, 0);
    DeleteCriticalSection(&q->section);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

TEST("W32-ADDR-1", "a value that differs already does not wait") {
    BYTE a = 1, b = 2;
    SHORT c = 1, d = 2;
    LONG e = 1, f = 2;
    LONG64 g = 1, h = (LONG64)1 << 32 | 1;
    CHECK(WaitOnAddress(&a, &b, 1, INFINITE));
    CHECK(WaitOnAddress(&c, &d, 2, INFINITE));
    CHECK(WaitOnAddress(&e, &f, 4, INFINITE));
    CHECK(WaitOnAddress(&g, &h, 8, INFINITE));
}

TEST("W32-ADDR-2", "a time-out gives FALSE and ERROR_TIMEOUT for every size") {
    LONG64 value = 7, compare = 7;
    for (SIZE_T size = 1; size <= 8; size *= 2) {
        CHECK_FAILS(WaitOnAddress(&value, &compare, size, 0), ERROR_TIMEOUT);
        CHECK_FAILS(WaitOnAddress(&value, &compare, size, 10), ERROR_TIMEOUT);
    }
}

TEST("W32-ADDR-2", "only the bytes of the given size are compared") {
    LONG64 value = 0x100000005, compare = 0x200000005;
    CHECK_FAILS(WaitOnAddress(&value, &compare, 4, 10), ERROR_TIMEOUT);
    CHECK(WaitOnAddress(&value, &compare, 8, 10));
}

TEST("W32-ADDR-3", "other sizes are an invalid parameter") {
    LONG64 value = 7, compare = 7;
    static const SIZE_T sizes[] = {0, 3, 5, 6, 7, 9, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK_FAILS(WaitOnAddress(&value, &compare, sizes[i], 10), ERROR_INVALID_PARAMETER);
}

struct place {
    LONG value;
    SHORT narrow;
    HANDLE through;
};

static void await_change(void* argument) {
    struct place* p = argument;
    LONG zero = 0;
    while (InterlockedCompareExchange(&p->value, 0, 0) == 0)
        CHECK(WaitOnAddress(&p->value, &zero, sizeof zero, INFINITE));
    ReleaseSemaphore(p->through, 1, NULL);
}

TEST("W32-ADDR-4", "WakeByAddressAll lets all waiters see the new value") {
    struct place* p = fresh(sizeof *p);
    struct helper* helpers[4];
    p->through = CreateSemaphoreA(NULL, 0, 10, NULL);
    for (int i = 0; i < 4; i++) {
        helpers[i] = helper_start(await_change, p);
        REQUIRE(signaled(helpers[i]->started));
    }
    CHECK(quiet(p->through));
    InterlockedExchange(&p->value, 1);
    WakeByAddressAll(&p->value);
    CHECK(take(p->through, 4));
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CloseHandle(p->through);
}

TEST("W32-ADDR-5", "one WakeByAddressSingle for each waiter is enough") {
    struct place* p = fresh(sizeof *p);
    struct helper* helpers[3];
    p->through = CreateSemaphoreA(NULL, 0, 10, NULL);
    for (int i = 0; i < 3; i++) {
        helpers[i] = helper_start(await_change, p);
        REQUIRE(signaled(helpers[i]->started));
    }
    InterlockedExchange(&p->value, 1);
    for (int i = 0; i < 3; i++)
        WakeByAddressSingle(&p->value);
    CHECK(take(p->through, 3));
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    CloseHandle(p->through);
}

TEST("W32-ADDR-5", "a wake by another address wakes nobody") {
    struct place* p = fresh(sizeof *p);
    p->through = CreateSemaphoreA(NULL, 0, 10, NULL);
    struct helper* h = helper_start(await_change, p);
    REQUIRE(signaled(h->started));
    CHECK(quiet(p->through));
    WakeByAddressAll(&p->narrow);
    WakeByAddressSingle(p);
    CHECK(quiet(p->through));
    InterlockedExchange(&p->value, 1);
    WakeByAddressSingle(&p->value);
    CHECK(signaled(p->through));
    REQUIRE(helper_join(h));
    CloseHandle(p->through);
}

static void pass_turns(struct place* p, LONG mine) {
    for (LONG turn = mine; turn < 4000; turn += 2) {
        for (;;) {
            LONG seen = InterlockedCompareExchange(&p->value, 0, 0);
            if (seen == turn)
                break;
            WaitOnAddress(&p->value, &seen, sizeof seen, INFINITE);
        }
        InterlockedExchange(&p->value, turn + 1);
        WakeByAddressSingle(&p->value);
    }
}

static void pass_odd_turns(void* argument) {
    pass_turns(argument, 1);
}

TEST("W32-ADDR-6", "two threads that take turns never lose a wake") {
    struct place* p = fresh(sizeof *p);
    struct helper* h = helper_start(pass_odd_turns, p);
    pass_turns(p, 0);
    REQUIRE(helper_join(h));
    CHECK_EQ(p->value, 4000);
}
