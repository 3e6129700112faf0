// SPDX-License-Identifier: Apache-2.0
/* APCs and alertable waits: R-SYNC-5, R-OVL-6, R-IO-27 and, where the dossier has no id, W32-APC-1
 * (QueueUserAPC), W32-APC-2 (alertable waits), W32-APC-3 (ReadFileEx, WriteFileEx). */
#include "tests/conformance/fixture.h"

#define POLL(handle) WaitForSingleObject(handle, 0)

static char trace[64];
static counter calls;
static DWORD ran_on;

static void note(char what) {
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace)
        trace[length] = what;
    ran_on = GetCurrentThreadId();
    InterlockedIncrement(&calls);
}

static void begin(void) {
    memset(trace, 0, sizeof trace);
    InterlockedExchange(&calls, 0);
    ran_on = 0;
}

static VOID CALLBACK note_apc(ULONG_PTR what) {
    note((char)what);
}

static void queue(char what) {
    CHECK(QueueUserAPC(note_apc, GetCurrentThread(), (ULONG_PTR)what));
}

TEST("W32-APC-1", "an APC runs in the next alertable wait, on the thread it was queued to") {
    begin();
    queue('a');
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 1);
    CHECK_EQ(ran_on, GetCurrentThreadId());
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(count(&calls), 1);
}

TEST("W32-APC-1", "first in, first out, all of them before the wait returns") {
    begin();
    for (char what = 'a'; what <= 'z'; what++)
        queue(what);
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "abcdefghijklmnopqrstuvwxyz"));
}

