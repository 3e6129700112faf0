/* SPDX-License-Identifier: Apache-2.0 */
/* What the Win32 headers mean, as data. check_abi.py compiles this file once with ringpool's
 * headers and once with those of mingw-w64, finds the table in both object files by its marks, and
 * compares. Nothing is executed, so the Windows object needs no Windows.
 *
 * abi_generated.h is written by check_abi.py from ringpool's headers: CONSTANT(name) for every
 * numeric macro and PROTOTYPE(name, type) for every function. Types and fields are listed here.
 * With _WIN32_WINNT 0x0600 the environment is version 1 and abi_generated.h is empty. */
#define WIN32_NO_STATUS
#if __has_include(<winsock2.h>) /* they want to come before windows.h */
#include <mswsock.h>

#include <winsock2.h>
#include <ws2tcpip.h>
#endif
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>

#include <ntstatus.h>

#define SAME_TYPE(name, type)                                                                      \
    _Static_assert(__builtin_types_compatible_p(name, type), #name " is not " #type);

/* 96 bytes an entry, without padding on either compiler. */
struct abi_entry {
    char mark[8];
    char name[80];
    unsigned long long value;
};

#define ENTRY(name, value) {{'R', 'P', 'A', 'B', 'I', 0x1f, 0x2e, 0x3d}, name, value},
#define TYPE(type) ENTRY("sizeof " #type, sizeof(type)) ENTRY("alignof " #type, _Alignof(type))
#define INTEGER(type) TYPE(type) ENTRY("signed " #type, (type)-1 < (type)1)
#define FIELD(type, field)                                                                         \
    ENTRY("offsetof " #type "." #field, __builtin_offsetof(type, field))                           \
    ENTRY("sizeof " #type "." #field, sizeof(((type*)0)->field))
#define CONSTANT(name) ENTRY(#name, (unsigned long long)(name))

/* clang-format off */
__attribute__((used)) const struct abi_entry ringpool_abi_table[] = {
    /* R-TYPES-1 */
    INTEGER(BOOL) INTEGER(BOOLEAN) INTEGER(BYTE) INTEGER(CHAR) INTEGER(UCHAR) INTEGER(WCHAR)
    INTEGER(SHORT) INTEGER(USHORT) INTEGER(WORD) INTEGER(ATOM)
    INTEGER(INT) INTEGER(UINT) INTEGER(LONG) INTEGER(ULONG) INTEGER(DWORD) INTEGER(HRESULT)
    INTEGER(NTSTATUS) INTEGER(ACCESS_MASK) INTEGER(LONGLONG) INTEGER(ULONGLONG) INTEGER(DWORDLONG)
    INTEGER(INT8) INTEGER(INT16) INTEGER(INT32) INTEGER(INT64)
    INTEGER(UINT8) INTEGER(UINT16) INTEGER(UINT32) INTEGER(UINT64)
    INTEGER(LONG32) INTEGER(ULONG32) INTEGER(DWORD32)
    INTEGER(LONG64) INTEGER(ULONG64) INTEGER(DWORD64)
    INTEGER(INT_PTR) INTEGER(UINT_PTR) INTEGER(LONG_PTR) INTEGER(ULONG_PTR) INTEGER(DWORD_PTR)
    INTEGER(SIZE_T) INTEGER(SSIZE_T) INTEGER(KAFFINITY)
    INTEGER(WPARAM) INTEGER(LPARAM) INTEGER(LRESULT) INTEGER(HFILE) INTEGER(LCID) INTEGER(LANGID)
    INTEGER(TP_VERSION) INTEGER(TP_WAIT_RESULT) INTEGER(TCHAR)
    TYPE(FLOAT) TYPE(HANDLE) TYPE(HMODULE) TYPE(HINSTANCE) TYPE(PVOID) TYPE(FARPROC) TYPE(LPCWSTR)

    TYPE(LARGE_INTEGER) FIELD(LARGE_INTEGER, LowPart) FIELD(LARGE_INTEGER, HighPart)
    FIELD(LARGE_INTEGER, u.LowPart) FIELD(LARGE_INTEGER, u.HighPart) FIELD(LARGE_INTEGER, QuadPart)
    TYPE(ULARGE_INTEGER) FIELD(ULARGE_INTEGER, LowPart) FIELD(ULARGE_INTEGER, HighPart)
    FIELD(ULARGE_INTEGER, u.HighPart) FIELD(ULARGE_INTEGER, QuadPart)
    TYPE(LUID) FIELD(LUID, HighPart)
    TYPE(LIST_ENTRY) FIELD(LIST_ENTRY, Flink) FIELD(LIST_ENTRY, Blink)
    TYPE(SINGLE_LIST_ENTRY)
    TYPE(FILETIME) FIELD(FILETIME, dwLowDateTime) FIELD(FILETIME, dwHighDateTime)
    TYPE(SYSTEMTIME) FIELD(SYSTEMTIME, wYear) FIELD(SYSTEMTIME, wMonth)
    FIELD(SYSTEMTIME, wDayOfWeek) FIELD(SYSTEMTIME, wDay) FIELD(SYSTEMTIME, wHour)
    FIELD(SYSTEMTIME, wMinute) FIELD(SYSTEMTIME, wSecond) FIELD(SYSTEMTIME, wMilliseconds)
    TYPE(SECURITY_ATTRIBUTES) FIELD(SECURITY_ATTRIBUTES, nLength)
    FIELD(SECURITY_ATTRIBUTES, lpSecurityDescriptor) FIELD(SECURITY_ATTRIBUTES, bInheritHandle)
    TYPE(CRITICAL_SECTION) FIELD(CRITICAL_SECTION, DebugInfo) FIELD(CRITICAL_SECTION, LockCount)
    FIELD(CRITICAL_SECTION, RecursionCount) FIELD(CRITICAL_SECTION, OwningThread)
    FIELD(CRITICAL_SECTION, LockSemaphore) FIELD(CRITICAL_SECTION, SpinCount)

    TYPE(SRWLOCK) TYPE(CONDITION_VARIABLE) TYPE(INIT_ONCE) TYPE(SLIST_HEADER) TYPE(SLIST_ENTRY)
    FIELD(SLIST_ENTRY, Next)
    TYPE(SYSTEM_INFO) FIELD(SYSTEM_INFO, wProcessorArchitecture) FIELD(SYSTEM_INFO, dwPageSize)
    FIELD(SYSTEM_INFO, lpMinimumApplicationAddress) FIELD(SYSTEM_INFO, lpMaximumApplicationAddress)
    FIELD(SYSTEM_INFO, dwActiveProcessorMask) FIELD(SYSTEM_INFO, dwNumberOfProcessors)
    FIELD(SYSTEM_INFO, dwProcessorType) FIELD(SYSTEM_INFO, dwAllocationGranularity)
    FIELD(SYSTEM_INFO, wProcessorLevel) FIELD(SYSTEM_INFO, wProcessorRevision)

    /* R-TYPES-12 */
    TYPE(OVERLAPPED) FIELD(OVERLAPPED, Internal) FIELD(OVERLAPPED, InternalHigh)
    FIELD(OVERLAPPED, Offset) FIELD(OVERLAPPED, OffsetHigh) FIELD(OVERLAPPED, Pointer)
    FIELD(OVERLAPPED, hEvent)
    TYPE(OVERLAPPED_ENTRY) FIELD(OVERLAPPED_ENTRY, lpCompletionKey)
    FIELD(OVERLAPPED_ENTRY, lpOverlapped) FIELD(OVERLAPPED_ENTRY, Internal)
    FIELD(OVERLAPPED_ENTRY, dwNumberOfBytesTransferred)
    TYPE(REASON_CONTEXT) FIELD(REASON_CONTEXT, Flags) FIELD(REASON_CONTEXT, Reason.Detailed)
    FIELD(REASON_CONTEXT, Reason.Detailed.ReasonStrings)
    FIELD(REASON_CONTEXT, Reason.SimpleReasonString)

    /* R-SOCK-1 */
    INTEGER(SOCKET) INTEGER(u_char) INTEGER(u_short) INTEGER(u_int) INTEGER(GROUP)
    TYPE(WSADATA) FIELD(WSADATA, wVersion) FIELD(WSADATA, wHighVersion)
    FIELD(WSADATA, iMaxSockets) FIELD(WSADATA, lpVendorInfo) FIELD(WSADATA, szDescription)
    FIELD(WSADATA, szSystemStatus) TYPE(WSABUF) FIELD(WSABUF, len) FIELD(WSABUF, buf)
    TYPE(WSAOVERLAPPED) TYPE(GUID) FIELD(GUID, Data4)
    TYPE(struct sockaddr) FIELD(struct sockaddr, sa_family) FIELD(struct sockaddr, sa_data)
    TYPE(struct in_addr) FIELD(struct in_addr, s_addr)
    TYPE(struct sockaddr_in) FIELD(struct sockaddr_in, sin_family)
    FIELD(struct sockaddr_in, sin_port) FIELD(struct sockaddr_in, sin_addr)
    TYPE(struct sockaddr_in6) FIELD(struct sockaddr_in6, sin6_flowinfo)
    FIELD(struct sockaddr_in6, sin6_addr) FIELD(struct sockaddr_in6, sin6_scope_id)
    TYPE(struct sockaddr_storage) FIELD(struct sockaddr_storage, ss_family)
    TYPE(struct linger) FIELD(struct linger, l_onoff) FIELD(struct linger, l_linger)
    TYPE(struct addrinfo) FIELD(struct addrinfo, ai_addrlen) FIELD(struct addrinfo, ai_canonname)
    FIELD(struct addrinfo, ai_addr) FIELD(struct addrinfo, ai_next)

    /* R-TYPES-4 to -7 */
    TYPE(TP_CALLBACK_PRIORITY) CONSTANT(TP_CALLBACK_PRIORITY_HIGH)
    CONSTANT(TP_CALLBACK_PRIORITY_NORMAL) CONSTANT(TP_CALLBACK_PRIORITY_LOW)
    CONSTANT(TP_CALLBACK_PRIORITY_INVALID) CONSTANT(TP_CALLBACK_PRIORITY_COUNT)
    TYPE(TP_POOL_STACK_INFORMATION) FIELD(TP_POOL_STACK_INFORMATION, StackReserve)
    FIELD(TP_POOL_STACK_INFORMATION, StackCommit)
    TYPE(TP_CALLBACK_ENVIRON) FIELD(TP_CALLBACK_ENVIRON, Version)
    FIELD(TP_CALLBACK_ENVIRON, Pool) FIELD(TP_CALLBACK_ENVIRON, CleanupGroup)
    FIELD(TP_CALLBACK_ENVIRON, CleanupGroupCancelCallback)
    FIELD(TP_CALLBACK_ENVIRON, RaceDll) FIELD(TP_CALLBACK_ENVIRON, ActivationContext)
    FIELD(TP_CALLBACK_ENVIRON, FinalizationCallback) FIELD(TP_CALLBACK_ENVIRON, u.Flags)
    FIELD(TP_CALLBACK_ENVIRON, u.s)
#if _WIN32_WINNT >= 0x0601
    FIELD(TP_CALLBACK_ENVIRON, CallbackPriority) FIELD(TP_CALLBACK_ENVIRON, Size)
#endif

    CONSTANT(MAKEWORD(0x34, 0x12)) CONSTANT(MAKELONG(0x5678, 0x1234))
    CONSTANT(LOWORD(0x12345678)) CONSTANT(HIWORD(0x12345678))
    CONSTANT(LOBYTE(0x1234)) CONSTANT(HIBYTE(0x1234))
    CONSTANT(NT_SUCCESS(STATUS_PENDING)) CONSTANT(NT_SUCCESS(STATUS_BUFFER_OVERFLOW))
    CONSTANT(NT_ERROR(STATUS_BUFFER_OVERFLOW)) CONSTANT(NT_ERROR(STATUS_CANCELLED))
    CONSTANT(NT_WARNING(STATUS_BUFFER_OVERFLOW)) CONSTANT(NT_INFORMATION(STATUS_OBJECT_NAME_EXISTS))
    CONSTANT(SUCCEEDED(E_FAIL)) CONSTANT(FAILED(E_FAIL)) CONSTANT(HRESULT_CODE(E_OUTOFMEMORY))
    CONSTANT(HRESULT_FACILITY(E_OUTOFMEMORY)) CONSTANT(MAKE_HRESULT(1, FACILITY_WIN32, 5))

/* The generated part closes the table: prototypes cannot stand inside an initializer. */
#define PROTOTYPE(name, type)
#include "abi_generated.h"
#undef PROTOTYPE
#undef CONSTANT
};
/* clang-format on */

#define CONSTANT(name)
#define PROTOTYPE(name, type) SAME_TYPE(__typeof__(name), type)
#include "abi_generated.h"

/* R-TYPES-9, R-TYPES-10 */
SAME_TYPE(PTP_SIMPLE_CALLBACK, VOID(CALLBACK*)(PTP_CALLBACK_INSTANCE, PVOID))
SAME_TYPE(PTP_WORK_CALLBACK, VOID(CALLBACK*)(PTP_CALLBACK_INSTANCE, PVOID, PTP_WORK))
SAME_TYPE(PTP_TIMER_CALLBACK, VOID(CALLBACK*)(PTP_CALLBACK_INSTANCE, PVOID, PTP_TIMER))
SAME_TYPE(PTP_WAIT_CALLBACK,
          VOID(CALLBACK*)(PTP_CALLBACK_INSTANCE, PVOID, PTP_WAIT, TP_WAIT_RESULT))
SAME_TYPE(PTP_WIN32_IO_CALLBACK,
          VOID(CALLBACK*)(PTP_CALLBACK_INSTANCE, PVOID, PVOID, ULONG, ULONG_PTR, PTP_IO))
SAME_TYPE(PTP_CLEANUP_GROUP_CANCEL_CALLBACK, VOID(CALLBACK*)(PVOID, PVOID))
SAME_TYPE(WAITORTIMERCALLBACK, VOID(CALLBACK*)(PVOID, BOOLEAN))
SAME_TYPE(PAPCFUNC, VOID(NTAPI*)(ULONG_PTR))
SAME_TYPE(PTIMERAPCROUTINE, VOID(APIENTRY*)(LPVOID, DWORD, DWORD))
SAME_TYPE(PINIT_ONCE_FN, BOOL(WINAPI*)(PINIT_ONCE, PVOID, PVOID*))
SAME_TYPE(LPTHREAD_START_ROUTINE, DWORD(WINAPI*)(LPVOID))
SAME_TYPE(LPOVERLAPPED_COMPLETION_ROUTINE, VOID(WINAPI*)(DWORD, DWORD, LPOVERLAPPED))
