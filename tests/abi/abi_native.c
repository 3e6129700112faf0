/* SPDX-License-Identifier: Apache-2.0 */
/* The layout and the numbers of windows-semantics R-TYPES-* and what the environment helpers write,
 * without a second compiler. Layout is checked when this file is compiled, the helpers when it
 * runs. tests/abi/check_abi.py compares the same headers with those of mingw-w64. */
#include <windows.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "sizeof " #type)
#define ALIGN(type, bytes) _Static_assert(_Alignof(type) == (bytes), "alignof " #type)
#define OFFSET(type, field, at) _Static_assert(offsetof(type, field) == (at), #type "." #field)
#define SIGNED(type) _Static_assert((type)-1 < (type)1, #type " is signed")
#define UNSIGNED(type) _Static_assert((type)-1 > (type)1, #type " is unsigned")
#define VALUE(name, number) _Static_assert((name) == (number), #name)

/* R-TYPES-1 */
SIZE(BYTE, 1);
SIZE(UCHAR, 1);
SIZE(BOOLEAN, 1);
SIZE(WORD, 2);
SIZE(USHORT, 2);
SIZE(WCHAR, 2);
SIZE(DWORD, 4);
SIZE(ULONG, 4);
SIZE(LONG, 4);
SIZE(BOOL, 4);
SIZE(HRESULT, 4);
SIZE(LONGLONG, 8);
SIZE(ULONG_PTR, 8);
SIZE(SIZE_T, 8);
SIZE(HANDLE, 8);
SIZE(PVOID, 8);
SIZE(LARGE_INTEGER, 8);
SIZE(ULARGE_INTEGER, 8);
SIGNED(LONG);
SIGNED(BOOL);
SIGNED(HRESULT);
SIGNED(LONG_PTR);
UNSIGNED(DWORD);
UNSIGNED(ULONG);
UNSIGNED(WCHAR);
UNSIGNED(ULONG_PTR);
_Static_assert(_Generic((SIZE_T)0, size_t : 1, default : 0), "SIZE_T is size_t");
_Static_assert(_Generic(u"x"[0], WCHAR : 1, default : 0), "u\"\" literals are WCHAR strings");

/* R-TYPES-4 */
VALUE(TP_CALLBACK_PRIORITY_HIGH, 0);
VALUE(TP_CALLBACK_PRIORITY_NORMAL, 1);
VALUE(TP_CALLBACK_PRIORITY_LOW, 2);
VALUE(TP_CALLBACK_PRIORITY_INVALID, 3);
VALUE(TP_CALLBACK_PRIORITY_COUNT, 3);

/* R-TYPES-5 */
SIZE(TP_POOL_STACK_INFORMATION, 16);
OFFSET(TP_POOL_STACK_INFORMATION, StackReserve, 0);
OFFSET(TP_POOL_STACK_INFORMATION, StackCommit, 8);

/* R-TYPES-6, R-TYPES-7 */
SIZE(TP_CALLBACK_ENVIRON_V1, 0x40);
SIZE(TP_CALLBACK_ENVIRON_V3, 0x48);
OFFSET(TP_CALLBACK_ENVIRON_V1, Version, 0x00);
OFFSET(TP_CALLBACK_ENVIRON_V1, Pool, 0x08);
OFFSET(TP_CALLBACK_ENVIRON_V1, CleanupGroup, 0x10);
OFFSET(TP_CALLBACK_ENVIRON_V1, CleanupGroupCancelCallback, 0x18);
OFFSET(TP_CALLBACK_ENVIRON_V1, RaceDll, 0x20);
OFFSET(TP_CALLBACK_ENVIRON_V1, ActivationContext, 0x28);
OFFSET(TP_CALLBACK_ENVIRON_V1, FinalizationCallback, 0x30);
OFFSET(TP_CALLBACK_ENVIRON_V1, u.Flags, 0x38);
OFFSET(TP_CALLBACK_ENVIRON_V3, Version, 0x00);
OFFSET(TP_CALLBACK_ENVIRON_V3, Pool, 0x08);
OFFSET(TP_CALLBACK_ENVIRON_V3, CleanupGroup, 0x10);
OFFSET(TP_CALLBACK_ENVIRON_V3, CleanupGroupCancelCallback, 0x18);
OFFSET(TP_CALLBACK_ENVIRON_V3, RaceDll, 0x20);
OFFSET(TP_CALLBACK_ENVIRON_V3, ActivationContext, 0x28);
OFFSET(TP_CALLBACK_ENVIRON_V3, FinalizationCallback, 0x30);
OFFSET(TP_CALLBACK_ENVIRON_V3, u.Flags, 0x38);
OFFSET(TP_CALLBACK_ENVIRON_V3, CallbackPriority, 0x3C);
OFFSET(TP_CALLBACK_ENVIRON_V3, Size, 0x40);
_Static_assert(_Generic((PTP_CALLBACK_ENVIRON)0, TP_CALLBACK_ENVIRON_V3* : 1, default : 0),
               "the environment is version 3 by default");