TEST("W32-APC-2", "waits that are not alertable leave APCs pending") {
    HANDLE e = manual_event();
    begin();
    queue('a');
    Sleep(1);
    CHECK_EQ(SleepEx(1, FALSE), 0);
    CHECK_EQ(WaitForSingleObject(e, 1), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObjectEx(e, 1, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjectsEx(1, &e, TRUE, 1, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(SignalObjectAndWait(e, e, 1, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 1);
    CloseHandle(e);
}

TEST("W32-APC-2", "every alertable wait function reports WAIT_IO_COMPLETION") {
    HANDLE e[2] = {manual_event(), manual_event()}, signal = manual_event();
    begin();
    queue('a');
    CHECK_EQ(WaitForSingleObjectEx(e[0], INFINITE, TRUE), WAIT_IO_COMPLETION);
    queue('b');
    CHECK_EQ(WaitForMultipleObjectsEx(2, e, FALSE, INFINITE, TRUE), WAIT_IO_COMPLETION);
    queue('c');
    CHECK_EQ(WaitForMultipleObjectsEx(2, e, TRUE, INFINITE, TRUE), WAIT_IO_COMPLETION);
    queue('d');
    CHECK_EQ(SignalObjectAndWait(signal, e[0], INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(POLL(signal), WAIT_OBJECT_0);
    queue('e');
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "abcde"));
    CloseHandle(e[0]);
    CloseHandle(e[1]);
    CloseHandle(signal);
}

TEST("W32-APC-2", "a poll is alertable when its object is not signaled") {
    HANDLE e[2] = {manual_event(), CreateEventA(NULL, TRUE, TRUE, NULL)};
    begin();
    queue('a');
    CHECK_EQ(WaitForSingleObjectEx(e[0], 0, TRUE), WAIT_IO_COMPLETION);
    queue('b');
    CHECK_EQ(WaitForMultipleObjectsEx(2, e, TRUE, 0, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "ab"));
    CHECK_EQ(WaitForSingleObjectEx(e[0], 0, TRUE), WAIT_TIMEOUT);
    CloseHandle(e[0]);
    CloseHandle(e[1]);
}

TEST("W32-APC-2", "a wait that is satisfied at once runs no APC") {
    HANDLE e = CreateEventA(NULL, TRUE, TRUE, NULL), both[2] = {e, CreateMutexA(NULL, FALSE, NULL)};
    begin();
    queue('a');
    CHECK_EQ(WaitForSingleObjectEx(e, INFINITE, TRUE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForMultipleObjectsEx(2, both, FALSE, INFINITE, TRUE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForMultipleObjectsEx(2, both, TRUE, INFINITE, TRUE), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(both[1]));
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 1);
    CloseHandle(e);
    CloseHandle(both[1]);
}

TEST("W32-APC-2", "an alertable wait ended by an APC consumes nothing") {
    HANDLE set[2] = {CreateSemaphoreA(NULL, 1, 1, NULL), auto_event()};
    begin();
    queue('a');
    CHECK_EQ(WaitForMultipleObjectsEx(2, set, TRUE, INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(POLL(set[0]), WAIT_OBJECT_0);
    CloseHandle(set[0]);
    CloseHandle(set[1]);
}

TEST("W32-APC-2", "an alertable wait without APCs times out, or is satisfied") {
    HANDLE e = auto_event();
    begin();
    CHECK_EQ(SleepEx(1, TRUE), 0);
    CHECK_EQ(WaitForSingleObjectEx(e, 1, TRUE), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjectsEx(1, &e, TRUE, 1, TRUE), WAIT_TIMEOUT);
    SetEvent(e);
    CHECK_EQ(WaitForSingleObjectEx(e, INFINITE, TRUE), WAIT_OBJECT_0);
    CHECK_EQ(count(&calls), 0);
    CloseHandle(e);
}

static VOID CALLBACK chain_apc(ULONG_PTR left) {
    note((char)('0' + left));
    if (left > 0)
        CHECK(QueueUserAPC(chain_apc, GetCurrentThread(), left - 1));
}

TEST("W32-APC-1", "APCs queued by APCs run before the wait returns") {
    begin();
    CHECK(QueueUserAPC(chain_apc, GetCurrentThread(), 5));
    queue('x');
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "5x43210"));
    CHECK_EQ(SleepEx(0, TRUE), 0);
}

static VOID CALLBACK nested_apc(ULONG_PTR what) {
    note((char)what);
    DWORD nested = SleepEx(0, TRUE);
    note(nested == WAIT_IO_COMPLETION ? '+' : '-');
}

TEST("W32-APC-2", "an alertable wait inside an APC runs the rest") {
    begin();
    CHECK(QueueUserAPC(nested_apc, GetCurrentThread(), 'a'));
    queue('b');
    queue('c');
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "abc+"));
}

struct target {
    HANDLE object, ready, thread;
    DWORD result;
    DWORD milliseconds;
};

static DWORD WINAPI wait_alertably(LPVOID argument) {
    struct target* t = argument;
    SetEvent(t->ready);
    t->result = WaitForSingleObjectEx(t->object, t->milliseconds, TRUE);
    return t->result;
}

static struct target* target_new(DWORD milliseconds) {
    struct target* t = fresh(sizeof *t);
    t->object = manual_event();
    t->ready = manual_event();
    t->milliseconds = milliseconds;
    t->thread = CreateThread(NULL, 0, wait_alertably, t, 0, NULL);
    if (!t->thread)
        abort();
    return t;
}

static void target_end(struct target* t) {
    CHECK(signaled(t->thread));
    CloseHandle(t->object);
    CloseHandle(t->ready);
    CloseHandle(t->thread);
}

TEST("W32-APC-1", "an APC from another thread ends the wait of its target") {
    for (int i = 0; i < 50; i++) {
        begin();
        struct target* t = target_new(INFINITE);
        DWORD id = GetThreadId(t->thread);
        CHECK(signaled(t->ready)); /* what comes before its routine runs before it */
        CHECK(QueueUserAPC(note_apc, t->thread, 'x'));
        target_end(t);
        CHECK_EQ(t->result, WAIT_IO_COMPLETION);
        CHECK_EQ(ran_on, id);
        CHECK_EQ(count(&calls), 1);
    }
}

TEST("W32-APC-1", "APCs queued before a suspended thread begins run before its routine") {
    begin();
    struct target* t = fresh(sizeof *t);
    t->object = manual_event();
    t->ready = manual_event();
    t->thread = CreateThread(NULL, 0, wait_alertably, t, CREATE_SUSPENDED, NULL);
    REQUIRE(t->thread != NULL);
    CHECK(QueueUserAPC(note_apc, t->thread, 'a'));
    CHECK(QueueUserAPC(note_apc, t->thread, 'b'));
    CHECK_EQ(count(&calls), 0);
    ResumeThread(t->thread);
    CHECK(signaled(t->thread));
    CHECK(!strcmp(trace, "ab"));
    CHECK_EQ(t->result, WAIT_TIMEOUT);
    target_end(t);
}

TEST("W32-APC-1", "a thread that has ended takes no APC") {
    begin();
    struct target* t = target_new(0);
    CHECK(signaled(t->thread));
    CHECK_FAILS(QueueUserAPC(note_apc, t->thread, 'x'), ERROR_GEN_FAILURE);
    CHECK_EQ(count(&calls), 0);
    target_end(t);
}

TEST("W32-APC-1", "a handle that is no thread fails with 6") {
    HANDLE e = manual_event();
    CHECK_FAILS(QueueUserAPC(note_apc, e, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(QueueUserAPC(note_apc, NULL, 0), ERROR_INVALID_HANDLE);
    CloseHandle(e);
    CHECK_FAILS(QueueUserAPC(note_apc, e, 0), ERROR_INVALID_HANDLE);
}

static DWORD WINAPI never_alertable(LPVOID argument) {
    return WaitForSingleObject(argument, WAIT_LIMIT_MS);
}

TEST("W32-APC-1", "what is pending when a thread ends never runs") {
    begin();
    HANDLE go = manual_event();
    HANDLE t = CreateThread(NULL, 0, never_alertable, go, 0, NULL);
    REQUIRE(t != NULL);
    /* The suspended state is over, but the routine may not have begun: the wait shows that it
     * has, and APCs queued from then on can only wait for an alertable wait. */
    HANDLE self = NULL;
    CHECK(DuplicateHandle(
        GetCurrentProcess(), t, GetCurrentProcess(), &self, 0, FALSE, DUPLICATE_SAME_ACCESS));
    SetEvent(go);
    CHECK(signaled(t));
    CHECK_FAILS(QueueUserAPC(note_apc, self, 'x'), ERROR_GEN_FAILURE);
    CHECK_EQ(count(&calls), 0);
    CloseHandle(self);
    CloseHandle(t);
    CloseHandle(go);
}

static VOID CALLBACK leave_apc(ULONG_PTR code) {
    note('l');
    ExitThread((DWORD)code);
}

TEST("W32-APC-1", "an APC may end its thread") {
    begin();
    struct target* t = target_new(INFINITE);
    CHECK(QueueUserAPC(leave_apc, t->thread, 77));
    CHECK(signaled(t->thread));
    DWORD code = 0;
    CHECK(GetExitCodeThread(t->thread, &code));
    CHECK_EQ(code, 77);
    CHECK_EQ(t->result, 0);
    CHECK(!strcmp(trace, "l"));
    target_end(t);
}

/* ---- ReadFileEx and WriteFileEx
 * --------------------------------------------------------------- */

static struct {
    DWORD error, bytes;
    LPOVERLAPPED overlapped;
    HANDLE event;
} seen;

static VOID CALLBACK note_io(DWORD error, DWORD bytes, LPOVERLAPPED overlapped) {
    seen.error = error;
    seen.bytes = bytes;
    seen.overlapped = overlapped;
    seen.event = overlapped->hEvent;
    note('i');
}

static HANDLE new_file(const char** name, size_t size) {
    *name = temp_name();
    if (!make_file(*name, size))
        abort();
    return open_file(*name, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
}

TEST("W32-APC-3", "ReadFileEx calls its routine in an alertable wait of the caller") {
    const char* name;
    HANDLE f = new_file(&name, 4096);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(1000);
    begin();
    ov->Offset = 96;
    ov->hEvent = (HANDLE)(ULONG_PTR)0x7770; /* the program's own */
    REQUIRE(ReadFileEx(f, data, 1000, ov, note_io));
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "i"));
    CHECK_EQ(ran_on, GetCurrentThreadId());
    CHECK_EQ(seen.error, 0);
    CHECK_EQ(seen.bytes, 1000);
    CHECK(seen.overlapped == ov);
    CHECK_EQ((ULONG_PTR)seen.event, 0x7770);
    CHECK(pattern_matches(data, 1000, 96));
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("W32-APC-3", "WriteFileEx writes") {
    const char* name;
    HANDLE f = new_file(&name, 10);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE *data = fresh(500), *back = fresh(500);
    DWORD moved = 0;
    for (size_t i = 0; i < 500; i++)
        data[i] = pattern_byte(i + 3);
    begin();
    ov->Offset = 3;
    REQUIRE(WriteFileEx(f, data, 500, ov, note_io));
    CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(seen.error, 0);
    CHECK_EQ(seen.bytes, 500);
    CloseHandle(f);
    f = open_file(name, GENERIC_READ, OPEN_EXISTING, 0);
    CHECK(ReadFile(f, back, 500, &moved, NULL));
    CHECK_EQ(moved, 500);
    CHECK(pattern_matches(back, 500, 0));
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("W32-APC-3", "the end of the file is told to the routine") {
    const char* name;
    HANDLE f = new_file(&name, 100);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(10);
    begin();
    ov->Offset = 100;
    if (!ReadFileEx(f, data, 10, ov, note_io)) {
        CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
    } else {
        CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
        CHECK_EQ(seen.error, ERROR_HANDLE_EOF);
        CHECK_EQ(seen.bytes, 0);
    }
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("W32-APC-3", "many operations, one routine call each") {
    const char* name;
    HANDLE f = new_file(&name, 4096);
    OVERLAPPED* ov = fresh(32 * sizeof *ov);
    BYTE* data = fresh(32 * 16);
    begin();
    for (DWORD i = 0; i < 32; i++) {
        ov[i].Offset = i * 100;
        REQUIRE(ReadFileEx(f, data + 16 * i, 16, &ov[i], note_io));
    }
    for (int i = 0; i < 32 && count(&calls) < 32; i++)
        CHECK_EQ(SleepEx(WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(count(&calls), 32);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    for (DWORD i = 0; i < 32; i++)
        CHECK(pattern_matches(data + 16 * i, 16, i * 100));
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("W32-APC-3", "ReadFileEx without OVERLAPPED fails with 87, with a bad handle with 6") {
    const char* name;
    HANDLE f = new_file(&name, 10);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE byte = 0;
    CHECK_FAILS(ReadFileEx(f, &byte, 1, NULL, note_io), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFileEx(f, &byte, 1, NULL, note_io), ERROR_INVALID_PARAMETER);
    CloseHandle(f);
    CHECK_FAILS(ReadFileEx(f, &byte, 1, ov, note_io), ERROR_INVALID_HANDLE);
    CHECK_FAILS(WriteFileEx(f, &byte, 1, ov, note_io), ERROR_INVALID_HANDLE);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK(DeleteFileA(name));
}

static VOID CALLBACK unexpected_io(PTP_CALLBACK_INSTANCE instance,
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
    note('!');
}

TEST("R-IO-27", "a handle bound to a TP_IO refuses completion routines with 87") {
    const char* name;
    HANDLE f = new_file(&name, 10);
    OVERLAPPED* ov = fresh(sizeof *ov);
    BYTE* data = fresh(8);
    PTP_IO io = CreateThreadpoolIo(f, unexpected_io, NULL, NULL);
    REQUIRE(io != NULL);
    begin();
    CHECK_FAILS(ReadFileEx(f, data, 1, ov, note_io), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFileEx(f, data, 1, ov, note_io), ERROR_INVALID_PARAMETER);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(count(&calls), 0);
    CloseThreadpoolIo(io);
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-6", "an alertable GetOverlappedResultEx ends for an APC with 192, then goes on") {
    const char* name;
    HANDLE f = new_file(&name, 100);
    OVERLAPPED* ov = fresh(sizeof *ov);
    DWORD moved = 0;
    begin();
    ov->Internal = 0x103; /* an operation that is pending for ever */
    ov->hEvent = manual_event();
    queue('a');
    CHECK_FAILS(GetOverlappedResultEx(f, ov, &moved, WAIT_LIMIT_MS, TRUE), WAIT_IO_COMPLETION);
    CHECK(!strcmp(trace, "a"));
    CHECK_FAILS(GetOverlappedResultEx(f, ov, &moved, 1, TRUE), WAIT_TIMEOUT);
    CloseHandle(ov->hEvent);
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}

TEST("R-OVL-6", "GetOverlappedResultEx that is not alertable leaves APCs pending") {
    const char* name;
    HANDLE f = new_file(&name, 100);
    OVERLAPPED* ov = fresh(sizeof *ov);
    DWORD moved = 0;
    begin();
    ov->Internal = 0x103;
    ov->hEvent = manual_event();
    queue('a');
    CHECK_FAILS(GetOverlappedResultEx(f, ov, &moved, 1, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(count(&calls), 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CloseHandle(ov->hEvent);
    CloseHandle(f);
    CHECK(DeleteFileA(name));
}
