// SPDX-License-Identifier: Apache-2.0
/* Events, semaphores, mutexes, critical sections and the wait functions: R-SYNC-*. */
#include "tests/conformance/fixture.h"

#define POLL(handle) WaitForSingleObject(handle, 0)

TEST("R-SYNC-1", "an auto-reset event is consumed by one wait") {
    HANDLE e = auto_event();
    REQUIRE(e != NULL);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK(SetEvent(e));
    CHECK_EQ(POLL(e), WAIT_OBJECT_0);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK(CloseHandle(e));
}

TEST("R-SYNC-1", "several SetEvent calls coalesce") {
    HANDLE e = auto_event();
    for (int i = 0; i < 3; i++)
        CHECK(SetEvent(e));
    CHECK_EQ(POLL(e), WAIT_OBJECT_0);
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK(CloseHandle(e));
}

TEST("R-SYNC-1", "a manual-reset event stays signaled until ResetEvent") {
    HANDLE e = manual_event();
    CHECK(SetEvent(e));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(POLL(e), WAIT_OBJECT_0);
    CHECK(ResetEvent(e));
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CHECK(CloseHandle(e));
}

TEST("R-SYNC-1", "the initial state") {
    HANDLE a = CreateEventA(NULL, TRUE, TRUE, NULL), b = CreateEventW(NULL, FALSE, TRUE, NULL);
    REQUIRE(a && b);
    CHECK_EQ(POLL(a), WAIT_OBJECT_0);
    CHECK_EQ(POLL(a), WAIT_OBJECT_0);
    CHECK_EQ(POLL(b), WAIT_OBJECT_0);
    CHECK_EQ(POLL(b), WAIT_TIMEOUT);
    CloseHandle(a);
    CloseHandle(b);
}

TEST("R-SYNC-1", "ResetEvent makes an auto-reset event nonsignaled") {
    HANDLE e = CreateEventA(NULL, FALSE, TRUE, NULL);
    CHECK(ResetEvent(e));
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CloseHandle(e);
}

struct waiting {
    HANDLE object;
    HANDLE through; /* semaphore */
    counter result;
};

static void wait_once(void* argument) {
    struct waiting* w = argument;
    InterlockedExchange(&w->result, (LONG)WaitForSingleObject(w->object, WAIT_LIMIT_MS));
    ReleaseSemaphore(w->through, 1, NULL);
}

TEST("R-SYNC-1", "one SetEvent of an auto-reset event releases one waiter") {
    HANDLE e = auto_event(), through = CreateSemaphoreA(NULL, 0, 10, NULL);
    struct waiting* w = fresh(3 * sizeof *w);
    struct helper* helpers[3];
    for (int i = 0; i < 3; i++) {
        w[i].object = e;
        w[i].through = through;
        helpers[i] = helper_start(wait_once, &w[i]);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(SetEvent(e));
        CHECK(signaled(through));
        CHECK(quiet(through));
    }
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(POLL(e), WAIT_TIMEOUT);
    CloseHandle(e);
    CloseHandle(through);
}

TEST("R-SYNC-1", "SetEvent of a manual-reset event releases all waiters") {
    HANDLE e = manual_event(), through = CreateSemaphoreA(NULL, 0, 10, NULL);
    struct waiting* w = fresh(4 * sizeof *w);
    struct helper* helpers[4];
    for (int i = 0; i < 4; i++) {
        w[i].object = e;
        w[i].through = through;
        helpers[i] = helper_start(wait_once, &w[i]);
        REQUIRE(signaled(helpers[i]->started));
    }
    CHECK(SetEvent(e));
    CHECK(take(through, 4));
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CloseHandle(e);
    CloseHandle(through);
}

