// SPDX-License-Identifier: Apache-2.0
// Runs a few paths of the public surface so that callgrind can count their instructions: each path
// twice, over `short_run` and over `long_run` operations, with a dump of the counters after each
// run ("NAME COUNT"). tools/count_instructions.py starts this and reads the dumps; the difference
// of the two runs, by the operations between them, is what one operation takes, free of what begins
// and ends a run.
//
// Only the thread that toggles is counted, and only between its two toggles. What the other threads
// of a pool do meanwhile is not in the figures, but may change them: a submission wakes somebody or
// does not. The pool has one thread, and while the main thread is counted that thread either is
// held in a callback that spins (one that sleeps would give its core to another, or be looked at by
// the monitor), or, for `wake`, is parked.
//
//   path           counted thread   what one operation is
//   submit         main             SubmitThreadpoolWork of an object that is not queued
//   submit_again   main             SubmitThreadpoolWork of an object that is queued already
//   wake           main             SubmitThreadpoolWork to a pool whose thread is parked
//   try_submit     main             TrySubmitThreadpoolCallback
//   fan_out        the worker       SubmitThreadpoolWork of another object by a callback, which
//                                   returns, and the callback of that object
//   resubmit       the worker       a callback of a TP_WORK, which submits its own object
//   spawn          the worker       a callback of a TP_WORK, which submits another object
//   signal         the worker       a callback of a TP_WAIT, which arms it again and sets its event
//   timer          main             SetThreadpoolTimer, later than another timer, and off again
//   wait           main             SetThreadpoolWait on an unset event, and off again
//   io             main             StartThreadpoolIo and CancelThreadpoolIo
//   event          main             SetEvent and ResetEvent, with nobody waiting
//   semaphore      main             ReleaseSemaphore and WaitForSingleObject
//   poll           main             WaitForSingleObject(event, 0) that times out
#include <windows.h>

#include <ringpool/ringpool.h>

#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gnu/libc-version.h>

#if !__has_include(<valgrind/callgrind.h>)

int main(void) {
    puts(
        "skipped: built without <valgrind/callgrind.h>; apt-get install valgrind, and build again");
    return 77;
}

#else
#include <valgrind/callgrind.h>

// Both lengths fit into the queue of a core (1024), so that no path spills.
enum { short_run = 128, long_run = 896 };

static void need(int condition, const char* what) {
    if (!condition) {
        fprintf(stderr, "instruction_paths: %s: Windows error %u\n", what, GetLastError());
        exit(1);
    }
}

// ---- a pool of one thread, and the callback that holds it

struct fixture {
    PTP_POOL pool;
    TP_CALLBACK_ENVIRON environment;
    PTP_WORK gate;
    PTP_WORK works[long_run];
    PTP_WORK fan[long_run];
    PTP_TIMER timer;
    PTP_TIMER earlier;
    PTP_WAIT wait;
    PTP_IO io;
    HANDLE event;    // manual reset, never left set
    HANDLE consumed; // automatic reset
    HANDLE semaphore;
    HANDLE finished;
    atomic_int is_open;
    atomic_int is_held;
    atomic_uint ran;
    unsigned left; // passed from callback to callback
    unsigned next;
};

static struct fixture f;

static void CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    // mo: release, pairs gate.held (close_gate)
    atomic_store_explicit(&f.is_held, 1, memory_order_release);
    // mo: acquire, pairs gate.open (open_gate)
    while (!atomic_load_explicit(&f.is_open, memory_order_acquire)) {
        sched_yield();
    }
}

static void close_gate(void) {
    // mo: relaxed (both), published by the submission
    atomic_store_explicit(&f.is_open, 0, memory_order_relaxed);
    atomic_store_explicit(&f.is_held, 0, memory_order_relaxed);
    SubmitThreadpoolWork(f.gate);
    // mo: acquire, pairs gate.held (hold)
    while (!atomic_load_explicit(&f.is_held, memory_order_acquire)) {
        sched_yield();
    }
}

static void open_gate(void) {
    // mo: release, pairs gate.open (hold)
    atomic_store_explicit(&f.is_open, 1, memory_order_release);
    WaitForThreadpoolWorkCallbacks(f.gate, FALSE);
}

