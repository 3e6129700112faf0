// SPDX-License-Identifier: Apache-2.0
/* Types, layout and the callback environment: R-TYPES-*, R-ENV-*. */
#include "tests/conformance/fixture.h"

#ifdef _WIN32
/* mingw-w64 has the version 1 structure only under the name TP_CALLBACK_ENVIRON of older targets,
 * and lacks one helper. */
typedef struct {
    TP_VERSION Version;
    PTP_POOL Pool;
    PTP_CLEANUP_GROUP CleanupGroup;
    PTP_CLEANUP_GROUP_CANCEL_CALLBACK CleanupGroupCancelCallback;
    PVOID RaceDll;
    struct _ACTIVATION_CONTEXT* ActivationContext;
    PTP_SIMPLE_CALLBACK FinalizationCallback;

    union {
        DWORD Flags;
    } u;
} TP_CALLBACK_ENVIRON_V1;

#define SetThreadpoolCallbackPersistent TpSetCallbackPersistent
#endif

TEST("R-TYPES-1", "base types have their Windows sizes") {
    CHECK_EQ(sizeof(BYTE), 1);
    CHECK_EQ(sizeof(BOOLEAN), 1);
    CHECK_EQ(sizeof(USHORT), 2);
    CHECK_EQ(sizeof(WORD), 2);
    CHECK_EQ(sizeof(DWORD), 4);
    CHECK_EQ(sizeof(ULONG), 4);
    CHECK_EQ(sizeof(LONG), 4);
    CHECK_EQ(sizeof(BOOL), 4);
    CHECK_EQ(sizeof(HRESULT), 4);
    CHECK_EQ(sizeof(TP_VERSION), 4);
    CHECK_EQ(sizeof(TP_WAIT_RESULT), 4);
    CHECK_EQ(sizeof(ULONG_PTR), sizeof(void*));
    CHECK_EQ(sizeof(SIZE_T), sizeof(void*));
    CHECK_EQ(sizeof(HANDLE), sizeof(void*));
    CHECK_EQ(sizeof(LARGE_INTEGER), 8);
    CHECK_EQ(sizeof(ULONGLONG), 8);
    CHECK((LONG)-1 < 0 && (DWORD)-1 > 0);
}

TEST("R-TYPES-4", "priorities are numbered 0, 1, 2") {
    CHECK_EQ(TP_CALLBACK_PRIORITY_HIGH, 0);
    CHECK_EQ(TP_CALLBACK_PRIORITY_NORMAL, 1);
    CHECK_EQ(TP_CALLBACK_PRIORITY_LOW, 2);
    CHECK_EQ(TP_CALLBACK_PRIORITY_INVALID, 3);
    CHECK_EQ(TP_CALLBACK_PRIORITY_COUNT, 3);
    CHECK_EQ(sizeof(TP_CALLBACK_PRIORITY), 4);
}

TEST("R-TYPES-5", "stack information layout") {
    CHECK_EQ(sizeof(TP_POOL_STACK_INFORMATION), 16);
    CHECK_EQ(offsetof(TP_POOL_STACK_INFORMATION, StackReserve), 0);
    CHECK_EQ(offsetof(TP_POOL_STACK_INFORMATION, StackCommit), 8);
}

TEST("R-TYPES-7", "environment version 1 layout") {
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, Version), 0x00);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, Pool), 0x08);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, CleanupGroup), 0x10);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, CleanupGroupCancelCallback), 0x18);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, RaceDll), 0x20);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, ActivationContext), 0x28);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, FinalizationCallback), 0x30);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON_V1, u), 0x38);
    CHECK_EQ(sizeof(TP_CALLBACK_ENVIRON_V1), 0x40);
}

TEST("R-TYPES-7", "environment version 3 layout") {
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON, FinalizationCallback), 0x30);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON, u), 0x38);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON, CallbackPriority), 0x3C);
    CHECK_EQ(offsetof(TP_CALLBACK_ENVIRON, Size), 0x40);
    CHECK_EQ(sizeof(TP_CALLBACK_ENVIRON), 0x48);
}

