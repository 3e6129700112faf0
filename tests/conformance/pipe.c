// SPDX-License-Identifier: Apache-2.0
/* Named pipes in byte mode: R-FILE-5 and what the functions' own pages say. */
#include "tests/conformance/fixture.h"

static const char* pipe_name(void) {
    static int serial;
    char* name = fresh(128);
    snprintf(
        name, 128, "\\\\.\\pipe\\rpconf-%lu-%d", (unsigned long)GetCurrentProcessId(), ++serial);
    return name;
}

static HANDLE server_new(const char* name, DWORD mode, DWORD instances) {
    return CreateNamedPipeA(
        name, mode, PIPE_TYPE_BYTE | PIPE_WAIT, instances, 4096, 4096, 100, NULL);
}

static HANDLE server_overlapped(const char* name) {
    HANDLE s =
        server_new(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_UNLIMITED_INSTANCES);
    if (s == INVALID_HANDLE_VALUE)
        abort();
    return s;
}

static HANDLE client_new(const char* name, DWORD access, DWORD flags) {
    return CreateFileA(name, access, 0, NULL, OPEN_EXISTING, flags, NULL);
}

struct job {
    OVERLAPPED ov;
    char data[256];
};

static struct job* job_new(void) {
    struct job* j = fresh(sizeof *j);
    j->ov.hEvent = manual_event();
    return j;
}

static void job_end(struct job* j) {
    CHECK(CloseHandle(j->ov.hEvent));
}

static BOOL pending(BOOL result) {
    return result || GetLastError() == ERROR_IO_PENDING;
}

static BOOL job_read(HANDLE pipe, struct job* j) {
    return pending(ReadFile(pipe, j->data, sizeof j->data, NULL, &j->ov));
}

static DWORD job_result(HANDLE pipe, struct job* j, DWORD* bytes) {
    *bytes = 77;
    if (!signaled(j->ov.hEvent))
        return 0xbad;
    return GetOverlappedResult(pipe, &j->ov, bytes, FALSE) ? 0 : GetLastError();
}

static void job_expect(HANDLE pipe, struct job* j, DWORD error, const char* text) {
    DWORD bytes;
    CHECK_EQ(job_result(pipe, j, &bytes), error);
    if (!error) {
        CHECK_EQ(bytes, strlen(text));
        CHECK(!memcmp(j->data, text, strlen(text)));
    }
    job_end(j);
}

/* Both ends of one connection, overlapped. */
struct ends {
    HANDLE server, client;
};

