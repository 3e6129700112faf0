// SPDX-License-Identifier: Apache-2.0
/* Cleanup groups where Windows is silent and the library promises more: R-GRP-9, -11, and what the
 * lists of bad input promise for plain calls. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <fcntl.h>

struct pipe_io {
    struct probe* p;
    PTP_CLEANUP_GROUP group;
    int ends[2];
    HANDLE read;
    PTP_IO io;
    OVERLAPPED ov;
    char data[16];
    counter calls, cancelled;
    ULONG result;
};

static VOID CALLBACK on_read(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PVOID overlapped,
                             ULONG result,
                             ULONG_PTR bytes,
                             PTP_IO io) {
    struct pipe_io* s = context;
    (void)instance;
    (void)overlapped;
    (void)bytes;
    (void)io;
    s->result = result;
    InterlockedIncrement(&s->calls);
}

static VOID CALLBACK on_cancel(PVOID context, PVOID cleanup) {
    struct pipe_io* s = context;
    CHECK(cleanup == s);
    InterlockedIncrement(&s->cancelled);
}

static struct pipe_io* pipe_io_new(void) {
    struct pipe_io* s = fresh(sizeof *s);
    s->p = probe_new(0, 2);
    s->group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&s->p->env, s->group, on_cancel);
    if (pipe2(s->ends, O_CLOEXEC))
        abort();
    s->read = rp_handle_from_fd(s->ends[0], TRUE);
    s->io = CreateThreadpoolIo(s->read, on_read, s, &s->p->env);
    s->ov.hEvent = manual_event();
    return s;
}

static void pipe_io_end(struct pipe_io* s) {
    CloseThreadpoolCleanupGroup(s->group);
    CHECK(CloseHandle(s->read));
    CloseHandle(s->ov.hEvent);
    close(s->ends[1]);
    SetThreadpoolCallbackCleanupGroup(&s->p->env, NULL, NULL);
    CHECK(pass_sentinel(s->p));
    probe_end(s->p);
}

static BOOL start_read(struct pipe_io* s) {
    StartThreadpoolIo(s->io);
    if (ReadFile(s->read, s->data, sizeof s->data, NULL, &s->ov) ||
        GetLastError() == ERROR_IO_PENDING)
        return TRUE;
    CancelThreadpoolIo(s->io);
    return FALSE;
}

struct closing {
    struct pipe_io* s;
    HANDLE closed;
};

static void close_members(void* argument) {
    struct closing* c = argument;
    CloseThreadpoolCleanupGroupMembers(c->s->group, FALSE, c->s);
    SetEvent(c->closed);
}

TEST("R-GRP-9", "members-close(FALSE) waits for the started I/O of a member") {
    struct pipe_io* s = pipe_io_new();
    struct closing* c = fresh(sizeof *c);
    REQUIRE(s->read && s->io);
    c->s = s;
    c->closed = manual_event();
    REQUIRE(start_read(s));
    struct helper* helper = helper_start(close_members, c);
    REQUIRE(signaled(helper->started));
    CHECK(quiet(c->closed));
    CHECK_EQ(write(s->ends[1], "data", 4), 4);
    CHECK(signaled(c->closed));
    CHECK_EQ(count(&s->calls), 1);
    CHECK_EQ(count(&s->cancelled), 0);
    REQUIRE(helper_join(helper));
    CloseHandle(c->closed);
    pipe_io_end(s);
}

TEST("R-GRP-9", "members-close(TRUE) drops the callback and absorbs the late completion") {
    struct pipe_io* s = pipe_io_new();
    DWORD moved = 0;
    REQUIRE(s->read && s->io);
    REQUIRE(start_read(s));
    CloseThreadpoolCleanupGroupMembers(s->group, TRUE, s);
    CHECK_EQ(count(&s->cancelled), 1);
    CHECK_EQ(write(s->ends[1], "data", 4), 4);
    CHECK(GetOverlappedResult(s->read, &s->ov, &moved, TRUE));
    CHECK_EQ(moved, 4);
    CHECK(!memcmp(s->data, "data", 4));
    CHECK(pass_sentinel(s->p));
    CHECK_EQ(count(&s->calls), 0);
    pipe_io_end(s);
}

TEST("R-GRP-8", "the cancel callback is called for an idle TP_IO") {
    struct pipe_io* s = pipe_io_new();
    REQUIRE(s->read && s->io);
    CloseThreadpoolCleanupGroupMembers(s->group, TRUE, s);
    CHECK_EQ(count(&s->cancelled), 1);
    CHECK_EQ(count(&s->calls), 0);
    pipe_io_end(s);
}

static VOID CALLBACK submit_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    probe_enter(p);
    SubmitThreadpoolWork(work);
    probe_leave(p);
}

TEST("R-GRP-11", "members-close(FALSE) ends an object that submits itself for ever") {
    struct probe* p = probe_new(0, 2);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    for (int round = 0; round < 20; round++) {
        PTP_WORK work = CreateThreadpoolWork(submit_own, p, &p->env);
        REQUIRE(work != NULL);
        SubmitThreadpoolWork(work);
        REQUIRE(take(p->done, 3));
        CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
        CHECK_EQ(count(&p->running), 0);
    }
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

/* ---- bad input, as the library defines it -----------------------------------------------------
 */

TEST("R-POOL-1", "CreateThreadpool refuses a reserved parameter") {
    int object;
    CHECK_FAILS(CreateThreadpool(&object), ERROR_INVALID_PARAMETER);
}

TEST("R-LIFE-1", "a NULL callback is refused") {
    struct probe* p = probe_new(0, 1);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    HANDLE handle = rp_handle_from_fd(ends[0], TRUE);
    CHECK_FAILS(CreateThreadpoolWork(NULL, p, &p->env), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TrySubmitThreadpoolCallback(NULL, p, &p->env), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpoolIo(handle, NULL, p, &p->env), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(handle));
    close(ends[1]);
    probe_end(p);
}

TEST("R-ENV-5", "a version 3 environment must not be smaller than version 3") {
    struct probe* p = probe_new(0, 1);
    p->env.Size = 0x40;
    CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env), ERROR_INVALID_PARAMETER);
    p->env.Size = sizeof p->env;
    CHECK(pass_sentinel(p));
    probe_end(p);
}

struct answers {
    struct probe* p;
    counter first, second;
};

static VOID CALLBACK ask_twice(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct answers* a = context;
    InterlockedExchange(&a->first, CallbackMayRunLong(instance));
    InterlockedExchange(&a->second, CallbackMayRunLong(instance));
    probe_enter(a->p);
    probe_leave(a->p);
}

TEST("R-CB-9", "a second CallbackMayRunLong gives the first answer") {
    for (DWORD maximum = 1; maximum <= 2; maximum++) {
        struct answers* a = fresh(sizeof *a);
        a->p = probe_new(0, maximum);
        a->first = a->second = -1;
        REQUIRE(TrySubmitThreadpoolCallback(ask_twice, a, &a->p->env));
        REQUIRE(take(a->p->done, 1));
        CHECK_EQ(count(&a->first), maximum > 1);
        CHECK_EQ(count(&a->second), maximum > 1);
        probe_end(a->p);
    }
}
