// SPDX-License-Identifier: Apache-2.0
/* Threads, processes and APCs where a test needs Linux, or where ringpool is stricter than Wine:
 * W32-THREAD-*, W32-PROC-1, W32-APC-3, R-OVL-6, R-WAIT-21. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define POLL(handle) WaitForSingleObject(handle, 0)

static DWORD WINAPI return_argument(LPVOID argument) {
    return (DWORD)(ULONG_PTR)argument;
}

TEST("W32-THREAD-1", "unknown creation flags and a missing routine fail with 87") {
    CHECK_FAILS(CreateThread(NULL, 0, NULL, NULL, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThread(NULL, 0, return_argument, NULL, 2, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(QueueUserAPC(NULL, GetCurrentThread(), 0), ERROR_INVALID_PARAMETER);
}

TEST("W32-HANDLE-1", "DuplicateHandle: a missing target and unknown options fail with 87") {
    HANDLE e = manual_event(), made = NULL, me = GetCurrentProcess();
    CHECK_FAILS(DuplicateHandle(me, e, me, NULL, 0, FALSE, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(DuplicateHandle(me, e, me, &made, 0, FALSE, 8), ERROR_INVALID_PARAMETER);
    CHECK(SetEvent(e));
    CHECK(DuplicateHandle(me, e, me, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    CHECK_FAILS(SetEvent(e), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DuplicateHandle(me, e, me, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE),
                ERROR_INVALID_HANDLE);
}

TEST("R-SYNC-4", "unknown timer flags, and no due time, fail with 87") {
    HANDLE t =
        CreateWaitableTimerExA(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    REQUIRE(t != NULL);
    CHECK_FAILS(CreateWaitableTimerExA(NULL, NULL, 0x80, TIMER_ALL_ACCESS),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetWaitableTimer(t, NULL, 0, NULL, NULL, FALSE), ERROR_INVALID_PARAMETER);
    CloseHandle(t);
}

TEST("R-SYNC-4", "asking to wake the machine succeeds with ERROR_NOT_SUPPORTED as last error") {
    HANDLE t = CreateWaitableTimerA(NULL, TRUE, NULL);
    LARGE_INTEGER due;
    due.QuadPart = 0;
    SetLastError(0xdeadbeef);
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, TRUE));
    CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
    SetLastError(0xdeadbeef);
    CHECK(SetWaitableTimer(t, &due, 0, NULL, NULL, FALSE));
    CHECK_EQ(GetLastError(), 0xdeadbeef);
    CloseHandle(t);
}

TEST("W32-THREAD-3", "ids are those of Linux threads") {
    CHECK_EQ(GetCurrentThreadId(), (DWORD)syscall(SYS_gettid));
}

/* ---- threads that ringpool did not make
 * ------------------------------------------------------- */

struct foreign {
    HANDLE ready, go, mutex;
    HANDLE self; /* a duplicate */
    DWORD id;
    int leaves;
    counter apcs;
};

static VOID CALLBACK count_apc(ULONG_PTR where) {
    InterlockedIncrement((counter*)where);
}

static void* run_foreign(void* argument) {
    struct foreign* f = argument;
    f->id = GetCurrentThreadId();
    DuplicateHandle(GetCurrentProcess(),
                    GetCurrentThread(),
                    GetCurrentProcess(),
                    &f->self,
                    0,
                    FALSE,
                    DUPLICATE_SAME_ACCESS);
    if (f->mutex)
        WaitForSingleObject(f->mutex, WAIT_LIMIT_MS);
    SetEvent(f->ready);
    while (WaitForSingleObjectEx(f->go, WAIT_LIMIT_MS, TRUE) == WAIT_IO_COMPLETION)
        continue;
    if (f->leaves)
        ExitThread(31);
    return NULL;
}

static struct foreign* foreign_new(int leaves, pthread_t* thread) {
    struct foreign* f = fresh(sizeof *f);
    f->ready = manual_event();
    f->go = manual_event();
    f->mutex = CreateMutexA(NULL, FALSE, NULL);
    f->leaves = leaves;
    if (pthread_create(thread, NULL, run_foreign, f))
        abort();
    return f;
}

