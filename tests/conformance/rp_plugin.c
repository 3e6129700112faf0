// SPDX-License-Identifier: Apache-2.0
/* Policies from shared objects: what cannot be loaded, and that pools keep their promises under
 * policies that break the contract of <ringpool/policy.h>. The objects are those of tests/plugins.
 */
#include "tests/conformance/dump.h"
#include "tests/conformance/stream.h"

static const char* plugin(const char* name) {
    const char* directory = getenv("RINGPOOL_TEST_PLUGINS");
    char* path = fresh(4096);
    snprintf(path, 4096, "%s/%s.so", directory ? directory : "tests/plugins", name);
    return path;
}

TEST("RP-PLUGIN-1", "what cannot be loaded is refused with the error that is documented") {
    CHECK_FAILS(rp_policy_load(NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_policy_load(""), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_policy_load("/no/such/object.so"), ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(rp_policy_load(plugin("no_table")), ERROR_PROC_NOT_FOUND);
    CHECK_FAILS(rp_policy_load(plugin("null_table")), ERROR_BAD_FORMAT);
    CHECK_FAILS(rp_policy_load(plugin("wrong_abi")), ERROR_BAD_FORMAT);
    CHECK_FAILS(rp_policy_load(plugin("small_table")), ERROR_BAD_FORMAT);
    CHECK_FAILS(rp_policy_load(plugin("bad_name")), ERROR_BAD_FORMAT);
    CHECK_FAILS(rp_policy_load(plugin("no_next")), ERROR_BAD_FORMAT);
    CHECK_FAILS(rp_policy_load(plugin("taken_name")), ERROR_ALREADY_EXISTS);
}

TEST("RP-PLUGIN-2", "a loaded policy has a name, is listed, and loading it again is no error") {
    const char* name = rp_policy_load(plugin("good"));
    rp_policy_info info = {.size = sizeof info};
    int listed = 0;
    REQUIRE(name != NULL);
    CHECK(!strcmp(name, "plug-good"));
    CHECK(rp_policy_load(plugin("good")) == name);
    for (const char* const* each = rp_policy_names(); *each; each++)
        listed += !strcmp(*each, name);
    CHECK_EQ(listed, 1);
    REQUIRE(rp_policy_query(name, &info));
    CHECK(!strcmp(info.name, name));
    CHECK_EQ(info.knob_count, 0);
}

CHILD("environment") {
    rp_pool_info info = {.size = sizeof info};
    struct probe* p = probe_new(0, 1);
    CHECK(pass_sentinel(p));
    CHECK(rp_pool_query(p->pool, &info));
    CHECK(info.policy && !strcmp(info.policy, "plug-good"));
    probe_end(p);
    return 0;
}

TEST("RP-PLUGIN-3", "RINGPOOL_POLICY can name a policy of RINGPOOL_POLICY_LIB") {
    char* list = fresh(8192);
    snprintf(list, 8192, "%s:%s", plugin("garbage"), plugin("good"));
    REQUIRE(setenv("RINGPOOL_POLICY_LIB", list, 1) == 0);
    REQUIRE(setenv("RINGPOOL_POLICY", "plug-good", 1) == 0);
    CHECK_EQ(run_child("environment"), 0);
    unsetenv("RINGPOOL_POLICY_LIB");
    unsetenv("RINGPOOL_POLICY");
}

/* ---- pools under plug-ins -----------------------------------------------------------------------
 */

static struct probe* probe_under(const char* object, DWORD minimum, DWORD maximum) {
    const char* name = rp_policy_load(plugin(object));
    struct probe* p = probe_new(0, maximum);
    CHECK(name && rp_pool_set_policy(p->pool, name));
    if (minimum)
        CHECK(SetThreadpoolThreadMinimum(p->pool, minimum));
    return p;
}

static int is_evicted(struct probe* p) {
    rp_pool_info info = {.size = sizeof info};
    return rp_pool_query(p->pool, &info) && strstr(info.policy, " (evicted)") != NULL;
}

/* Some rules take a while to be broken: thousands of spins, half a second without a take. */
static int gets_evicted(struct probe* p) {
    ULONGLONG begin = GetTickCount64();
    while (!is_evicted(p) && GetTickCount64() - begin < WAIT_LIMIT_MS)
        SwitchToThread();
    return is_evicted(p);
}

/* Two objects that submit each other keep the pool busy until the test ends. */
struct feeder {
    PTP_WORK next;
    counter* stop;
};

static VOID CALLBACK feed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct feeder* f = context;
    (void)instance;
    (void)work;
    if (!count(f->stop))
        SubmitThreadpoolWork(f->next);
}

static VOID CALLBACK timer_count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)timer;
    work_count(instance, context, NULL);
}

