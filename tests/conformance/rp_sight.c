// SPDX-License-Identifier: Apache-2.0
/* What a program sees of its pools: statistics, traces, the flight recorder, dumps. The files that
 * these write are read by tests/sight. */
#include "tests/conformance/dump.h"

#include <pthread.h>
#include <sys/stat.h>

#define ROOM 64

struct figures {
    rp_pool_stats pool;
    rp_core_stats cores[ROOM];
    rp_worker_stats workers[ROOM];
    DWORD core_count, worker_count;
};

static struct figures* read_figures(PTP_POOL pool) {
    struct figures* f = fresh(sizeof *f);
    f->pool.size = sizeof f->pool;
    f->cores[0].size = sizeof f->cores[0];
    f->workers[0].size = sizeof f->workers[0];
    f->core_count = f->worker_count = ROOM;
    if (!rp_stats(pool, &f->pool, f->cores, &f->core_count, f->workers, &f->worker_count))
        CHECK_EQ(GetLastError(), ERROR_MORE_DATA); /* more than ROOM cores */
    return f;
}

/* A library without sight refuses; then there is nothing to test but that. */
static int is_there(void) {
    rp_pool_stats stats = {.size = sizeof stats};
    if (rp_stats(NULL, &stats, NULL, NULL, NULL, NULL))
        return 1;
    CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
    return 0;
}

static char directory[200];

static void remove_directory(void) {
    rmdir(directory);
}