TEST("R-TYPES-8", "LongFunction is bit 0 and Persistent bit 1") {
    TP_CALLBACK_ENVIRON env;
    InitializeThreadpoolEnvironment(&env);
    SetThreadpoolCallbackRunsLong(&env);
    CHECK_EQ(env.u.Flags, 1);
    InitializeThreadpoolEnvironment(&env);
    SetThreadpoolCallbackPersistent(&env);
    CHECK_EQ(env.u.Flags, 2);
    SetThreadpoolCallbackRunsLong(&env);
    CHECK_EQ(env.u.Flags, 3);
}

TEST("R-TYPES-12", "OVERLAPPED layout and HasOverlappedIoCompleted") {
    OVERLAPPED ov;
    CHECK_EQ(offsetof(OVERLAPPED, Internal), 0x00);
    CHECK_EQ(offsetof(OVERLAPPED, InternalHigh), 0x08);
    CHECK_EQ(offsetof(OVERLAPPED, Offset), 0x10);
    CHECK_EQ(offsetof(OVERLAPPED, OffsetHigh), 0x14);
    CHECK_EQ(offsetof(OVERLAPPED, Pointer), 0x10);
    CHECK_EQ(offsetof(OVERLAPPED, hEvent), 0x18);
    CHECK_EQ(sizeof(OVERLAPPED), 0x20);
    memset(&ov, 0, sizeof ov);
    CHECK(HasOverlappedIoCompleted(&ov));
    ov.Internal = 0x103;
    CHECK(!HasOverlappedIoCompleted(&ov));
    ov.Internal = 0xC0000120;
    CHECK(HasOverlappedIoCompleted(&ov));
}

TEST("R-TYPES-13", "constants have their Windows values") {
    CHECK_EQ((ULONG_PTR)INVALID_HANDLE_VALUE, ~(ULONG_PTR)0);
    CHECK_EQ((DWORD)INFINITE, 0xFFFFFFFFu);
    CHECK_EQ(WAIT_OBJECT_0, 0);
    CHECK_EQ(WAIT_ABANDONED_0, 0x80);
    CHECK_EQ(WAIT_IO_COMPLETION, 0xC0);
    CHECK_EQ(WAIT_TIMEOUT, 258);
    CHECK_EQ((DWORD)WAIT_FAILED, 0xFFFFFFFFu);
    CHECK_EQ(MAXIMUM_WAIT_OBJECTS, 64);
    CHECK_EQ(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, 1);
    CHECK_EQ(FILE_SKIP_SET_EVENT_ON_HANDLE, 2);
    CHECK_EQ((DWORD)FILE_FLAG_OVERLAPPED, 0x40000000u);
    CHECK_EQ((DWORD)GENERIC_READ, 0x80000000u);
    CHECK_EQ((DWORD)GENERIC_WRITE, 0x40000000u);
}

TEST("R-TYPES-14", "FILETIME is two DWORDs, aligned to 4") {
    struct padded {
        BYTE first;
        FILETIME time;
    };

    CHECK_EQ(sizeof(FILETIME), 8);
    CHECK_EQ(offsetof(struct padded, time), 4);
    CHECK_EQ(offsetof(FILETIME, dwHighDateTime), 4);
}

static VOID CALLBACK ignore_cancel(PVOID context, PVOID cleanup) {
    (void)context;
    (void)cleanup;
}

