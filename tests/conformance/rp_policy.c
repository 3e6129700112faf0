// SPDX-License-Identifier: Apache-2.0
/* Policies: their names, when they can be set, and that the promises of Windows hold under each of
 * them (R-WORK-10, R-POOL-6, R-ENV-6, R-SCHED-5). */
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

/* The pool of a test, and whether its checks failed, under the name of a policy. */
#define UNDER_EACH_POLICY(body)                                                                    \
    for (const char* const* policy = rp_policy_names(); *policy; policy++) {                       \
        LONG failures = count(&test_failures);                                                     \
        body(*policy);                                                                             \
        if (count(&test_failures) != failures)                                                     \
            printf("  under policy %s\n", *policy);                                                \
    }

TEST("RP-POLICY-1", "there are policies, and their names differ") {
    const char* const* names = rp_policy_names();
    REQUIRE(names && names[0]);
    for (int i = 0; names[i]; i++) {
        CHECK(names[i][0] != 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(names[i], names[j]) != 0);
    }
    CHECK(rp_policy_names() == names);
}

TEST("RP-POLICY-2", "an unknown policy is ERROR_INVALID_PARAMETER, and the pool still works") {
    struct probe* p = probe_new(0, 1);
    CHECK_FAILS(rp_pool_set_policy(p->pool, "no such policy"), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_set_policy(p->pool, ""), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_set_policy(p->pool, NULL), ERROR_INVALID_PARAMETER);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("RP-POLICY-3", "the policy of a pool that has run a callback cannot be changed") {
    struct probe* p = probe_new(0, 1);
    CHECK(pass_sentinel(p));
    CHECK_FAILS(rp_pool_set_policy(p->pool, rp_policy_names()[0]), ERROR_BUSY);
    CHECK(pass_sentinel(p));
    CHECK_FAILS(rp_pool_set_policy(p->pool, "no such policy"), ERROR_INVALID_PARAMETER);
    probe_end(p);
}

static void query_name(const char* policy) {
    struct probe* p = probe_under(policy, 0, 2);
    rp_pool_info info = {.size = sizeof info};
    CHECK(rp_pool_query(p->pool, &info));
    CHECK(info.policy && !strcmp(info.policy, policy));
    CHECK(pass_sentinel(p));
    CHECK(rp_pool_query(p->pool, &info));
    CHECK(info.policy && !strcmp(info.policy, policy));
    probe_end(p);
}

TEST("RP-POLICY-4", "rp_pool_query names the policy that was set") {
    UNDER_EACH_POLICY(query_name);
}

static void set_again(const char* policy) {
    struct probe* p = probe_under(policy, 0, 2);
    CHECK(rp_pool_set_policy(p->pool, rp_policy_names()[0]));
    CHECK(rp_pool_set_policy(p->pool, policy));
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("RP-POLICY-4", "before the first callback the policy can be changed again") {
    UNDER_EACH_POLICY(set_again);
}

struct turns {
    counter next;
    LONG at[2][10];
    counter used[2];
};

struct turn {
    struct turns* all;
    int object;
};

static VOID CALLBACK take_turn(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct turn* turn = context;
    (void)instance;
    (void)work;
    LONG index = InterlockedIncrement(&turn->all->used[turn->object]) - 1;
    turn->all->at[turn->object][index] = InterlockedIncrement(&turn->all->next);
}

static void fair(const char* policy) {
    struct probe* p = probe_under(policy, 0, 1);
    struct turns* all = fresh(sizeof *all);
    struct turn* turn = fresh(2 * sizeof *turn);
    PTP_WORK works[2];
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 2; i++) {
        turn[i].all = all;
        turn[i].object = i;
        works[i] = CreateThreadpoolWork(take_turn, &turn[i], &p->env);
        REQUIRE(works[i] != NULL);
        submit(works[i], 10);
    }
    SetEvent(p->gate);
    for (int i = 0; i < 2; i++)
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
    CHECK_EQ(count(&all->used[0]), 10);
    CHECK_EQ(count(&all->used[1]), 10);
    CHECK_OP(all->at[0][0], <, all->at[1][9]);
    CHECK_OP(all->at[1][0], <, all->at[0][9]);
    CloseThreadpoolWork(works[0]);
    CloseThreadpoolWork(works[1]);
    probe_end(p);
}

TEST("R-WORK-10", "ten calls of A and ten of B take turns on one thread, under every policy") {
    UNDER_EACH_POLICY(fair);
}

struct feeder {
    PTP_WORK next;
    counter calls;
    counter* stop;
};

static VOID CALLBACK feed_next(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct feeder* f = context;
    (void)instance;
    (void)work;
    InterlockedIncrement(&f->calls);
    if (!count(f->stop))
        SubmitThreadpoolWork(f->next);
}

static void no_starvation(const char* policy) {
    struct probe* p = probe_under(policy, 0, 1);
    struct feeder* f = fresh(2 * sizeof *f);
    counter* stop = fresh(sizeof *stop);
    f[0].stop = f[1].stop = stop;
    /* Two objects keep the only worker busy from inside; a third one comes from outside. */
    f[1].next = CreateThreadpoolWork(feed_next, &f[0], &p->env);
    f[0].next = CreateThreadpoolWork(feed_next, &f[1], &p->env);
    REQUIRE(f[0].next && f[1].next);
    SubmitThreadpoolWork(f[1].next);
    for (int i = 0; i < 20; i++)
        CHECK(pass_sentinel(p));
    InterlockedExchange(stop, 1);
    WaitForThreadpoolWorkCallbacks(f[0].next, FALSE);
    WaitForThreadpoolWorkCallbacks(f[1].next, FALSE);
    WaitForThreadpoolWorkCallbacks(f[0].next, FALSE);
    CloseThreadpoolWork(f[0].next);
    CloseThreadpoolWork(f[1].next);
    probe_end(p);
}

TEST("R-SCHED-7", "objects that submit each other do not starve outsiders, under every policy") {
    UNDER_EACH_POLICY(no_starvation);
}

/* One thread, and two objects that submit each other for as long as anybody is still waiting.
 * Every queued callback notes how many others ran between its submit and its turn. */
struct race {
    struct probe* p;
    counter calls; /* of the feeders */
    counter left;  /* runners that have not had their turn */
    HANDLE finished;
    PTP_WORK feeder[2], runner[8];

    struct runner {
        struct race* all;
        LONG begin, overtaken_by;
    } state[8];

    int runners;
};

static VOID CALLBACK race_feed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct race* r = context;
    (void)instance;
    InterlockedIncrement(&r->calls);
    if (count(&r->left))
        SubmitThreadpoolWork(r->feeder[work == r->feeder[0]]);
}

