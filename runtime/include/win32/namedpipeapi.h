/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_WIN32_NAMEDPIPEAPI_H
#define RINGPOOL_WIN32_NAMEDPIPEAPI_H
/* Named pipes (R-FILE-5): within the process, in byte mode. A message mode or PIPE_NOWAIT is
 * ERROR_INVALID_PARAMETER. A client opens \\.\pipe\name with CreateFile. */
#include <minwinbase.h>
#include <minwindef.h>
#include <winnt.h>

#define FILE_FLAG_FIRST_PIPE_INSTANCE 0x00080000

#define PIPE_ACCESS_INBOUND 0x00000001
#define PIPE_ACCESS_OUTBOUND 0x00000002
#define PIPE_ACCESS_DUPLEX 0x00000003

#define PIPE_WAIT 0x00000000
#define PIPE_NOWAIT 0x00000001
#define PIPE_READMODE_BYTE 0x00000000
#define PIPE_READMODE_MESSAGE 0x00000002
#define PIPE_TYPE_BYTE 0x00000000
#define PIPE_TYPE_MESSAGE 0x00000004
#define PIPE_ACCEPT_REMOTE_CLIENTS 0x00000000
#define PIPE_REJECT_REMOTE_CLIENTS 0x00000008
#define PIPE_UNLIMITED_INSTANCES 255

#define NMPWAIT_WAIT_FOREVER 0xffffffffu
#define NMPWAIT_NOWAIT 0x00000001
#define NMPWAIT_USE_DEFAULT_WAIT 0x00000000

#ifdef __cplusplus
extern "C" {
#endif

WINBASEAPI HANDLE WINAPI CreateNamedPipeA(LPCSTR lpName,
                                          DWORD dwOpenMode,
                                          DWORD dwPipeMode,
                                          DWORD nMaxInstances,
                                          DWORD nOutBufferSize,
                                          DWORD nInBufferSize,
                                          DWORD nDefaultTimeOut,
                                          LPSECURITY_ATTRIBUTES lpSecurityAttributes);
WINBASEAPI BOOL WINAPI ConnectNamedPipe(HANDLE hNamedPipe, LPOVERLAPPED lpOverlapped);
WINBASEAPI BOOL WINAPI DisconnectNamedPipe(HANDLE hNamedPipe);
WINBASEAPI BOOL WINAPI WaitNamedPipeA(LPCSTR lpNamedPipeName, DWORD nTimeOut);

#ifdef UNICODE
#define CreateNamedPipe CreateNamedPipeW
#define WaitNamedPipe WaitNamedPipeW
#else
#define CreateNamedPipe CreateNamedPipeA
#define WaitNamedPipe WaitNamedPipeA
#endif

#ifdef __cplusplus
}
#endif
#endif
