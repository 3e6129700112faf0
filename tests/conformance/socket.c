// SPDX-License-Identifier: Apache-2.0
/* Windows Sockets: R-SOCK-*; starting, names, options and calls that wait. The overlapped ones are
 * in socket_ex.c. */
#include "tests/conformance/net.h"

/* ---- starting -------------------------------------------------------------------------------- */

TEST("W32-WSA-1", "nothing works before WSAStartup and after the last WSACleanup") {
    CHECK_WSA(socket(AF_INET, SOCK_STREAM, 0) == INVALID_SOCKET ? SOCKET_ERROR : 0,
              WSANOTINITIALISED);
    CHECK_WSA(WSACleanup(), WSANOTINITIALISED);
    net_begin();
    net_begin();
    net_end();
    SOCKET s = tcp();
    CHECK_EQ(closesocket(s), 0);
    net_end();
    CHECK_WSA(closesocket(s), WSANOTINITIALISED);
}

TEST("W32-WSA-2", "the version is the lower of what is asked for and 2.2") {
    WSADATA data;
    CHECK_EQ(WSAStartup(MAKEWORD(2, 2), &data), 0);
    CHECK_EQ(data.wVersion, MAKEWORD(2, 2));
    CHECK_EQ(data.wHighVersion, MAKEWORD(2, 2));
    CHECK_EQ(WSAStartup(MAKEWORD(1, 1), &data), 0);
    CHECK_EQ(data.wVersion, MAKEWORD(1, 1));
    CHECK_EQ(WSAStartup(MAKEWORD(3, 0), &data), 0);
    CHECK_EQ(data.wVersion, MAKEWORD(2, 2));
    CHECK_EQ(WSAStartup(MAKEWORD(0, 0), &data), WSAVERNOTSUPPORTED);
    CHECK_EQ(WSAStartup(MAKEWORD(2, 2), NULL), WSAEFAULT);
    for (int i = 0; i < 3; i++)
        net_end();
}

TEST("R-SOCK-1", "WSAGetLastError and GetLastError are one") {
    SetLastError(123);
    CHECK_EQ(WSAGetLastError(), 123);
    WSASetLastError(WSAEINVAL);
    CHECK_EQ(GetLastError(), WSAEINVAL);
}

TEST("W32-WSA-3", "byte order") {
    CHECK_EQ(htons(0x1234), 0x3412);
    CHECK_EQ(ntohs(0x1234), 0x3412);
    CHECK_EQ(htonl(0x12345678), 0x78563412);
    CHECK_EQ(ntohl(0x12345678), 0x78563412);
}

