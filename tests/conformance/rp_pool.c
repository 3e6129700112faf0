// SPDX-License-Identifier: Apache-2.0
/* Limits, growth, retirement of threads, under every policy: R-POOL-*, R-SCHED-*. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

/* The policy comes first: a minimum starts threads. */
static struct probe* probe_under(const char* policy, DWORD minimum, DWORD maximum) {
    struct probe* p = probe_new(0, maximum);
    CHECK(rp_pool_set_policy(p->pool, policy));
    if (minimum)
        CHECK(SetThreadpoolThreadMinimum(p->pool, minimum));
    return p;
}

#define UNDER_EACH_POLICY(body)                                                                    \
    for (const char* const* policy = rp_policy_names(); *policy; policy++) {                       \
        LONG failures = count(&test_failures);                                                     \
        body(*policy);                                                                             \
        if (count(&test_failures) != failures)                                                     \
            printf("  under policy %s\n", *policy);                                                \
    }

static rp_pool_info query(PTP_POOL pool) {
    rp_pool_info info = {.size = sizeof info};
    CHECK(rp_pool_query(pool, &info));
    return info;
}

/* Threads exit by themselves and signal nothing: the figure is polled until it is low enough. */
static int threads_fall_to(PTP_POOL pool, DWORD wanted) {
    ULONGLONG end = GetTickCount64() + WAIT_LIMIT_MS;
    while (query(pool).threads > wanted)
        if (GetTickCount64() > end)
            return 0;
        else
            Sleep(1);
    return 1;
}

static int threads_rise_to(PTP_POOL pool, DWORD wanted) {
    ULONGLONG end = GetTickCount64() + WAIT_LIMIT_MS;
    while (query(pool).threads < wanted)
        if (GetTickCount64() > end)
            return 0;
        else
            Sleep(1);
    return 1;
}

TEST("R-POOL-2", "a new pool has no threads until it is used") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    CHECK_EQ(query(pool).threads, 0);
    CHECK_EQ(query(pool).callbacks, 0);
    CloseThreadpool(pool);
}

TEST("R-POOL-5", "the default limits are 0 and 500") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    CHECK_EQ(query(pool).threads_minimum, 0);
    CHECK_EQ(query(pool).threads_maximum, 500);
    SetThreadpoolThreadMaximum(pool, 7);
    CHECK(SetThreadpoolThreadMinimum(pool, 2));
    CHECK_EQ(query(pool).threads_minimum, 2);
    CHECK_EQ(query(pool).threads_maximum, 7);
    CloseThreadpool(pool);
}

TEST("R-POOL-10", "the last of minimum and maximum wins") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    SetThreadpoolThreadMaximum(pool, 2);
    CHECK(SetThreadpoolThreadMinimum(pool, 4));
    CHECK_EQ(query(pool).threads_minimum, 4);
    CHECK_EQ(query(pool).threads_maximum, 4);
    SetThreadpoolThreadMaximum(pool, 3);
    CHECK_EQ(query(pool).threads_minimum, 3);
    CHECK_EQ(query(pool).threads_maximum, 3);
    CloseThreadpool(pool);
}

TEST("R-POOL-9", "raising the minimum makes the threads before there is work") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    CHECK(SetThreadpoolThreadMinimum(pool, 5));
    CHECK(threads_rise_to(pool, 5));
    CHECK_EQ(query(pool).callbacks, 0);
    CloseThreadpool(pool);
}

static void one_at_a_time(const char* policy) {
    struct probe* p = probe_under(policy, 0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 500);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 500);
    CHECK_EQ(count(&p->peak), 1);
    CHECK_OP(query(p->pool).threads_peak, <=, 1);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-6", "a maximum of one means one callback at a time, under every policy") {
    UNDER_EACH_POLICY(one_at_a_time);
}

static void maximum_holds(const char* policy) {
    struct probe* p = probe_under(policy, 0, 8);
    PTP_WORK work = CreateThreadpoolWork(work_token, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 9);
    REQUIRE(take(p->entered, 8));
    CHECK(quiet(p->entered));
    CHECK_EQ(count(&p->running), 8);
    ReleaseSemaphore(p->token, 1, NULL);
    CHECK(take(p->entered, 1));
    CHECK_EQ(count(&p->peak), 8);
    ReleaseSemaphore(p->token, 8, NULL);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 9);
    CHECK_OP(query(p->pool).threads_peak, <=, 8);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-SCHED-11", "with the maximum blocked the next callback waits, under every policy") {
    UNDER_EACH_POLICY(maximum_holds);
}

