/* SPDX-License-Identifier: Apache-2.0 */
/* Copies a file with overlapped reads and writes, several blocks in flight, on two TP_IO objects.
 */
#include <windows.h>

#include <stdio.h>

#define BLOCK 65536
#define IN_FLIGHT 4
#define FILE_SIZE (37 * BLOCK + 1234)

typedef struct COPY COPY;

typedef struct SLOT {
    OVERLAPPED Overlapped; /* first, so that the callback finds its slot */
    COPY* Copy;
    BYTE Buffer[BLOCK];
} SLOT;

struct COPY {
    HANDLE Source, Target, Done;
    PTP_IO ReadIo, WriteIo;
    volatile LONG64 NextOffset, Written;
    volatile LONG Active, Error;
    SLOT Slots[IN_FLIGHT];
};

static void Retire(COPY* copy, DWORD error) {
    if (error != NO_ERROR)
        InterlockedExchange(&copy->Error, (LONG)error);
    if (InterlockedDecrement(&copy->Active) == 0)
        SetEvent(copy->Done);
}

/* Takes the next block of the file, or retires the slot. */
static void ReadNext(SLOT* slot) {
    COPY* copy = slot->Copy;
    LONG64 offset = InterlockedExchangeAdd64(&copy->NextOffset, BLOCK);
    if (offset >= FILE_SIZE) {
        Retire(copy, NO_ERROR);
        return;
    }
    ZeroMemory(&slot->Overlapped, sizeof(OVERLAPPED));
    slot->Overlapped.Offset = (DWORD)offset;
    slot->Overlapped.OffsetHigh = (DWORD)(offset >> 32);
    StartThreadpoolIo(copy->ReadIo);
    if (!ReadFile(copy->Source, slot->Buffer, BLOCK, NULL, &slot->Overlapped) &&
        GetLastError() != ERROR_IO_PENDING) {
        CancelThreadpoolIo(copy->ReadIo);
        Retire(copy, GetLastError());
    }
}

static VOID CALLBACK OnRead(PTP_CALLBACK_INSTANCE Instance,
                            PVOID Context,
                            PVOID Overlapped,
                            ULONG IoResult,
                            ULONG_PTR Bytes,
                            PTP_IO Io) {
    COPY* copy = (COPY*)Context;
    SLOT* slot = (SLOT*)Overlapped;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Io);
    if (IoResult != NO_ERROR) {
        Retire(copy, IoResult);
        return;
    }
    StartThreadpoolIo(copy->WriteIo);
    if (!WriteFile(copy->Target, slot->Buffer, (DWORD)Bytes, NULL, &slot->Overlapped) &&
        GetLastError() != ERROR_IO_PENDING) {
        CancelThreadpoolIo(copy->WriteIo);
        Retire(copy, GetLastError());
    }
}

static VOID CALLBACK OnWritten(PTP_CALLBACK_INSTANCE Instance,
                               PVOID Context,
                               PVOID Overlapped,
                               ULONG IoResult,
                               ULONG_PTR Bytes,
                               PTP_IO Io) {
    COPY* copy = (COPY*)Context;
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Io);
    InterlockedExchangeAdd64(&copy->Written, (LONG64)Bytes);
    if (IoResult != NO_ERROR)
        Retire(copy, IoResult);
    else
        ReadNext((SLOT*)Overlapped);
}

static BYTE ByteAt(long i) {
    return (BYTE)(i * 7 + i / 251);
}

static BOOL MakeSource(const char* name) {
    FILE* file = fopen(name, "wb");
    for (long i = 0; file && i < FILE_SIZE; i++)
        putc(ByteAt(i), file);
    return file && fclose(file) == 0;
}

static BOOL IsCopy(const char* name) {
    FILE* file = fopen(name, "rb");
    long i = 0;
    for (int c; file && (c = getc(file)) != EOF; i++)
        if (c != ByteAt(i))
            break;
    return file && fclose(file) == 0 && i == FILE_SIZE;
}

int main(void) {
    static COPY copy;
    const char *from = "overlapped_copy.in", *to = "overlapped_copy.out";
    if (!MakeSource(from))
        return 1;
    copy.Source = CreateFileA(
        from, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    copy.Target =
        CreateFileA(to, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
    copy.Done = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (copy.Source == INVALID_HANDLE_VALUE || copy.Target == INVALID_HANDLE_VALUE || !copy.Done)
        return 1;
    copy.ReadIo = CreateThreadpoolIo(copy.Source, OnRead, &copy, NULL);
    copy.WriteIo = CreateThreadpoolIo(copy.Target, OnWritten, &copy, NULL);
    if (!copy.ReadIo || !copy.WriteIo)
        return 1;

    copy.Active = IN_FLIGHT;
    for (int i = 0; i < IN_FLIGHT; i++) {
        copy.Slots[i].Copy = &copy;
        ReadNext(&copy.Slots[i]);
    }
    WaitForSingleObject(copy.Done, INFINITE);
    WaitForThreadpoolIoCallbacks(copy.ReadIo, FALSE);
    WaitForThreadpoolIoCallbacks(copy.WriteIo, FALSE);
    CloseThreadpoolIo(copy.ReadIo);
    CloseThreadpoolIo(copy.WriteIo);
    CloseHandle(copy.Source);
    CloseHandle(copy.Target);
    CloseHandle(copy.Done);

    printf("error %d, %lld bytes copied, ", (int)copy.Error, (long long)copy.Written);
    printf("the copy is %s\n", IsCopy(to) ? "equal" : "different");
    DeleteFileA(from);
    DeleteFileA(to);
    return 0;
}