TEST("R-SYNC-5", "a pthread's handle is signaled when it ends, its mutexes abandoned before") {
    for (int leaves = 0; leaves < 2; leaves++) {
        pthread_t thread;
        struct foreign* f = foreign_new(leaves, &thread);
        REQUIRE(signaled(f->ready));
        HANDLE opened = OpenThread(SYNCHRONIZE, FALSE, f->id);
        REQUIRE(opened && f->self);
        CHECK_EQ(POLL(f->self), WAIT_TIMEOUT);
        SetEvent(f->go);
        CHECK(signaled(f->self));
        CHECK(signaled(opened));
        CHECK_EQ(POLL(f->mutex), WAIT_ABANDONED);
        CHECK(ReleaseMutex(f->mutex));
        DWORD code = 0;
        CHECK(GetExitCodeThread(f->self, &code));
        CHECK_EQ(code, leaves ? 31 : 0);
        pthread_join(thread, NULL);
        HANDLE all[5] = {f->ready, f->go, f->mutex, f->self, opened};
        for (int i = 0; i < 5; i++)
            CHECK(CloseHandle(all[i]));
    }
}

TEST("W32-APC-1", "a pthread takes APCs like any thread") {
    pthread_t thread;
    struct foreign* f = foreign_new(0, &thread);
    REQUIRE(signaled(f->ready));
    for (int i = 0; i < 1000; i++)
        CHECK(QueueUserAPC(count_apc, f->self, (ULONG_PTR)&f->apcs));
    while (count(&f->apcs) < 1000)
        SwitchToThread();
    SetEvent(f->go);
    pthread_join(thread, NULL);
    CHECK_EQ(count(&f->apcs), 1000);
    HANDLE all[4] = {f->ready, f->go, f->mutex, f->self};
    for (int i = 0; i < 4; i++)
        CHECK(CloseHandle(all[i]));
}

/* ---- processes
 * -------------------------------------------------------------------------------- */

/* A child that ends with `code`, or by `signal`, once the write end of the pipe is closed. */
static pid_t child_new(int code, int signal, int* release) {
    int ends[2];
    if (pipe(ends))
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        while (read(ends[0], &byte, 1) > 0)
            continue;
        if (signal)
            kill(getpid(), signal);
        _exit(code);
    }
    close(ends[0]);
    *release = ends[1];
    return pid;
}

TEST("R-WAIT-21", "a process handle is signaled when the process has ended") {
    int release;
    pid_t pid = child_new(42, 0, &release);
    REQUIRE(pid > 0);
    HANDLE child = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
    if (!child && GetLastError() == ERROR_NOT_SUPPORTED) {
        close(release);
        waitpid(pid, NULL, 0);
        SKIP("pidfd_open");
    }
    REQUIRE(child != NULL);
    DWORD code = 0;
    CHECK_EQ(GetProcessId(child), (DWORD)pid);
    CHECK_EQ(POLL(child), WAIT_TIMEOUT);
    CHECK(GetExitCodeProcess(child, &code));
    CHECK_EQ(code, STILL_ACTIVE);
    close(release);
    CHECK(signaled(child));
    CHECK_EQ(POLL(child), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(child, &code));
    CHECK_EQ(code, 42);
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid); /* it is still the program's to wait for */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(GetExitCodeProcess(child, &code));
    CHECK_EQ(code, 42);
    CHECK(CloseHandle(child));
}

TEST("W32-PROC-1", "a process that a signal killed has the exit code 128 + signal") {
    int release;
    pid_t pid = child_new(0, SIGKILL, &release);
    HANDLE child = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
    close(release);
    if (child) {
        DWORD code = 0;
        CHECK(signaled(child));
        CHECK(GetExitCodeProcess(child, &code));
        CHECK_EQ(code, 128 + SIGKILL);
        CHECK(CloseHandle(child));
    }
    waitpid(pid, NULL, 0);
}