TEST("R-SYNC-1", "bad handles give FALSE and ERROR_INVALID_HANDLE") {
    HANDLE e = manual_event();
    CHECK(CloseHandle(e));
    CHECK_FAILS(SetEvent(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ResetEvent(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetEvent(NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ResetEvent(NULL), ERROR_INVALID_HANDLE);
}

TEST("R-SYNC-2", "a wait takes one unit of a semaphore") {
    HANDLE s = CreateSemaphoreA(NULL, 2, 5, NULL);
    REQUIRE(s != NULL);
    CHECK_EQ(POLL(s), WAIT_OBJECT_0);
    CHECK_EQ(POLL(s), WAIT_OBJECT_0);
    CHECK_EQ(POLL(s), WAIT_TIMEOUT);
    CHECK(ReleaseSemaphore(s, 3, NULL));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(POLL(s), WAIT_OBJECT_0);
    CHECK_EQ(POLL(s), WAIT_TIMEOUT);
    CloseHandle(s);
}

TEST("R-SYNC-2", "ReleaseSemaphore reports the previous count") {
    HANDLE s = CreateSemaphoreW(NULL, 1, 10, NULL);
    LONG previous = -1;
    CHECK(ReleaseSemaphore(s, 4, &previous));
    CHECK_EQ(previous, 1);
    CHECK(ReleaseSemaphore(s, 1, &previous));
    CHECK_EQ(previous, 5);
    CloseHandle(s);
}

TEST("R-SYNC-2", "exceeding the maximum fails and leaves the count") {
    HANDLE s = CreateSemaphoreA(NULL, 2, 3, NULL);
    LONG previous = -1;
    CHECK_FAILS(ReleaseSemaphore(s, 2, NULL), ERROR_TOO_MANY_POSTS);
    CHECK_FAILS(ReleaseSemaphore(s, 0x7fffffff, NULL), ERROR_TOO_MANY_POSTS);
    CHECK(ReleaseSemaphore(s, 1, &previous));
    CHECK_EQ(previous, 2);
    CloseHandle(s);
}

TEST("R-SYNC-2", "impossible counts are refused") {
    CHECK_FAILS(CreateSemaphoreA(NULL, -1, 5, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 6, 5, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 0, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 0, -1, NULL), ERROR_INVALID_PARAMETER);
    HANDLE s = CreateSemaphoreA(NULL, 0, 5, NULL);
    SetLastError(0);
    CHECK(!ReleaseSemaphore(s, -1, NULL));
    CHECK(GetLastError() != 0);
    CHECK_FAILS(ReleaseSemaphore(NULL, 1, NULL), ERROR_INVALID_HANDLE);
    CloseHandle(s);
}

TEST("R-SYNC-3", "a mutex is recursive and owned") {
    HANDLE m = CreateMutexA(NULL, FALSE, NULL);
    REQUIRE(m != NULL);
    CHECK_EQ(POLL(m), WAIT_OBJECT_0);
    CHECK_EQ(POLL(m), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(m));
    CHECK(ReleaseMutex(m));
    CHECK_FAILS(ReleaseMutex(m), ERROR_NOT_OWNER);
    CloseHandle(m);
}

TEST("R-SYNC-3", "the creator may own the mutex from the start") {
    HANDLE m = CreateMutexW(NULL, TRUE, NULL);
    CHECK(ReleaseMutex(m));
    CHECK_FAILS(ReleaseMutex(m), ERROR_NOT_OWNER);
    CloseHandle(m);
}

struct intruder {
    HANDLE mutex;
    counter wait, released, error;
};

static void intrude(void* argument) {
    struct intruder* i = argument;
    InterlockedExchange(&i->wait, (LONG)POLL(i->mutex));
    SetLastError(0);
    InterlockedExchange(&i->released, ReleaseMutex(i->mutex));
    InterlockedExchange(&i->error, (LONG)GetLastError());
}

TEST("R-SYNC-3", "another thread can neither take nor release an owned mutex") {
    struct intruder* i = fresh(sizeof *i);
    i->mutex = CreateMutexA(NULL, TRUE, NULL);
    REQUIRE(helper_join(helper_start(intrude, i)));
    CHECK_EQ(count(&i->wait), WAIT_TIMEOUT);
    CHECK_EQ(count(&i->released), FALSE);
    CHECK_EQ(count(&i->error), ERROR_NOT_OWNER);
    CHECK(ReleaseMutex(i->mutex));
    REQUIRE(helper_join(helper_start(intrude, i)));
    CHECK_EQ(count(&i->wait), WAIT_OBJECT_0);
    CHECK_EQ(count(&i->released), TRUE);
    CloseHandle(i->mutex);
}

struct exclusion {
    HANDLE mutex;
    CRITICAL_SECTION section;
    int plain;
};

static void add_under_mutex(void* argument) {
    struct exclusion* x = argument;
    for (int i = 0; i < 2000; i++) {
        CHECK(signaled(x->mutex));
        x->plain++;
        CHECK(ReleaseMutex(x->mutex));
    }
}

TEST("R-SYNC-3", "a mutex excludes") {
    struct exclusion* x = fresh(sizeof *x);
    struct helper* helpers[3];
    x->mutex = CreateMutexA(NULL, FALSE, NULL);
    for (int i = 0; i < 3; i++)
        helpers[i] = helper_start(add_under_mutex, x);
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(x->plain, 6000);
    CloseHandle(x->mutex);
}

TEST("R-SYNC-5", "a wait with a time limit lasts at least that long") {
    HANDLE e = manual_event();
    ULONGLONG before = GetTickCount64();
    CHECK_EQ(WaitForSingleObject(e, 60), WAIT_TIMEOUT);
    /* GetTickCount64 may advance in steps of a clock tick: 16 ms. */
    CHECK_OP(GetTickCount64() - before, >=, 60 - 16);
    CHECK_EQ(WaitForSingleObjectEx(e, 1, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObjectEx(e, 1, TRUE), WAIT_TIMEOUT);
    CloseHandle(e);
}

TEST("R-SYNC-5", "a wait on a bad handle fails with ERROR_INVALID_HANDLE") {
    HANDLE e = manual_event();
    CloseHandle(e);
    SetLastError(0);
    CHECK_EQ(WaitForSingleObject(e, 10), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    CHECK_EQ(WaitForSingleObject(NULL, 10), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

static void signal_later(void* event) {
    SetEvent((HANDLE)event);
}

TEST("R-SYNC-5", "an infinite wait ends when another thread signals") {
    for (int i = 0; i < 100; i++) {
        HANDLE e = auto_event();
        struct helper* helper = helper_start(signal_later, e);
        CHECK_EQ(WaitForSingleObject(e, INFINITE), WAIT_OBJECT_0);
        REQUIRE(helper_join(helper));
        CloseHandle(e);
    }
}

TEST("R-SYNC-5", "two threads hand an event back and forth") {
    struct waiting* w = fresh(sizeof *w);
    w->object = auto_event();
    w->through = CreateSemaphoreA(NULL, 0, 1, NULL);
    for (int i = 0; i < 200; i++) {
        struct helper* helper = helper_start(wait_once, w);
        SetEvent(w->object);
        REQUIRE(signaled(w->through));
        CHECK_EQ(count(&w->result), WAIT_OBJECT_0);
        REQUIRE(helper_join(helper));
    }
    CloseHandle(w->object);
    CloseHandle(w->through);
}

TEST("R-SYNC-6", "the number of handles is 1 to 64") {
    HANDLE handles[65];
    for (int i = 0; i < 65; i++)
        handles[i] = manual_event();
    SetLastError(0);
    CHECK_EQ(WaitForMultipleObjects(0, handles, FALSE, 0), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    CHECK_EQ(WaitForMultipleObjects(65, handles, FALSE, 0), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK_EQ(WaitForMultipleObjects(64, handles, FALSE, 0), WAIT_TIMEOUT);
    SetEvent(handles[63]);
    CHECK_EQ(WaitForMultipleObjects(64, handles, FALSE, 1000), WAIT_OBJECT_0 + 63);
    for (int i = 0; i < 64; i++)
        SetEvent(handles[i]);
    CHECK_EQ(WaitForMultipleObjects(64, handles, TRUE, 1000), WAIT_OBJECT_0);
    for (int i = 0; i < 65; i++)
        CloseHandle(handles[i]);
}

TEST("R-SYNC-6", "any: the lowest signaled index is reported and only that object is consumed") {
    HANDLE h[4] = {auto_event(), auto_event(), CreateSemaphoreA(NULL, 1, 1, NULL), auto_event()};
    SetEvent(h[1]);
    SetEvent(h[3]);
    CHECK_EQ(WaitForMultipleObjects(4, h, FALSE, 0), WAIT_OBJECT_0 + 1);
    CHECK_EQ(POLL(h[1]), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjects(4, h, FALSE, 0), WAIT_OBJECT_0 + 2);
    CHECK_EQ(POLL(h[2]), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjectsEx(4, h, FALSE, 0, FALSE), WAIT_OBJECT_0 + 3);
    CHECK_EQ(WaitForMultipleObjects(4, h, FALSE, 0), WAIT_TIMEOUT);
    for (int i = 0; i < 4; i++)
        CloseHandle(h[i]);
}

TEST("R-SYNC-6", "all: nothing is consumed until everything is available") {
    HANDLE h[3] = {
        auto_event(), CreateSemaphoreA(NULL, 1, 5, NULL), CreateMutexA(NULL, FALSE, NULL)};
    LONG previous = -1;
    CHECK_EQ(WaitForMultipleObjects(3, h, TRUE, 0), WAIT_TIMEOUT);
    CHECK_EQ(POLL(h[1]), WAIT_OBJECT_0);
    CHECK_FAILS(ReleaseMutex(h[2]), ERROR_NOT_OWNER);
    CHECK(ReleaseSemaphore(h[1], 1, NULL));
    SetEvent(h[0]);
    CHECK_EQ(WaitForMultipleObjects(3, h, TRUE, 0), WAIT_OBJECT_0);
    CHECK_EQ(POLL(h[0]), WAIT_TIMEOUT);
    CHECK(ReleaseSemaphore(h[1], 1, &previous));
    CHECK_EQ(previous, 0);
    CHECK(ReleaseMutex(h[2]));
    for (int i = 0; i < 3; i++)
        CloseHandle(h[i]);
}

struct multi {
    HANDLE objects[3];
    DWORD number;
    BOOL all;
    HANDLE through;
    counter result;
};

static void wait_multi(void* argument) {
    struct multi* m = argument;
    InterlockedExchange(&m->result,
                        (LONG)WaitForMultipleObjects(m->number, m->objects, m->all, WAIT_LIMIT_MS));
    SetEvent(m->through);
}

TEST("R-SYNC-6", "any: a blocked wait ends with the index of the object that was signaled") {
    for (DWORD which = 0; which < 3; which++) {
        struct multi* m = fresh(sizeof *m);
        for (int i = 0; i < 3; i++)
            m->objects[i] = auto_event();
        m->number = 3;
        m->through = manual_event();
        struct helper* helper = helper_start(wait_multi, m);
        REQUIRE(signaled(helper->started));
        CHECK(SetEvent(m->objects[which]));
        CHECK(signaled(m->through));
        CHECK_EQ(count(&m->result), WAIT_OBJECT_0 + which);
        REQUIRE(helper_join(helper));
        for (int i = 0; i < 3; i++)
            CloseHandle(m->objects[i]);
        CloseHandle(m->through);
    }
}

TEST("R-SYNC-6", "all: a blocked wait leaves what is signaled to others") {
    struct multi* m = fresh(sizeof *m);
    m->objects[0] = auto_event();
    m->objects[1] = auto_event();
    m->number = 2;
    m->all = TRUE;
    m->through = manual_event();
    struct helper* helper = helper_start(wait_multi, m);
    REQUIRE(signaled(helper->started));
    for (int i = 0; i < 100; i++) {
        CHECK(SetEvent(m->objects[i % 2]));
        CHECK_EQ(POLL(m->objects[i % 2]), WAIT_OBJECT_0);
    }
    CHECK_EQ(POLL(m->through), WAIT_TIMEOUT);
    SetEvent(m->objects[0]);
    SetEvent(m->objects[1]);
    CHECK(signaled(m->through));
    CHECK_EQ(count(&m->result), WAIT_OBJECT_0);
    CHECK_EQ(POLL(m->objects[0]), WAIT_TIMEOUT);
    CHECK_EQ(POLL(m->objects[1]), WAIT_TIMEOUT);
    REQUIRE(helper_join(helper));
    CloseHandle(m->objects[0]);
    CloseHandle(m->objects[1]);
    CloseHandle(m->through);
}

TEST("R-SYNC-6", "a duplicate handle is refused when all are wanted") {
    HANDLE e = manual_event();
    HANDLE h[2] = {e, e};
    SetEvent(e);
    SetLastError(0);
    CHECK_EQ(WaitForMultipleObjects(2, h, TRUE, 0), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    CloseHandle(e);
}

TEST("R-SYNC-6", "one bad handle makes the wait fail") {
    HANDLE h[2] = {auto_event(), manual_event()};
    CloseHandle(h[1]);
    SetLastError(0);
    CHECK_EQ(WaitForMultipleObjects(2, h, FALSE, 0), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    CHECK_EQ(WaitForMultipleObjects(2, h, TRUE, 0), WAIT_FAILED);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CloseHandle(h[0]);
}

TEST("R-SYNC-6", "a multiple wait with a time limit times out") {
    HANDLE h[2] = {auto_event(), auto_event()};
    ULONGLONG before = GetTickCount64();
    SetEvent(h[0]);
    CHECK_EQ(WaitForMultipleObjects(2, h, TRUE, 50), WAIT_TIMEOUT);
    CHECK_OP(GetTickCount64() - before, >=, 50 - 16);
    CHECK_EQ(POLL(h[0]), WAIT_OBJECT_0);
    CHECK_EQ(WaitForMultipleObjects(2, h, FALSE, 1), WAIT_TIMEOUT);
    CloseHandle(h[0]);
    CloseHandle(h[1]);
}

TEST("R-SYNC-6", "a mutex in a multiple wait becomes owned") {
    HANDLE h[2] = {auto_event(), CreateMutexA(NULL, FALSE, NULL)};
    CHECK_EQ(WaitForMultipleObjects(2, h, FALSE, 0), WAIT_OBJECT_0 + 1);
    CHECK_EQ(WaitForMultipleObjects(2, h, FALSE, 0), WAIT_OBJECT_0 + 1);
    CHECK(ReleaseMutex(h[1]));
    CHECK(ReleaseMutex(h[1]));
    CHECK_FAILS(ReleaseMutex(h[1]), ERROR_NOT_OWNER);
    CloseHandle(h[0]);
    CloseHandle(h[1]);
}

struct philosopher {
    HANDLE forks[2];
    counter* eaten;
};

static void dine(void* argument) {
    struct philosopher* p = argument;
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(WaitForMultipleObjects(2, p->forks, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
        InterlockedIncrement(p->eaten);
        CHECK(SetEvent(p->forks[0]));
        CHECK(SetEvent(p->forks[1]));
    }
}

TEST("R-SYNC-6", "all: five philosophers neither starve nor lock up") {
    struct philosopher* p = fresh(5 * sizeof *p);
    struct helper* helpers[5];
    counter* eaten = fresh(sizeof *eaten);
    HANDLE forks[5];
    for (int i = 0; i < 5; i++)
        forks[i] = CreateEventA(NULL, FALSE, TRUE, NULL);
    for (int i = 0; i < 5; i++) {
        p[i].forks[0] = forks[i];
        p[i].forks[1] = forks[(i + 1) % 5];
        p[i].eaten = eaten;
        helpers[i] = helper_start(dine, &p[i]);
    }
    for (int i = 0; i < 5; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(count(eaten), 1500);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(POLL(forks[i]), WAIT_OBJECT_0);
        CloseHandle(forks[i]);
    }
}

TEST("R-SYNC-8", "a name that exists already leads to the same object") {
    char name[64];
    snprintf(name, sizeof name, "rpconf-sync-%lu", (unsigned long)GetCurrentProcessId());
    SetLastError(0xdeadbeef);
    HANDLE a = CreateEventA(NULL, TRUE, FALSE, name);
    if (!a &&
        (GetLastError() == ERROR_NOT_SUPPORTED || GetLastError() == ERROR_CALL_NOT_IMPLEMENTED))
        SKIP("named objects are not supported");
    REQUIRE(a != NULL);
    SetLastError(0);
    HANDLE b = CreateEventA(NULL, TRUE, FALSE, name);
    REQUIRE(b != NULL);
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(SetEvent(a));
    CHECK_EQ(POLL(b), WAIT_OBJECT_0);
    CHECK_FAILS(CreateSemaphoreA(NULL, 0, 1, name), ERROR_INVALID_HANDLE);
    CloseHandle(a);
    CloseHandle(b);
}

TEST("R-SYNC-9", "a closed handle is invalid, and closing it again fails") {
    HANDLE h[3] = {
        manual_event(), CreateSemaphoreA(NULL, 1, 1, NULL), CreateMutexA(NULL, FALSE, NULL)};
    for (int i = 0; i < 3; i++) {
        CHECK(CloseHandle(h[i]));
        CHECK_FAILS(CloseHandle(h[i]), ERROR_INVALID_HANDLE);
    }
    CHECK_FAILS(CloseHandle(NULL), ERROR_INVALID_HANDLE);
}

TEST("R-IO-25", "handles leave their two low bits clear") {
    HANDLE h[8];
    for (int i = 0; i < 8; i++) {
        h[i] = i % 2 ? auto_event() : CreateSemaphoreA(NULL, 0, 1, NULL);
        CHECK_EQ((ULONG_PTR)h[i] & 3, 0);
        CHECK(h[i] != NULL && h[i] != INVALID_HANDLE_VALUE);
    }
    for (int i = 0; i < 8; i++)
        CloseHandle(h[i]);
}

TEST("R-SYNC-11", "a critical section is recursive") {
    CRITICAL_SECTION section;
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    CHECK(TryEnterCriticalSection(&section));
    EnterCriticalSection(&section);
    for (int i = 0; i < 3; i++)
        LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
}

struct section_try {
    CRITICAL_SECTION* section;
    counter entered;
};

static void try_section(void* argument) {
    struct section_try* t = argument;
    InterlockedExchange(&t->entered, TryEnterCriticalSection(t->section));
    if (count(&t->entered))
        LeaveCriticalSection(t->section);
}

TEST("R-SYNC-11", "another thread cannot enter an owned critical section") {
    CRITICAL_SECTION* section = fresh(sizeof *section);
    struct section_try* t = fresh(sizeof *t);
    CHECK(InitializeCriticalSectionAndSpinCount(section, 100));
    t->section = section;
    EnterCriticalSection(section);
    REQUIRE(helper_join(helper_start(try_section, t)));
    CHECK_EQ(count(&t->entered), FALSE);
    LeaveCriticalSection(section);
    REQUIRE(helper_join(helper_start(try_section, t)));
    CHECK(count(&t->entered) != FALSE);
    DeleteCriticalSection(section);
}

static void add_in_section(void* argument) {
    struct exclusion* x = argument;
    for (int i = 0; i < 20000; i++) {
        EnterCriticalSection(&x->section);
        x->plain++;
        LeaveCriticalSection(&x->section);
    }
}

TEST("R-SYNC-11", "a critical section excludes") {
    struct exclusion* x = fresh(sizeof *x);
    struct helper* helpers[4];
    CHECK(InitializeCriticalSectionEx(&x->section, 10, 0));
    for (int i = 0; i < 4; i++)
        helpers[i] = helper_start(add_in_section, x);
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(x->plain, 80000);
    DeleteCriticalSection(&x->section);
}

struct spoiler {
    HANDLE go, done;
};

static void spoil(void* argument) {
    struct spoiler* s = argument;
    CHECK(signaled(s->go));
    SetLastError(5678);
    CHECK(!SetEvent(NULL));
    SetEvent(s->done);
}

TEST("R-ERR-1", "the last error belongs to its thread") {
    struct spoiler* s = fresh(sizeof *s);
    s->go = manual_event();
    s->done = manual_event();
    struct helper* helper = helper_start(spoil, s);
    SetLastError(1234);
    SetEvent(s->go);
    CHECK(signaled(s->done));
    CHECK_EQ(GetLastError(), 1234);
    REQUIRE(helper_join(helper));
    CloseHandle(s->go);
    CloseHandle(s->done);
}
