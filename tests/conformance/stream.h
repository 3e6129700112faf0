// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_STREAM_H
#define CONFORMANCE_STREAM_H
/* Pipes and sockets bound to a TP_IO through rp_handle_from_fd, for the tests of rp_io*.c. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

struct stream;

/* One operation; the OVERLAPPED comes first so that the callback finds the rest. */
struct op {
    OVERLAPPED ov;
    struct stream* stream;
    HANDLE came; /* set by the callback */
    counter calls;
    LONG turn; /* with one thread: how many callbacks had started, with this one */
    ULONG result;
    ULONG_PTR bytes;
    char data[256];
};

struct stream {
    struct probe* p;
    int peer; /* the test's end: a plain descriptor */
    int fd;   /* our end, owned by the handle */
    HANDLE handle;
    PTP_IO io;
};

UNUSED static VOID CALLBACK on_stream(PTP_CALLBACK_INSTANCE instance,
                                      PVOID context,
                                      PVOID overlapped,
                                      ULONG result,
                                      ULONG_PTR bytes,
                                      PTP_IO io) {
    struct stream* s = context;
    struct op* op = overlapped;
    (void)instance;
    (void)io;
    probe_enter(s->p);
    op->turn = count(&s->p->calls);
    op->result = result;
    op->bytes = bytes;
    InterlockedIncrement(&op->calls);
    SetEvent(op->came);
    probe_leave(s->p);
}

UNUSED static struct stream* stream_of(struct probe* p, int fd, int peer) {
    struct stream* s = fresh(sizeof *s);
    s->p = p;
    s->fd = fd;
    s->peer = peer;
    s->handle = rp_handle_from_fd(fd, TRUE);
    s->io = s->handle ? CreateThreadpoolIo(s->handle, on_stream, s, &p->env) : NULL;
    if (!s->io)
        abort();
    return s;
}

/* Our end reads. */
UNUSED static struct stream* pipe_reader(struct probe* p) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        abort();
    return stream_of(p, ends[0], ends[1]);
}

/* Our end writes. */
UNUSED static struct stream* pipe_writer(struct probe* p) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        abort();
    return stream_of(p, ends[1], ends[0]);
}

UNUSED static struct stream* socket_pair(struct probe* p) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        abort();
    return stream_of(p, ends[0], ends[1]);
}

/* A TCP connection over the loopback, so that it can be reset. NULL when there is no loopback. */
UNUSED static struct stream* tcp_pair(struct probe* p) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || peer < 0 || bind(listener, (struct sockaddr*)&address, size) ||
        listen(listener, 1) || getsockname(listener, (struct sockaddr*)&address, &size) ||
        connect(peer, (struct sockaddr*)&address, size)) {
        close(listener);
        close(peer);
        return NULL;
    }
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    return fd < 0 ? NULL : stream_of(p, fd, peer);
}

UNUSED static void stream_end(struct stream* s) {
    if (s->io) {
        WaitForThreadpoolIoCallbacks(s->io, FALSE);
        CloseThreadpoolIo(s->io);
    }
    if (s->handle)
        CHECK(CloseHandle(s->handle));
    if (s->peer >= 0)
        close(s->peer);
}

UNUSED static struct op* op_new(struct stream* s) {
    struct op* op = fresh(sizeof *op);
    op->stream = s;
    op->came = manual_event();
    return op;
}

/* TRUE: a callback will come. FALSE: op->result says why not. Any thread. */
UNUSED static BOOL op_start(struct op* op, BOOL write, DWORD size) {
    struct stream* s = op->stream;
    StartThreadpoolIo(s->io);
    BOOL ok = write ? WriteFile(s->handle, op->data, size, NULL, &op->ov)
                    : ReadFile(s->handle, op->data, size, NULL, &op->ov);
    DWORD error = ok ? 0 : GetLastError();
    if (ok || error == ERROR_IO_PENDING)
        return TRUE;
    CancelThreadpoolIo(s->io);
    op->result = error;
    return FALSE;
}

UNUSED static BOOL op_read(struct op* op, DWORD size) {
    return op_start(op, FALSE, size);
}

UNUSED static BOOL op_write(struct op* op, const char* text) {
    strncpy(op->data, text, sizeof op->data - 1);
    return op_start(op, TRUE, (DWORD)strlen(op->data));
}

UNUSED static int send_text(int fd, const char* text) {
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* The callback came, once, with this result and this text. */
UNUSED static void op_check(struct op* op, ULONG result, const char* text) {
    CHECK(signaled(op->came));
    CHECK_EQ(count(&op->calls), 1);
    CHECK_EQ(op->result, result);
    CHECK_EQ(op->bytes, strlen(text));
    CHECK(!memcmp(op->data, text, strlen(text)));
}

struct foreign {
    struct op* op;
    BOOL started, cancelled;
};

UNUSED static void* foreign_read(void* argument) {
    struct foreign* f = argument;
    f->started = op_read(f->op, 64);
    return NULL;
}

UNUSED static void on_thread(void* (*body)(void*), void* argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) || pthread_join(thread, NULL))
        abort();
}
#endif