TEST("R-WAIT-21", "a process among other objects, and through a duplicate") {
    int release;
    pid_t pid = child_new(1, 0, &release);
    HANDLE child = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid), other = NULL;
    if (child) {
        HANDLE e = manual_event();
        CHECK(DuplicateHandle(GetCurrentProcess(),
                              child,
                              GetCurrentProcess(),
                              &other,
                              0,
                              FALSE,
                              DUPLICATE_SAME_ACCESS));
        CHECK(CloseHandle(child));
        HANDLE set[2] = {e, other};
        CHECK_EQ(WaitForMultipleObjects(2, set, FALSE, 1), WAIT_TIMEOUT);
        close(release);
        CHECK_EQ(WaitForMultipleObjects(2, set, FALSE, WAIT_LIMIT_MS), WAIT_OBJECT_0 + 1);
        SetEvent(e);
        CHECK_EQ(WaitForMultipleObjects(2, set, TRUE, WAIT_LIMIT_MS), WAIT_OBJECT_0);
        CHECK_FAILS(DuplicateHandle(other, e, GetCurrentProcess(), &child, 0, FALSE, 0),
                    ERROR_ACCESS_DENIED);
        CloseHandle(other);
        CloseHandle(e);
    } else {
        close(release);
    }
    waitpid(pid, NULL, 0);
}

TEST("W32-PROC-1", "handles of processes can be closed while the process runs") {
    int release;
    pid_t pid = child_new(0, 0, &release);
    for (int i = 0; i < 200; i++) {
        HANDLE child = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
        if (!child)
            break;
        CHECK(CloseHandle(child));
    }
    close(release);
    waitpid(pid, NULL, 0);
}

/* ---- completion routines on streams
 * ----------------------------------------------------------- */

struct routine_op {
    OVERLAPPED ov;
    BYTE data[64];
    counter calls;
    DWORD error, bytes, thread;
};

static VOID CALLBACK note_op(DWORD error, DWORD bytes, LPOVERLAPPED overlapped) {
    struct routine_op* op = (struct routine_op*)overlapped;
    op->error = error;
    op->bytes = bytes;
    op->thread = GetCurrentThreadId();
    InterlockedIncrement(&op->calls);
}

static HANDLE socket_handle(int* peer) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        abort();
    *peer = ends[1];
    return rp_handle_from_fd(ends[0], TRUE);
}

TEST("W32-APC-3", "a read that waits for data calls its routine when it has come") {
    int peer;
    HANDLE s = socket_handle(&peer);
    struct routine_op* op = fresh(sizeof *op);
    REQUIRE(ReadFileEx(s, op->data, 64, &op->ov, note_op));
    CHECK_EQ(SleepEx(1, TRUE), 0);
    CHECK_EQ(count(&op->calls), 0);
    CHECK_EQ(write(peer, "hello", 5), 5);
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&op->calls), 1);
    CHECK_EQ(op->bytes, 5);
    CHECK_EQ(op->error, 0);
    CHECK_EQ(op->thread, GetCurrentThreadId());
    CHECK(!memcmp(op->data, "hello", 5));
    close(peer);
    CloseHandle(s);
}

TEST("R-CANCEL-1", "a cancelled operation calls its routine with 995") {
    int peer;
    HANDLE s = socket_handle(&peer);
    struct routine_op* op = fresh(4 * sizeof *op);
    for (int i = 0; i < 4; i++)
        REQUIRE(ReadFileEx(s, op[i].data, 64, &op[i].ov, note_op));
    CHECK(CancelIo(s));
    for (int i = 0; i < 4; i++) {
        while (!count(&op[i].calls))
            REQUIRE_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
        CHECK_EQ(count(&op[i].calls), 1);
        CHECK_EQ(op[i].error, ERROR_OPERATION_ABORTED);
        CHECK_EQ(op[i].bytes, 0);
    }
    close(peer);
    CloseHandle(s);
}

TEST("R-IO-22", "closing the handle ends the operation, and its routine runs") {
    int peer;
    HANDLE s = socket_handle(&peer);
    struct routine_op* op = fresh(sizeof *op);
    REQUIRE(ReadFileEx(s, op->data, 64, &op->ov, note_op));
    CHECK(CloseHandle(s));
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(op->error, ERROR_OPERATION_ABORTED);
    close(peer);
}