static VOID CALLBACK race_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct runner* own = context;
    (void)instance;
    (void)work;
    own->overtaken_by = count(&own->all->calls) - own->begin;
    if (InterlockedDecrement(&own->all->left) == 0)
        SetEvent(own->all->finished);
}

static void race_begin(struct race* r) {
    for (int i = 0; i < r->runners; i++) {
        r->state[i].begin = count(&r->calls);
        SubmitThreadpoolWork(r->runner[i]);
    }
    SubmitThreadpoolWork(r->feeder[0]);
}

static VOID CALLBACK race_begin_inside(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    race_begin(context);
}

/* From the README of each policy: how many feeder calls may overtake the runner with `ahead` others
 * before it in its queue. */
static LONG overtaking_bound(const char* policy, LONG ahead) {
    enum { unbounded = -1 };

    static const struct {
        const char* policy;
        LONG for_each; /* calls for each item before it, and for itself */
    } bounds[] = {
        {"ws", 80},
        {"ws-2choice", 80},
        {"ws-llc", 80},
        {"ws-half", 80},
        {"bwos", 80},
        {"tail-control", 80},
        {"lifo-slot", 65}, /* every 61st turn for arrivals, every 4th for the line */
        {"partitioned", 1},
        {"jbsq", 1},
        {"darc", 272},          /* every 16th turn another of 17 ranks */
        {"sjf-est", unbounded}, /* bounded in time, not in calls */
        {"prio", 0},
        {"edf", 0},
        {"ps", 0},
        {"shared-fifo", 0},
    };

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!strcmp(policy, bounds[i].policy))
            return bounds[i].for_each == unbounded ? 0x7FFFFFFF : bounds[i].for_each * (ahead + 1);
    CHECK(!"a policy without a documented bound");
    return 0;
}