static void grows_alone(const char* policy) {
    struct probe* p = probe_under(policy, 0, 16);
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 100);
    CHECK(take(p->entered, 16));
    CHECK_EQ(count(&p->running), 16);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->returned), 100);
    CHECK_EQ(count(&p->peak), 16);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-SCHED-4", "a hundred posts of one blocking work grow the pool to its limit") {
    UNDER_EACH_POLICY(grows_alone);
}

struct spin {
    struct probe* p;
    counter stop;
};

static VOID CALLBACK spin_until(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct spin* s = context;
    (void)instance;
    (void)work;
    probe_enter(s->p);
    while (!count(&s->stop))
        YieldProcessor();
    probe_leave(s->p);
}

TEST("R-SCHED-3", "callbacks that compute do not get a thread each") {
    struct probe* p = probe_new(0, 64);
    struct spin* s = fresh(sizeof *s);
    s->p = p;
    PTP_WORK work = CreateThreadpoolWork(spin_until, s, &p->env);
    REQUIRE(work != NULL);
    submit(work, 64);
    REQUIRE(take(p->entered, 1));
    let_pass(QUIET_MS);
    rp_pool_info info = query(p->pool);
    InterlockedExchange(&s->stop, 1);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    /* The aim is one thread for each core; workers preempted for long may pass for blocked ones. */
    CHECK_OP(info.threads, <, info.cores < 16 ? 32 : 64);
    CHECK_EQ(count(&p->returned), 64);
    CloseThreadpoolWork(work);
    probe_end(p);
}

/* Under ThreadSanitizer a thread costs milliseconds. */
#define DEPENDENT_LIMIT_MS (THREAD_SANITIZER ? 20000 : 2000)

static VOID CALLBACK open_gate(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    SetEvent(((struct probe*)context)->gate);
}