struct dying {
    HANDLE s;
    struct routine_op ops[24];
    int leaves;
};

static DWORD WINAPI issue_and_die(LPVOID argument) {
    struct dying* d = argument;
    for (int i = 0; i < 24; i++)
        if (!ReadFileEx(d->s, d->ops[i].data, 64, &d->ops[i].ov, note_op))
            return 1;
    if (d->leaves)
        ExitThread(0);
    return 0;
}

TEST("W32-APC-3", "the end of a thread cancels what it issued with routines, and waits for it") {
    for (int round = 0; round < 20; round++) {
        int peer;
        struct dying* d = fresh(sizeof *d);
        d->s = socket_handle(&peer);
        d->leaves = round % 2;
        HANDLE t = CreateThread(NULL, 0, issue_and_die, d, 0, NULL);
        REQUIRE(t != NULL);
        CHECK(signaled(t));
        DWORD code = 1;
        CHECK(GetExitCodeThread(t, &code));
        CHECK_EQ(code, 0);
        for (int i = 0; i < 24; i++) {
            CHECK(HasOverlappedIoCompleted(&d->ops[i].ov));
            CHECK_EQ(d->ops[i].ov.Internal, 0xC0000120);
            CHECK_EQ(count(&d->ops[i].calls), 0);
        }
        CHECK_FAILS(CancelIoEx(d->s, NULL), ERROR_NOT_FOUND);
        CloseHandle(t);
        CloseHandle(d->s);
        close(peer);
    }
}

TEST("R-OVL-6", "an alertable GetOverlappedResultEx on the file itself ends for an APC") {
    int peer;
    HANDLE s = socket_handle(&peer);
    struct routine_op *op = fresh(sizeof *op), *other = fresh(sizeof *other);
    DWORD moved = 0;
    counter* apcs = fresh(sizeof *apcs);
    CHECK_FAILS(ReadFile(s, op->data, 64, NULL, &op->ov), ERROR_IO_PENDING);
    CHECK(QueueUserAPC(count_apc, GetCurrentThread(), (ULONG_PTR)apcs));
    CHECK_FAILS(GetOverlappedResultEx(s, &op->ov, &moved, INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(apcs), 1);
    CHECK_FAILS(GetOverlappedResultEx(s, &op->ov, &moved, 1, TRUE), WAIT_TIMEOUT);
    CHECK(WriteFileEx(s, "x", 1, &other->ov, note_op));
    CHECK_FAILS(GetOverlappedResultEx(s, &op->ov, &moved, WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&other->calls), 1);
    CHECK_EQ(write(peer, "abc", 3), 3);
    CHECK(GetOverlappedResultEx(s, &op->ov, &moved, WAIT_LIMIT_MS, TRUE));
    CHECK_EQ(moved, 3);
    close(peer);
    CloseHandle(s);
}

struct result_waiter {
    HANDLE s;
    struct routine_op op;
    BOOL result;
    DWORD moved;
};

static DWORD WINAPI wait_for_result(LPVOID argument) {
    struct result_waiter* w = argument;
    w->result = GetOverlappedResult(w->s, &w->op.ov, &w->moved, TRUE);
    return 0;
}

TEST("R-OVL-6", "several threads wait for operations of one file, each for its own") {
    int peer;
    HANDLE s = socket_handle(&peer);
    struct result_waiter* w = fresh(3 * sizeof *w);
    HANDLE t[3];
    for (int i = 0; i < 3; i++) {
        w[i].s = s;
        CHECK_FAILS(ReadFile(s, w[i].op.data, 4, NULL, &w[i].op.ov), ERROR_IO_PENDING);
    }
    for (int i = 0; i < 3; i++)
        REQUIRE((t[i] = CreateThread(NULL, 0, wait_for_result, &w[i], 0, NULL)) != NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(write(peer, "data", 4), 4);
        CHECK(signaled(t[i]));
        CHECK(w[i].result);
        CHECK_EQ(w[i].moved, 4);
        CHECK(i == 2 || POLL(t[i + 1]) == WAIT_TIMEOUT);
        CloseHandle(t[i]);
    }
    close(peer);
    CloseHandle(s);
}

/* ---- in a pool
 * -------------------------------------------------------------------------------- */

static VOID CALLBACK alertable_callback(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    counter* apcs = context;
    (void)instance;
    QueueUserAPC(count_apc, GetCurrentThread(), (ULONG_PTR)apcs);
    if (SleepEx(WAIT_LIMIT_MS, TRUE) == WAIT_IO_COMPLETION)
        InterlockedExchangeAdd(apcs, 100);
}

TEST("W32-APC-2", "a callback may wait alertably on its worker") {
    struct probe* p = probe_new(0, 1);
    counter* apcs = fresh(sizeof *apcs);
    REQUIRE(TrySubmitThreadpoolCallback(alertable_callback, (PVOID)apcs, &p->env));
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(apcs), 101);
    probe_end(p);
}