static void overtaken_at_most(const char* policy, int is_inside) {
    struct probe* p = probe_under(policy, 0, 1);
    struct race* r = fresh(sizeof *r);
    r->p = p;
    r->left = r->runners = 8;
    r->finished = manual_event();
    for (int i = 0; i < 2; i++)
        REQUIRE((r->feeder[i] = CreateThreadpoolWork(race_feed, r, &p->env)) != NULL);
    for (int i = 0; i < r->runners; i++) {
        r->state[i].all = r;
        REQUIRE((r->runner[i] = CreateThreadpoolWork(race_run, &r->state[i], &p->env)) != NULL);
    }
    if (is_inside) {
        REQUIRE(TrySubmitThreadpoolCallback(race_begin_inside, r, &p->env));
    } else { /* everything is queued before the only thread is free */
        REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
        REQUIRE(take(p->entered, 1));
        race_begin(r);
        SetEvent(p->gate);
    }
    CHECK(signaled(r->finished));
    for (int i = 0; i < r->runners; i++) {
        WaitForThreadpoolWorkCallbacks(r->runner[i], FALSE);
        CHECK_OP(r->state[i].overtaken_by, <=, overtaking_bound(policy, i));
        CloseThreadpoolWork(r->runner[i]);
    }
    InterlockedExchange(&r->left, 0);
    for (int i = 0; i < 4; i++) /* each may submit the other once more */
        WaitForThreadpoolWorkCallbacks(r->feeder[i % 2], FALSE);
    CloseThreadpoolWork(r->feeder[0]);
    CloseThreadpoolWork(r->feeder[1]);
    CloseHandle(r->finished);
    probe_end(p);
}

static void overtaken_inside(const char* policy) {
    overtaken_at_most(policy, 1);
}

static void overtaken_outside(const char* policy) {
    overtaken_at_most(policy, 0);
}

TEST("R-SCHED-7", "a callback queued by a callback is overtaken no more often than documented") {
    UNDER_EACH_POLICY(overtaken_inside);
}

TEST("R-SCHED-7", "a callback queued from outside is overtaken no more often than documented") {
    UNDER_EACH_POLICY(overtaken_outside);
}

static void all_run(const char* policy) {
    struct probe* p = probe_under(policy, 0, 4);
    PTP_WORK works[16];
    for (int i = 0; i < 16; i++) {
        works[i] = CreateThreadpoolWork(work_count, p, &p->env);
        REQUIRE(works[i] != NULL);
    }
    for (int i = 0; i < 16000; i++)
        SubmitThreadpoolWork(works[i % 16]);
    for (int i = 0; i < 16; i++) {
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
        CloseThreadpoolWork(works[i]);
    }
    CHECK_EQ(count(&p->returned), 16000);
    CHECK_OP(count(&p->peak), <=, 4);
    probe_end(p);
}

TEST("R-WORK-4", "nothing is lost or doubled, under every policy") {
    UNDER_EACH_POLICY(all_run);
}

