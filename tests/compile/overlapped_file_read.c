/* SPDX-License-Identifier: Apache-2.0 */
/* A file written and read back through a TP_IO, several requests in flight at once. The directory
 * for the file may be given as argument. */
#include <windows.h>

#include <stdio.h>
#include <tchar.h>

#define BLOCKS 8
#define BLOCK_SIZE 16384

static int fail(const char* what, int line) {
    _tprintf(_T("line %d: %s (last error %u)\n"), line, what, (unsigned)GetLastError());
    return 1;
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return fail(#condition, __LINE__);                                                     \
    } while (0)

typedef struct _REQUEST {
    OVERLAPPED Overlapped;
    LONG volatile Callbacks;
    ULONG Result;
    ULONG_PTR Bytes;
    BOOL CompletedBefore;
    BYTE Data[BLOCK_SIZE];
} REQUEST;

static REQUEST Requests[BLOCKS];
static int ContextMark;
static LONG volatile WrongContexts;

static VOID CALLBACK RequestDone(PTP_CALLBACK_INSTANCE Instance,
                                 PVOID Context,
                                 PVOID Overlapped,
                                 ULONG IoResult,
                                 ULONG_PTR NumberOfBytesTransferred,
                                 PTP_IO Io) {
    REQUEST* Request = CONTAINING_RECORD(Overlapped, REQUEST, Overlapped);
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Io);
    if (Context != &ContextMark)
        InterlockedIncrement(&WrongContexts);
    Request->CompletedBefore = HasOverlappedIoCompleted(&Request->Overlapped);
    Request->Result = IoResult;
    Request->Bytes = NumberOfBytesTransferred;
    InterlockedIncrement(&Request->Callbacks);
}

static BYTE Pattern(int Block, int Byte) {
    return (BYTE)(Block * 31 + Byte * 7 + (Byte >> 8));
}

static void Prepare(REQUEST* Request, int Block) {
    ZeroMemory(&Request->Overlapped, sizeof(Request->Overlapped));
    Request->Overlapped.Offset = (DWORD)Block * BLOCK_SIZE;
    Request->Callbacks = 0;
    Request->Result = 0xdeadbeef;
    Request->Bytes = 0;
    Request->CompletedBefore = FALSE;
}

/* TRUE if a callback will come. */
static BOOL Started(PTP_IO Io, BOOL Success) {
    if (!Success && GetLastError() != ERROR_IO_PENDING) {
        CancelThreadpoolIo(Io);
        return FALSE;
    }
    return TRUE;
}

int _tmain(int argc, TCHAR** argv) {
    CHAR Path[MAX_PATH];
    LARGE_INTEGER Size;
    HANDLE File;
    PTP_IO Io;
    DWORD Bytes;
    int i, k;

    snprintf(Path,
             sizeof(Path),
             "%s/ringpool-overlapped-%u.tmp",
             argc > 1 ? argv[1] : ".",
             (unsigned)GetCurrentProcessId());
    File = CreateFileA(Path,
                       GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ,
                       NULL,
                       CREATE_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE,
                       NULL);
    REQUIRE(File != INVALID_HANDLE_VALUE);
    Io = CreateThreadpoolIo(File, RequestDone, &ContextMark, NULL);
    REQUIRE(Io != NULL);

    for (i = 0; i < BLOCKS; i++) {
        Prepare(&Requests[i], i);
        for (k = 0; k < BLOCK_SIZE; k++)
            Requests[i].Data[k] = Pattern(i, k);
        StartThreadpoolIo(Io);
        REQUIRE(Started(
            Io, WriteFile(File, Requests[i].Data, BLOCK_SIZE, NULL, &Requests[i].Overlapped)));
    }
    WaitForThreadpoolIoCallbacks(Io, FALSE);
    for (i = 0; i < BLOCKS; i++) {
        REQUIRE(Requests[i].Callbacks == 1);
        REQUIRE(Requests[i].Result == NO_ERROR);
        REQUIRE(Requests[i].Bytes == BLOCK_SIZE);
        REQUIRE(Requests[i].CompletedBefore);
    }
    REQUIRE(GetFileSizeEx(File, &Size));
    REQUIRE(Size.QuadPart == BLOCKS * BLOCK_SIZE);

    for (i = BLOCKS - 1; i >= 0; i--) {
        Prepare(&Requests[i], i);
        ZeroMemory(Requests[i].Data, BLOCK_SIZE);
        StartThreadpoolIo(Io);
        REQUIRE(Started(
            Io, ReadFile(File, Requests[i].Data, BLOCK_SIZE, NULL, &Requests[i].Overlapped)));
    }
    WaitForThreadpoolIoCallbacks(Io, FALSE);
    for (i = 0; i < BLOCKS; i++) {
        REQUIRE(Requests[i].Callbacks == 1);
        REQUIRE(Requests[i].Result == NO_ERROR);
        REQUIRE(Requests[i].Bytes == BLOCK_SIZE);
        REQUIRE(GetOverlappedResult(File, &Requests[i].Overlapped, &Bytes, FALSE));
        REQUIRE(Bytes == BLOCK_SIZE);
        for (k = 0; k < BLOCK_SIZE; k++)
            REQUIRE(Requests[i].Data[k] == Pattern(i, k));
    }

    /* At the end of the file: either an immediate error or a callback with the same one. */
    Prepare(&Requests[0], BLOCKS);
    StartThreadpoolIo(Io);
    if (Started(Io, ReadFile(File, Requests[0].Data, 1, NULL, &Requests[0].Overlapped))) {
        WaitForThreadpoolIoCallbacks(Io, FALSE);
        REQUIRE(Requests[0].Callbacks == 1);
        REQUIRE(Requests[0].Result == ERROR_HANDLE_EOF);
        REQUIRE(Requests[0].Bytes == 0);
    } else {
        REQUIRE(GetLastError() == ERROR_HANDLE_EOF);
    }
    REQUIRE(WrongContexts == 0);

    /* A handle is bound once, for its life. */
    SetLastError(NO_ERROR);
    REQUIRE(CreateThreadpoolIo(File, RequestDone, NULL, NULL) == NULL);
    REQUIRE(GetLastError() == ERROR_INVALID_PARAMETER);

    REQUIRE(CloseHandle(File));
    WaitForThreadpoolIoCallbacks(Io, FALSE);
    CloseThreadpoolIo(Io);

    File = CreateFileA(Path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    REQUIRE(File == INVALID_HANDLE_VALUE);
    REQUIRE(GetLastError() == ERROR_FILE_NOT_FOUND);

    _tprintf(_T("overlapped_file_read: ok\n"));
    return 0;
}
