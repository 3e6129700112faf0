// SPDX-License-Identifier: Apache-2.0
/* Modules (W32-MOD-*), the process heap (W32-HEAP-*), ending the process (W32-PROC-*). */
#include "tests/conformance/fixture.h"

#ifdef _WIN32
#define LOADED_MODULE "kernel32.dll"
#define LOADABLE_MODULE "dbghelp.dll"
#else
#define LOADED_MODULE "libringpool.so.0"
#define LOADABLE_MODULE "libanl.so.1"
#endif

TEST("W32-MOD-1", "the program itself") {
    HMODULE self = GetModuleHandleA(NULL);
    char path[1024];
    CHECK(self != NULL);
    CHECK(self == GetModuleHandleA(NULL));
    DWORD length = GetModuleFileNameA(NULL, path, sizeof path);
    CHECK_OP(length, >, 0);
    CHECK_EQ(length, strlen(path));
    CHECK(strstr(path, "module") != NULL);
    char again[1024];
    CHECK_EQ(GetModuleFileNameA(self, again, sizeof again), length);
    CHECK(!strcmp(path, again));
}

TEST("W32-MOD-2", "a loaded module by name, and a procedure in it") {
    HMODULE module = GetModuleHandleA(LOADED_MODULE);
    REQUIRE(module != NULL);
    CHECK(module == GetModuleHandleA(LOADED_MODULE));
    CHECK(GetProcAddress(module, "GetTickCount64") != NULL);
    CHECK_FAILS(GetProcAddress(module, "NoSuchProcedure"), ERROR_PROC_NOT_FOUND);
    char path[1024];
    CHECK_OP(GetModuleFileNameA(module, path, sizeof path), >, 0);
}

TEST("W32-MOD-3", "names that are not loaded") {
    CHECK_FAILS(GetModuleHandleA("no_such_module_of_ours.dll"), ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(LoadLibraryExA("no_such_module_of_ours.dll", NULL, 0), ERROR_MOD_NOT_FOUND);
}

TEST("W32-MOD-4", "GetModuleHandle takes no reference") {
    if (GetModuleHandleA(LOADABLE_MODULE))
        SKIP("the module to load is in memory already");
    HMODULE loaded = LoadLibraryExA(LOADABLE_MODULE, NULL, 0);
    if (!loaded)
        SKIP("the module to load is missing");
    CHECK(GetModuleHandleA(LOADABLE_MODULE) == loaded);
    CHECK(LoadLibraryA(LOADABLE_MODULE) == loaded);
    CHECK(FreeLibrary(loaded));
    CHECK(GetModuleHandleA(LOADABLE_MODULE) == loaded);
    CHECK(FreeLibrary(loaded));
    CHECK(GetModuleHandleA(LOADABLE_MODULE) == NULL);
    CHECK_FAILS(FreeLibrary(loaded), ERROR_MOD_NOT_FOUND);
}

TEST("W32-MOD-5", "a path that does not fit is cut, with ERROR_INSUFFICIENT_BUFFER") {
    char path[1024], small[8];
    DWORD length = GetModuleFileNameA(NULL, path, sizeof path);
    REQUIRE(length > sizeof small);
    memset(small, 'x', sizeof small);
    SetLastError(0xdeadbeef);
    CHECK_EQ(GetModuleFileNameA(NULL, small, sizeof small), sizeof small);
    CHECK_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    CHECK(!memcmp(small, path, sizeof small - 1));
    CHECK_EQ(small[sizeof small - 1], 0);
    /* It fits exactly with its terminating zero. */
    CHECK_EQ(GetModuleFileNameA(NULL, path, length + 1), length);
    CHECK_EQ(GetModuleFileNameA(NULL, path, length), length);
    CHECK_EQ(path[length - 1], 0);
}

TEST("W32-MOD-5", "the path of a module that does not exist") {
    char path[64];
    CHECK_FAILS(GetModuleFileNameA((HMODULE)0x123450000, path, sizeof path), ERROR_MOD_NOT_FOUND);
}

TEST("W32-MOD-6", "LoadLibraryEx has a reserved parameter") {
    CHECK_FAILS(LoadLibraryExA(LOADED_MODULE, (HANDLE)0x40, 0), ERROR_INVALID_PARAMETER);
}

TEST("W32-HEAP-1", "blocks are aligned, writable and remember their size") {
    HANDLE heap = GetProcessHeap();
    REQUIRE(heap != NULL);
    CHECK(heap == GetProcessHeap());
    static const SIZE_T sizes[] = {0, 1, 15, 16, 17, 1000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char* block = HeapAlloc(heap, 0, sizes[i]);
        REQUIRE(block != NULL);
        CHECK_EQ((ULONG_PTR)block % 16, 0);
        CHECK_EQ(HeapSize(heap, 0, block), sizes[i]);
        memset(block, 0xab, sizes[i]);
        CHECK(HeapFree(heap, 0, block));
    }
}

TEST("W32-HEAP-2", "HEAP_ZERO_MEMORY zeroes, and zeroes what a reallocation adds") {
    HANDLE heap = GetProcessHeap();
    char* block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100);
    REQUIRE(block != NULL);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(block[i], 0);
    memset(block, 1, 100);
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 5000);
    REQUIRE(block != NULL);
    CHECK_EQ(HeapSize(heap, 0, block), 5000);
    for (int i = 0; i < 5000; i++)
        CHECK_EQ(block[i], i < 100);
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 10);
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 90);
    REQUIRE(block != NULL);
    for (int i = 0; i < 90; i++)
        CHECK_EQ(block[i], i < 10);
    CHECK(HeapFree(heap, 0, block));
}