static void sixty_four(struct probe* p) {
    ULONGLONG begin = GetTickCount64();
    for (int i = 0; i < 64; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(TrySubmitThreadpoolCallback(open_gate, p, &p->env));
    CHECK(take(p->done, 64));
    CHECK_OP(GetTickCount64() - begin, <, DEPENDENT_LIMIT_MS);
}

TEST("R-SCHED-5", "64 callbacks blocked on the 65th finish within two seconds, default pool") {
    struct probe* p = probe_bare();
    sixty_four(p);
    probe_end(p);
}

static void sixty_four_under(const char* policy) {
    struct probe* p = probe_under(policy, 0, 0);
    sixty_four(p);
    probe_end(p);
}

TEST("R-SCHED-5", "64 callbacks blocked on the 65th, in a pool under every policy") {
    UNDER_EACH_POLICY(sixty_four_under);
}

static VOID CALLBACK raw_block(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    int* ends = context;
    char byte;
    (void)instance;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
}

static VOID CALLBACK raw_open(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    int* ends = context;
    (void)instance;
    CHECK_EQ(write(ends[1], "0123456789abcdef", 16), 16);
}

TEST("R-SCHED-4", "callbacks blocked in a raw system call are noticed too") {
    struct probe* p = probe_new(0, 32);
    int* ends = fresh(2 * sizeof *ends);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    REQUIRE(pipe(ends) == 0);
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    ULONGLONG begin = GetTickCount64();
    for (int i = 0; i < 16; i++)
        REQUIRE(TrySubmitThreadpoolCallback(raw_block, ends, &p->env));
    REQUIRE(TrySubmitThreadpoolCallback(raw_open, ends, &p->env));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_OP(GetTickCount64() - begin, <, 5 * DEPENDENT_LIMIT_MS);
    CloseThreadpoolCleanupGroup(group);
    close(ends[0]);
    close(ends[1]);
    probe_end(p);
}

#ifdef __SANITIZE_THREAD__
enum { BLOCKED = 100 }; /* each thread costs ThreadSanitizer milliseconds */
#else
enum { BLOCKED = 500 };
#endif

/* Blocks 500 callbacks of a pool that may have 512 threads; one more must still run, and nothing
 * but waiting work makes the pool grow. */
static void five_hundred(PTP_SIMPLE_CALLBACK block, PVOID context, void (*unblock)(void*)) {
    struct probe* p = probe_new(0, BLOCKED + 12);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON env = p->env;
    SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
    for (int i = 0; i < BLOCKED; i++)
        REQUIRE(TrySubmitThreadpoolCallback(block, context ? context : p, &env));
    REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    CHECK(take(p->done, 1));
    CHECK_OP(query(p->pool).threads, <=, BLOCKED + 12);
    unblock(context ? context : p);
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

static VOID CALLBACK wait_for_gate(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    CHECK(signaled(((struct probe*)context)->gate));
}

static void open_the_gate(void* probe) {
    SetEvent(((struct probe*)probe)->gate);
}

TEST("R-SCHED-4", "500 callbacks that wait and a maximum of 512 do not starve the 501st") {
    five_hundred(wait_for_gate, NULL, open_the_gate);
}

static void fill_pipe(void* ends) {
    char bytes[BLOCKED] = {0};
    CHECK_EQ(write(((int*)ends)[1], bytes, sizeof bytes), sizeof bytes);
}

TEST("R-SCHED-4", "500 callbacks in raw reads and a maximum of 512 do not starve the 501st") {
    int* ends = fresh(2 * sizeof *ends);
    REQUIRE(pipe(ends) == 0);
    five_hundred(raw_block, ends, fill_pipe);
    close(ends[0]);
    close(ends[1]);
}

TEST("R-POOL-8", "a maximum of zero stalls the pool, and raising it resumes") {
    struct probe* p = probe_new(0, 1);
    SetThreadpoolThreadMaximum(p->pool, 0);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    CHECK(quiet(p->entered));
    SetThreadpoolThreadMaximum(p->pool, 1);
    CHECK(take(p->done, 10));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), 10);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-8", "a pool that has run stalls and resumes, and Wait(TRUE) works meanwhile") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    REQUIRE(take(p->entered, 10));
    SetThreadpoolThreadMaximum(p->pool, 0);
    submit(work, 10);
    CHECK(quiet(p->entered));
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    SetThreadpoolThreadMaximum(p->pool, 1);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 10);
    submit(work, 3);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(count(&p->calls), 13);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-11", "with minimum and maximum of one the thread outlives the idle timeout") {
    struct probe* p = probe_new(1, 1);
    CHECK(rp_pool_set_idle_timeout(p->pool, 10));
    LONG first = 0;
    for (int i = 0; i < 4; i++) {
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
        REQUIRE(take(p->done, 1));
        if (!first)
            first = count(&p->thread);
        CHECK_EQ(count(&p->thread), first);
        /* Five idle timeouts; a thread that retires would be gone by then. */
        let_pass(50);
        CHECK_EQ(query(p->pool).threads, 1);
    }
    CHECK_EQ(query(p->pool).threads_peak, 1);
    probe_end(p);
}

static void retires(const char* policy) {
    struct probe* p = probe_under(policy, 1, 6);
    CHECK(rp_pool_set_idle_timeout(p->pool, 30));
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    for (int round = 0; round < 2; round++) {
        ResetEvent(p->gate);
        submit(work, 6);
        REQUIRE(take(p->entered, 6));
        CHECK_EQ(query(p->pool).threads, 6);
        SetEvent(p->gate);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK(threads_fall_to(p->pool, 1));
        let_pass(60);
        CHECK_EQ(query(p->pool).threads, 1);
    }
    CHECK_EQ(query(p->pool).threads_peak, 6);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-POOL-12", "threads above the minimum exit when idle, under every policy") {
    UNDER_EACH_POLICY(retires);
}

TEST("R-SCHED-9", "a pool whose threads have all retired works again") {
    struct probe* p = probe_new(0, 3);
    CHECK(rp_pool_set_idle_timeout(p->pool, 20));
    for (int i = 0; i < 5; i++) {
        CHECK(pass_sentinel(p));
        CHECK(threads_fall_to(p->pool, 1));
    }
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-POOL-7", "after the maximum is lowered the surplus threads leave") {
    struct probe* p = probe_new(0, 8);
    CHECK(rp_pool_set_idle_timeout(p->pool, 30));
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 8);
    REQUIRE(take(p->entered, 8));
    SetThreadpoolThreadMaximum(p->pool, 2);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(threads_fall_to(p->pool, 2));
    ResetEvent(p->gate);
    submit(work, 4);
    REQUIRE(take(p->entered, 2));
    CHECK(quiet(p->entered));
    CHECK_EQ(count(&p->running), 2);
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
}

