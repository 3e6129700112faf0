// SPDX-License-Identifier: Apache-2.0
/* One-time initialisation: W32-ONCE-*. */
#include "tests/conformance/fixture.h"

struct recipe {
    counter calls;
    LONG fails_left;
    PVOID made;
    HANDLE entered, gate;
};

static BOOL CALLBACK make(PINIT_ONCE once, PVOID parameter, PVOID* context) {
    struct recipe* r = parameter;
    CHECK(once != NULL);
    InterlockedIncrement(&r->calls);
    if (r->entered)
        ReleaseSemaphore(r->entered, 1, NULL);
    if (r->gate)
        CHECK(signaled(r->gate));
    if (r->fails_left > 0) {
        r->fails_left--;
        SetLastError(0x1234);
        return FALSE;
    }
    if (context)
        *context = r->made;
    return TRUE;
}

TEST("W32-ONCE-1", "a static initialiser and InitOnceInitialize agree") {
    static INIT_ONCE fixed = INIT_ONCE_STATIC_INIT;
    INIT_ONCE made;
    memset(&made, 0xcc, sizeof made);
    InitOnceInitialize(&made);
    CHECK_EQ(sizeof made, sizeof(void*));
    CHECK(!memcmp(&made, &fixed, sizeof made));
    CHECK_EQ(INIT_ONCE_CTX_RESERVED_BITS, 2);
}

TEST("W32-ONCE-2", "InitOnceExecuteOnce calls its function once and hands out the context") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    struct recipe* r = fresh(sizeof *r);
    r->made = r;
    for (int i = 0; i < 3; i++) {
        PVOID context = NULL;
        CHECK(InitOnceExecuteOnce(&once, make, r, &context));
        CHECK_EQ((ULONG_PTR)context, (ULONG_PTR)r);
    }
    CHECK(InitOnceExecuteOnce(&once, make, r, NULL));
    CHECK_EQ(r->calls, 1);
}

TEST("W32-ONCE-3", "a function that fails leaves it to the next call") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    struct recipe* r = fresh(sizeof *r);
    PVOID context = NULL;
    r->made = r;
    r->fails_left = 2;
    CHECK_FAILS(InitOnceExecuteOnce(&once, make, r, &context), 0x1234);
    CHECK_FAILS(InitOnceExecuteOnce(&once, make, r, &context), 0x1234);
    CHECK(InitOnceExecuteOnce(&once, make, r, &context));
    CHECK_EQ((ULONG_PTR)context, (ULONG_PTR)r);
    CHECK_EQ(r->calls, 3);
}

struct shared_once {
    INIT_ONCE once;
    struct recipe recipe;
    HANDLE through;
    counter wrong;
};

static struct shared_once* shared_new(LONG fails) {
    struct shared_once* s = fresh(sizeof *s);
    s->recipe.made = s;
    s->recipe.fails_left = fails;
    s->recipe.entered = CreateSemaphoreA(NULL, 0, 10, NULL);
    s->recipe.gate = manual_event();
    s->through = CreateSemaphoreA(NULL, 0, 10, NULL);
    return s;
}

static void shared_end(struct shared_once* s) {
    CloseHandle(s->recipe.entered);
    CloseHandle(s->recipe.gate);
    CloseHandle(s->through);
}

static void execute(void* argument) {
    struct shared_once* s = argument;
    PVOID context = NULL;
    if (!InitOnceExecuteOnce(&s->once, make, &s->recipe, &context) || context != s)
        InterlockedIncrement(&s->wrong);
    ReleaseSemaphore(s->through, 1, NULL);
}

TEST("W32-ONCE-4", "others wait until the initialisation has ended") {
    struct shared_once* s = shared_new(0);
    struct helper* helpers[4];
    for (int i = 0; i < 4; i++) {
        helpers[i] = helper_start(execute, s);
        REQUIRE(signaled(helpers[i]->started));
    }
    CHECK(signaled(s->recipe.entered));
    CHECK(quiet(s->through));
    SetEvent(s->recipe.gate);
    CHECK(take(s->through, 4));
    for (int i = 0; i < 4; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(s->recipe.calls, 1);
    CHECK_EQ(s->wrong, 0);
    shared_end(s);
}

TEST("W32-ONCE-4", "after a failure one of those who waited initialises") {
    struct shared_once* s = shared_new(1);
    struct helper* helpers[3];
    for (int i = 0; i < 3; i++) {
        helpers[i] = helper_start(execute, s);
        REQUIRE(signaled(helpers[i]->started));
    }
    CHECK(signaled(s->recipe.entered));
    SetEvent(s->recipe.gate);
    CHECK(take(s->through, 3));
    for (int i = 0; i < 3; i++)
        REQUIRE(helper_join(helpers[i]));
    CHECK_EQ(s->recipe.calls, 2);
    CHECK_EQ(s->wrong, 1);
    shared_end(s);
}

TEST("W32-ONCE-5", "begin and complete, one thread") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    PVOID context = NULL;
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, &context));
    CHECK(pending);
    CHECK(InitOnceComplete(&once, 0, (PVOID)0x40));
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, &context));
    CHECK(!pending);
    CHECK_EQ((ULONG_PTR)context, 0x40);
}