TEST("W32-WSA-4", "addresses as text") {
    struct in_addr v4;
    struct in6_addr v6;
    char text[INET6_ADDRSTRLEN];
    net_begin();
    CHECK_EQ(inet_pton(AF_INET, "127.0.0.1", &v4), 1);
    CHECK_EQ(v4.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(inet_pton(AF_INET, "127.0.0.256", &v4), 0);
    CHECK_EQ(inet_pton(AF_INET6, "::1", &v6), 1);
    CHECK_EQ(v6.s6_addr[15], 1);
    CHECK(inet_ntop(AF_INET6, &v6, text, sizeof text) == text);
    CHECK(!strcmp(text, "::1"));
    CHECK_WSA(inet_pton(10, "::1", &v6), WSAEAFNOSUPPORT);
    CHECK_EQ(inet_addr("1.2.3.4"), htonl(0x01020304));
    CHECK_EQ(inet_addr("none"), INADDR_NONE);
    net_end();
}

TEST("W32-WSA-5", "getaddrinfo of a number") {
    struct addrinfo hints, *found = NULL;
    net_begin();
    memset(&hints, 0, sizeof hints);
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    REQUIRE(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
    REQUIRE(found != NULL);
    CHECK_EQ(found->ai_family, AF_INET);
    CHECK_EQ(found->ai_addrlen, sizeof(struct sockaddr_in));
    struct sockaddr_in* address = (struct sockaddr_in*)found->ai_addr;
    CHECK_EQ(address->sin_port, htons(80));
    CHECK_EQ(address->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    freeaddrinfo(found);
    hints.ai_family = AF_INET6;
    REQUIRE(getaddrinfo("::1", "80", &hints, &found) == 0);
    CHECK_EQ(found->ai_family, AF_INET6);
    CHECK_EQ(((struct sockaddr_in6*)found->ai_addr)->sin6_family, AF_INET6);
    freeaddrinfo(found);
    CHECK_EQ(getaddrinfo("no number", "80", &hints, &found), WSAHOST_NOT_FOUND);
    net_end();
}

/* ---- sockets and names ------------------------------------------------------------------------
 */

TEST("R-SOCK-8", "what is no socket is WSAENOTSOCK") {
    char byte = 0;
    HANDLE event = manual_event();
    net_begin();
    SOCKET s = tcp();
    CHECK_EQ(closesocket(s), 0);
    CHECK_WSA(closesocket(s), WSAENOTSOCK);
    CHECK_WSA(send(s, &byte, 1, 0), WSAENOTSOCK);
    CHECK_WSA(recv((SOCKET)event, &byte, 1, 0), WSAENOTSOCK);
    CHECK_WSA(closesocket((SOCKET)event), WSAENOTSOCK);
    CHECK_WSA(listen(INVALID_SOCKET, 1), WSAENOTSOCK);
    CHECK(CloseHandle(event));
    net_end();
}

TEST("R-SOCK-8", "families, types and protocols there are not") {
    net_begin();
    WSASetLastError(0);
    CHECK(socket(12345, SOCK_STREAM, 0) == INVALID_SOCKET);
    CHECK_EQ(WSAGetLastError(), WSAEAFNOSUPPORT);
    CHECK(socket(AF_INET, 77, 0) == INVALID_SOCKET);
    CHECK_EQ(WSAGetLastError(), WSAESOCKTNOSUPPORT);
    net_end();
}

TEST("W32-WSA-6", "a socket is a handle: CloseHandle closes it too") {
    net_begin();
    SOCKET s = tcp();
    CHECK(CloseHandle((HANDLE)s));
    CHECK_FAILS(CloseHandle((HANDLE)s), ERROR_INVALID_HANDLE);
    net_end();
}

TEST("W32-WSA-7", "bind, getsockname and a name taken twice") {
    net_begin();
    SOCKET s = tcp(), other = tcp();
    struct sockaddr_in name;
    int size = sizeof name;
    CHECK_WSA(getsockname(s, (struct sockaddr*)&name, &size), WSAEINVAL);
    struct sockaddr_in address = bound(s);
    CHECK(address.sin_port != 0);
    CHECK_EQ(address.sin_family, AF_INET);
    CHECK_WSA(bind(s, (struct sockaddr*)&address, sizeof address), WSAEINVAL);
    REQUIRE_EQ(listen(s, 1), 0);
    CHECK_WSA(bind(other, (struct sockaddr*)&address, sizeof address), WSAEADDRINUSE);
    address.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 is nobody's */
    address.sin_port = 0;
    CHECK_WSA(bind(other, (struct sockaddr*)&address, sizeof address), WSAEADDRNOTAVAIL);
    CHECK_WSA(bind(other, (struct sockaddr*)&address, 4), WSAEFAULT);
    closesocket(s);
    closesocket(other);
    net_end();
}

TEST("W32-WSA-7", "IPv6 addresses keep Windows's family") {
    net_begin();
    SOCKET s = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    struct sockaddr_in6 name;
    int size = sizeof name;
    if (s == INVALID_SOCKET)
        SKIP("no IPv6");
    memset(&name, 0, sizeof name);
    name.sin6_family = AF_INET6;
    name.sin6_addr.s6_addr[15] = 1;
    if (bind(s, (struct sockaddr*)&name, sizeof name))
        SKIP("no IPv6 loopback");
    CHECK_EQ(getsockname(s, (struct sockaddr*)&name, &size), 0);
    CHECK_EQ(name.sin6_family, AF_INET6);
    CHECK_EQ(size, sizeof name);
    closesocket(s);
    net_end();
}

TEST("W32-WSA-8", "listen wants a bound stream socket") {
    net_begin();
    SOCKET s = tcp(), u = udp();
    CHECK_WSA(listen(s, 1), WSAEINVAL);
    bound(u);
    CHECK_WSA(listen(u, 1), WSAEOPNOTSUPP);
    CHECK_WSA(accept(s, NULL, NULL) == INVALID_SOCKET ? SOCKET_ERROR : 0, WSAEINVAL);
    closesocket(s);
    closesocket(u);
    net_end();
}

TEST("W32-WSA-9", "connect, accept and both names") {
    net_begin();
    struct sockaddr_in address, peer, name;
    int size = sizeof peer;
    SOCKET l = listener(&address);
    SOCKET s = tcp();
    CHECK_WSA(getpeername(s, (struct sockaddr*)&peer, &size), WSAENOTCONN);
    REQUIRE(connect(s, (struct sockaddr*)&address, sizeof address) == 0);
    SOCKET a = accept(l, (struct sockaddr*)&peer, &size);
    REQUIRE(a != INVALID_SOCKET);
    CHECK_EQ(size, sizeof peer);
    CHECK_EQ(getsockname(s, (struct sockaddr*)&name, &size), 0);
    CHECK_EQ(name.sin_port, peer.sin_port);
    CHECK_EQ(getpeername(s, (struct sockaddr*)&name, &size), 0);
    CHECK_EQ(name.sin_port, address.sin_port);
    CHECK_WSA(connect(s, (struct sockaddr*)&address, sizeof address), WSAEISCONN);
    closesocket(a);
    closesocket(s);
    closesocket(l);
    net_end();
}

TEST("R-SOCK-8", "a refused connection is WSAECONNREFUSED when it is told at once") {
    net_begin();
    struct sockaddr_in address = nobody();
    SOCKET s = tcp();
    CHECK_WSA(connect(s, (struct sockaddr*)&address, sizeof address), WSAECONNREFUSED);
    closesocket(s);
    net_end();
}

/* ---- calls that wait ----------------------------------------------------------------------------
 */

TEST("W32-WSA-10", "send and recv") {
    net_begin();
    struct connection c = connection_new();
    char got[16] = "";
    CHECK_EQ(send(c.near_end, "hello", 5, 0), 5);
    CHECK_EQ(recv(c.far_end, got, sizeof got, 0), 5);
    CHECK(!memcmp(got, "hello", 5));
    connection_end(&c);
    net_end();
}

TEST("R-SOCK-3", "the end of the stream is 0 bytes") {
    net_begin();
    struct connection c = connection_new();
    char got[16];
    CHECK_EQ(shutdown(c.near_end, SD_SEND), 0);
    CHECK_EQ(recv(c.far_end, got, sizeof got, 0), 0);
    CHECK_WSA(send(c.near_end, "x", 1, 0), WSAESHUTDOWN);
    CHECK_EQ(send(c.far_end, "y", 1, 0), 1);
    CHECK_EQ(recv(c.near_end, got, sizeof got, 0), 1);
    connection_end(&c);
    net_end();
}

TEST("W32-WSA-11", "MSG_PEEK leaves the data, MSG_WAITALL waits for all of it") {
    net_begin();
    struct connection c = connection_new();
    char got[8] = "";
    CHECK_EQ(send(c.near_end, "abcd", 4, 0), 4);
    CHECK_EQ(recv(c.far_end, got, 2, MSG_PEEK), 2);
    CHECK_EQ(recv(c.far_end, got, 4, MSG_WAITALL), 4);
    CHECK(!memcmp(got, "abcd", 4));
    connection_end(&c);
    net_end();
}

TEST("W32-WSA-12", "a non-blocking socket does not wait") {
    net_begin();
    struct connection c = connection_new();
    struct sockaddr_in address;
    SOCKET l = listener(&address);
    u_long on = 1;
    char byte;
    CHECK_EQ(ioctlsocket(c.far_end, FIONBIO, &on), 0);
    CHECK_EQ(ioctlsocket(l, FIONBIO, &on), 0);
    CHECK_WSA(recv(c.far_end, &byte, 1, 0), WSAEWOULDBLOCK);
    CHECK_WSA(accept(l, NULL, NULL) == INVALID_SOCKET ? SOCKET_ERROR : 0, WSAEWOULDBLOCK);
    on = 0;
    CHECK_EQ(ioctlsocket(c.far_end, FIONBIO, &on), 0);
    CHECK_EQ(send(c.near_end, "x", 1, 0), 1);
    CHECK_EQ(recv(c.far_end, &byte, 1, 0), 1);
    closesocket(l);
    connection_end(&c);
    net_end();
}

TEST("W32-WSA-12", "FIONREAD counts what has arrived") {
    net_begin();
    struct connection c = connection_new();
    u_long bytes = 77;
    char got[8];
    CHECK_EQ(ioctlsocket(c.far_end, FIONREAD, &bytes), 0);
    CHECK_EQ(bytes, 0);
    CHECK_EQ(send(c.near_end, "abc", 3, 0), 3);
    CHECK_EQ(recv(c.far_end, got, 3, MSG_PEEK | MSG_WAITALL) > 0, 1);
    CHECK_EQ(ioctlsocket(c.far_end, FIONREAD, &bytes), 0);
    CHECK_OP(bytes, >=, 1);
    connection_end(&c);
    net_end();
}

TEST("W32-WSA-13", "SO_RCVTIMEO ends a receive with WSAETIMEDOUT") {
    net_begin();
    struct connection c = connection_new();
    DWORD ms = 30, told = 0;
    int size = sizeof told;
    char byte;
    CHECK_EQ(setsockopt(c.far_end, SOL_SOCKET, SO_RCVTIMEO, (char*)&ms, sizeof ms), 0);
    CHECK_EQ(getsockopt(c.far_end, SOL_SOCKET, SO_RCVTIMEO, (char*)&told, &size), 0);
    CHECK_EQ(told, 30);
    CHECK_WSA(recv(c.far_end, &byte, 1, 0), WSAETIMEDOUT);
    connection_end(&c);
    net_end();
}

static int option(SOCKET s, int level, int name) {
    int value = -1, size = sizeof value;
    CHECK_EQ(getsockopt(s, level, name, (char*)&value, &size), 0);
    return value;
}

static int set_option(SOCKET s, int level, int name, int value) {
    return setsockopt(s, level, name, (char*)&value, sizeof value);
}

TEST("W32-WSA-13", "options with Windows's numbers") {
    net_begin();
    SOCKET s = tcp(), u = udp();
    struct sockaddr_in address;
    SOCKET l = listener(&address);
    CHECK_EQ(option(s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    CHECK_EQ(option(u, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    CHECK_EQ(option(l, SOL_SOCKET, SO_ACCEPTCONN) != 0, 1);
    CHECK_EQ(option(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
    CHECK_EQ(option(s, SOL_SOCKET, SO_ERROR), 0);
    CHECK_EQ(option(s, SOL_SOCKET, SO_REUSEADDR), 0);
    CHECK_EQ(set_option(s, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    CHECK_EQ(option(s, SOL_SOCKET, SO_REUSEADDR) != 0, 1);
    CHECK_EQ(set_option(s, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    CHECK_EQ(option(s, SOL_SOCKET, SO_KEEPALIVE) != 0, 1);
    CHECK_EQ(set_option(u, SOL_SOCKET, SO_BROADCAST, 1), 0);
    CHECK_EQ(option(u, SOL_SOCKET, SO_BROADCAST) != 0, 1);
    CHECK_EQ(set_option(s, IPPROTO_TCP, TCP_NODELAY, 1), 0);
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_NODELAY) != 0, 1);
    CHECK_EQ(set_option(s, SOL_SOCKET, SO_RCVBUF, 20000), 0);
    CHECK_EQ(option(s, SOL_SOCKET, SO_RCVBUF), 20000);
    CHECK_WSA(set_option(s, SOL_SOCKET, 0x7777, 1), WSAENOPROTOOPT);
    CHECK_WSA(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), WSAEFAULT);
    closesocket(s);
    closesocket(u);
    closesocket(l);
    net_end();
}

TEST("W32-WSA-13", "SO_LINGER and SO_DONTLINGER are two views of one") {
    net_begin();
    SOCKET s = tcp();
    struct linger told = {9, 9}, on = {1, 5};
    int size = sizeof told;
    CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_LINGER, (char*)&told, &size), 0);
    CHECK_EQ(told.l_onoff, 0);
    CHECK_EQ(size, 4);
    CHECK_EQ(option(s, SOL_SOCKET, SO_DONTLINGER) != 0, 1);
    CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_LINGER, (char*)&on, sizeof on), 0);
    CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_LINGER, (char*)&told, &size), 0);
    CHECK_EQ(told.l_onoff, 1);
    CHECK_EQ(told.l_linger, 5);
    CHECK_EQ(option(s, SOL_SOCKET, SO_DONTLINGER), 0);
    closesocket(s);
    net_end();
}

TEST("W32-WSA-14", "datagrams with addresses") {
    net_begin();
    SOCKET a = udp(), b = udp();
    struct sockaddr_in to = bound(b), from;
    int size = sizeof from;
    char got[16] = "";
    CHECK_EQ(sendto(a, "ping", 4, 0, (struct sockaddr*)&to, sizeof to), 4);
    CHECK_EQ(recvfrom(b, got, sizeof got, 0, (struct sockaddr*)&from, &size), 4);
    CHECK(!memcmp(got, "ping", 4));
    CHECK_EQ(size, sizeof from);
    CHECK_EQ(from.sin_family, AF_INET);
    CHECK_EQ(sendto(b, "pong", 4, 0, (struct sockaddr*)&from, size), 4);
    CHECK_EQ(recv(a, got, sizeof got, 0), 4);
    CHECK(!memcmp(got, "pong", 4));
    closesocket(a);
    closesocket(b);
    net_end();
}

TEST("R-SOCK-6", "a datagram larger than the buffer is WSAEMSGSIZE, with the buffer full") {
    net_begin();
    SOCKET a = udp(), b = udp();
    struct sockaddr_in to = bound(b);
    char got[4] = "";
    CHECK_EQ(sendto(a, "abcdefgh", 8, 0, (struct sockaddr*)&to, sizeof to), 8);
    CHECK_WSA(recv(b, got, 3, 0), WSAEMSGSIZE);
    CHECK(!memcmp(got, "abc", 3));
    CHECK_EQ(sendto(a, "x", 1, 0, (struct sockaddr*)&to, sizeof to), 1);
    CHECK_EQ(recv(b, got, 3, 0), 1);
    closesocket(a);
    closesocket(b);
    net_end();
}

TEST("W32-WSA-15", "WSASend and WSARecv without OVERLAPPED gather and scatter") {
    net_begin();
    struct connection c = connection_new();
    char one[3] = "", two[8] = "";
    WSABUF out[3] = {{2, (char*)"ab"}, {0, NULL}, {3, (char*)"cde"}};
    WSABUF in[2] = {{3, one}, {8, two}};
    DWORD bytes = 0, flags = 0;
    CHECK_EQ(WSASend(c.near_end, out, 3, &bytes, 0, NULL, NULL), 0);
    CHECK_EQ(bytes, 5);
    CHECK_EQ(WSARecv(c.far_end, in, 2, &bytes, &flags, NULL, NULL), 0);
    CHECK_EQ(bytes, 5);
    CHECK(!memcmp(one, "abc", 3));
    CHECK(!memcmp(two, "de", 2));
    connection_end(&c);
    net_end();
}

TEST("W32-WSA-10", "a receive waits for data") {
    net_begin();
    struct connection c = connection_new();
    struct blocked* b = fresh(sizeof *b);
    b->s = c.far_end;
    struct helper* h = helper_start(receive_one, b);
    CHECK(signaled(h->started));
    CHECK_EQ(send(c.near_end, "x", 1, 0), 1);
    REQUIRE(helper_join(h));
    CHECK_EQ(b->result, 1);
    connection_end(&c);
    net_end();
}
