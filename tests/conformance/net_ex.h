// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_NET_EX_H
#define CONFORMANCE_NET_EX_H
/* AcceptEx, ConnectEx and DisconnectEx, for the tests that use them. */
#include "tests/conformance/net.h"

enum { BLOCK = sizeof(struct sockaddr_in) + 16 };

UNUSED static LPFN_CONNECTEX connect_ex;
UNUSED static LPFN_DISCONNECTEX disconnect_ex;

UNUSED static void* extension(SOCKET s, GUID id) {
    void* function = NULL;
    DWORD bytes = 0;
    CHECK_EQ(WSAIoctl(s,
                      SIO_GET_EXTENSION_FUNCTION_POINTER,
                      &id,
                      sizeof id,
                      &function,
                      sizeof function,
                      &bytes,
                      NULL,
                      NULL),
             0);
    CHECK_EQ(bytes, sizeof function);
    return function;
}

UNUSED static void find_extensions(void) {
    const GUID connect_id = WSAID_CONNECTEX, disconnect_id = WSAID_DISCONNECTEX;
    SOCKET s = tcp();
    void* found = extension(s, connect_id);
    memcpy(&connect_ex, &found, sizeof found);
    found = extension(s, disconnect_id);
    memcpy(&disconnect_ex, &found, sizeof found);
    closesocket(s);
    if (!connect_ex || !disconnect_ex)
        abort();
}

UNUSED static int accepts(SOCKET l, SOCKET a, struct job* j, DWORD room) {
    DWORD bytes;
    return AcceptEx(l, a, j->data, room, BLOCK, BLOCK, &bytes, &j->ov) ||
           WSAGetLastError() == WSA_IO_PENDING;
}

UNUSED static SOCKET connected_to(struct sockaddr_in* address) {
    SOCKET s = tcp();
    CHECK_EQ(connect(s, (struct sockaddr*)address, sizeof *address), 0);
    return s;
}

UNUSED static BOOL connects(SOCKET s, struct sockaddr_in* to, const char* data, struct job* j) {
    DWORD sent;
    return connect_ex(s,
                      (struct sockaddr*)to,
                      sizeof *to,
                      (PVOID)data,
                      (DWORD)(data ? strlen(data) : 0),
                      &sent,
                      &j->ov) ||
           WSAGetLastError() == WSA_IO_PENDING;
}
#endif
