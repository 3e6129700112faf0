// SPDX-License-Identifier: Apache-2.0
/* Where Windows raises an exception, the misuse handler is called, and the call that was misused
 * does nothing when the handler returns: R-ERR-4, R-LIFE-5, R-CB-6, and the list of bad input. */
#include "tests/conformance/stream.h"

#include <sys/wait.h>

#define INVALID_PARAMETER 0xC000000Du

/* What the handler was told last; it may run on a worker. */
static struct {
    counter calls;
    counter status;
    char function[80];
    const void* object;
    HANDLE called; /* semaphore */
} told;

static void on_misuse(unsigned status, const char* function, const void* object, ULONG_PTR detail) {
    (void)detail;
    snprintf(told.function, sizeof told.function, "%s", function ? function : "(none)");
    told.object = object;
    InterlockedExchange(&told.status, (LONG)status);
    InterlockedIncrement(&told.calls);
    ReleaseSemaphore(told.called, 1, NULL);
}

static rp_misuse_handler listen_begin(void) {
    memset((void*)&told, 0, sizeof told);
    told.called = CreateSemaphoreA(NULL, 0, 1000, NULL);
    return rp_set_misuse_handler(on_misuse);
}

static void listen_end(rp_misuse_handler before) {
    CHECK(rp_set_misuse_handler(before) == on_misuse);
    CloseHandle(told.called);
}

/* Exactly one report since the last check, and it came by now. */
#define CHECK_MISUSE(code, name)                                                                   \
    do {                                                                                           \
        CHECK(signaled(told.called));                                                              \
        CHECK_EQ(InterlockedExchange(&told.calls, 0), 1);                                          \
        CHECK_EQ((unsigned)count(&told.status), code);                                             \
        if (strcmp(told.function, name)) {                                                         \
            printf("  reported by %s\n", told.function);                                           \
            CHECK(!"the report names another function");                                           \
        }                                                                                          \
    } while (0)

TEST("R-ERR-4", "rp_set_misuse_handler returns the handler before") {
    rp_misuse_handler before = rp_set_misuse_handler(on_misuse);
    CHECK(rp_set_misuse_handler(NULL) == on_misuse);
    rp_misuse_handler standard = rp_set_misuse_handler(on_misuse);
    CHECK(standard != on_misuse);
    CHECK(rp_set_misuse_handler(before) == on_misuse);
}