TEST("R-TYPES-6", "InitializeThreadpoolEnvironment sets every field") {
    TP_CALLBACK_ENVIRON env;
    memset(&env, 0xCC, sizeof env);
    InitializeThreadpoolEnvironment(&env);
    CHECK_EQ(env.Version, 3);
    CHECK(env.Pool == NULL);
    CHECK(env.CleanupGroup == NULL);
    CHECK(env.CleanupGroupCancelCallback == NULL);
    CHECK(env.RaceDll == NULL);
    CHECK(env.ActivationContext == NULL);
    CHECK(env.FinalizationCallback == NULL);
    CHECK_EQ(env.u.Flags, 0);
    CHECK_EQ(env.CallbackPriority, TP_CALLBACK_PRIORITY_NORMAL);
    CHECK_EQ(env.Size, sizeof env);
    DestroyThreadpoolEnvironment(&env);
}

TEST("R-ENV-3", "each helper writes its own fields only") {
    TP_CALLBACK_ENVIRON env, expected;
    int object;
    InitializeThreadpoolEnvironment(&env);
    memcpy(&expected, &env, sizeof env);
    SetThreadpoolCallbackPool(&env, (PTP_POOL)(void*)&object);
    expected.Pool = (PTP_POOL)(void*)&object;
    CHECK(!memcmp(&env, &expected, sizeof env));
    SetThreadpoolCallbackCleanupGroup(&env, (PTP_CLEANUP_GROUP)(void*)&object, ignore_cancel);
    expected.CleanupGroup = (PTP_CLEANUP_GROUP)(void*)&object;
    expected.CleanupGroupCancelCallback = ignore_cancel;
    CHECK(!memcmp(&env, &expected, sizeof env));
    SetThreadpoolCallbackLibrary(&env, &object);
    expected.RaceDll = &object;
    CHECK(!memcmp(&env, &expected, sizeof env));
    SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_LOW);
    expected.CallbackPriority = TP_CALLBACK_PRIORITY_LOW;
    CHECK(!memcmp(&env, &expected, sizeof env));
    SetThreadpoolCallbackPool(&env, NULL);
    CHECK(env.Pool == NULL);
}

TEST("R-ENV-1", "a work object does not read its environment after creation") {
    struct probe* p = probe_new(0, 2);
    TP_CALLBACK_ENVIRON env = p->env;
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &env);
    REQUIRE(work != NULL);
    memset(&env, 0xCC, sizeof env);
    SubmitThreadpoolWork(work);
    CHECK(signaled(p->done));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-ENV-1", "a queued simple callback does not read its environment") {
    struct probe* p = probe_new(0, 1);
    TP_CALLBACK_ENVIRON env = p->env;
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &env));
    REQUIRE(take(p->entered, 1));
    REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &env));
    memset(&env, 0xCC, sizeof env);
    SetEvent(p->gate);
    CHECK(take(p->done, 2));
    probe_end(p);
}

TEST("R-ENV-1", "the group of an object is remembered when the environment changes") {
    struct probe* p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(group != NULL);
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    SetThreadpoolCallbackCleanupGroup(&p->env, NULL, NULL);
    submit(work, 3);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_EQ(count(&p->returned), 3);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

TEST("R-ENV-2", "a NULL environment means the default pool") {
    struct probe* p = probe_bare();
    PTP_WORK work = CreateThreadpoolWork(work_count, p, NULL);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(p->done));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CHECK(TrySubmitThreadpoolCallback(simple_count, p, NULL));
    CHECK(signaled(p->done));
    probe_end(p);
}

TEST("R-ENV-2", "an environment without a pool means the default pool") {
    struct probe* p = probe_bare();
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(p->done));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-ENV-4", "CreateThreadpoolWork refuses an unknown version") {
    struct probe* p = probe_new(0, 1);
    p->env.Version = 9999;
    CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env), ERROR_INVALID_PARAMETER);
    p->env.Version = 0;
    CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env), ERROR_INVALID_PARAMETER);
    probe_end(p);
}

TEST("R-ENV-4", "TrySubmitThreadpoolCallback refuses an unknown version") {
    struct probe* p = probe_new(0, 1);
    p->env.Version = 9999;
    CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, p, &p->env), ERROR_INVALID_PARAMETER);
    p->env.Version = 3;
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 0);
    probe_end(p);
}