static struct ends ends_new(void) {
    const char* name = pipe_name();
    struct ends e;
    e.server = server_overlapped(name);
    e.client = client_new(name, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
    if (e.client == INVALID_HANDLE_VALUE)
        abort();
    return e;
}

static void ends_close(struct ends* e) {
    if (e->client)
        CHECK(CloseHandle(e->client));
    if (e->server)
        CHECK(CloseHandle(e->server));
}

static BOOL put(HANDLE pipe, const char* text) {
    struct job* j = job_new();
    DWORD bytes = 0;
    BOOL ok = pending(WriteFile(pipe, text, (DWORD)strlen(text), NULL, &j->ov)) &&
              job_result(pipe, j, &bytes) == 0 && bytes == strlen(text);
    job_end(j);
    return ok;
}

TEST("W32-PIPE-1", "from 1 to 255 instances") {
    const char* name = pipe_name();
    CHECK(server_new(name, PIPE_ACCESS_DUPLEX, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(server_new(name, PIPE_ACCESS_DUPLEX, 256) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST("W32-PIPE-1", "bad arguments of CreateNamedPipe") {
    const char* name = pipe_name();
    SetLastError(0);
    CHECK(server_new("no pipe", PIPE_ACCESS_DUPLEX, 1) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_NAME);
    CHECK(server_new(name, 0, 1) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, PIPE_READMODE_MESSAGE, 1, 0, 0, 0, NULL) ==
          INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST("W32-PIPE-2", "a pipe that does not exist") {
    const char* name = pipe_name();
    SetLastError(0);
    CHECK(client_new(name, GENERIC_READ, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(WaitNamedPipeA(name, 1), ERROR_FILE_NOT_FOUND);
    HANDLE s = server_overlapped(name);
    CHECK(CloseHandle(s));
    CHECK(client_new(name, GENERIC_READ, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
}

TEST("W32-PIPE-3", "FILE_FLAG_FIRST_PIPE_INSTANCE makes the first instance or none") {
    const char* name = pipe_name();
    const DWORD mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE;
    HANDLE a = server_new(name, mode, 5);
    REQUIRE(a != INVALID_HANDLE_VALUE);
    CHECK(server_new(name, mode, 5) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(a));
    a = server_new(name, mode, 5);
    CHECK(a != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(a));
}

TEST("W32-PIPE-3", "no more instances than the first one said") {
    const char* name = pipe_name();
    HANDLE a = server_new(name, PIPE_ACCESS_DUPLEX, 2), b = server_new(name, PIPE_ACCESS_DUPLEX, 2);
    REQUIRE(a != INVALID_HANDLE_VALUE && b != INVALID_HANDLE_VALUE);
    CHECK(server_new(name, PIPE_ACCESS_DUPLEX, 2) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_PIPE_BUSY);
    CHECK(CloseHandle(a));
    a = server_new(name, PIPE_ACCESS_DUPLEX, 2);
    CHECK(a != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(a));
    CHECK(CloseHandle(b));
}

TEST("W32-PIPE-3", "an instance of another direction is refused") {
    const char* name = pipe_name();
    HANDLE a = server_new(name, PIPE_ACCESS_DUPLEX, 5);
    REQUIRE(a != INVALID_HANDLE_VALUE);
    CHECK(server_new(name, PIPE_ACCESS_INBOUND, 5) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(a));
}

TEST("W32-PIPE-4", "the directions of a pipe") {
    const char* name = pipe_name();
    HANDLE s = server_new(name, PIPE_ACCESS_INBOUND, 1);
    char byte = 0;
    DWORD bytes;
    REQUIRE(s != INVALID_HANDLE_VALUE);
    CHECK(client_new(name, GENERIC_READ, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    HANDLE c = client_new(name, GENERIC_WRITE, 0);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(c, "x", 1, &bytes, NULL));
    CHECK(ReadFile(s, &byte, 1, &bytes, NULL));
    CHECK_EQ(byte, 'x');
    CHECK_FAILS(WriteFile(s, "x", 1, &bytes, NULL), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

TEST("W32-PIPE-5", "an instance has one client: ERROR_PIPE_BUSY") {
    const char* name = pipe_name();
    HANDLE s = server_overlapped(name);
    HANDLE c = client_new(name, GENERIC_READ, 0);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    CHECK(client_new(name, GENERIC_READ, 0) == INVALID_HANDLE_VALUE);
    CHECK_EQ(GetLastError(), ERROR_PIPE_BUSY);
    CHECK_FAILS(WaitNamedPipeA(name, 20), ERROR_SEM_TIMEOUT);
    HANDLE second = server_overlapped(name);
    CHECK(WaitNamedPipeA(name, NMPWAIT_WAIT_FOREVER));
    HANDLE other = client_new(name, GENERIC_READ, 0);
    CHECK(other != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(other));
    CHECK(CloseHandle(second));
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

struct waiting {
    const char* name;
    BOOL result;
};

static void wait_for_name(void* argument) {
    struct waiting* w = argument;
    w->result = WaitNamedPipeA(w->name, NMPWAIT_WAIT_FOREVER);
}

TEST("W32-PIPE-5", "WaitNamedPipe waits for an instance") {
    struct waiting* w = fresh(sizeof *w);
    w->name = pipe_name();
    HANDLE s = server_overlapped(w->name);
    HANDLE c = client_new(w->name, GENERIC_READ, 0);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    struct helper* h = helper_start(wait_for_name, w);
    CHECK(quiet(h->finished));
    HANDLE second = server_overlapped(w->name);
    struct job* j = job_new();
    CHECK(pending(ConnectNamedPipe(second, &j->ov)));
    REQUIRE(helper_join(h));
    CHECK(w->result);
    CHECK(CloseHandle(second));
    CHECK(signaled(j->ov.hEvent));
    job_end(j);
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

TEST("W32-PIPE-6", "ConnectNamedPipe waits for a client") {
    const char* name = pipe_name();
    HANDLE s = server_overlapped(name);
    struct job* j = job_new();
    DWORD bytes;
    CHECK_FAILS(ConnectNamedPipe(s, &j->ov), ERROR_IO_PENDING);
    CHECK(quiet(j->ov.hEvent));
    HANDLE c = client_new(name, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    CHECK_EQ(job_result(s, j, &bytes), 0);
    CHECK_EQ(bytes, 0);
    CHECK(put(c, "hello"));
    struct job* in = job_new();
    CHECK(job_read(s, in));
    job_expect(s, in, 0, "hello");
    job_end(j);
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

TEST("W32-PIPE-6", "a client that came first: ERROR_PIPE_CONNECTED") {
    struct ends e = ends_new();
    struct job* j = job_new();
    CHECK_FAILS(ConnectNamedPipe(e.server, &j->ov), ERROR_PIPE_CONNECTED);
    CHECK(put(e.client, "abc"));
    struct job* in = job_new();
    CHECK(job_read(e.server, in));
    job_expect(e.server, in, 0, "abc");
    job_end(j);
    ends_close(&e);
}

TEST("W32-PIPE-6", "a client that came and went: ERROR_NO_DATA") {
    struct ends e = ends_new();
    struct job* j = job_new();
    CHECK(CloseHandle(e.client));
    e.client = NULL;
    CHECK_FAILS(ConnectNamedPipe(e.server, &j->ov), ERROR_NO_DATA);
    job_end(j);
    ends_close(&e);
}

TEST("R-CANCEL-1", "ConnectNamedPipe can be cancelled, and called again") {
    const char* name = pipe_name();
    HANDLE s = server_overlapped(name);
    struct job *j = job_new(), *again = job_new();
    DWORD bytes;
    CHECK(pending(ConnectNamedPipe(s, &j->ov)));
    CHECK(CancelIoEx(s, &j->ov));
    CHECK_EQ(job_result(s, j, &bytes), ERROR_OPERATION_ABORTED);
    CHECK(pending(ConnectNamedPipe(s, &again->ov)));
    HANDLE c = client_new(name, GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
    CHECK_EQ(job_result(s, again, &bytes), 0);
    CHECK(put(c, "clean"));
    struct job* in = job_new();
    CHECK(job_read(s, in));
    job_expect(s, in, 0, "clean");
    job_end(j);
    job_end(again);
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
}

struct blocked {
    HANDLE pipe;
    BOOL result;
    DWORD error;
};

static void connect_blocking(void* argument) {
    struct blocked* b = argument;
    b->result = ConnectNamedPipe(b->pipe, NULL);
    b->error = GetLastError();
}

TEST("W32-PIPE-6", "without FILE_FLAG_OVERLAPPED the call waits") {
    const char* name = pipe_name();
    struct blocked* b = fresh(sizeof *b);
    char byte = 0;
    DWORD bytes;
    b->pipe = server_new(name, PIPE_ACCESS_DUPLEX, 1);
    struct helper* h = helper_start(connect_blocking, b);
    CHECK(quiet(h->finished));
    HANDLE c = client_new(name, GENERIC_READ | GENERIC_WRITE, 0);
    REQUIRE(c != INVALID_HANDLE_VALUE);
    REQUIRE(helper_join(h));
    CHECK(b->result || b->error == ERROR_PIPE_CONNECTED);
    CHECK(WriteFile(b->pipe, "z", 1, &bytes, NULL));
    CHECK(ReadFile(c, &byte, 1, &bytes, NULL));
    CHECK_EQ(byte, 'z');
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(b->pipe));
}

TEST("W32-PIPE-6", "an overlapped pipe wants an OVERLAPPED, and a pipe") {
    struct ends e = ends_new();
    HANDLE event = manual_event();
    struct job* j = job_new();
    CHECK_FAILS(ConnectNamedPipe(event, &j->ov), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DisconnectNamedPipe(event), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
    job_end(j);
    ends_close(&e);
}

TEST("W32-PIPE-7", "reading and writing before there is a client: ERROR_PIPE_LISTENING") {
    HANDLE s = server_overlapped(pipe_name());
    struct job* j = job_new();
    CHECK_FAILS(ReadFile(s, j->data, 1, NULL, &j->ov), ERROR_PIPE_LISTENING);
    CHECK_FAILS(WriteFile(s, j->data, 1, NULL, &j->ov), ERROR_PIPE_LISTENING);
    job_end(j);
    CHECK(CloseHandle(s));
}

TEST("R-FILE-5", "data goes both ways, in order") {
    struct ends e = ends_new();
    struct job *a = job_new(), *b = job_new();
    CHECK(put(e.client, "one"));
    CHECK(job_read(e.server, a));
    job_expect(e.server, a, 0, "one");
    CHECK(job_read(e.client, b));
    CHECK(quiet(b->ov.hEvent));
    CHECK(put(e.server, "two"));
    job_expect(e.client, b, 0, "two");
    ends_close(&e);
}

TEST("R-FILE-5", "a large write and reads of what is there") {
    enum { SIZE = 300000 };

    struct ends e = ends_new();
    struct job *out = job_new(), *in = job_new();
    BYTE* data = fresh(SIZE);
    BYTE* got = fresh(SIZE);
    DWORD bytes, have = 0;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = pattern_byte(i);
    CHECK(pending(WriteFile(e.server, data, SIZE, NULL, &out->ov)));
    while (have < SIZE) {
        REQUIRE(pending(ReadFile(e.client, got + have, SIZE - have, NULL, &in->ov)));
        REQUIRE(job_result(e.client, in, &bytes) == 0);
        REQUIRE(bytes > 0);
        have += bytes;
    }
    CHECK(!memcmp(data, got, SIZE));
    CHECK_EQ(job_result(e.server, out, &bytes), 0);
    CHECK_EQ(bytes, SIZE);
    job_end(out);
    job_end(in);
    ends_close(&e);
}

TEST("R-FILE-5", "the client closes: what it wrote, then ERROR_BROKEN_PIPE; writes ERROR_NO_DATA") {
    struct ends e = ends_new();
    struct job *first = job_new(), *second = job_new(), *write = job_new();
    DWORD bytes, error = 0;
    CHECK(put(e.client, "last"));
    CHECK(CloseHandle(e.client));
    e.client = NULL;
    CHECK(job_read(e.server, first));
    job_expect(e.server, first, 0, "last");
    if (job_read(e.server, second))
        error = job_result(e.server, second, &bytes);
    else
        error = GetLastError();
    CHECK_EQ(error, ERROR_BROKEN_PIPE);
    if (pending(WriteFile(e.server, "x", 1, NULL, &write->ov)))
        error = job_result(e.server, write, &bytes);
    else
        error = GetLastError();
    CHECK_EQ(error, ERROR_NO_DATA);
    job_end(second);
    job_end(write);
    ends_close(&e);
}

TEST("R-FILE-5", "the client closes without reading what it got: ERROR_BROKEN_PIPE") {
    struct ends e = ends_new();
    struct job* in = job_new();
    CHECK(put(e.server, "unread"));
    CHECK(job_read(e.server, in));
    CHECK(CloseHandle(e.client));
    e.client = NULL;
    job_expect(e.server, in, ERROR_BROKEN_PIPE, "");
    ends_close(&e);
}

TEST("R-FILE-5", "a read in flight when the server closes: ERROR_BROKEN_PIPE") {
    struct ends e = ends_new();
    struct job* in = job_new();
    CHECK(job_read(e.client, in));
    CHECK(CloseHandle(e.server));
    e.server = NULL;
    job_expect(e.client, in, ERROR_BROKEN_PIPE, "");
    ends_close(&e);
}

TEST("W32-PIPE-8", "DisconnectNamedPipe: the client sees ERROR_PIPE_NOT_CONNECTED") {
    struct ends e = ends_new();
    struct job *in = job_new(), *other = job_new();
    CHECK(put(e.server, "unread"));
    CHECK(DisconnectNamedPipe(e.server));
    CHECK_FAILS(ReadFile(e.client, in->data, 10, NULL, &in->ov), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(WriteFile(e.client, "x", 1, NULL, &in->ov), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(ReadFile(e.server, in->data, 10, NULL, &other->ov), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(DisconnectNamedPipe(e.server), ERROR_PIPE_NOT_CONNECTED);
    job_end(in);
    job_end(other);
    ends_close(&e);
}

TEST("W32-PIPE-8", "DisconnectNamedPipe ends what both have in flight") {
    struct ends e = ends_new();
    struct job *in = job_new(), *own = job_new(), *queued = job_new();
    CHECK(job_read(e.client, in));
    CHECK(job_read(e.server, own));
    CHECK(job_read(e.server, queued));
    CHECK(DisconnectNamedPipe(e.server));
    job_expect(e.client, in, ERROR_PIPE_NOT_CONNECTED, "");
    job_expect(e.server, own, ERROR_PIPE_NOT_CONNECTED, "");
    job_expect(e.server, queued, ERROR_PIPE_NOT_CONNECTED, "");
    ends_close(&e);
}

TEST("W32-PIPE-8", "a disconnected instance serves the next client") {
    const char* name = pipe_name();
    HANDLE s = server_overlapped(name);
    for (int round = 0; round < 5; round++) {
        struct job *j = job_new(), *in = job_new();
        DWORD bytes;
        CHECK(pending(ConnectNamedPipe(s, &j->ov)));
        HANDLE c = client_new(name, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
        REQUIRE(c != INVALID_HANDLE_VALUE);
        CHECK_EQ(job_result(s, j, &bytes), 0);
        CHECK(put(c, "request"));
        CHECK(put(c, "left behind"));
        CHECK(pending(ReadFile(s, in->data, 7, NULL, &in->ov)));
        job_expect(s, in, 0, "request");
        CHECK(DisconnectNamedPipe(s));
        CHECK(client_new(name, GENERIC_READ, 0) == INVALID_HANDLE_VALUE);
        CHECK_EQ(GetLastError(), ERROR_PIPE_BUSY);
        CHECK(CloseHandle(c));
        job_end(j);
    }
    CHECK(CloseHandle(s));
}

static void flush_it(void* argument) {
    struct blocked* b = argument;
    b->result = FlushFileBuffers(b->pipe);
}

TEST("W32-PIPE-9", "FlushFileBuffers waits until the client has read everything") {
    struct ends e = ends_new();
    struct blocked* b = fresh(sizeof *b);
    struct job* in = job_new();
    b->pipe = e.server;
    CHECK(put(e.server, "answer"));
    struct helper* h = helper_start(flush_it, b);
    CHECK(quiet(h->finished));
    CHECK(job_read(e.client, in));
    job_expect(e.client, in, 0, "answer");
    REQUIRE(helper_join(h));
    CHECK(b->result);
    ends_close(&e);
}

TEST("W32-PIPE-10", "the type of both ends is FILE_TYPE_PIPE") {
    struct ends e = ends_new();
    CHECK_EQ(GetFileType(e.server), FILE_TYPE_PIPE);
    CHECK_EQ(GetFileType(e.client), FILE_TYPE_PIPE);
    ends_close(&e);
}

static VOID CALLBACK on_pipe(PTP_CALLBACK_INSTANCE instance,
                             PVOID context,
                             PVOID overlapped,
                             ULONG result,
                             ULONG_PTR bytes,
                             PTP_IO io) {
    struct probe* p = context;
    (void)instance;
    (void)overlapped;
    (void)io;
    probe_enter(p);
    CHECK_EQ(result, 0);
    CHECK_EQ(bytes, count(&p->calls) == 1 ? 0 : 4);
    probe_leave(p);
}

TEST("W32-PIPE-11", "ConnectNamedPipe and ReadFile end as callbacks of a TP_IO") {
    const char* name = pipe_name();
    struct probe* p = probe_new(0, 1);
    HANDLE s = server_overlapped(name);
    PTP_IO io = CreateThreadpoolIo(s, on_pipe, p, &p->env);
    REQUIRE(io != NULL);
    struct job *j = job_new(), *in = job_new();
    StartThreadpoolIo(io);
    REQUIRE(pending(ConnectNamedPipe(s, &j->ov)));
    HANDLE c = client_new(name, GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
    CHECK(take(p->done, 1));
    StartThreadpoolIo(io);
    REQUIRE(job_read(s, in));
    CHECK(put(c, "data"));
    CHECK(take(p->done, 1));
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CloseThreadpoolIo(io);
    CHECK(CloseHandle(c));
    CHECK(CloseHandle(s));
    job_end(j);
    job_end(in);
    probe_end(p);
}
