// SPDX-License-Identifier: Apache-2.0
/* Handles of Linux descriptors, mutexes and threads that end, modules: what plain Win32 code cannot
 * try without functions that the library does not export. */
#include "tests/conformance/fixture.h"

#include <ringpool/ringpool.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

TEST("RP-FD-1", "with take_ownership CloseHandle closes the descriptor") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    HANDLE handle = rp_handle_from_fd(ends[0], TRUE);
    REQUIRE(handle != NULL);
    CHECK_EQ(rp_fd_from_handle(handle), ends[0]);
    CHECK(CloseHandle(handle));
    CHECK(fcntl(ends[0], F_GETFD) == -1 && errno == EBADF);
    close(ends[1]);
}

TEST("RP-FD-1", "without take_ownership CloseHandle leaves the descriptor open") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    HANDLE handle = rp_handle_from_fd(ends[0], FALSE);
    REQUIRE(handle != NULL);
    CHECK(CloseHandle(handle));
    CHECK(fcntl(ends[0], F_GETFD) != -1);
    close(ends[0]);
    close(ends[1]);
}

TEST("RP-FD-2", "a descriptor that is not open is ERROR_INVALID_HANDLE") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    close(ends[1]);
    CHECK_FAILS(rp_handle_from_fd(ends[0], FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(rp_handle_from_fd(-1, TRUE), ERROR_INVALID_HANDLE);
}

TEST("RP-FD-3", "rp_fd_from_handle knows files, and refuses other objects") {
    const char* name = temp_name();
    HANDLE event = manual_event();
    HANDLE file = open_file(name,
                            GENERIC_READ | GENERIC_WRITE,
                            CREATE_NEW,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    int fd = rp_fd_from_handle(file);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) != -1);
    SetLastError(0);
    CHECK_EQ(rp_fd_from_handle(event), -1);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(file));
    SetLastError(0);
    CHECK_EQ(rp_fd_from_handle(file), -1);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    SetLastError(0);
    CHECK_EQ(rp_fd_from_handle(NULL), -1);
    CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}