TEST("R-ENV-4", "a version 1 environment is accepted, whatever lies behind it") {
    struct probe* p = probe_new(0, 1);

    union {
        TP_CALLBACK_ENVIRON_V1 v1;
        TP_CALLBACK_ENVIRON v3;
        BYTE bytes[0x80];
    }* env = fresh(sizeof *env);

    memset(env, 0xCC, sizeof *env);
    memset(env, 0, offsetof(TP_CALLBACK_ENVIRON, CallbackPriority));
    env->v1.Version = 1;
    env->v1.Pool = p->pool;
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &env->v3);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(p->done));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CHECK(TrySubmitThreadpoolCallback(simple_count, p, &env->v3));
    CHECK(signaled(p->done));
    probe_end(p);
}

TEST("R-ENV-5", "priorities outside 0..2 are refused") {
    struct probe* p = probe_new(0, 1);
    static const int wrong[] = {3, 10, -1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        SetThreadpoolCallbackPriority(&p->env, (TP_CALLBACK_PRIORITY)wrong[i]);
        CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env), ERROR_INVALID_PARAMETER);
        CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, p, &p->env), ERROR_INVALID_PARAMETER);
    }
    probe_end(p);
}

struct ordered {
    struct probe* p;
    counter next;
    LONG rank[16];
};

struct rank {
    struct ordered* all;
    int index;
};

static VOID CALLBACK record_rank(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct rank* rank = context;
    (void)instance;
    rank->all->rank[rank->index] = InterlockedIncrement(&rank->all->next);
    ReleaseSemaphore(rank->all->p->done, 1, NULL);
}

TEST("R-ENV-6", "a free worker takes the highest priority class first") {
    struct probe* p = probe_new(0, 1);
    struct ordered* all = fresh(sizeof *all);
    struct rank* ranks = fresh(9 * sizeof *ranks);
    all->p = p;
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 9; i++) {
        ranks[i].all = all;
        ranks[i].index = i;
        SetThreadpoolCallbackPriority(&p->env, (TP_CALLBACK_PRIORITY)(2 - i / 3));
        REQUIRE(TrySubmitThreadpoolCallback(record_rank, &ranks[i], &p->env));
    }
    SetEvent(p->gate);
    REQUIRE(take(p->done, 10));
    for (int low = 0; low < 3; low++)
        for (int normal = 3; normal < 6; normal++)
            for (int high = 6; high < 9; high++) {
                CHECK_OP(all->rank[high], <, all->rank[normal]);
                CHECK_OP(all->rank[normal], <, all->rank[low]);
            }
    probe_end(p);
}

TEST("R-ENV-6", "low priority callbacks run when nothing else is queued") {
    struct probe* p = probe_new(0, 1);
    SetThreadpoolCallbackPriority(&p->env, TP_CALLBACK_PRIORITY_LOW);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 50);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 50);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-ENV-8", "objects marked long run like others") {
    struct probe* p = probe_new(0, 2);
    SetThreadpoolCallbackRunsLong(&p->env);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 20);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 20);
    CHECK_OP(count(&p->peak), <=, 2);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-ENV-9", "objects marked persistent run like others") {
    struct probe* p = probe_new(0, 2);
    SetThreadpoolCallbackPersistent(&p->env);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 20);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 20);
    CloseThreadpoolWork(work);
    probe_end(p);
}

struct finale {
    struct probe* p;
    HANDLE epilogue;
    counter finalized, early, thread_differs, context_differs;
};

static VOID CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct finale* f = context;
    if (!instance)
        InterlockedIncrement(&f->context_differs);
    if (!count(&f->p->returned) || WaitForSingleObject(f->epilogue, 0) != WAIT_TIMEOUT)
        InterlockedIncrement(&f->early);
    if (count(&f->p->thread) != (LONG)GetCurrentThreadId())
        InterlockedIncrement(&f->thread_differs);
    InterlockedIncrement(&f->finalized);
}