TEST("R-LIFE-5", "NULL work") {
    rp_misuse_handler before = listen_begin();
    SubmitThreadpoolWork(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "SubmitThreadpoolWork");
    WaitForThreadpoolWorkCallbacks(NULL, FALSE);
    CHECK_MISUSE(INVALID_PARAMETER, "WaitForThreadpoolWorkCallbacks");
    CloseThreadpoolWork(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolWork");
    listen_end(before);
}

TEST("R-LIFE-5", "NULL I/O") {
    rp_misuse_handler before = listen_begin();
    StartThreadpoolIo(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "StartThreadpoolIo");
    CancelThreadpoolIo(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CancelThreadpoolIo");
    WaitForThreadpoolIoCallbacks(NULL, TRUE);
    CHECK_MISUSE(INVALID_PARAMETER, "WaitForThreadpoolIoCallbacks");
    CloseThreadpoolIo(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolIo");
    listen_end(before);
}

TEST("R-LIFE-5", "NULL pool and NULL group") {
    rp_misuse_handler before = listen_begin();
    SetThreadpoolThreadMaximum(NULL, 1);
    CHECK_MISUSE(INVALID_PARAMETER, "SetThreadpoolThreadMaximum");
    CHECK(!SetThreadpoolThreadMinimum(NULL, 1));
    CHECK_MISUSE(INVALID_PARAMETER, "SetThreadpoolThreadMinimum");
    CloseThreadpool(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpool");
    CloseThreadpoolCleanupGroupMembers(NULL, FALSE, NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolCleanupGroupMembers");
    CloseThreadpoolCleanupGroup(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolCleanupGroup");
    listen_end(before);
}

TEST("R-LIFE-5", "an object of another kind") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    rp_misuse_handler before = listen_begin();
    StartThreadpoolIo((PTP_IO)(void*)work);
    CHECK_MISUSE(INVALID_PARAMETER, "StartThreadpoolIo");
    CHECK(told.object == work);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 1);
    CHECK_EQ(count(&told.calls), 0);
    listen_end(before);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-IO-9", "more cancels than starts") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    rp_misuse_handler before = listen_begin();
    CancelThreadpoolIo(s->io);
    CHECK_MISUSE(INVALID_PARAMETER, "CancelThreadpoolIo");
    StartThreadpoolIo(s->io);
    CancelThreadpoolIo(s->io);
    CHECK_EQ(count(&told.calls), 0);
    CancelThreadpoolIo(s->io);
    CHECK_MISUSE(INVALID_PARAMETER, "CancelThreadpoolIo");
    /* The object is unharmed. */
    REQUIRE(op_read(op, 64));
    REQUIRE(send_text(s->peer, "fine"));
    op_check(op, NO_ERROR, "fine");
    CHECK_EQ(count(&told.calls), 0);
    listen_end(before);
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-10", "an operation without a Start ends without a callback") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    struct op *stray = op_new(s), *good = op_new(s);
    DWORD moved = 0;
    rp_misuse_handler before = listen_begin();
    StartThreadpoolIo(s->io);
    CancelThreadpoolIo(s->io);
    stray->ov.hEvent = manual_event();
    BOOL ok = ReadFile(s->handle, stray->data, 64, NULL, &stray->ov);
    REQUIRE(ok || GetLastError() == ERROR_IO_PENDING);
    REQUIRE(send_text(s->peer, "stray"));
    CHECK(GetOverlappedResult(s->handle, &stray->ov, &moved, TRUE));
    CHECK_EQ(moved, 5);
    /* The event is set before the packet is looked at, maybe on another thread. The report (R-IO-5)
     * says that it was; a start before that would be taken for the stray one's. */
    CHECK_MISUSE(INVALID_PARAMETER, "StartThreadpoolIo");
    CHECK_EQ(count(&stray->calls), 0);
    REQUIRE(op_read(good, 64));
    REQUIRE(send_text(s->peer, "good"));
    op_check(good, NO_ERROR, "good");
    listen_end(before);
    CloseHandle(stray->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

/* ---- the epilogue -----------------------------------------------------------------------------
 */

struct failing {
    struct probe* p;
    int kind;
    HANDLE object;
    HMODULE module;
};

static VOID CALLBACK fail_epilogue(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct failing* f = context;
    switch (f->kind) {
    case 0:
        SetEventWhenCallbackReturns(instance, f->object);
        break;
    case 1:
        ReleaseSemaphoreWhenCallbackReturns(instance, f->object, 3);
        break;
    case 2:
        ReleaseMutexWhenCallbackReturns(instance, f->object);
        break;
    case 3:
        FreeLibraryWhenCallbackReturns(instance, f->module);
        break;
    }
    CHECK_EQ(count(&told.calls), 0);
    probe_enter(f->p);
    probe_leave(f->p);
}

static void failing_epilogue(int kind, HANDLE object, unsigned status, const char* function) {
    struct failing* f = fresh(sizeof *f);
    f->p = probe_new(0, 1);
    f->kind = kind;
    f->object = object;
    /* No module has such an address. */
    f->module = (HMODULE)(ULONG_PTR)64;
    rp_misuse_handler before = listen_begin();
    REQUIRE(TrySubmitThreadpoolCallback(fail_epilogue, f, &f->p->env));
    CHECK_MISUSE(status, function);
    CHECK_EQ(count(&f->p->returned), 1);
    /* The worker goes on. */
    CHECK(pass_sentinel(f->p));
    CHECK_EQ(count(&told.calls), 0);
    listen_end(before);
    probe_end(f->p);
}

TEST("R-CB-6", "a failing SetEvent at the end of a callback is 0xC000070B") {
    HANDLE event = manual_event();
    CloseHandle(event);
    failing_epilogue(0, event, 0xC000070B, "SetEventWhenCallbackReturns");
    failing_epilogue(0, NULL, 0xC000070B, "SetEventWhenCallbackReturns");
}

TEST("R-CB-6", "a semaphore beyond its maximum at the end of a callback is 0xC000070C") {
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 2, NULL);
    failing_epilogue(1, semaphore, 0xC000070C, "ReleaseSemaphoreWhenCallbackReturns");
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    CloseHandle(semaphore);
    failing_epilogue(1, NULL, 0xC000070C, "ReleaseSemaphoreWhenCallbackReturns");
}

TEST("R-CB-6", "a mutex that is not owned at the end of a callback is 0xC000070D") {
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    failing_epilogue(2, mutex, 0xC000070D, "ReleaseMutexWhenCallbackReturns");
    CHECK(ReleaseMutex(mutex));
    CloseHandle(mutex);
    failing_epilogue(2, NULL, 0xC000070D, "ReleaseMutexWhenCallbackReturns");
}

TEST("R-CB-6", "a module that cannot be freed at the end of a callback is 0xC000070E") {
    failing_epilogue(3, NULL, 0xC000070E, "FreeLibraryWhenCallbackReturns");
}

TEST("R-CB-6", "a failing epilogue releases those who wait for the object") {
    struct failing* f = fresh(sizeof *f);
    f->p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&f->p->env, group, NULL);
    rp_misuse_handler before = listen_begin();
    REQUIRE(TrySubmitThreadpoolCallback(fail_epilogue, f, &f->p->env));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_MISUSE(0xC000070B, "SetEventWhenCallbackReturns");
    listen_end(before);
    CloseThreadpoolCleanupGroup(group);
    probe_end(f->p);
}

/* ---- waiting for oneself ----------------------------------------------------------------------
 */

struct own {
    struct probe* p;
    PTP_CLEANUP_GROUP group;
};

static VOID CALLBACK wait_for_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct own* o = context;
    (void)instance;
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    probe_enter(o->p);
    probe_leave(o->p);
}

TEST("R-LIFE-13", "a callback that waits for its own object") {
    struct own* o = fresh(sizeof *o);
    o->p = probe_new(0, 2);
    rp_misuse_handler before = listen_begin();
    PTP_WORK work = CreateThreadpoolWork(wait_for_own, o, &o->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK_MISUSE(INVALID_PARAMETER, "WaitForThreadpoolWorkCallbacks");
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&o->p->returned), 1);
    listen_end(before);
    CloseThreadpoolWork(work);
    probe_end(o->p);
}

static VOID CALLBACK close_own_group(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct own* o = context;
    (void)instance;
    CloseThreadpoolCleanupGroupMembers(o->group, TRUE, NULL);
    probe_enter(o->p);
    probe_leave(o->p);
}

static VOID CALLBACK part_and_close_own_group(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    DisassociateCurrentThreadFromCallback(instance);
    close_own_group(instance, context);
}

static void close_group_inside(PTP_SIMPLE_CALLBACK callback) {
    struct own* o = fresh(sizeof *o);
    o->p = probe_new(0, 2);
    o->group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&o->p->env, o->group, NULL);
    rp_misuse_handler before = listen_begin();
    REQUIRE(TrySubmitThreadpoolCallback(callback, o, &o->p->env));
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolCleanupGroupMembers");
    CloseThreadpoolCleanupGroupMembers(o->group, FALSE, NULL);
    CHECK_EQ(count(&o->p->returned), 1);
    listen_end(before);
    CloseThreadpoolCleanupGroup(o->group);
    probe_end(o->p);
}

TEST("R-GRP-13", "a member's callback that closes the members of its group") {
    close_group_inside(close_own_group);
}

TEST("R-GRP-13", "the same after it has disassociated itself") {
    close_group_inside(part_and_close_own_group);
}

TEST("R-GRP-14", "closing a group that has members") {
    struct probe* p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    rp_misuse_handler before = listen_begin();
    CloseThreadpoolCleanupGroup(group);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolCleanupGroup");
    /* The call did nothing: the member and the group work. */
    SubmitThreadpoolWork(work);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_EQ(count(&p->returned), 1);
    CHECK_EQ(count(&told.calls), 0);
    CloseThreadpoolCleanupGroup(group);
    CHECK_EQ(count(&told.calls), 0);
    listen_end(before);
    probe_end(p);
}

/* ---- instances --------------------------------------------------------------------------------
 */

struct foreign_use {
    PTP_CALLBACK_INSTANCE instance;
    struct probe* p;
    PTP_WORK work;
    HANDLE event;
    counter may_run_long;
};

static VOID CALLBACK lend_instance(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct foreign_use* u = context;
    (void)work;
    u->instance = instance;
    probe_enter(u->p);
    CHECK(signaled(u->p->gate));
    probe_leave(u->p);
}

TEST("R-CB-1", "an instance is of no use on another thread") {
    struct foreign_use* u = fresh(sizeof *u);
    u->p = probe_new(0, 4);
    u->event = manual_event();
    u->work = CreateThreadpoolWork(lend_instance, u, &u->p->env);
    REQUIRE(u->work != NULL);
    rp_misuse_handler before = listen_begin();
    SubmitThreadpoolWork(u->work);
    REQUIRE(take(u->p->entered, 1));
    CHECK_EQ(CallbackMayRunLong(u->instance), FALSE);
    DisassociateCurrentThreadFromCallback(u->instance);
    /* Had that worked, this would return while the callback runs. */
    SetEvent(u->p->gate);
    WaitForThreadpoolWorkCallbacks(u->work, FALSE);
    CHECK_EQ(count(&u->p->returned), 1);
    listen_end(before);
    CloseThreadpoolWork(u->work);
    CloseHandle(u->event);
    probe_end(u->p);
}

/* ---- the default handler ----------------------------------------------------------------------
 */

CHILD("abort") {
    if (!freopen("/dev/null", "w", stderr))
        return 3;
    SubmitThreadpoolWork(NULL);
    return 0;
}

TEST("R-ERR-4", "the default handler ends the process with SIGABRT") {
    char command[1200];
    fflush(stdout);
    snprintf(command, sizeof command, "ulimit -c 0; exec '%s' --child abort", test_program);
    int status = system(command);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static VOID CALLBACK wait_nothing(PTP_CALLBACK_INSTANCE instance,
                                  PVOID context,
                                  PTP_WAIT wait,
                                  TP_WAIT_RESULT result) {
    (void)instance, (void)context, (void)wait, (void)result;
}

TEST("R-WAIT-11", "a mutex, and what cannot be waited for, cannot be watched") {
    struct probe* p = probe_new(0, 1);
    HANDLE mutex = CreateMutexA(NULL, FALSE, NULL), event = auto_event();
    PTP_WAIT wait = CreateThreadpoolWait(wait_nothing, NULL, &p->env);
    rp_misuse_handler before = listen_begin();
    SetThreadpoolWait(wait, mutex, NULL);
    CHECK_MISUSE(0xC000070Au, "SetThreadpoolWait");
    HANDLE queue = CreateTimerQueue();
    SetThreadpoolWait(wait, queue, NULL);
    CHECK_MISUSE(0xC000070Au, "SetThreadpoolWait");
    DeleteTimerQueue(queue);
    listen_end(before);
    CloseThreadpoolWait(wait);
    CloseHandle(mutex);
    CloseHandle(event);
    probe_end(p);
}

TEST("R-WAIT-12", "a handle that is not open cannot be watched") {
    struct probe* p = probe_new(0, 1);
    HANDLE event = auto_event();
    PTP_WAIT wait = CreateThreadpoolWait(wait_nothing, NULL, &p->env);
    CloseHandle(event);
    rp_misuse_handler before = listen_begin();
    SetThreadpoolWait(wait, event, NULL);
    CHECK_MISUSE(0xC000070Au, "SetThreadpoolWait");
    listen_end(before);
    CloseThreadpoolWait(wait);
    probe_end(p);
}

TEST("R-LIFE-5", "NULL timers and waits") {
    rp_misuse_handler before = listen_begin();
    SetThreadpoolTimer(NULL, NULL, 0, 0);
    CHECK_MISUSE(INVALID_PARAMETER, "SetThreadpoolTimer");
    CHECK(!IsThreadpoolTimerSet(NULL));
    CHECK_MISUSE(INVALID_PARAMETER, "IsThreadpoolTimerSet");
    WaitForThreadpoolTimerCallbacks(NULL, TRUE);
    CHECK_MISUSE(INVALID_PARAMETER, "WaitForThreadpoolTimerCallbacks");
    CloseThreadpoolTimer(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolTimer");
    SetThreadpoolWait(NULL, NULL, NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "SetThreadpoolWait");
    WaitForThreadpoolWaitCallbacks(NULL, TRUE);
    CHECK_MISUSE(INVALID_PARAMETER, "WaitForThreadpoolWaitCallbacks");
    CloseThreadpoolWait(NULL);
    CHECK_MISUSE(INVALID_PARAMETER, "CloseThreadpoolWait");
    listen_end(before);
}
