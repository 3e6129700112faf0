// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_FIXTURE_H
#define CONFORMANCE_FIXTURE_H
/* What most conformance tests need: counters, bounded waits, and a probe: a pool of its own with
 * callbacks that count themselves, report their entry, and block until the test opens a gate. */
#include "tests/conformance/conformance.h"

typedef volatile LONG counter;

static inline LONG count(counter* c) {
    return InterlockedCompareExchange(c, 0, 0);
}

static inline void raise_peak(counter* peak, LONG value) {
    LONG seen = count(peak);
    while (value > seen) {
        LONG found = InterlockedCompareExchange(peak, value, seen);
        if (found == seen)
            return;
        seen = found;
    }
}

static inline int signaled(HANDLE object) {
    return WaitForSingleObject(object, WAIT_LIMIT_MS) == WAIT_OBJECT_0;
}

/* For things that must not happen: see QUIET_MS. */
static inline int quiet(HANDLE object) {
    return WaitForSingleObject(object, QUIET_MS) == WAIT_TIMEOUT;
}

/* For what needs time to go wrong, or a time to be measured; never to order events. */
static inline void let_pass(DWORD ms) {
    Sleep(ms);
}

static inline HANDLE manual_event(void) {
    return CreateEventA(NULL, TRUE, FALSE, NULL);
}

static inline HANDLE auto_event(void) {
    return CreateEventA(NULL, FALSE, FALSE, NULL);
}

/* A due time or timeout from now on. */
UNUSED static FILETIME* in_ms(LONGLONG ms) {
    FILETIME* due = fresh(sizeof *due);
    ULARGE_INTEGER value;
    value.QuadPart = (ULONGLONG)(-ms * 10000);
    due->dwLowDateTime = value.LowPart;
    due->dwHighDateTime = value.HighPart;
    return due;
}

/* A semaphore with a maximum of one takes the next unit when somebody has taken the one before:
 * then the callback of the wait object that took it is queued for sure. */
UNUSED static BOOL replace_unit(HANDLE semaphore) {
    ULONGLONG begin = GetTickCount64();
    while (!ReleaseSemaphore(semaphore, 1, NULL)) {
        if (GetTickCount64() - begin > WAIT_LIMIT_MS)
            return FALSE;
        SwitchToThread();
    }
    return TRUE;
}

/* For an I/O object whose callbacks do not matter. */
UNUSED static VOID CALLBACK io_nothing(PTP_CALLBACK_INSTANCE instance,
                                       PVOID context,
                                       PVOID overlapped,
                                       ULONG result,
                                       ULONG_PTR bytes,
                                       PTP_IO io) {
    (void)instance;
    (void)context;
    (void)overlapped;
    (void)result;
    (void)bytes;
    (void)io;
}

struct probe {
    PTP_POOL pool; /* NULL: the default pool */
    TP_CALLBACK_ENVIRON env;
    HANDLE entered; /* semaphore: one unit for each callback that started */
    HANDLE done;    /* semaphore: one unit for each callback about to return */
    HANDLE gate;    /* manual event: gated callbacks wait for it before they return */
    HANDLE token;   /* semaphore: token callbacks take one unit each before they return */
    counter calls, running, peak, returned;
    counter thread; /* id of the thread of the last callback */
};

UNUSED static struct probe* probe_bare(void) {
    struct probe* p = fresh(sizeof *p);
    InitializeThreadpoolEnvironment(&p->env);
    p->entered = CreateSemaphoreA(NULL, 0, 1000000, NULL);
    p->done = CreateSemaphoreA(NULL, 0, 1000000, NULL);
    p->gate = manual_event();
    p->token = CreateSemaphoreA(NULL, 0, 1000000, NULL);
    if (!p->entered || !p->done || !p->gate || !p->token)
        abort();
    return p;
}

/* maximum 0: leave the pool's own. */
UNUSED static struct probe* probe_new(DWORD minimum, DWORD maximum) {
    struct probe* p = probe_bare();
    p->pool = CreateThreadpool(NULL);
    if (!p->pool)
        abort();
    if (maximum)
        SetThreadpoolThreadMaximum(p->pool, maximum);
    if (minimum && !SetThreadpoolThreadMinimum(p->pool, minimum))
        abort();
    SetThreadpoolCallbackPool(&p->env, p->pool);
    return p;
}

/* Only when none of the probe's callbacks is outstanding. */
UNUSED static void probe_end(struct probe* p) {
    DestroyThreadpoolEnvironment(&p->env);
    if (p->pool)
        CloseThreadpool(p->pool);
    CloseHandle(p->entered);
    CloseHandle(p->done);
    CloseHandle(p->gate);
    CloseHandle(p->token);
}

static inline void probe_enter(struct probe* p) {
    InterlockedExchange(&p->thread, (LONG)GetCurrentThreadId());
    InterlockedIncrement(&p->calls);
    raise_peak(&p->peak, InterlockedIncrement(&p->running));
    ReleaseSemaphore(p->entered, 1, NULL);
}

static inline void probe_leave(struct probe* p) {
    InterlockedDecrement(&p->running);
    InterlockedIncrement(&p->returned);
    ReleaseSemaphore(p->done, 1, NULL);
}

UNUSED static VOID CALLBACK work_count(PTP_CALLBACK_INSTANCE instance,
                                       PVOID context,
                                       PTP_WORK work) {
    (void)instance;
    (void)work;
    probe_enter(context);
    probe_leave(context);
}