static VOID CALLBACK finale_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct finale* f = context;
    SetEventWhenCallbackReturns(instance, f->epilogue);
    probe_enter(f->p);
    probe_leave(f->p);
}

TEST("R-ENV-11", "the finalization callback runs between the callback and its epilogue") {
    struct probe* p = probe_new(0, 1);
    struct finale* f = fresh(sizeof *f);
    f->p = p;
    f->epilogue = manual_event();
    TpSetCallbackFinalizationCallback(&p->env, finalize);
    REQUIRE(TrySubmitThreadpoolCallback(finale_simple, f, &p->env));
    REQUIRE(signaled(f->epilogue));
    CHECK_EQ(count(&f->finalized), 1);
    CHECK_EQ(count(&f->early), 0);
    CHECK_EQ(count(&f->thread_differs), 0);
    CHECK_EQ(count(&f->context_differs), 0);
    TpSetCallbackFinalizationCallback(&p->env, NULL);
    CHECK(pass_sentinel(p));
    probe_end(p);
    CloseHandle(f->epilogue);
}

static VOID CALLBACK finale_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct finale* f = context;
    (void)instance;
    (void)work;
    probe_enter(f->p);
    probe_leave(f->p);
}

TEST("R-ENV-11", "the finalization callback runs once for each call of a work object") {
    struct probe* p = probe_new(0, 1);
    struct finale* f = fresh(sizeof *f);
    f->p = p;
    f->epilogue = manual_event();
    TpSetCallbackFinalizationCallback(&p->env, finalize);
    PTP_WORK work = CreateThreadpoolWork(finale_work, f, &p->env);
    REQUIRE(work != NULL);
    submit(work, 25);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&f->finalized), 25);
    CHECK_EQ(count(&p->returned), 25);
    CloseThreadpoolWork(work);
    probe_end(p);
    CloseHandle(f->epilogue);
}

TEST("R-TYPES-6", "an explicit lack of an activation context is accepted") {
    struct probe* p = probe_new(0, 1);
    TpSetCallbackNoActivationContext(&p->env);
    CHECK_EQ((LONG_PTR)p->env.ActivationContext, (LONG_PTR)-1);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

struct cancels {
    counter first, second;
};

static VOID CALLBACK cancel_first(PVOID context, PVOID cleanup) {
    (void)context;
    InterlockedIncrement(&((struct cancels*)cleanup)->first);
}

static VOID CALLBACK cancel_second(PVOID context, PVOID cleanup) {
    (void)context;
    InterlockedIncrement(&((struct cancels*)cleanup)->second);
}

TEST("R-ENV-13", "one environment serves many objects") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK works[40];
    for (int i = 0; i < 40; i++) {
        works[i] = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(works[i] != NULL);
        SubmitThreadpoolWork(works[i]);
    }
    for (int i = 0; i < 40; i++) {
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
        CloseThreadpoolWork(works[i]);
    }
    CHECK_EQ(count(&p->returned), 40);
    probe_end(p);
}

TEST("R-ENV-13", "the cancel callback is remembered for each object") {
    struct probe* p = probe_new(0, 2);
    struct cancels* cancels = fresh(sizeof *cancels);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON other = p->env;
    SetThreadpoolCallbackCleanupGroup(&p->env, group, cancel_first);
    SetThreadpoolCallbackCleanupGroup(&other, group, cancel_second);
    REQUIRE(CreateThreadpoolWork(work_count, p, &p->env) != NULL);
    REQUIRE(CreateThreadpoolWork(work_count, p, &other) != NULL);
    REQUIRE(CreateThreadpoolWork(work_count, p, &other) != NULL);
    CloseThreadpoolCleanupGroupMembers(group, TRUE, cancels);
    CHECK_EQ(count(&cancels->first), 1);
    CHECK_EQ(count(&cancels->second), 2);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}