/* R-TYPES-11 */
VALUE(WT_EXECUTEDEFAULT, 0x0);
VALUE(WT_EXECUTEINIOTHREAD, 0x1);
VALUE(WT_EXECUTEINUITHREAD, 0x2);
VALUE(WT_EXECUTEINWAITTHREAD, 0x4);
VALUE(WT_EXECUTEONLYONCE, 0x8);
VALUE(WT_EXECUTELONGFUNCTION, 0x10);
VALUE(WT_EXECUTEINTIMERTHREAD, 0x20);
VALUE(WT_EXECUTEINPERSISTENTIOTHREAD, 0x40);
VALUE(WT_EXECUTEINPERSISTENTTHREAD, 0x80);
VALUE(WT_TRANSFER_IMPERSONATION, 0x100);

/* R-TYPES-12 */
SIZE(OVERLAPPED, 32);
ALIGN(OVERLAPPED, 8);
OFFSET(OVERLAPPED, Internal, 0x00);
OFFSET(OVERLAPPED, InternalHigh, 0x08);
OFFSET(OVERLAPPED, Offset, 0x10);
OFFSET(OVERLAPPED, OffsetHigh, 0x14);
OFFSET(OVERLAPPED, Pointer, 0x10);
OFFSET(OVERLAPPED, hEvent, 0x18);
SIZE(OVERLAPPED_ENTRY, 32);
OFFSET(OVERLAPPED_ENTRY, dwNumberOfBytesTransferred, 24);

/* R-TYPES-13 */
VALUE(INFINITE, 0xFFFFFFFFu);
VALUE(WAIT_OBJECT_0, 0u);
VALUE(WAIT_ABANDONED_0, 0x80u);
VALUE(WAIT_IO_COMPLETION, 0xC0u);
VALUE(WAIT_TIMEOUT, 0x102);
VALUE(WAIT_FAILED, 0xFFFFFFFFu);
VALUE(MAXIMUM_WAIT_OBJECTS, 64);
VALUE(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, 0x1);
VALUE(FILE_SKIP_SET_EVENT_ON_HANDLE, 0x2);
VALUE(FILE_FLAG_OVERLAPPED, 0x40000000u);
VALUE(STATUS_PENDING, 0x103u);

/* R-TYPES-14 */
SIZE(FILETIME, 8);
ALIGN(FILETIME, 4);

SIZE(CRITICAL_SECTION, 40);
ALIGN(CRITICAL_SECTION, 8);

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                 \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static VOID CALLBACK cancel_callback(PVOID object_context, PVOID cleanup_context) {
    (void)object_context;
    (void)cleanup_context;
}

static VOID CALLBACK finalization_callback(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
}

static void helpers_write_their_fields_only(void) {
    char places[3];
    PTP_POOL pool = (PTP_POOL)(void*)&places[0];
    PTP_CLEANUP_GROUP group = (PTP_CLEANUP_GROUP)(void*)&places[1];
    TP_CALLBACK_ENVIRON environment, fresh;

    memset(&environment, 0xCC, sizeof environment);
    InitializeThreadpoolEnvironment(&environment);
    CHECK(environment.Version == 3);
    CHECK(environment.Pool == NULL);
    CHECK(environment.CleanupGroup == NULL);
    CHECK(environment.CleanupGroupCancelCallback == NULL);
    CHECK(environment.RaceDll == NULL);
    CHECK(environment.ActivationContext == NULL);
    CHECK(environment.FinalizationCallback == NULL);
    CHECK(environment.u.Flags == 0);
    CHECK(environment.CallbackPriority == TP_CALLBACK_PRIORITY_NORMAL);
    CHECK(environment.Size == sizeof(TP_CALLBACK_ENVIRON));
    fresh = environment;

    SetThreadpoolCallbackPool(&environment, pool);
    CHECK(environment.Pool == pool);
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancel_callback);
    CHECK(environment.CleanupGroup == group);
    CHECK(environment.CleanupGroupCancelCallback == cancel_callback);
    SetThreadpoolCallbackLibrary(&environment, &places[2]);
    CHECK(environment.RaceDll == &places[2]);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_LOW);
    CHECK(environment.CallbackPriority == TP_CALLBACK_PRIORITY_LOW);
    TpSetCallbackFinalizationCallback(&environment, finalization_callback);
    CHECK(environment.FinalizationCallback == finalization_callback);
    TpSetCallbackNoActivationContext(&environment);
    CHECK((LONG_PTR)environment.ActivationContext == -1);
    TpSetCallbackActivationContext(&environment, NULL);
    CHECK(environment.ActivationContext == NULL);

    /* R-TYPES-8 */
    SetThreadpoolCallbackRunsLong(&environment);
    CHECK(environment.u.Flags == 1);
    SetThreadpoolCallbackPersistent(&environment);
    CHECK(environment.u.Flags == 3);

    DestroyThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, NULL);
    SetThreadpoolCallbackCleanupGroup(&environment, NULL, NULL);
    SetThreadpoolCallbackLibrary(&environment, NULL);
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_NORMAL);
    TpSetCallbackFinalizationCallback(&environment, NULL);
    environment.u.Flags = 0;
    CHECK(environment.Version == fresh.Version && environment.Size == fresh.Size);
    CHECK(environment.Pool == NULL && environment.CleanupGroup == NULL);
}