TEST("W32-ONCE-5", "INIT_ONCE_INIT_FAILED ends the attempt, not the initialisation") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, NULL));
    CHECK(pending);
    CHECK(InitOnceComplete(&once, INIT_ONCE_INIT_FAILED, NULL));
    pending = FALSE;
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, NULL));
    CHECK(pending);
    CHECK(InitOnceComplete(&once, 0, NULL));
}

TEST("W32-ONCE-6", "INIT_ONCE_CHECK_ONLY begins nothing") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    PVOID context = NULL;
    CHECK_FAILS(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, &context),
                ERROR_GEN_FAILURE);
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, &context));
    CHECK(pending);
    CHECK_FAILS(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, &context),
                ERROR_GEN_FAILURE);
    CHECK(InitOnceComplete(&once, 0, (PVOID)0x80));
    CHECK(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, &context));
    CHECK(!pending);
    CHECK_EQ((ULONG_PTR)context, 0x80);
}

TEST("W32-ONCE-7", "with INIT_ONCE_ASYNC the first to complete wins") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    PVOID context = NULL;
    for (int i = 0; i < 2; i++) {
        pending = FALSE;
        CHECK(InitOnceBeginInitialize(&once, INIT_ONCE_ASYNC, &pending, NULL));
        CHECK(pending);
    }
    CHECK(InitOnceComplete(&once, INIT_ONCE_ASYNC, (PVOID)0x40));
    CHECK_FAILS(InitOnceComplete(&once, INIT_ONCE_ASYNC, (PVOID)0x80), ERROR_GEN_FAILURE);
    CHECK(InitOnceBeginInitialize(&once, INIT_ONCE_ASYNC, &pending, &context));
    CHECK(!pending);
    CHECK_EQ((ULONG_PTR)context, 0x40);
}

TEST("W32-ONCE-8", "the two modes do not mix") {
    INIT_ONCE a = INIT_ONCE_STATIC_INIT, b = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    CHECK(InitOnceBeginInitialize(&a, INIT_ONCE_ASYNC, &pending, NULL));
    CHECK_FAILS(InitOnceBeginInitialize(&a, 0, &pending, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(InitOnceComplete(&a, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&a, INIT_ONCE_ASYNC, NULL));
    CHECK(InitOnceBeginInitialize(&b, 0, &pending, NULL));
    CHECK_FAILS(InitOnceBeginInitialize(&b, INIT_ONCE_ASYNC, &pending, NULL),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(InitOnceComplete(&b, INIT_ONCE_ASYNC, NULL), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&b, 0, NULL));
}

TEST("W32-ONCE-9", "what may not be completed") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    CHECK_FAILS(InitOnceComplete(&once, 0, NULL), ERROR_GEN_FAILURE);
    CHECK(InitOnceBeginInitialize(&once, 0, &pending, NULL));
    for (ULONG_PTR low = 1; low < 4; low++)
        CHECK_FAILS(InitOnceComplete(&once, 0, (PVOID)(0x40 | low)), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(InitOnceComplete(&once, INIT_ONCE_INIT_FAILED, (PVOID)0x40),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(InitOnceComplete(&once, INIT_ONCE_ASYNC | INIT_ONCE_INIT_FAILED, NULL),
                ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&once, 0, (PVOID)0x44));
    CHECK_FAILS(InitOnceComplete(&once, 0, NULL), ERROR_GEN_FAILURE);
}

TEST("W32-ONCE-9", "unknown flags are an invalid parameter") {
    INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL pending = FALSE;
    CHECK_FAILS(InitOnceBeginInitialize(&once, 8, &pending, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(
        InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY | INIT_ONCE_ASYNC, &pending, NULL),
        ERROR_INVALID_PARAMETER);
    CHECK_FAILS(InitOnceComplete(&once, 8, NULL), ERROR_INVALID_PARAMETER);
}