/* Blocks the pool's only thread, cancels a call that never ran so many times, then allows more
 * threads: what was cancelled must not count as load. The figure is the number of threads. */
static DWORD threads_after_cancels(int cancels) {
    struct probe* p = probe_new(0, 1);
    PTP_WORK block = CreateThreadpoolWork(work_gated, p, &p->env);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    if (!block || !work)
        abort();
    SubmitThreadpoolWork(block);
    CHECK(take(p->entered, 1));
    for (int i = 0; i < cancels; i++) {
        submit(work, 3);
        WaitForThreadpoolWorkCallbacks(work, TRUE);
    }
    SetThreadpoolThreadMaximum(p->pool, 8);
    let_pass(QUIET_MS);
    DWORD threads = query(p->pool).threads_peak;
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(block, FALSE);
    CHECK_EQ(count(&p->calls), 1);
    CloseThreadpoolWork(block);
    CloseThreadpoolWork(work);
    probe_end(p);
    return threads;
}

TEST("R-SCHED-2", "thirty cancelled calls leave no phantom load") {
    CHECK_EQ(threads_after_cancels(30), threads_after_cancels(0));
}

TEST("R-CB-10", "CallbackMayRunLong frees the way for another callback at once") {
    struct probe* p = probe_new(0, 2);
    SetThreadpoolCallbackRunsLong(&p->env);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    CHECK(pass_sentinel(p));
    SetEvent(p->gate);
    CHECK(take(p->done, 1));
    probe_end(p);
}

TEST("R-SCHED-13", "rp_pool_query counts callbacks") {
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 100);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(query(p->pool).callbacks, 100);
    CHECK_OP(query(p->pool).cores, >=, 1);
    CHECK(query(p->pool).completion_source != NULL);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-SCHED-13", "rp_pool_query refuses a missing structure and unknown sizes") {
    struct probe* p = probe_new(0, 1);
    rp_pool_info info = {.size = sizeof info};
    CHECK_FAILS(rp_pool_query(p->pool, NULL), ERROR_INVALID_PARAMETER);
    info.size = 1;
    CHECK_FAILS(rp_pool_query(p->pool, &info), ERROR_INVALID_PARAMETER);
    info.size = 0;
    CHECK_FAILS(rp_pool_query(p->pool, &info), ERROR_INVALID_PARAMETER);
    info.size = sizeof info;
    CHECK(rp_pool_query(NULL, &info));
    probe_end(p);
}

TEST("R-ENV-9", "the thread of a persistent callback does not retire") {
    struct probe* p = probe_new(0, 2);
    char path[64];
    CHECK(rp_pool_set_idle_timeout(p->pool, 10));
    SetThreadpoolCallbackPersistent(&p->env);
    REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    REQUIRE(take(p->done, 1));
    snprintf(path, sizeof path, "/proc/self/task/%lu", (unsigned long)count(&p->thread));
    if (access(path, F_OK))
        SKIP("GetCurrentThreadId is not the kernel's thread id");
    let_pass(QUIET_MS);
    CHECK(access(path, F_OK) == 0);
    probe_end(p);
}

TEST("R-POOL-17", "the threads of a closed pool end") {
    struct probe* p = probe_new(0, 4);
    char path[64];
    PTP_WORK work = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 4);
    REQUIRE(take(p->entered, 4));
    snprintf(path, sizeof path, "/proc/self/task/%lu", (unsigned long)count(&p->thread));
    if (access(path, F_OK))
        SKIP("GetCurrentThreadId is not the kernel's thread id");
    SetEvent(p->gate);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
    ULONGLONG end = GetTickCount64() + WAIT_LIMIT_MS;
    while (access(path, F_OK) == 0 && GetTickCount64() < end)
        Sleep(1);
    CHECK(access(path, F_OK) != 0);
}
