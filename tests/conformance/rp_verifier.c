// SPDX-License-Identifier: Apache-2.0
/* Verifier mode: each misuse it knows is found, and a program that does nothing wrong hears nothing
 * (R-ERR-4, R-LIFE-21, R-IO-5, R-IO-8, R-IO-14, R-IO-16). */
#include "tests/conformance/stream.h"

static struct {
    counter calls;
    char function[80];
    const void* object;
} told;

static void on_misuse(unsigned status, const char* function, const void* object, ULONG_PTR detail) {
    (void)status;
    (void)detail;
    snprintf(told.function, sizeof told.function, "%s", function);
    told.object = object;
    InterlockedIncrement(&told.calls);
}

/* In every test: the mode is on, and the handler listens. */
static void hear_misuse(void) {
    rp_verifier_enable();
    memset((void*)&told, 0, sizeof told);
    rp_set_misuse_handler(on_misuse);
}

static void heard(const char* function) {
    CHECK_EQ(InterlockedExchange(&told.calls, 0), 1);
    if (strcmp(told.function, function))
        printf("  reported by '%s'\n", told.function);
    CHECK(!strcmp(told.function, function));
}

static void heard_nothing(void) {
    if (count(&told.calls))
        printf("  false alarm by '%s'\n", told.function);
    CHECK_EQ(count(&told.calls), 0);
    rp_set_misuse_handler(NULL);
}

TEST("R-LIFE-5", "a closed object is known as closed, although others were made since") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK works[100];
    hear_misuse();
    PTP_WORK closed = CreateThreadpoolWork(work_count, p, &p->env);
    CloseThreadpoolWork(closed);
    for (int i = 0; i < 100; i++)
        works[i] = CreateThreadpoolWork(work_count, p, &p->env);
    SubmitThreadpoolWork(closed);
    heard("SubmitThreadpoolWork");
    CHECK(told.object == closed);
    CloseThreadpoolWork(closed);
    heard("CloseThreadpoolWork");
    for (int i = 0; i < 100; i++)
        CloseThreadpoolWork(works[i]);
    heard_nothing();
    probe_end(p);
}

static CRITICAL_SECTION section;

static VOID CALLBACK keeps_section(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    EnterCriticalSection(&section);
    work_count(NULL, context, NULL);
}

static VOID CALLBACK leaves_section(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)work;
    EnterCriticalSection(&section);
    EnterCriticalSection(&section);
    LeaveCriticalSection(&section);
    LeaveCriticalSectionWhenCallbackReturns(instance, &section);
    work_count(NULL, context, NULL);
}

static void run_once(struct probe* p, PTP_WORK_CALLBACK callback) {
    PTP_WORK work = CreateThreadpoolWork(callback, p, &p->env);
    REQUIRE(work != NULL);
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
}

TEST("R-LIFE-21", "a callback that returns with a critical section held") {
    struct probe* p = probe_new(0, 1);
    InitializeCriticalSection(&section);
    hear_misuse();
    run_once(p, leaves_section);
    CHECK_EQ(count(&told.calls), 0);
    run_once(p, keeps_section);
    heard("a callback");
    heard_nothing();
    probe_end(p);
}

static HANDLE mutex;

static VOID CALLBACK keeps_mutex(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    CHECK(signaled(mutex));
    work_count(NULL, context, NULL);
}

static VOID CALLBACK releases_mutex(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)work;
    CHECK(signaled(mutex));
    ReleaseMutexWhenCallbackReturns(instance, mutex);
    work_count(NULL, context, NULL);
}

TEST("R-LIFE-21", "a callback that returns with a mutex held") {
    struct probe* p = probe_new(0, 1);
    mutex = CreateMutexA(NULL, FALSE, NULL);
    hear_misuse();
    run_once(p, releases_mutex);
    CHECK_EQ(count(&told.calls), 0);
    run_once(p, keeps_mutex);
    heard("a callback");
    heard_nothing();
    CloseHandle(mutex);
    probe_end(p);
}

