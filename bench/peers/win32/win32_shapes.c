/* SPDX-License-Identifier: Apache-2.0 */
/* win32_shapes SHAPE N [FILE]: runs N operations in the shape and prints nanoseconds for each, or a
 * sentence and exit code 1. Plain Win32: the same source is built against ringpool and, with
 * mingw-w64, for Wine. The pool has one thread.
 *
 *   submit_one, submit_1000, try_submit, chain   as in shapes.hpp
 *   read_cached_qd1                              4096 bytes at a time of FILE, whose block n begins
 *                                                with the number n; one read after the other */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 1000, BLOCK = 4096, LIMIT_MS = 60000 };

static PTP_POOL pool;
static TP_CALLBACK_ENVIRON environment;
static HANDLE over;
static volatile LONG left; /* operations that have not ended */
static PTP_WORK works[OBJECTS];

static HANDLE file;
static PTP_IO io;
static OVERLAPPED overlapped;
static __attribute__((aligned(BLOCK))) unsigned char buffer[BLOCK];
static ULONGLONG blocks, block;
static const char* read_fault;

static void fail(const char* what) {
    printf("%s: Windows error %u\n", what, (unsigned)GetLastError());
    exit(1);
}

static void end_one(void) {
    if (InterlockedDecrement(&left) == 0)
        SetEvent(over);
}

static VOID CALLBACK on_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance, (void)context, (void)work;
    end_one();
}

static VOID CALLBACK on_simple(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance, (void)context;
    end_one();
}

/* Two objects submit each other. */
static VOID CALLBACK on_hop(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work) {
    (void)instance, (void)context;
    if (left > 1)
        SubmitThreadpoolWork(work == works[0] ? works[1] : works[0]);
    end_one();
}

static void read_next(void) {
    ULONGLONG offset;
    block = (block * 6364136223846793005u + 1442695040888963407u) % blocks;
    offset = block * BLOCK;
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = (DWORD)offset;
    overlapped.OffsetHigh = (DWORD)(offset >> 32);
    memset(buffer, 0xee, sizeof block);
    StartThreadpoolIo(io);
    if (!ReadFile(file, buffer, BLOCK, NULL, &overlapped) && GetLastError() != ERROR_IO_PENDING) {
        CancelThreadpoolIo(io);
        read_fault = "ReadFile failed";
        SetEvent(over);
    }
}

static VOID CALLBACK on_read(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PVOID of,
                             ULONG error,
                             ULONG_PTR bytes,
                             PTP_IO from) {
    (void)instance, (void)context, (void)of, (void)from;
    if (error != ERROR_SUCCESS || bytes != BLOCK || memcmp(buffer, &block, sizeof block) != 0) {
        read_fault = "a read delivered other data, or none";
        SetEvent(over);
        return;
    }
    if (InterlockedDecrement(&left) == 0)
        SetEvent(over);
    else
        read_next();
}

static double now_ns(void) {
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart * 1e9 / (double)frequency.QuadPart;
}

static void open_pool(PTP_WORK_CALLBACK callback) {
    int i;
    pool = CreateThreadpool(NULL);
    if (pool == NULL)
        fail("CreateThreadpool");
    SetThreadpoolThreadMaximum(pool, 1);
    if (!SetThreadpoolThreadMinimum(pool, 1))
        fail("SetThreadpoolThreadMinimum");
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    over = CreateEventA(NULL, FALSE, FALSE, NULL);
    if (over == NULL)
        fail("CreateEvent");
    for (i = 0; i < OBJECTS; i++)
        if ((works[i] = CreateThreadpoolWork(callback, NULL, &environment)) == NULL)
            fail("CreateThreadpoolWork");
}

static void open_file(const char* path) {
    LARGE_INTEGER size;
    file = CreateFileA(
        path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (file == INVALID_HANDLE_VALUE || !GetFileSizeEx(file, &size) || size.QuadPart < BLOCK)
        fail("opening FILE");
    blocks = (ULONGLONG)size.QuadPart / BLOCK;
    io = CreateThreadpoolIo(file, on_read, NULL, &environment);
    if (io == NULL)
        fail("CreateThreadpoolIo");
}

static void begin(const char* shape, LONG n) {
    LONG i;
    if (strcmp(shape, "submit_one") == 0)
        for (i = 0; i < n; i++)
            SubmitThreadpoolWork(works[0]);
    else if (strcmp(shape, "submit_1000") == 0)
        for (i = 0; i < n; i++)
            SubmitThreadpoolWork(works[i % OBJECTS]);
    else if (strcmp(shape, "try_submit") == 0) {
        for (i = 0; i < n; i++)
            if (!TrySubmitThreadpoolCallback(on_simple, NULL, &environment))
                fail("TrySubmitThreadpoolCallback");
    } else if (strcmp(shape, "chain") == 0)
        SubmitThreadpoolWork(works[0]);
    else if (strcmp(shape, "read_cached_qd1") == 0)
        read_next();
    else {
        printf("win32_shapes: no shape %s\n", shape);
        exit(2);
    }
}

/* Nanoseconds for each of n operations. */
static double run(const char* shape, LONG n) {
    double started, ended;
    left = n;
    started = now_ns();
    begin(shape, n);
    if (WaitForSingleObject(over, LIMIT_MS) != WAIT_OBJECT_0) {
        printf("%d of %d operations never ended\n", (int)left, (int)n);
        exit(1);
    }
    ended = now_ns();
    if (read_fault != NULL) {
        printf("%s\n", read_fault);
        exit(1);
    }
    return (ended - started) / n;
}

int main(int argc, char** argv) {
    const char* shape;
    LONG n;
    double ns;
    int i;
    if (argc < 3 || (n = atol(argv[2])) < 4) {
        printf("win32_shapes SHAPE N [FILE]\n");
        return 2;
    }
    shape = argv[1];
    open_pool(strcmp(shape, "chain") == 0 ? on_hop : on_work);
    if (argc > 3)
        open_file(argv[3]);
    run(shape, n / 4); /* threads and memory come into being */
    ns = run(shape, n);
    for (i = 0; i < OBJECTS; i++)
        WaitForThreadpoolWorkCallbacks(works[i], FALSE);
    if (left != 0) {
        printf("%d operations ran twice\n", (int)-left);
        return 1;
    }
    printf("%.3f\n", ns);
    fflush(stdout);
    return 0;
}
