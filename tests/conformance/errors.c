// SPDX-License-Identifier: Apache-2.0
/* Bad input that is reported by a return value: R-ERR-*, and the rules of single calls. */
#include "tests/conformance/fixture.h"

static HANDLE stale_handle(void) {
    HANDLE event = manual_event();
    CloseHandle(event);
    return event;
}

TEST("R-ENV-4", "CreateThreadpoolIo refuses an unknown version") {
    const char* name = temp_name();
    TP_CALLBACK_ENVIRON env;
    HANDLE file = open_file(name,
                            GENERIC_READ | GENERIC_WRITE,
                            CREATE_NEW,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    InitializeThreadpoolEnvironment(&env);
    env.Version = 9999;
    CHECK_FAILS(CreateThreadpoolIo(file, io_nothing, NULL, &env), ERROR_INVALID_PARAMETER);
    CloseHandle(file);
}

TEST("R-IO-3", "a failed CreateThreadpoolIo leaves the handle free to be bound") {
    const char* name = temp_name();
    TP_CALLBACK_ENVIRON env;
    HANDLE file = open_file(name,
                            GENERIC_READ | GENERIC_WRITE,
                            CREATE_NEW,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    InitializeThreadpoolEnvironment(&env);
    env.CallbackPriority = (TP_CALLBACK_PRIORITY)3;
    CHECK_FAILS(CreateThreadpoolIo(file, io_nothing, NULL, &env), ERROR_INVALID_PARAMETER);
    PTP_IO io = CreateThreadpoolIo(file, io_nothing, NULL, NULL);
    CHECK(io != NULL);
    if (io)
        CloseThreadpoolIo(io);
    CloseHandle(file);
}

TEST("R-IO-3", "CreateThreadpoolIo refuses INVALID_HANDLE_VALUE and handles that are no files") {
    HANDLE event = manual_event();
    CHECK_FAILS(CreateThreadpoolIo(INVALID_HANDLE_VALUE, io_nothing, NULL, NULL),
                ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateThreadpoolIo(event, io_nothing, NULL, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateThreadpoolIo(stale_handle(), io_nothing, NULL, NULL), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("R-FILE-2", "ReadFile and WriteFile refuse what is no file") {
    HANDLE event = manual_event(), stale = stale_handle();
    char byte = 0;
    DWORD moved = 0;
    CHECK_FAILS(ReadFile(NULL, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReadFile(INVALID_HANDLE_VALUE, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReadFile(stale, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReadFile(event, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(WriteFile(NULL, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(WriteFile(stale, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(WriteFile(event, &byte, 1, &moved, NULL), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("R-FILE-1", "the other file functions refuse what is no file") {
    HANDLE event = manual_event(), stale = stale_handle();
    LARGE_INTEGER size;
    CHECK_FAILS(FlushFileBuffers(stale), ERROR_INVALID_HANDLE);
    CHECK_FAILS(FlushFileBuffers(event), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetFileSizeEx(stale, &size), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetFileSizeEx(event, &size), ERROR_INVALID_HANDLE);
    SetLastError(0);
    CHECK_EQ(GetFileType(stale), FILE_TYPE_UNKNOWN);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("R-CANCEL-1", "CancelIoEx and CancelIo refuse what is no file") {
    HANDLE event = manual_event(), stale = stale_handle();
    CHECK_FAILS(CancelIoEx(NULL, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelIoEx(stale, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelIoEx(event, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelIo(stale), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("R-IOCP-7", "SetFileCompletionNotificationModes takes each flag, and refuses a bad handle") {
    const char* name = temp_name();
    HANDLE file = open_file(name,
                            GENERIC_READ | GENERIC_WRITE,
                            CREATE_NEW,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(SetFileCompletionNotificationModes(file, 0));
    CHECK(SetFileCompletionNotificationModes(file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    CHECK(SetFileCompletionNotificationModes(file, FILE_SKIP_SET_EVENT_ON_HANDLE));
    CHECK_FAILS(SetFileCompletionNotificationModes(stale_handle(), 0), ERROR_INVALID_HANDLE);
    CloseHandle(file);
}

TEST("R-SYNC-1", "the event functions refuse other objects") {
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);
    CHECK_FAILS(SetEvent(semaphore), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ResetEvent(semaphore), ERROR_INVALID_HANDLE);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    CloseHandle(semaphore);
}

TEST("R-SYNC-2", "ReleaseSemaphore refuses other objects") {
    HANDLE event = manual_event();
    CHECK_FAILS(ReleaseSemaphore(event, 1, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReleaseSemaphore(stale_handle(), 1, NULL), ERROR_INVALID_HANDLE);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    CloseHandle(event);
}

TEST("R-SYNC-3", "ReleaseMutex refuses other objects") {
    HANDLE event = manual_event();
    CHECK_FAILS(ReleaseMutex(event), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReleaseMutex(stale_handle()), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ReleaseMutex(NULL), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("R-SYNC-9", "a stale handle is no event when only semaphores are made after it") {
    HANDLE stale = stale_handle();
    HANDLE others[16];
    for (int i = 0; i < 16; i++)
        others[i] = CreateSemaphoreA(NULL, 0, 1, NULL);
    CHECK_FAILS(SetEvent(stale), ERROR_INVALID_HANDLE);
    for (int i = 0; i < 16; i++)
        CHECK(CloseHandle(others[i]));
}

struct slots {
    struct probe* p;
    HANDLE first, second;
};

static VOID CALLBACK two_events(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct slots* s = context;
    SetEventWhenCallbackReturns(instance, s->first);
    SetEventWhenCallbackReturns(instance, s->second);
    probe_enter(s->p);
    probe_leave(s->p);
}

TEST("R-CB-2", "of two registrations of one kind the first is kept") {
    struct slots* s = fresh(sizeof *s);
    s->p = probe_new(0, 1);
    s->first = manual_event();
    s->second = manual_event();
    REQUIRE(TrySubmitThreadpoolCallback(two_events, s, &s->p->env));
    CHECK(signaled(s->first));
    CHECK(pass_sentinel(s->p));
    CHECK_EQ(WaitForSingleObject(s->second, 0), WAIT_TIMEOUT);
    probe_end(s->p);
    CloseHandle(s->first);
    CloseHandle(s->second);
}

TEST("R-POOL-9", "a minimum above the maximum is accepted") {
    PTP_POOL pool = CreateThreadpool(NULL);
    REQUIRE(pool != NULL);
    SetThreadpoolThreadMaximum(pool, 1);
    CHECK(SetThreadpoolThreadMinimum(pool, 3));
    CloseThreadpool(pool);
}

TEST("R-LIFE-1", "a failed Create leaves no member in the group") {
    struct probe* p = probe_new(0, 1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    SetThreadpoolCallbackCleanupGroup(&p->env, group, NULL);
    SetThreadpoolCallbackPriority(&p->env, (TP_CALLBACK_PRIORITY)7);
    CHECK_FAILS(CreateThreadpoolWork(work_count, p, &p->env), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TrySubmitThreadpoolCallback(simple_count, p, &p->env), ERROR_INVALID_PARAMETER);
    CloseThreadpoolCleanupGroup(group);
    probe_end(p);
}

TEST("R-ERR-2", "GetLastError keeps what SetLastError stored") {
    static const DWORD codes[] = {0, 1, 87, 997, 0xdeadbeef, 0xffffffff};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        SetLastError(codes[i]);
        CHECK_EQ(GetLastError(), codes[i]);
    }
}