TEST("RP-FD-4", "GetFileType tells what a descriptor is") {
    int ends[2], sockets[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    HANDLE a = rp_handle_from_fd(ends[0], TRUE), b = rp_handle_from_fd(sockets[0], TRUE);
    REQUIRE(a && b);
    CHECK_EQ(GetFileType(a), FILE_TYPE_PIPE);
    CHECK_EQ(GetFileType(b), FILE_TYPE_PIPE);
    CHECK(CloseHandle(a));
    CHECK(CloseHandle(b));
    close(ends[1]);
    close(sockets[1]);
}

TEST("R-IO-2", "a handle of a descriptor is bound once") {
    struct probe* p = probe_new(0, 1);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    HANDLE handle = rp_handle_from_fd(ends[0], TRUE);
    PTP_WIN32_IO_CALLBACK nothing = (PTP_WIN32_IO_CALLBACK)(void (*)(void))simple_count;
    PTP_IO io = CreateThreadpoolIo(handle, nothing, p, &p->env);
    REQUIRE(io != NULL);
    CHECK_FAILS(CreateThreadpoolIo(handle, nothing, p, &p->env), ERROR_INVALID_PARAMETER);
    CloseThreadpoolIo(io);
    CHECK(CloseHandle(handle));
    close(ends[1]);
    probe_end(p);
}

struct holder {
    HANDLE mutex, taken, leave;
    int stay;
};

static void* hold_and_end(void* argument) {
    struct holder* h = argument;
    CHECK(signaled(h->mutex));
    SetEvent(h->taken);
    if (h->stay)
        CHECK(signaled(h->leave));
    return NULL;
}

TEST("R-SYNC-3", "the mutex of a thread that has ended is abandoned to the next waiter") {
    struct holder* h = fresh(sizeof *h);
    pthread_t thread;
    h->mutex = CreateMutexA(NULL, FALSE, NULL);
    h->taken = manual_event();
    REQUIRE(pthread_create(&thread, NULL, hold_and_end, h) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_EQ(WaitForSingleObject(h->mutex, WAIT_LIMIT_MS), WAIT_ABANDONED);
    CHECK(ReleaseMutex(h->mutex));
    CHECK_EQ(WaitForSingleObject(h->mutex, 0), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(h->mutex));
    CloseHandle(h->mutex);
    CloseHandle(h->taken);
}

TEST("R-SYNC-3", "a waiter that is blocked receives an abandoned mutex") {
    struct holder* h = fresh(sizeof *h);
    pthread_t thread;
    h->stay = 1;
    h->mutex = CreateMutexA(NULL, FALSE, NULL);
    h->taken = manual_event();
    h->leave = manual_event();
    REQUIRE(pthread_create(&thread, NULL, hold_and_end, h) == 0);
    REQUIRE(signaled(h->taken));
    CHECK_EQ(WaitForSingleObject(h->mutex, 0), WAIT_TIMEOUT);
    SetEvent(h->leave);
    CHECK_EQ(WaitForSingleObject(h->mutex, WAIT_LIMIT_MS), WAIT_ABANDONED);
    CHECK(ReleaseMutex(h->mutex));
    REQUIRE(pthread_join(thread, NULL) == 0);
    CloseHandle(h->mutex);
    CloseHandle(h->taken);
    CloseHandle(h->leave);
}

TEST("R-SYNC-6", "an abandoned mutex in a multiple wait reports its index") {
    struct holder* h = fresh(sizeof *h);
    pthread_t thread;
    h->mutex = CreateMutexA(NULL, FALSE, NULL);
    h->taken = manual_event();
    REQUIRE(pthread_create(&thread, NULL, hold_and_end, h) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    HANDLE objects[2] = {auto_event(), h->mutex};
    CHECK_EQ(WaitForMultipleObjects(2, objects, FALSE, WAIT_LIMIT_MS), WAIT_ABANDONED_0 + 1);
    CHECK(ReleaseMutex(h->mutex));
    CloseHandle(objects[0]);
    CloseHandle(h->mutex);
    CloseHandle(h->taken);
}

/* A library of the C library's own package that nothing else in these programs loads. */
#define MODULE "libanl.so.1"

static int is_loaded(void) {
    void* module = dlopen(MODULE, RTLD_LAZY | RTLD_NOLOAD);
    if (module)
        dlclose(module);
    return module != NULL;
}

struct library {
    struct probe* p;
    HMODULE module;
    counter loaded_inside;
};

static VOID CALLBACK drop_library(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    struct library* l = context;
    FreeLibraryWhenCallbackReturns(instance, l->module);
    InterlockedExchange(&l->loaded_inside, is_loaded());
    probe_enter(l->p);
    probe_leave(l->p);
}

TEST("R-CB-8", "FreeLibraryWhenCallbackReturns drops the reference after the callback") {
    struct library* l = fresh(sizeof *l);
    l->p = probe_new(0, 1);
    if (is_loaded())
        SKIP(MODULE " is loaded already");
    l->module = LoadLibraryA(MODULE);
    if (!l->module)
        SKIP(MODULE " is missing");
    CHECK(is_loaded());
    REQUIRE(TrySubmitThreadpoolCallback(drop_library, l, &l->p->env));
    REQUIRE(take(l->p->done, 1));
    CHECK(pass_sentinel(l->p));
    CHECK_EQ(count(&l->loaded_inside), 1);
    CHECK(!is_loaded());
    probe_end(l->p);
}

TEST("R-ENV-10", "the pool owns the library of an environment until the object is gone") {
    struct probe* p = probe_new(0, 1);
    if (is_loaded())
        SKIP(MODULE " is loaded already");
    HMODULE module = LoadLibraryA(MODULE);
    if (!module)
        SKIP(MODULE " is missing");
    SetThreadpoolCallbackLibrary(&p->env, module);
    REQUIRE(TrySubmitThreadpoolCallback(simple_gated, p, &p->env));
    REQUIRE(take(p->entered, 1));
    CHECK(is_loaded());
    SetEvent(p->gate);
    REQUIRE(take(p->done, 1));
    SetThreadpoolCallbackLibrary(&p->env, NULL);
    CHECK(pass_sentinel(p));
    probe_end(p);
}

TEST("R-CB-8", "LoadLibrary, GetProcAddress and FreeLibrary") {
    CHECK_FAILS(LoadLibraryA("no-such-library.so"), ERROR_MOD_NOT_FOUND);
    HMODULE module = LoadLibraryA("libm.so.6");
    REQUIRE(module != NULL);
    CHECK(GetProcAddress(module, "cos") != NULL);
    CHECK_FAILS(GetProcAddress(module, "no_such_function"), ERROR_PROC_NOT_FOUND);
    CHECK(FreeLibrary(module));
}