static void priorities(const char* policy) {
    struct probe* p = probe_under(policy, 0, 1);
    struct turns* all = fresh(sizeof *all);
    struct turn* turn = fresh(2 * sizeof *turn);
    PTP_WORK works[2];
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 2; i++) {
        turn[i].all = all;
        turn[i].object = i;
        SetThreadpoolCallbackPriority(&p->env,
                                      i ? TP_CALLBACK_PRIORITY_HIGH : TP_CALLBACK_PRIORITY_LOW);
        works[i] = CreateThreadpoolWork(take_turn, &turn[i], &p->env);
        REQUIRE(works[i] != NULL);
        submit(works[i], 10);
    }
    SetEvent(p->gate);
    for (int i = 0; i < 2; i++) {
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
        CloseThreadpoolWork(works[i]);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_OP(all->at[1][i], <=, 10);
        CHECK_OP(all->at[0][i], >, 10);
    }
    probe_end(p);
}

TEST("R-ENV-6", "high priority comes first, under every policy") {
    UNDER_EACH_POLICY(priorities);
}

static void cancel_and_reuse(const char* policy) {
    struct probe* p = probe_under(policy, 0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_gated_apart, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 10);
    REQUIRE(take(p->entered, 1));
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    SetEvent(p->gate);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&p->calls), 1);
    submit(work, 5);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(take(p->done, 6));
    CHECK_EQ(count(&p->calls), 6);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("R-WORK-6", "Wait(TRUE) drops pending calls, under every policy") {
    UNDER_EACH_POLICY(cancel_and_reuse);
}

CHILD("environment") {
    rp_pool_info info = {.size = sizeof info};
    struct probe* p = probe_new(0, 1);
    CHECK(pass_sentinel(p));
    CHECK(rp_pool_query(p->pool, &info));
    CHECK(info.policy && !strcmp(info.policy, getenv("RINGPOOL_POLICY")));
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    CHECK(rp_pool_query(NULL, &info));
    CHECK(info.policy && !strcmp(info.policy, getenv("RINGPOOL_POLICY")));
    probe_end(p);
    return 0;
}

TEST("RP-POLICY-5", "RINGPOOL_POLICY chooses the policy of every pool of the process") {
    char* before = getenv("RINGPOOL_POLICY");
    char* kept = before ? strdup(before) : NULL;
    static const char* const chosen[] = {"shared-fifo", "partitioned", "jbsq:k=3", "tail-control"};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        REQUIRE(setenv("RINGPOOL_POLICY", chosen[i], 1) == 0);
        CHECK_EQ(run_child("environment"), 0);
    }
    if (kept)
        setenv("RINGPOOL_POLICY", kept, 1);
    else
        unsetenv("RINGPOOL_POLICY");
    free(kept);
}

TEST("RP-DETECT-1", "the tier of detection is one of the four, before and after a pool is used") {
    const char* tier = rp_detection_tier();
    REQUIRE(tier != NULL);
    CHECK(strcmp(tier, "perf") == 0 || strcmp(tier, "schedstat") == 0 ||
          strcmp(tier, "state") == 0 || strcmp(tier, "announced") == 0);
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    submit(work, 1);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
    CHECK(rp_detection_tier() == tier);
}

TEST("RP-POLICY-6", "rp_policy_query describes every policy, and its knobs can be set") {
    for (const char* const* policy = rp_policy_names(); *policy; policy++) {
        rp_policy_info info = {.size = sizeof info};
        REQUIRE(rp_policy_query(*policy, &info));
        CHECK(!strcmp(info.name, *policy));
        CHECK(info.aliases != NULL);
        for (DWORD i = 0; i < info.knob_count; i++) {
            const rp_policy_knob* k = &info.knobs[i];
            char spec[128];
            CHECK_OP(k->lowest, <=, k->value);
            CHECK_OP(k->value, <=, k->highest);
            CHECK(k->meaning && *k->meaning);
            PTP_POOL pool = CreateThreadpool(NULL);
            REQUIRE(pool != NULL);
            snprintf(spec, sizeof spec, "%s:%s=%lld", *policy, k->name, (long long)k->highest);
            CHECK(rp_pool_set_policy(pool, spec));
            snprintf(spec, sizeof spec, "%s:%s=%lld", *policy, k->name, (long long)k->highest + 1);
            CHECK_FAILS(rp_pool_set_policy(pool, spec), ERROR_INVALID_PARAMETER);
            CloseThreadpool(pool);
        }
    }
}