static void interlocked_functions_return_what_windows_returns(void) {
    LONG volatile value = 5;
    CHECK(InterlockedIncrement(&value) == 6);
    CHECK(InterlockedDecrement(&value) == 5);
    CHECK(InterlockedExchangeAdd(&value, 10) == 5 && value == 15);
    CHECK(InterlockedAdd(&value, -5) == 10);
    CHECK(InterlockedExchange(&value, 0x0C) == 10 && value == 0x0C);
    CHECK(InterlockedAnd(&value, 0x06) == 0x0C && value == 0x04);
    CHECK(InterlockedOr(&value, 0x03) == 0x04 && value == 0x07);
    CHECK(InterlockedXor(&value, 0x05) == 0x07 && value == 0x02);
    CHECK(InterlockedCompareExchange(&value, 9, 1) == 2 && value == 2);
    CHECK(InterlockedCompareExchange(&value, 9, 2) == 2 && value == 9);
    value = MAXLONG;
    CHECK(InterlockedIncrement(&value) == (LONG)MINLONG);

    LONG64 volatile wide = 0xFFFFFFFFll;
    CHECK(InterlockedIncrement64(&wide) == 0x100000000ll);
    CHECK(InterlockedExchangeAdd64(&wide, 0x100000000ll) == 0x100000000ll);
    CHECK(InterlockedCompareExchange64(&wide, -1, 0x200000000ll) == 0x200000000ll && wide == -1);

    char places[2];
    PVOID volatile pointer = &places[0];
    CHECK(InterlockedExchangePointer(&pointer, &places[1]) == &places[0]);
    CHECK(InterlockedCompareExchangePointer(&pointer, NULL, &places[0]) == &places[1]);
    CHECK(pointer == &places[1]);
    CHECK(InterlockedCompareExchangePointer(&pointer, NULL, &places[1]) == &places[1]);
    CHECK(pointer == NULL);
}

static void macros_compute_what_windows_computes(void) {
    struct request {
        int id;
        OVERLAPPED overlapped;
    } request;

    memset(&request, 0, sizeof request);
    LPOVERLAPPED overlapped = &request.overlapped;
    CHECK(CONTAINING_RECORD(overlapped, struct request, overlapped) == &request);
    CHECK(FIELD_OFFSET(struct request, overlapped) == 8);

    CHECK(HasOverlappedIoCompleted(overlapped));
    overlapped->Internal = STATUS_PENDING;
    CHECK(!HasOverlappedIoCompleted(overlapped));
    overlapped->Internal = 0xC0000120u;
    CHECK(HasOverlappedIoCompleted(overlapped));

    LARGE_INTEGER number;
    number.QuadPart = -2;
    CHECK(number.LowPart == 0xFFFFFFFEu && number.HighPart == -1 && number.u.HighPart == -1);
    CHECK(INVALID_HANDLE_VALUE == (HANDLE)(LONG_PTR)-1);
    CHECK(HRESULT_FROM_WIN32(ERROR_ACCESS_DENIED) == E_ACCESSDENIED);
    CHECK(HRESULT_FROM_WIN32(0) == S_OK);
    CHECK(HRESULT_FROM_WIN32((DWORD)E_FAIL) == E_FAIL);

    ULONG flags = WT_EXECUTELONGFUNCTION;
    WT_SET_MAX_THREADPOOL_THREADS(flags, 300u);
    CHECK(flags == ((300u << 16) | WT_EXECUTELONGFUNCTION));

    WCHAR text[] = {'a', 'b', 0};
    CHECK(ARRAYSIZE(text) == 3);
}

int main(void) {
    helpers_write_their_fields_only();
    interlocked_functions_return_what_windows_returns();
    macros_compute_what_windows_computes();
    return failures != 0;
}