TEST("R-IO-16", "an OVERLAPPED that is used again while its operation is in flight") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    hear_misuse();
    StartThreadpoolIo(s->io);
    CHECK(!ReadFile(s->handle, op->data, 1, NULL, &op->ov));
    CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
    CHECK_EQ(count(&told.calls), 0);
    StartThreadpoolIo(s->io);
    CHECK_FAILS(ReadFile(s->handle, op->data, 1, NULL, &op->ov), ERROR_INVALID_PARAMETER);
    heard("ReadFile");
    CHECK(told.object == &op->ov);
    CancelThreadpoolIo(s->io);
    CHECK_EQ(write(s->peer, "x", 1), 1);
    CHECK(signaled(op->came));
    CHECK_EQ(op->result, 0);
    WaitForThreadpoolIoCallbacks(s->io, FALSE);
    stream_end(s);
    heard_nothing();
    probe_end(p);
}

TEST("R-IO-14", "an OVERLAPPED that is written to while its operation is in flight") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    hear_misuse();
    StartThreadpoolIo(s->io);
    CHECK(!ReadFile(s->handle, op->data, 1, NULL, &op->ov));
    /* As memory that was freed and used for something else. */
    InterlockedExchange64((LONG64*)&op->ov.Internal, 0);
    CHECK_EQ(write(s->peer, "x", 1), 1);
    CHECK(signaled(op->came));
    heard("ReadFile");
    WaitForThreadpoolIoCallbacks(s->io, FALSE);
    stream_end(s);
    heard_nothing();
    probe_end(p);
}

TEST("R-IO-5", "an operation without StartThreadpoolIo") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    struct op* op = op_new(s);
    hear_misuse();
    op->ov.hEvent = manual_event();
    CHECK(!ReadFile(s->handle, op->data, 1, NULL, &op->ov));
    CHECK_EQ(write(s->peer, "x", 1), 1);
    CHECK(signaled(op->ov.hEvent));
    DWORD bytes = 0;
    CHECK(GetOverlappedResult(s->handle, &op->ov, &bytes, TRUE));
    /* The report comes from the worker that reaped it. */
    for (int i = 0; i < WAIT_LIMIT_MS && !count(&told.calls); i++)
        Sleep(1);
    heard("StartThreadpoolIo");
    CHECK_EQ(count(&op->calls), 0);
    CloseHandle(op->ov.hEvent);
    stream_end(s);
    heard_nothing();
    probe_end(p);
}

TEST("R-IO-8", "a StartThreadpoolIo without an operation, and one cancel too many") {
    struct probe* p = probe_new(0, 2);
    struct stream* s = pipe_reader(p);
    hear_misuse();
    StartThreadpoolIo(s->io);
    CancelThreadpoolIo(s->io);
    CHECK_EQ(count(&told.calls), 0);
    CancelThreadpoolIo(s->io);
    heard("CancelThreadpoolIo");
    StartThreadpoolIo(s->io);
    CloseThreadpoolIo(s->io);
    heard("CloseThreadpoolIo");
    CloseHandle(s->handle);
    close(s->peer);
    heard_nothing();
}

static VOID CALLBACK quiet_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
}

static VOID CALLBACK quiet_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)instance;
    (void)context;
    (void)timer;
}

static VOID CALLBACK waits_for_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    work_count(NULL, context, NULL);
}

TEST("R-LIFE-13", "waiting for one's own object") {
    struct probe* p = probe_new(0, 1);
    hear_misuse();
    run_once(p, waits_for_own);
    heard("WaitForThreadpoolWorkCallbacks");
    heard_nothing();
    probe_end(p);
}

TEST("R-GRP-14", "closing a group that has live members") {
    struct probe* p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    hear_misuse();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    CloseThreadpoolCleanupGroup(group);
    heard("CloseThreadpoolCleanupGroup");
    CloseThreadpoolWork(work);
    CloseThreadpoolCleanupGroup(group);
    heard_nothing();
    probe_end(p);
}