TEST("W32-HEAP-3", "in place: smaller succeeds, much larger does not, the block stays") {
    HANDLE heap = GetProcessHeap();
    char* block = HeapAlloc(heap, 0, 100);
    REQUIRE(block != NULL);
    memset(block, 7, 100);
    CHECK(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 50) == block);
    CHECK_EQ(HeapSize(heap, 0, block), 50);
    CHECK(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 1 << 28) == NULL);
    CHECK_EQ(HeapSize(heap, 0, block), 50);
    CHECK_EQ(block[49], 7);
    CHECK(HeapFree(heap, 0, block));
}

TEST("W32-HEAP-4", "what there is no memory for gives NULL") {
    CHECK(HeapAlloc(GetProcessHeap(), 0, (SIZE_T)-1 / 2 + 1) == NULL);
    char* block = HeapAlloc(GetProcessHeap(), 0, 10);
    REQUIRE(block != NULL);
    CHECK(HeapReAlloc(GetProcessHeap(), 0, block, (SIZE_T)-1 / 2 + 1) == NULL);
    CHECK(HeapFree(GetProcessHeap(), 0, block));
}

TEST("W32-HEAP-5", "freeing NULL succeeds") {
    CHECK(HeapFree(GetProcessHeap(), 0, NULL));
}

CHILD("exit_plain") {
    ExitProcess(42);
}

TEST("W32-PROC-1", "ExitProcess ends the process with its code") {
    CHECK_EQ(run_child("exit_plain"), 42);
}

static VOID CALLBACK exit_in_callback(PTP_CALLBACK_INSTANCE instance, PVOID context) {
    (void)instance;
    (void)context;
    ExitProcess(43);
}

CHILD("exit_in_callback") {
    HANDLE never = manual_event();
    if (TrySubmitThreadpoolCallback(exit_in_callback, NULL, NULL))
        WaitForSingleObject(never, WAIT_LIMIT_MS);
    return 1;
}

TEST("W32-PROC-1", "ExitProcess may be called by a callback") {
    CHECK_EQ(run_child("exit_in_callback"), 43);
}

TEST("W32-DBG-1", "OutputDebugString changes neither output nor last error") {
    SetLastError(0x1234);
    OutputDebugStringA("a line for the debugger\n");
    CHECK_EQ(GetLastError(), 0x1234);
}
