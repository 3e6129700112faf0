// SPDX-License-Identifier: Apache-2.0
/* Slim reader/writer locks: W32-SRW-*. */
#include "tests/conformance/fixture.h"

TEST("W32-SRW-1", "a static initialiser and InitializeSRWLock make a free lock") {
    static SRWLOCK fixed = SRWLOCK_INIT;
    SRWLOCK made;
    memset(&made, 0xcc, sizeof made);
    InitializeSRWLock(&made);
    CHECK_EQ(sizeof(SRWLOCK), sizeof(void*));
    CHECK(!memcmp(&made, &fixed, sizeof made));
    CHECK(TryAcquireSRWLockExclusive(&fixed));
    CHECK(TryAcquireSRWLockExclusive(&made));
    ReleaseSRWLockExclusive(&fixed);
    ReleaseSRWLockExclusive(&made);
}

TEST("W32-SRW-2", "exclusive excludes both modes") {
    SRWLOCK lock = SRWLOCK_INIT;
    AcquireSRWLockExclusive(&lock);
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    CHECK(!TryAcquireSRWLockShared(&lock));
    ReleaseSRWLockExclusive(&lock);
    CHECK(TryAcquireSRWLockShared(&lock));
    ReleaseSRWLockShared(&lock);
}

TEST("W32-SRW-3", "shared admits readers and no writer") {
    SRWLOCK lock = SRWLOCK_INIT;
    AcquireSRWLockShared(&lock);
    CHECK(TryAcquireSRWLockShared(&lock));
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockShared(&lock);
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockShared(&lock);
    CHECK(TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockExclusive(&lock);
}

struct locked {
    SRWLOCK lock;
    HANDLE got, leave;
    counter inside, peak, writers;
    LONG plain[2];
};

static struct locked* locked_new(void) {
    struct locked* l = fresh(sizeof *l);
    InitializeSRWLock(&l->lock);
    l->got = CreateSemaphoreA(NULL, 0, 1000, NULL);
    l->leave = manual_event();
    return l;
}

static void locked_end(struct locked* l) {
    CloseHandle(l->got);
    CloseHandle(l->leave);
}

static void write_gated(void* argument) {
    struct locked* l = argument;
    AcquireSRWLockExclusive(&l->lock);
    ReleaseSemaphore(l->got, 1, NULL);
    CHECK(signaled(l->leave));
    ReleaseSRWLockExclusive(&l->lock);
}

static void read_gated(void* argument) {
    struct locked* l = argument;
    AcquireSRWLockShared(&l->lock);
    raise_peak(&l->peak, InterlockedIncrement(&l->inside));
    ReleaseSemaphore(l->got, 1, NULL);
    CHECK(signaled(l->leave));
    InterlockedDecrement(&l->inside);
    ReleaseSRWLockShared(&l->lock);
}

TEST("W32-SRW-2", "a writer waits for the writer, and gets in after the release") {
    struct locked* l = locked_new();
    AcquireSRWLockExclusive(&l->lock);
    struct helper* h = helper_start(write_gated, l);
    REQUIRE(signaled(h->started));
    CHECK(quiet(l->got));
    ReleaseSRWLockExclusive(&l->lock);
    CHECK(signaled(l->got));
    CHECK(!TryAcquireSRWLockShared(&l->lock));
    SetEvent(l->leave);
    REQUIRE(helper_join(h));
    locked_end(l);
}

TEST("W32-SRW-2", "a reader waits for the writer, and gets in after the release") {
    struct locked* l = locked_new();
    AcquireSRWLockExclusive(&l->lock);
    struct helper* h = helper_start(read_gated, l);
    REQUIRE(signaled(h->started));
    CHECK(quiet(l->got));
    ReleaseSRWLockExclusive(&l->lock);
    CHECK(signaled(l->got));
    CHECK(!TryAcquireSRWLockExclusive(&l->lock));
    SetEvent(l->leave);
    REQUIRE(helper_join(h));
    locked_end(l);
}

TEST("W32-SRW-3", "a writer waits for all readers") {
    struct locked* l = locked_new();
    AcquireSRWLockShared(&l->lock);
    AcquireSRWLockShared(&l->lock);
    struct helper* h = helper_start(write_gated, l);
    REQUIRE(signaled(h->started));
    ReleaseSRWLockShared(&l->lock);
    CHECK(quiet(l->got));
    ReleaseSRWLockShared(&l->lock);
    CHECK(signaled(l->got));
    SetEvent(l->leave);
    REQUIRE(helper_join(h));
    locked_end(l);
}

TEST("W32-SRW-3", "all readers that waited for a writer get in together") {
    struct locked* l = locked_new();
    struct helper* helpers[4];
    AcquireSRWLockExclusive(&l->lock);
    for (int i = 0; i < 4; i++) {
        helpers[i] = helper_start(read_gated, l);
        REQUIRE(signaled(helpers[i]->started));
    }
    CHECK(quiet(l->got));
    ReleaseSRWLockExclusive(&l->lock);
    CHECK(take(l->got, 4));
    CHECK_EQ(count(&l->peak), 4);
    SetEvent(l->leave);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    locked_end(l);
}

static void write_often(void* argument) {
    struct locked* l = argument;
    for (int i = 0; i < 5000; i++) {
        AcquireSRWLockExclusive(&l->lock);
        CHECK_EQ(InterlockedIncrement(&l->writers), 1);
        l->plain[0]++;
        l->plain[1]++;
        InterlockedDecrement(&l->writers);
        ReleaseSRWLockExclusive(&l->lock);
    }
}

static void read_often(void* argument) {
    struct locked* l = argument;
    for (int i = 0; i < 5000; i++) {
        AcquireSRWLockShared(&l->lock);
        CHECK_EQ(count(&l->writers), 0);
        CHECK_EQ(l->plain[0], l->plain[1]);
        ReleaseSRWLockShared(&l->lock);
    }
}

TEST("W32-SRW-4", "writers exclude each other and readers, under contention") {
    struct locked* l = locked_new();
    struct helper* helpers[4];
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(i % 2 ? read_often : write_often, l);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(l->plain[0], 10000);
    CHECK_EQ(l->plain[1], 10000);
    CHECK(TryAcquireSRWLockExclusive(&l->lock));
    locked_end(l);
}

static VOID CALLBACK lock_in_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct locked* l = context;
    (void)instance;
    (void)work;
    ReleaseSemaphore(l->got, 1, NULL);
    AcquireSRWLockExclusive(&l->lock);
    l->plain[0]++;
    ReleaseSRWLockExclusive(&l->lock);
}

TEST("W32-SRW-5", "callbacks that wait for a lock do not keep others from running") {
    struct probe* p = probe_new(0, 16);
    struct locked* l = locked_new();
    PTP_WORK blocked = CreateThreadpoolWork(lock_in_pool, l, &p->env);
    PTP_WORK other = CreateThreadpoolWork(work_count, p, &p->env);
    AcquireSRWLockExclusive(&l->lock);
    submit(blocked, 8);
    CHECK(take(l->got, 8));
    submit(other, 1);
    CHECK(signaled(p->done));
    ReleaseSRWLockExclusive(&l->lock);
    WaitForThreadpoolWorkCallbacks(blocked, FALSE);
    WaitForThreadpoolWorkCallbacks(other, FALSE);
    CHECK_EQ(l->plain[0], 8);
    CloseThreadpoolWork(blocked);
    CloseThreadpoolWork(other);
    probe_end(p);
    locked_end(l);
}