/* Work of every priority from outside and inside, a timer and I/O: all of it returns. */
static void all_return(struct probe* p) {
    struct feeder* f = fresh(2 * sizeof *f);
    counter* stop = fresh(sizeof *stop);
    PTP_WORK works[3];
    f[0].stop = f[1].stop = stop;
    f[1].next = CreateThreadpoolWork(feed, &f[0], &p->env);
    f[0].next = CreateThreadpoolWork(feed, &f[1], &p->env);
    REQUIRE(f[0].next && f[1].next);
    SubmitThreadpoolWork(f[1].next);
    for (int i = 0; i < 3; i++) {
        SetThreadpoolCallbackPriority(&p->env, (TP_CALLBACK_PRIORITY)i);
        REQUIRE((works[i] = CreateThreadpoolWork(work_count, p, &p->env)) != NULL);
    }
    SetThreadpoolCallbackPriority(&p->env, TP_CALLBACK_PRIORITY_NORMAL);
    for (int i = 0; i < 50; i++) {
        submit(works[TP_CALLBACK_PRIORITY_HIGH], 1);
        submit(works[TP_CALLBACK_PRIORITY_NORMAL], 3);
        CHECK(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    }
    PTP_TIMER timer = CreateThreadpoolTimer(timer_count, p, &p->env);
    REQUIRE(timer != NULL);
    SetThreadpoolTimer(timer, in_ms(1), 0, 0);
    CHECK(take(p->done, 251));
    InterlockedExchange(stop, 1); /* low priority is promised nothing before */
    submit(works[TP_CALLBACK_PRIORITY_LOW], 20);
    CHECK(take(p->done, 20));
    WaitForThreadpoolWorkCallbacks(f[0].next, FALSE);
    WaitForThreadpoolWorkCallbacks(f[1].next, FALSE);
    WaitForThreadpoolWorkCallbacks(f[0].next, FALSE);
    CloseThreadpoolWork(f[0].next);
    CloseThreadpoolWork(f[1].next);
    for (int i = 0; i < 3; i++) {
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
        CloseThreadpoolWork(works[i]);
    }
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CloseThreadpoolTimer(timer);
    CHECK_EQ(count(&p->calls), 271);
    CHECK_EQ(count(&p->returned), 271);
}

static void reads_return(struct probe* p) {
    struct stream* s = pipe_reader(p);
    struct op* ops[8];
    for (int i = 0; i < 8; i++) {
        ops[i] = op_new(s);
        CHECK(op_read(ops[i], 1));
    }
    CHECK(send_text(s->peer, "12345678"));
    for (int i = 0; i < 8; i++) {
        CHECK(signaled(ops[i]->came));
        CHECK_EQ(count(&ops[i]->calls), 1);
        CHECK_EQ(ops[i]->bytes, 1);
    }
    stream_end(s);
}

static void keeps_promises(const char* object, DWORD maximum, int must_be_evicted) {
    LONG failures = count(&test_failures);
    struct probe* p = probe_under(object, 1, maximum);
    rp_pool_info info = {.size = sizeof info};
    all_return(p);
    reads_return(p);
    CHECK_OP(count(&p->peak), <=, (LONG)maximum);
    CHECK(rp_pool_query(p->pool, &info));
    CHECK_OP(info.threads, >=, 1);
    CHECK_EQ(must_be_evicted ? gets_evicted(p) : is_evicted(p), must_be_evicted);
    CHECK(!strncmp(info.policy, "plug-", 5));
    CHECK(rp_pool_query(p->pool, &info)); /* by now it may be evicted */
    char line[100];
    snprintf(line, sizeof line, "policy %s\n", info.policy);
    CHECK_EQ(strstr(line, " (evicted)\n") != NULL, must_be_evicted);
    CHECK(strstr(dumped(), line) != NULL);
    probe_end(p);
    if (count(&test_failures) != failures)
        printf("  under plug-in %s\n", object);
}

TEST("RP-PLUGIN-4", "nothing is lost under a policy that keeps the contract, and it stays") {
    keeps_promises("good", 2, 0);
}

TEST("RP-PLUGIN-5", "wrong answers (P1, P2): evicted, nothing is lost") {
    keeps_promises("wrong_queue", 2, 1);
    keeps_promises("garbage", 2, 1);
}

TEST("RP-PLUGIN-6", "searches without an end (P3): evicted, nothing is lost") {
    keeps_promises("spins", 2, 1);
    keeps_promises("tries_forever", 2, 1);
}

TEST("RP-PLUGIN-7", "one thread, starving what comes from outside (P5): evicted, nothing is lost") {
    keeps_promises("starves", 1, 1);
}

TEST("RP-PLUGIN-8", "answers that change at random (P6) lose nothing") {
    keeps_promises("fickle", 2, 0);
}

TEST("RP-PLUGIN-9", "sleeping while items wait (P4): evicted, nothing is lost") {
    keeps_promises("always_parks", 2, 1);
}

TEST("RP-PLUGIN-9", "never taking low priority (P4): evicted, nothing is lost") {
    keeps_promises("never_low", 2, 1);
}

TEST("RP-PLUGIN-9", "queues that nobody takes from (P5): evicted, nothing is lost") {
    keeps_promises("unread", 2, 1);
}