static void
note_misuse(unsigned status, const char* function, const void* object, ULONG_PTR detail) {
    (void)object;
    (void)detail;
    _exit(!strcmp(function, "ExitThread") && status == 0xC000071C ? 57 : 58);
}

static VOID CALLBACK leave_callback(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
    ExitThread(1);
}

CHILD("exit-worker") {
    rp_set_misuse_handler(note_misuse);
    if (!TrySubmitThreadpoolCallback(leave_callback, NULL, NULL))
        return 2;
    Sleep(WAIT_LIMIT_MS);
    return 3;
}

TEST("R-LIFE-20", "ExitThread in a callback is reported as misuse") {
    CHECK_EQ(run_child("exit-worker"), 57);
}

/* ---- signals and ExitThread
 * ------------------------------------------------------------------- */

static DWORD WINAPI read_mask(LPVOID argument) {
    return (DWORD)pthread_sigmask(SIG_SETMASK, NULL, argument);
}

TEST("W32-THREAD-1", "a new thread has the signal mask of its creator") {
    sigset_t* seen = fresh(sizeof *seen);
    sigset_t blocked, previous;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, &previous);
    HANDLE t = CreateThread(NULL, 0, read_mask, seen, 0, NULL);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    CHECK(sigismember(seen, SIGUSR2));
    CHECK(!sigismember(seen, SIGALRM));
    CHECK(!sigismember(seen, SIGPROF));
    CloseHandle(t);
}

static pthread_key_t key;
static counter destroyed;

static void count_destroyed(void* value) {
    (void)value;
    InterlockedIncrement(&destroyed);
}

static DWORD WINAPI leave_with_key(LPVOID argument) {
    pthread_setspecific(key, argument);
    ExitThread(0);
}

TEST("W32-THREAD-2", "ExitThread runs the destructors of thread-specific data") {
    REQUIRE(pthread_key_create(&key, count_destroyed) == 0);
    InterlockedExchange(&destroyed, 0);
    HANDLE t = CreateThread(NULL, 0, leave_with_key, &key, 0, NULL);
    REQUIRE(t != NULL);
    CHECK(signaled(t));
    while (count(&destroyed) == 0) /* which of the two destructors comes first is not defined */
        SwitchToThread();
    CHECK_EQ(count(&destroyed), 1);
    CloseHandle(t);
    pthread_key_delete(key);
}

static DWORD WINAPI sleep_for_ever(LPVOID argument) {
    SetEvent(argument);
    return SleepEx(INFINITE, TRUE);
}

CHILD("exit-with-threads") {
    HANDLE ready = auto_event();
    for (int i = 0; i < 4; i++) {
        CreateThread(NULL, 0, sleep_for_ever, ready, 0, NULL);
        if (!signaled(ready))
            return 1;
    }
    CreateThread(NULL, 0, sleep_for_ever, ready, CREATE_SUSPENDED, NULL);
    return 5;
}

TEST("R-LIFE-23", "a process exits whatever its threads wait for") {
    CHECK_EQ(run_child("exit-with-threads"), 5);
}