TEST("R-ERR-4", "a program that does nothing wrong hears nothing") {
    hear_misuse();
    for (int round = 0; round < 20; round++) {
        struct probe* p = probe_new(0, 3);
        PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
        SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
        FILETIME now = {0, 0};
        HANDLE event = manual_event();
        for (int i = 0; i < 10; i++) {
            CHECK(TrySubmitThreadpoolCallback(quiet_simple, p, &p->env));
            submit(CreateThreadpoolWork(work_count, p, &p->env), 3);
            SetThreadpoolTimer(CreateThreadpoolTimer(quiet_timer, p, &p->env), &now, i % 2, 0);
        }
        struct stream* s = pipe_reader(p);
        for (int i = 0; i < 5; i++) {
            struct op* op = op_new(s);
            StartThreadpoolIo(s->io);
            CHECK(!ReadFile(s->handle, op->data, 1, NULL, &op->ov));
            CHECK_EQ(write(s->peer, "x", 1), 1);
            CHECK(signaled(op->came));
        }
        CloseThreadpoolCleanupGroupMembers(group, round % 2, NULL);
        CloseThreadpoolCleanupGroup(group);
        CloseHandle(s->handle);
        close(s->peer);
        CloseHandle(event);
        probe_end(p);
    }
    heard_nothing();
}

/* What a child process prints on stderr. */
static char* child_says(const char* environment, const char* name) {
    static char text[65536];
    char command[1300];
    fflush(stdout);
    snprintf(command,
             sizeof command,
             "ulimit -c 0; %s exec '%s' --child %s 2>&1 >/dev/null",
             environment,
             test_program,
             name);
    FILE* pipe = popen(command, "r");
    size_t length = pipe ? fread(text, 1, sizeof text - 1, pipe) : 0;
    text[length] = 0;
    if (pipe)
        pclose(pipe);
    return text;
}

CHILD("leak") {
    PTP_POOL pool = CreateThreadpool(NULL);
    TP_CALLBACK_ENVIRON env;
    InitializeThreadpoolEnvironment(&env);
    SetThreadpoolCallbackPool(&env, pool);
    (void)CreateThreadpoolTimer(quiet_timer, NULL, &env);
    CloseThreadpoolCleanupGroup(CreateThreadpoolCleanupGroup());
    return 0;
}

CHILD("tidy") {
    struct probe* p = probe_new(0, 1);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    submit(work, 2);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    probe_end(p);
    return 0;
}

CHILD("misuse") {
    PTP_WORK work = CreateThreadpoolWork(work_count, NULL, NULL);
    CloseThreadpoolWork(work);
    SubmitThreadpoolWork(work);
    return 0;
}

TEST("R-LIFE-3", "what was never closed is listed at exit, with the place that made it") {
    char* text = child_says("RINGPOOL_VERIFY=1", "leak");
    CHECK(strstr(text, "2 objects were never closed") != NULL);
    CHECK(strstr(text, "  pool ") != NULL);
    CHECK(strstr(text, "  timer ") != NULL);
    CHECK(strstr(text, "conformance_rp_verifier") != NULL);
    CHECK_EQ(strlen(child_says("RINGPOOL_VERIFY=1", "tidy")), 0);
    CHECK_EQ(strlen(child_says("RINGPOOL_VERIFY=0", "leak")), 0);
}

TEST("R-ERR-4", "a report names the rule, the object, where it was made, and what happened to it") {
    char* text = child_says("RINGPOOL_VERIFY=1", "misuse");
    CHECK(strstr(text, "misuse of SubmitThreadpoolWork") != NULL);
    CHECK(strstr(text, "(R-LIFE-5)") != NULL);
    CHECK(strstr(text, "a closed work object, made at") != NULL);
    CHECK(strstr(text, "CloseThreadpoolWork") != NULL);
    CHECK(strstr(text, "conformance_rp_verifier") != NULL);
    text = child_says("RINGPOOL_VERIFY=0", "misuse");
    CHECK(strstr(text, "RINGPOOL_VERIFY=1") != NULL);
}
