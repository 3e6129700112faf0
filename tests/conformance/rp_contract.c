// SPDX-License-Identifier: Apache-2.0
/* Rules of several chapters whose tests need Linux calls: fork, signals, thread names, stacks. */
#include "tests/conformance/stream.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static counter reports;

static void
count_report(unsigned status, const char* function, const void* object, ULONG_PTR detail) {
    (void)status;
    (void)function;
    (void)object;
    (void)detail;
    InterlockedIncrement(&reports);
}

struct traits {
    struct probe* p;
    counter niceness, policy, blocked, faults_open;
    char name[16];
};

static VOID CALLBACK read_traits(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct traits* t = context;
    sigset_t set;
    (void)instance;
    (void)work;
    InterlockedExchange(&t->niceness, getpriority(PRIO_PROCESS, 0));
    InterlockedExchange(&t->policy, sched_getscheduler(0));
    prctl(PR_GET_NAME, t->name, 0, 0, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    InterlockedExchange(&t->blocked, sigismember(&set, SIGTERM) && sigismember(&set, SIGALRM));
    InterlockedExchange(&t->faults_open, !sigismember(&set, SIGSEGV));
    SetEvent(t->p->gate);
}

static void run_once(struct traits* t) {
    PTP_WORK work = CreateThreadpoolWork(read_traits, t, &t->p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    CHECK(signaled(t->p->gate));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
}

TEST("R-ENV-7", "the priority class of an object leaves the thread's own priority alone") {
    for (int class = TP_CALLBACK_PRIORITY_HIGH; class <= TP_CALLBACK_PRIORITY_LOW; class ++) {
        struct traits* t = fresh(sizeof *t);
        t->p = probe_new(0, 1);
        SetThreadpoolCallbackPriority(&t->p->env, (TP_CALLBACK_PRIORITY) class);
        run_once(t);
        CHECK_EQ(t->niceness, getpriority(PRIO_PROCESS, 0));
        CHECK_EQ(t->policy, sched_getscheduler(0));
        probe_end(t->p);
    }
}

TEST("R-SCHED-15", "workers have a name, and leave the program's signals to its own threads") {
    struct traits* t = fresh(sizeof *t);
    t->p = probe_new(0, 1);
    run_once(t);
    CHECK(!strncmp(t->name, "tp:", 3));
    CHECK(t->blocked);
    CHECK(t->faults_open);
    probe_end(t->p);
}

TEST("R-ENV-12", "an environment does not keep its pool: using it after the close is misuse") {
    struct probe* p = probe_new(0, 1);
    rp_misuse_handler before = rp_set_misuse_handler(count_report);
    CloseThreadpool(p->pool);
    p->pool = NULL;
    InterlockedExchange(&reports, 0);
    CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_EQ(count(&reports), 1);
    rp_set_misuse_handler(before);
    probe_end(p);
}

static void wait_for_io(void* argument) {
    WaitForThreadpoolIoCallbacks(((struct stream*)argument)->io, FALSE);
}

TEST("R-IO-8", "a Start that is neither completed nor cancelled keeps Wait waiting") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    StartThreadpoolIo(s->io);
    struct helper* h = helper_start(wait_for_io, s);
    REQUIRE(signaled(h->started));
    CHECK(quiet(h->finished));
    CancelThreadpoolIo(s->io);
    REQUIRE(helper_join(h));
    stream_end(s);
    probe_end(p);
}

TEST("R-IO-23", "CancelThreadpoolIo does not cancel the operation") {
    struct probe* p = probe_new(0, 1);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    DWORD moved = 0;
    rp_misuse_handler before = rp_set_misuse_handler(count_report);
    op->ov.hEvent = manual_event();
    StartThreadpoolIo(s->io);
    BOOL ok = ReadFile(s->handle, op->data, 64, NULL, &op->ov);
    REQUIRE(ok || GetLastError() == ERROR_IO_PENDING);
    CancelThreadpoolIo(s->io);
    CHECK(!HasOverlappedIoCompleted(&op->ov));
    REQUIRE(send_text(s->peer, "alive"));
    CHECK(GetOverlappedResult(s->handle, &op->ov, &moved, TRUE));
    CHECK_EQ(moved, 5);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&op->calls), 0);
    rp_set_misuse_handler(before);
    CloseHandle(op->ov.hEvent);
    stream_end(s);
    probe_end(p);
}

#if !THREAD_SANITIZER /* it follows no child of a process with threads */
static int in_child(struct probe* p) {
    if (CreateThreadpool(NULL) || GetLastError() != ERROR_INVALID_PARAMETER)
        return 1;
    if (TrySubmitThreadpoolCallback(simple_count, p, NULL))
        return 2;
    return 42;
}

TEST("R-LIFE-24", "a child of fork has no pools, and creating one fails instead of hanging") {
    struct probe* p = probe_new(0, 1);
    CHECK(pass_sentinel(p));
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(in_child(p));
    }
    int status = 0;
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
    CHECK(pass_sentinel(p));
    probe_end(p);
}
#endif

TEST("R-SCHED-12", "work stays queued while no thread can be created, and runs afterwards") {
    struct probe* p = probe_new(0, 1);
    TP_POOL_STACK_INFORMATION huge = {(SIZE_T)1 << 45, 4096}, usual = {0, 0};
    REQUIRE(SetThreadpoolStackInformation(p->pool, &huge));
    SetLastError(0x1234);
    CHECK(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    int is_too_easy = !quiet(p->done);
    REQUIRE(SetThreadpoolStackInformation(p->pool, &usual));
    if (is_too_easy) {
        probe_end(p);
        SKIP("needs a machine that refuses a thread with a stack of 32 TiB");
    }
    CHECK(signaled(p->done));
    CHECK(pass_sentinel(p));
    probe_end(p);
}