TEST("RP-POLICY-6", "rp_policy_query knows aliases, and refuses what it does not know") {
    rp_policy_info info = {.size = sizeof info};
    REQUIRE(rp_policy_query("windows", &info));
    CHECK(!strcmp(info.name, "shared-fifo"));
    CHECK(!strcmp(info.aliases, "cfcfs windows"));
    CHECK_FAILS(rp_policy_query("no such policy", &info), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(rp_policy_query(NULL, &info), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_policy_query("ws", NULL), ERROR_INVALID_PARAMETER);
    info.size = 1;
    CHECK_FAILS(rp_policy_query("ws", &info), ERROR_INVALID_PARAMETER);
}

struct sharer {
    counter asked, wrong, others;
    int is_patient; /* until it is asked to make way */
};

static VOID CALLBACK share_time(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct sharer* s = context;
    if (rp_callback_should_yield(NULL) || GetLastError() != ERROR_INVALID_PARAMETER)
        InterlockedIncrement(&s->wrong);
    for (int i = 0; s->is_patient || i < 1000; i++)
        if (rp_callback_should_yield(instance)) {
            InterlockedIncrement(&s->asked);
            return;
        }
}

static VOID CALLBACK count_other(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    InterlockedIncrement(&((struct sharer*)context)->others);
}

static void share(const char* policy, int is_asked) {
    struct probe* p = probe_under(policy, 0, 1);
    struct sharer* s = fresh(sizeof *s);
    s->is_patient = is_asked;
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    REQUIRE(TrySubmitThreadpoolCallback(share_time, s, &p->env));
    REQUIRE(TrySubmitThreadpoolCallback(count_other, s, &p->env)); /* who waits meanwhile */
    SetEvent(p->gate);
    CHECK(pass_sentinel(p));
    CHECK_EQ(count(&s->asked), is_asked);
    CHECK_EQ(count(&s->others), 1);
    CHECK_EQ(count(&s->wrong), 0);
    probe_end(p);
}

TEST("RP-POLICY-7", "a callback is asked to make way after its quantum, while another one waits") {
    share("ps:quantum_us=1", 1);
    share("ps:quantum_us=1000000", 0);
    share("shared-fifo", 0);
}

struct finish {
    counter turns, late, soon; /* whose turn it was, 0 until then */
};

static VOID CALLBACK finish_late(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct finish* f = context;
    (void)instance;
    InterlockedExchange(&f->late, InterlockedIncrement(&f->turns));
}

static VOID CALLBACK finish_soon(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct finish* f = context;
    (void)instance;
    InterlockedExchange(&f->soon, InterlockedIncrement(&f->turns));
}

TEST("RP-POLICY-8",
     "edf: of two callbacks that wait the one with the earlier deadline comes first") {
    struct probe* p = probe_under("edf", 0, 1);
    struct finish* f = fresh(sizeof *f);
    CHECK_FAILS(rp_pool_set_class_deadline(p->pool, NULL, 1), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_pool_set_class_deadline(p->pool, (const void*)(ULONG_PTR)finish_late, 60000001),
                ERROR_INVALID_PARAMETER);
    CHECK(rp_pool_set_class_deadline(p->pool, (const void*)(ULONG_PTR)finish_late, 60000000));
    CHECK(rp_pool_set_class_deadline(p->pool, (const void*)(ULONG_PTR)finish_soon, 1));
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    REQUIRE(TrySubmitThreadpoolCallback(finish_late, f, &p->env));
    REQUIRE(TrySubmitThreadpoolCallback(finish_soon, f, &p->env));
    SetEvent(p->gate);
    while (!count(&f->late) || !count(&f->soon))
        SwitchToThread();
    CHECK_EQ(count(&f->soon), 1);
    CHECK_EQ(count(&f->late), 2);
    probe_end(p);
}