UNUSED static VOID CALLBACK work_gated(PTP_CALLBACK_INSTANCE instance,
                                       PVOID context,
                                       PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    CHECK(signaled(p->gate));
    probe_leave(p);
}

UNUSED static VOID CALLBACK work_token(PTP_CALLBACK_INSTANCE instance,
                                       PVOID context,
                                       PTP_WORK work) {
    struct probe* p = context;
    (void)instance;
    (void)work;
    probe_enter(p);
    CHECK(signaled(p->token));
    probe_leave(p);
}

/* Leaves its object's account before it blocks, so that Wait(TRUE) does not wait for it. */
UNUSED static VOID CALLBACK work_gated_apart(PTP_CALLBACK_INSTANCE instance,
                                             PVOID context,
                                             PTP_WORK work) {
    DisassociateCurrentThreadFromCallback(instance);
    work_gated(instance, context, work);
}

UNUSED static VOID CALLBACK simple_count(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    work_count(instance, context, NULL);
}

UNUSED static VOID CALLBACK simple_gated(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    work_gated(instance, context, NULL);
}

UNUSED static int take(HANDLE semaphore, int units) {
    for (int i = 0; i < units; i++)
        if (!signaled(semaphore))
            return 0;
    return 1;
}

UNUSED static void submit(PTP_WORK work, int times) {
    for (int i = 0; i < times; i++)
        SubmitThreadpoolWork(work);
}

/* Runs one callback in the probe's pool and waits for it: with a maximum of one thread, everything
 * that was queued before it in the same priority class has then had its first turn. */
static VOID CALLBACK sentinel_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    SetEvent((HANDLE)context);
}

UNUSED static int pass_sentinel(struct probe* p) {
    HANDLE ran = manual_event();
    PTP_WORK work = CreateThreadpoolWork(sentinel_run, ran, &p->env);
    if (!ran || !work)
        return 0;
    SubmitThreadpoolWork(work);
    int ok = signaled(ran);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    CloseHandle(ran);
    return ok;
}

/* A thread of the test's own is a callback in a pool of its own: the only threads that plain
 * <windows.h> code of this size can make on both systems. helper_start runs body(argument);
 * helper_join waits for its end. */
struct helper {
    PTP_POOL pool;
    PTP_WORK work;
    HANDLE started, finished;
    void (*body)(void*);
    void* argument;
};

static VOID CALLBACK helper_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    struct helper* h = context;
    (void)instance;
    (void)work;
    SetEvent(h->started);
    h->body(h->argument);
    SetEvent(h->finished);
}

UNUSED static struct helper* helper_start(void (*body)(void*), void* argument) {
    struct helper* h = fresh(sizeof *h);
    TP_CALLBACK_ENVIRON env;
    InitializeThreadpoolEnvironment(&env);
    h->pool = CreateThreadpool(NULL);
    if (!h->pool)
        abort();
    SetThreadpoolThreadMaximum(h->pool, 1);
    SetThreadpoolCallbackPool(&env, h->pool);
    h->started = manual_event();
    h->finished = manual_event();
    h->body = body;
    h->argument = argument;
    h->work = CreateThreadpoolWork(helper_run, h, &env);
    DestroyThreadpoolEnvironment(&env);
    if (!h->started || !h->finished || !h->work)
        abort();
    SubmitThreadpoolWork(h->work);
    return h;
}

UNUSED static int helper_join(struct helper* h) {
    if (!signaled(h->finished))
        return 0;
    WaitForThreadpoolWorkCallbacks(h->work, FALSE);
    CloseThreadpoolWork(h->work);
    CloseThreadpool(h->pool);
    CloseHandle(h->started);
    CloseHandle(h->finished);
    return 1;
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* A name in the directory for temporary files, different at each call. */
UNUSED static const char* temp_name(void) {
    static int serial;
    char* name = fresh(1024);
#ifdef _WIN32
    const char* directory = getenv("TEMP");
    const char separator = '\\';
#else
    const char* directory = getenv("TMPDIR");
    const char separator = '/';
#endif
    if (!directory || !*directory)
        directory = sizeof separator && separator == '/' ? "/tmp" : ".";
    snprintf(name,
             1024,
             "%s%crpconf-%lu-%d.tmp",
             directory,
             separator,
             (unsigned long)GetCurrentProcessId(),
             ++serial);
    return name;
}

UNUSED static BYTE pattern_byte(size_t offset) {
    return (BYTE)(offset * 7 + offset / 251);
}

UNUSED static int pattern_matches(const void* data, size_t size, size_t offset) {
    for (size_t i = 0; i < size; i++)
        if (((const BYTE*)data)[i] != pattern_byte(offset + i))
            return 0;
    return 1;
}

/* Writes a file of the given size that follows the pattern, with libc. */
UNUSED static int make_file(const char* name, size_t size) {
    FILE* file = fopen(name, "wb");
    if (!file)
        return 0;
    for (size_t i = 0; i < size; i++)
        if (fputc(pattern_byte(i), file) == EOF) {
            fclose(file);
            return 0;
        }
    return fclose(file) == 0;
}

UNUSED static HANDLE open_file(const char* name, DWORD access, DWORD disposition, DWORD flags) {
    return CreateFileA(name,
                       access,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL,
                       disposition,
                       flags,
                       NULL);
}
#endif