static void CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    // mo: relaxed, read after a wait for the callbacks
    atomic_fetch_add_explicit(&f.ran, 1, memory_order_relaxed);
}

static void CALLBACK count_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    if (--*(unsigned*)context == 0) {
        SetEvent(f.finished);
    }
}

static void CALLBACK never_timer(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer) {
    (void)instance;
    (void)context;
    (void)timer;
    need(0, "a timer that was set an hour ahead has called back");
}

static void CALLBACK never_wait(PTP_CALLBACK_INSTANCE instance,
                                PVOID context,
                                PTP_WAIT wait,
                                TP_WAIT_RESULT result) {
    (void)instance;
    (void)context;
    (void)wait;
    (void)result;
    need(0, "a wait on an event that was never set has called back");
}

static void CALLBACK never_io(PTP_CALLBACK_INSTANCE instance,
                              PVOID context,
                              PVOID overlapped,
                              ULONG error,
                              ULONG_PTR bytes,
                              PTP_IO io) {
    (void)instance;
    (void)context;
    (void)overlapped;
    (void)error;
    (void)bytes;
    (void)io;
    need(0, "an I/O object without an operation has called back");
}

static FILETIME in_seconds(LONGLONG seconds) {
    const ULARGE_INTEGER due = {.QuadPart = (ULONGLONG)(-seconds * 10000000)};
    const FILETIME result = {due.LowPart, due.HighPart};
    return result;
}

// ---- the paths

static void run_submit(unsigned operations) {
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        SubmitThreadpoolWork(f.works[i]);
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
    for (unsigned i = 0; i < operations; ++i) {
        WaitForThreadpoolWorkCallbacks(f.works[i], FALSE);
    }
}

static void run_submit_again(unsigned operations) {
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        SubmitThreadpoolWork(f.works[0]);
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
    WaitForThreadpoolWorkCallbacks(f.works[0], FALSE);
}

static void run_wake(unsigned operations) {
    rp_pool_info info = {.size = sizeof(info)};
    for (unsigned i = 0; i < operations; ++i) {
        do {
            sched_yield();
            need(rp_pool_query(f.pool, &info), "rp_pool_query");
        } while (info.idle != 1);
        CALLGRIND_TOGGLE_COLLECT;
        SubmitThreadpoolWork(f.works[i]);
        CALLGRIND_TOGGLE_COLLECT;
        WaitForThreadpoolWorkCallbacks(f.works[i], FALSE);
    }
}

static void run_try_submit(unsigned operations) {
    unsigned left = operations;
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        need(TrySubmitThreadpoolCallback(count_simple, &left, &f.environment), "TrySubmit");
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
    need(WaitForSingleObject(f.finished, INFINITE) == WAIT_OBJECT_0, "wait for the callbacks");
    // mo: relaxed, as in count
    atomic_fetch_add_explicit(&f.ran, operations - left, memory_order_relaxed);
}

// The worker counts itself, from inside the first callback to inside the last.
static int counts_on(void) {
    if (f.next++ == 0) {
        CALLGRIND_TOGGLE_COLLECT;
    }
    if (f.left-- == 0) {
        CALLGRIND_TOGGLE_COLLECT;
        SetEvent(f.finished);
        return 0;
    }
    // mo: relaxed, as in count
    atomic_fetch_add_explicit(&f.ran, 1, memory_order_relaxed);
    return 1;
}

static void CALLBACK fan_out(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    const unsigned count = f.left;
    (void)instance;
    (void)context;
    (void)work;
    counts_on();
    for (unsigned i = 0; i < count; ++i) {
        SubmitThreadpoolWork(f.fan[i]);
    }
}

static void CALLBACK leaf(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    counts_on();
}

static void CALLBACK resubmit(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    if (counts_on()) {
        SubmitThreadpoolWork(work);
    }
}

static void CALLBACK spawn(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)work;
    if (counts_on()) {
        SubmitThreadpoolWork(((PTP_WORK*)context)[f.next & 1]);
    }
}

static void run_inside(unsigned operations, PTP_WORK first) {
    f.left = operations;
    f.next = 0;
    SubmitThreadpoolWork(first);
    need(WaitForSingleObject(f.finished, INFINITE) == WAIT_OBJECT_0, "wait for the last callback");
}