static char* scratch_file(const char* name) {
    if (!directory[0]) {
        const char* base = getenv("TMPDIR");
        snprintf(directory, sizeof directory, "%s/rp_sight.XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(directory))
            abort();
        atexit(remove_directory);
    }
    char* path = fresh(300);
    snprintf(path, 300, "%s/%s", directory, name);
    return path;
}

/* The text of a file, which is removed; NULL when there is none. */
static char* contents(const char* path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    char* text = fresh(size + 1);
    size_t done = 0;
    for (ssize_t n = 1; n > 0 && done < size; done += (size_t)n)
        n = pread(fd, text + done, size - done, (off_t)done);
    close(fd);
    remove(path);
    return text;
}

TEST("RP-SIGHT-1", "statistics count what was placed and run, core by core and worker by worker") {
    if (!is_there())
        SKIP("a library with sight");
    struct probe* p = probe_new(0, 2);
    PTP_WORK work = CreateThreadpoolWork(work_count, p, &p->env);
    REQUIRE(work != NULL);
    struct figures* before = read_figures(p->pool);
    CHECK_EQ(before->worker_count, 0);
    CHECK_OP(before->core_count, >=, 1);
    CHECK_EQ(before->pool.cores, before->core_count);
    for (int i = 0; i < 50; i++) {
        submit(work, 1);
        REQUIRE(take(p->done, 1));
        WaitForThreadpoolWorkCallbacks(work, FALSE);
    }
    struct figures* after = read_figures(p->pool);
    ULONGLONG items = 0, callbacks = 0;
    for (DWORD i = 0; i < after->core_count && i < ROOM; i++) {
        CHECK_EQ(after->cores[i].size, sizeof(rp_core_stats));
        CHECK_EQ(after->cores[i].core, i);
        CHECK_EQ(after->cores[i].is_open, i < 2);
        items += after->cores[i].items;
    }
    DWORD alive = 0; /* a second worker may be on its way */
    for (DWORD i = 0; i < after->worker_count; i++) {
        CHECK_EQ(after->workers[i].thread != 0, after->workers[i].state != RP_WORKER_ENDED);
        alive += after->workers[i].thread != 0;
        callbacks += after->workers[i].callbacks;
    }
    CHECK_OP(alive, >=, 1);
    CHECK_EQ(callbacks, 50);
    CHECK_EQ(items, 50);
    CHECK_EQ(after->pool.placed_arrivals + after->pool.placed_shared + after->pool.placed_inboxes +
                 after->pool.placed_own,
             50);
    CHECK_EQ(after->pool.queued, 0);
    CHECK_EQ(after->pool.workers, after->worker_count);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("RP-SIGHT-1", "statistics show a worker in its callback, and the items that wait for it") {
    if (!is_there())
        SKIP("a library with sight");
    struct probe* p = probe_new(0, 1);
    PTP_WORK gated = CreateThreadpoolWork(work_gated, p, &p->env);
    REQUIRE(gated != NULL);
    submit(gated, 1);
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 3; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    /* Releasing the semaphore that `take` waited for, it was in the library for a moment. */
    struct figures* f = read_figures(p->pool);
    while (f->worker_count == 1 && f->workers[0].state != RP_WORKER_IN_CALLBACK)
        f = read_figures(p->pool);
    REQUIRE_EQ(f->worker_count, 1);
    CHECK_EQ(f->workers[0].thread, count(&p->thread));
    CHECK_EQ(f->pool.queued, 3);
    SetEvent(p->gate);
    REQUIRE(take(p->done, 4));
    WaitForThreadpoolWorkCallbacks(gated, FALSE);
    CHECK_EQ(read_figures(p->pool)->pool.queued, 0);
    CloseThreadpoolWork(gated);
    probe_end(p);
}

TEST("RP-SIGHT-2", "statistics refuse unknown sizes and say when the room is too small") {
    rp_pool_stats stats = {.size = sizeof stats};
    rp_worker_stats workers[1] = {{.size = sizeof workers[0]}};
    rp_core_stats cores[1] = {{.size = sizeof cores[0]}};
    DWORD one = 1;
    if (!is_there())
        SKIP("a library with sight");
    struct probe* p = probe_new(3, 3);
    CHECK_FAILS(rp_stats(p->pool, NULL, NULL, NULL, NULL, NULL), ERROR_INVALID_PARAMETER);
    stats.size--;
    CHECK_FAILS(rp_stats(p->pool, &stats, NULL, NULL, NULL, NULL), ERROR_INVALID_PARAMETER);
    stats.size++;
    CHECK_FAILS(rp_stats(p->pool, &stats, NULL, NULL, workers, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_stats(p->pool, &stats, cores, NULL, NULL, NULL), ERROR_INVALID_PARAMETER);
    workers[0].size++;
    CHECK_FAILS(rp_stats(p->pool, &stats, NULL, NULL, workers, &one), ERROR_INVALID_PARAMETER);
    workers[0].size--;
    CHECK_FAILS(rp_stats(p->pool, &stats, NULL, NULL, workers, &one), ERROR_MORE_DATA);
    CHECK_EQ(one, 3);
    CHECK_EQ(stats.workers, 3);
    CHECK_EQ(workers[0].size, sizeof workers[0]);
    one = 0;
    CHECK(rp_stats(p->pool, &stats, NULL, &one, NULL, NULL));
    CHECK_EQ(one, stats.cores);
    probe_end(p);
}

TEST("RP-SIGHT-3", "a trace is one at a time, and is there when it was stopped") {
    if (!is_there())
        SKIP("a library with sight");
    const char* path = scratch_file("trace.json");
    CHECK_FAILS(rp_trace_stop(), ERROR_NOT_READY);
    CHECK(rp_trace_start(path));
    CHECK_FAILS(rp_trace_start(path), ERROR_BUSY);
    struct probe* p = probe_new(0, 2);
    CHECK(pass_sentinel(p));
    probe_end(p);
    CHECK(rp_trace_stop());
    CHECK_FAILS(rp_trace_stop(), ERROR_NOT_READY);
    const char* text = contents(path);
    REQUIRE(text != NULL);
    CHECK(strstr(text, "{\"traceEvents\":[") == text);
    CHECK(strstr(text, "\"kind\":\"work\"") != NULL);
    /* A second one begins anew. */
    CHECK(rp_trace_start(path));
    CHECK(rp_trace_stop());
    text = contents(path);
    REQUIRE(text != NULL);
    CHECK(strstr(text, "\"kind\":\"work\"") == NULL);
}

/* Until the writers are gone. */
static void* read_pipe(void* path) {
    enum { room = 1 << 24 };

    int fd = open(path, O_RDONLY);
    char* text = fresh(room);
    ssize_t size = 0, n;
    while (fd >= 0 && (n = read(fd, text + size, room - 1 - (size_t)size)) > 0)
        size += n;
    close(fd);
    return text;
}

TEST("RP-SIGHT-4", "a trace into a pipe goes to its reader, and the pipe stays one") {
    if (!is_there())
        SKIP("a library with sight");
    char* path = scratch_file("pipe");
    pthread_t reader;
    void* text = NULL;
    struct stat there;
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK(rp_trace_start(path)); /* nobody reads yet */
    REQUIRE(pthread_create(&reader, NULL, read_pipe, path) == 0);
    CHECK(rp_trace_stop());
    REQUIRE(pthread_join(reader, &text) == 0 && text != NULL);
    CHECK(strstr(text, "{\"traceEvents\":[") == text);
    CHECK(stat(path, &there) == 0 && (there.st_mode & S_IFMT) == S_IFIFO);
    unlink(path);
}

TEST("RP-SIGHT-4", "a trace that cannot be written is refused when it is started") {
    if (!is_there())
        SKIP("a library with sight");
    CHECK_FAILS(rp_trace_start(NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_trace_start(""), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_trace_start(scratch_file("no/such/directory.json")), ERROR_OPEN_FAILED);
    CHECK_FAILS(rp_trace_start("/"), ERROR_OPEN_FAILED);
    CHECK_FAILS(rp_trace_stop(), ERROR_NOT_READY);
}

static VOID CALLBACK take_a_while(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance;
    (void)context;
    (void)work;
    let_pass(20);
}

TEST("RP-SIGHT-5", "a callback that runs past the threshold leaves a file that says so") {
    if (!is_there())
        SKIP("a library with sight");
    const char* path = scratch_file("run.json");
    char* settings = fresh(400);
    snprintf(settings, 400, "threshold=10ms,file=%s,keep=1s", path);
    struct probe* p = probe_new(1, 1);
    PTP_WORK work = CreateThreadpoolWork(take_a_while, NULL, &p->env);
    REQUIRE(work != NULL);
    /* On a machine with a lot to do it may also wait for so long, and then leaves that file. */
    BOOL is_said = FALSE;
    for (int attempt = 0; attempt < 20 && !is_said; attempt++) {
        CHECK(rp_flight_start(settings));
        CHECK_FAILS(rp_flight_start(settings), ERROR_BUSY);
        submit(work, 1);
        WaitForThreadpoolWorkCallbacks(work, FALSE);
        CHECK(rp_flight_stop());
        CHECK_FAILS(rp_flight_stop(), ERROR_NOT_READY);
        const char* text = contents(path);
        REQUIRE(text != NULL);
        const char* reason = strstr(text, "\"reason\":\"object 0x");
        REQUIRE(reason != NULL);
        is_said = strstr(reason, " ran for ") != NULL;
        CHECK(is_said || strstr(reason, " waited in a queue for ") != NULL);
        CHECK(strstr(text, "\"kind\":\"work\"") != NULL || !is_said);
    }
    CHECK(is_said);
    CloseThreadpoolWork(work);
    probe_end(p);
}

TEST("RP-SIGHT-5", "an item that waits past the threshold leaves a file that says so") {
    if (!is_there())
        SKIP("a library with sight");
    const char* path = scratch_file("wait.json");
    char* settings = fresh(400);
    snprintf(settings, 400, "file=%s,threshold=100ms", path);
    struct probe* p = probe_new(0, 1);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    CHECK(rp_flight_start(settings));
    REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    let_pass(150);
    SetEvent(p->gate);
    REQUIRE(take(p->done, 2));
    CHECK(rp_flight_stop());
    const char* text = contents(path);
    REQUIRE(text != NULL);
    CHECK(strstr(text, " waited in a queue for ") != NULL);
    probe_end(p);
}

TEST("RP-SIGHT-5", "callbacks below the threshold leave no file") {
    if (!is_there())
        SKIP("a library with sight");
    const char* path = scratch_file("none.json");
    char* settings = fresh(400);
    snprintf(settings, 400, "threshold=1000s,file=%s", path);
    struct probe* p = probe_new(0, 1);
    CHECK(rp_flight_start(settings));
    CHECK(pass_sentinel(p));
    CHECK(rp_flight_stop());
    CHECK(contents(path) == NULL);
    probe_end(p);
}

TEST("RP-SIGHT-6", "bad settings of the flight recorder are refused") {
    if (!is_there())
        SKIP("a library with sight");
    CHECK_FAILS(rp_flight_start(NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_flight_start(""), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_flight_start("threshold=soon,file=x"), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_flight_start("threshold=5ms"), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(rp_flight_stop(), ERROR_NOT_READY);
}

TEST("RP-SIGHT-7", "a dump shows a pool whose only worker is in a callback, and what waits") {
    struct probe* p = probe_new(0, 1);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    for (int i = 0; i < 3; i++)
        REQUIRE(TrySubmitThreadpoolCallback(simple_count, p, &p->env));
    char* worker = fresh(100);
    snprintf(worker, 100, "worker %d: in a callback", count(&p->thread));
    /* Releasing the semaphore that `take` waited for, it was in the library for a moment. */
    const char* text;
    do
        text = dumped();
    while (!strstr(text, worker));
    CHECK(strstr(text, "queued 3") != NULL);
    CHECK(strstr(text, "maximum 1)") != NULL);
    SetEvent(p->gate);
    CHECK(take(p->done, 4));
    CHECK_FAILS(rp_dump(-1), ERROR_WRITE_FAULT);
    probe_end(p);
}