static void run_fan_out(unsigned operations) {
    PTP_WORK work = CreateThreadpoolWork(fan_out, NULL, &f.environment);
    need(work != NULL, "CreateThreadpoolWork");
    run_inside(operations, work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    for (unsigned i = 0; i < operations; ++i) {
        WaitForThreadpoolWorkCallbacks(f.fan[i], FALSE);
    }
}

static void run_resubmit(unsigned operations) {
    PTP_WORK work = CreateThreadpoolWork(resubmit, NULL, &f.environment);
    need(work != NULL, "CreateThreadpoolWork");
    run_inside(operations, work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
}

static void run_spawn(unsigned operations) {
    PTP_WORK pair[2];
    for (int i = 0; i < 2; ++i) {
        pair[i] = CreateThreadpoolWork(spawn, pair, &f.environment);
        need(pair[i] != NULL, "CreateThreadpoolWork");
    }
    run_inside(operations, pair[0]);
    for (int i = 0; i < 2; ++i) {
        WaitForThreadpoolWorkCallbacks(pair[i], FALSE);
        CloseThreadpoolWork(pair[i]);
    }
}

static void CALLBACK signal_again(PTP_CALLBACK_INSTANCE instance,
                                  PVOID context,
                                  PTP_WAIT wait,
                                  TP_WAIT_RESULT result) {
    (void)instance;
    (void)context;
    (void)result;
    if (counts_on()) {
        SetThreadpoolWait(wait, f.consumed, NULL);
        SetEvent(f.consumed);
    }
}

static void run_signal(unsigned operations) {
    PTP_WAIT wait = CreateThreadpoolWait(signal_again, NULL, &f.environment);
    need(wait != NULL, "CreateThreadpoolWait");
    f.left = operations;
    f.next = 0;
    SetThreadpoolWait(wait, f.consumed, NULL);
    SetEvent(f.consumed);
    need(WaitForSingleObject(f.finished, INFINITE) == WAIT_OBJECT_0, "wait for the last callback");
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CloseThreadpoolWait(wait);
}

static void run_timer(unsigned operations) {
    FILETIME sooner = in_seconds(1800);
    FILETIME later = in_seconds(3600);
    SetThreadpoolTimer(f.earlier, &sooner, 0, 0);
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        SetThreadpoolTimer(f.timer, &later, 0, 0);
        SetThreadpoolTimer(f.timer, NULL, 0, 0);
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
    SetThreadpoolTimer(f.earlier, NULL, 0, 0);
}

static void run_wait(unsigned operations) {
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        SetThreadpoolWait(f.wait, f.event, NULL);
        SetThreadpoolWait(f.wait, NULL, NULL);
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
}

static void run_io(unsigned operations) {
    close_gate();
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        StartThreadpoolIo(f.io);
        CancelThreadpoolIo(f.io);
    }
    CALLGRIND_TOGGLE_COLLECT;
    open_gate();
}

static void run_event(unsigned operations) {
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        SetEvent(f.event);
        ResetEvent(f.event);
    }
    CALLGRIND_TOGGLE_COLLECT;
    need(WaitForSingleObject(f.event, 0) == WAIT_TIMEOUT, "the event is not reset");
}

static void run_semaphore(unsigned operations) {
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        ReleaseSemaphore(f.semaphore, 1, NULL);
        WaitForSingleObject(f.semaphore, INFINITE);
    }
    CALLGRIND_TOGGLE_COLLECT;
    need(WaitForSingleObject(f.semaphore, 0) == WAIT_TIMEOUT, "the semaphore is not empty");
}

static void run_poll(unsigned operations) {
    unsigned timeouts = 0;
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < operations; ++i) {
        timeouts += WaitForSingleObject(f.event, 0) == WAIT_TIMEOUT;
    }
    CALLGRIND_TOGGLE_COLLECT;
    need(timeouts == operations, "a poll of an event that is not set has succeeded");
}

struct path {
    const char* name;
    void (*run)(unsigned operations);
    int calls_back; // once for each operation
};

static const struct path paths[] = {
    {"submit", run_submit, 1},
    {"submit_again", run_submit_again, 1},
    {"wake", run_wake, 1},
    {"try_submit", run_try_submit, 1},
    {"fan_out", run_fan_out, 1},
    {"resubmit", run_resubmit, 1},
    {"spawn", run_spawn, 1},
    {"signal", run_signal, 1},
    {"timer", run_timer, 0},
    {"wait", run_wait, 0},
    {"io", run_io, 0},
    {"event", run_event, 0},
    {"semaphore", run_semaphore, 0},
    {"poll", run_poll, 0},
};

static void measure(const struct path* path, unsigned operations) {
    // mo: relaxed, no callback is left
    const unsigned before = atomic_load_explicit(&f.ran, memory_order_relaxed);
    char name[64];
    snprintf(name, sizeof(name), "%s %u", path->name, operations);
    CALLGRIND_ZERO_STATS;
    path->run(operations);
    CALLGRIND_DUMP_STATS_AT(name);
    // mo: relaxed, the path has waited for its callbacks
    const unsigned ran = atomic_load_explicit(&f.ran, memory_order_relaxed) - before;
    if (ran != (path->calls_back ? operations : 0)) {
        fprintf(stderr, "instruction_paths: %s: %u callbacks\n", name, ran);
        exit(1);
    }
}

static void set_up(const char* file_name) {
    f.pool = CreateThreadpool(NULL);
    need(f.pool != NULL, "CreateThreadpool");
    SetThreadpoolThreadMaximum(f.pool, 1);
    need(SetThreadpoolThreadMinimum(f.pool, 1), "SetThreadpoolThreadMinimum");
    InitializeThreadpoolEnvironment(&f.environment);
    SetThreadpoolCallbackPool(&f.environment, f.pool);
    f.gate = CreateThreadpoolWork(hold, NULL, &f.environment);
    need(f.gate != NULL, "CreateThreadpoolWork");
    for (unsigned i = 0; i < long_run; ++i) {
        f.works[i] = CreateThreadpoolWork(count, NULL, &f.environment);
        f.fan[i] = CreateThreadpoolWork(leaf, NULL, &f.environment);
        need(f.works[i] != NULL && f.fan[i] != NULL, "CreateThreadpoolWork");
    }
    f.timer = CreateThreadpoolTimer(never_timer, NULL, &f.environment);
    f.earlier = CreateThreadpoolTimer(never_timer, NULL, &f.environment);
    need(f.timer != NULL && f.earlier != NULL, "CreateThreadpoolTimer");
    f.wait = CreateThreadpoolWait(never_wait, NULL, &f.environment);
    need(f.wait != NULL, "CreateThreadpoolWait");
    f.event = CreateEventA(NULL, TRUE, FALSE, NULL);
    f.consumed = CreateEventA(NULL, FALSE, FALSE, NULL);
    f.finished = CreateEventA(NULL, FALSE, FALSE, NULL);
    f.semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    need(f.event != NULL && f.consumed != NULL && f.finished != NULL && f.semaphore != NULL,
         "Create...");
    HANDLE file = CreateFileA(
        file_name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    need(file != INVALID_HANDLE_VALUE, file_name);
    f.io = CreateThreadpoolIo(file, never_io, NULL, &f.environment);
    need(f.io != NULL, "CreateThreadpoolIo");
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "--made-with") == 0) {
        // Lines of TOML: all that the counts depend on.
        printf("compiler = \"%s\"\n", COMPILER);
        printf("architecture = \"%s\"\n", ARCHITECTURE);
        printf("settings = \"%s\"\n", SETTINGS);
        printf("libc = \"glibc %s\"\n", gnu_get_libc_version());
        const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
        const int is_expedited = commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
        printf("fences = \"%s\"\n", is_expedited ? "membarrier" : "instructions");
        return 0;
    }
    if (argc != 1) {
        fputs("usage: instruction_paths [--made-with], as tools/count_instructions.py does\n",
              stderr);
        return 2;
    }
    set_up(argv[0]);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); ++i) {
        paths[i].run(long_run); // first use: memory, thread records, lanes
        measure(&paths[i], short_run);
        measure(&paths[i], long_run);
    }
    fflush(stdout);
    // What is still open ends with the process: no path of it is counted.
    _Exit(0);
}

#endif
