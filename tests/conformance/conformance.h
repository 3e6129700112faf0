// SPDX-License-Identifier: Apache-2.0
#ifndef CONFORMANCE_H
#define CONFORMANCE_H
/* Harness of the conformance tests: plain C, the same source under Linux and under a Windows
 * compiler. Include it first.
 *
 *   TEST("R-WORK-8", "pending calls run after Close") { ... CHECK(...); REQUIRE_EQ(...); }
 *
 * One executable is one source file. CHECK reports and goes on, REQUIRE reports and returns (so it
 * belongs in void functions), SKIP returns. All three may be used from any thread.
 *
 * A test that fails may leave callbacks behind that still use its data. Data shared with callbacks
 * therefore comes from fresh(): it is freed when the test has passed and kept when it has failed.
 *
 * Every wait in a test is bounded (signaled()). Against calls that have no time limit there is
 * alarm(): the process then ends with the name of the test that hangs. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#define TEST_LIMIT_S 60
/* Both are shorter than the 10 s after which an idle worker looks around by itself (R-SCHED-9), so
 * that a lost wake-up fails the test instead of being healed by that timeout. */
#define WAIT_LIMIT_MS 8000
#define SLOW_LIMIT_MS 9000
/* How long a test watches for something that must not happen. What it watches for needs one wake-up
 * of an idle worker, tens of microseconds; 100 ms leaves room for a loaded machine and a sanitizer.
 * Such a check can miss a defect on a stalled machine, but it never fails a correct library. */
#define QUIET_MS 100

#define UNUSED __attribute__((unused))

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

struct test_case {
    const char* id;
    const char* name;
    int line;
    void (*body)(void);
    struct test_case* next;
};

struct child_case {
    const char* name;
    int (*body)(void);
    struct child_case* next;
};

static struct test_case* test_cases;
static struct child_case* child_cases;
static const struct test_case* test_now;
static const char* test_program;
static volatile LONG test_failures;
static volatile LONG test_skipped;
static int tests_passed, tests_failed, tests_skipped;

static struct fresh_block {
    struct fresh_block* next;
    void* unused_alignment;
} * fresh_blocks;

/* Zeroed memory that outlives a failed test. Main thread only. */
UNUSED static void* fresh(size_t size) {
    struct fresh_block* block = calloc(1, sizeof *block + size);
    if (!block)
        abort();
    block->next = fresh_blocks;
    fresh_blocks = block;
    return block + 1;
}

static void fresh_end(int failed) {
    if (failed)
        return;
    while (fresh_blocks) {
        struct fresh_block* block = fresh_blocks;
        fresh_blocks = block->next;
        free(block);
    }
}

UNUSED static void test_register(struct test_case* test) {
    struct test_case** at = &test_cases;
    while (*at && (*at)->line < test->line)
        at = &(*at)->next;
    test->next = *at;
    *at = test;
}

UNUSED static void child_register(struct child_case* child) {
    child->next = child_cases;
    child_cases = child;
}

UNUSED static int test_fail(const char* file, int line, const char* text) {
    InterlockedIncrement(&test_failures);
    printf("  %s:%d: [%s] %s\n", file, line, test_now ? test_now->id : "child", text);
    fflush(stdout);
    return 0;
}

UNUSED static int test_fail_values(
    const char* file, int line, const char* text, ULONGLONG actual, ULONGLONG expected) {
    InterlockedIncrement(&test_failures);
    printf("  %s:%d: [%s] %s: %llu (0x%llx) against %llu (0x%llx)\n",
           file,
           line,
           test_now ? test_now->id : "child",
           text,
           actual,
           actual,
           expected,
           expected);
    fflush(stdout);
    return 0;
}

UNUSED static void test_skip(const char* why) {
    InterlockedExchange(&test_skipped, 1);
    printf("  skipped: %s\n", why);
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#define TEST(id, name) TEST_(id, name, JOIN(test_at_, __COUNTER__))
#define TEST_(id, name, tag)                                                                       \
    static void tag(void);                                                                         \
    static struct test_case JOIN(tag, _case) = {id, name, __LINE__, tag, NULL};                    \
    __attribute__((constructor)) static void JOIN(tag, _register)(void) {                          \
        test_register(&JOIN(tag, _case));                                                          \
    }                                                                                              \
    static void tag(void)

/* A body that runs in a process of its own, started by run_child(name); its value is the exit code
 * of that process unless a CHECK failed there. */
#define CHILD(name) CHILD_(name, JOIN(child_at_, __LINE__))
#define CHILD_(name, tag)                                                                          \
    static int tag(void);                                                                          \
    static struct child_case JOIN(tag, _case) = {name, tag, NULL};                                 \
    __attribute__((constructor)) static void JOIN(tag, _register)(void) {                          \
        child_register(&JOIN(tag, _case));                                                         \
    }                                                                                              \
    static int tag(void)

#define CHECK_(condition) ((condition) ? 1 : test_fail(__FILE__, __LINE__, #condition))
#define COMPARE_(actual, op, expected)                                                             \
    (((ULONGLONG)(actual)op(ULONGLONG)(expected))                                                  \
         ? 1                                                                                       \
         : test_fail_values(__FILE__,                                                              \
                            __LINE__,                                                              \
                            #actual " " #op " " #expected,                                         \
                            (ULONGLONG)(actual),                                                   \
                            (ULONGLONG)(expected)))
#define CHECK(condition) ((void)CHECK_(condition))
#define CHECK_EQ(actual, expected) ((void)COMPARE_(actual, ==, expected))
#define CHECK_OP(actual, op, expected) ((void)COMPARE_(actual, op, expected))
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!CHECK_(condition))                                                                    \
            return;                                                                                \
    } while (0)
#define REQUIRE_EQ(actual, expected)                                                               \
    do {                                                                                           \
        if (!COMPARE_(actual, ==, expected))                                                       \
            return;                                                                                \
    } while (0)
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        test_skip(why);                                                                            \
        return;                                                                                    \
    } while (0)

/* The call must fail, leaving this error code. */
#define CHECK_FAILS(call, code)                                                                    \
    do {                                                                                           \
        SetLastError(0xdeadbeef);                                                                  \
        CHECK(!(call));                                                                            \
        CHECK_EQ(GetLastError(), code);                                                            \
    } while (0)

/* Exit code of the child, or -1 when a signal ended it. */
UNUSED static int run_child(const char* name) {
    char command[1200];
#ifdef _WIN32
    snprintf(command, sizeof command, "\"\"%s\" --child %s\"", test_program, name);
    return system(command);
#else
    snprintf(command, sizeof command, "exec '%s' --child %s", test_program, name);
    int status = system(command);
    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
#endif
}

#ifndef _WIN32
static void test_hang(int number) {
    char text[512];
    int size = snprintf(text,
                        sizeof text,
                        "HANG  %s  %s (no end after %d s)\n%d passed, %d failed, %d skipped\n",
                        test_now ? test_now->id : "child",
                        test_now ? test_now->name : "",
                        TEST_LIMIT_S,
                        tests_passed,
                        tests_failed + 1,
                        tests_skipped);
    (void)number;
    _exit(write(STDOUT_FILENO, text, (size_t)size) < 0 ? 2 : 1);
}
#endif

static void test_limit(void) {
#ifndef _WIN32
    signal(SIGALRM, test_hang);
    alarm(TEST_LIMIT_S);
#endif
}

static void test_run(const struct test_case* test) {
    test_now = test;
    InterlockedExchange(&test_failures, 0);
    InterlockedExchange(&test_skipped, 0);
    test_limit();
    ULONGLONG begin = GetTickCount64();
    test->body();
    CHECK_OP(GetTickCount64() - begin, <, SLOW_LIMIT_MS);
    int failed = InterlockedCompareExchange(&test_failures, 0, 0) != 0;
    int skipped = InterlockedCompareExchange(&test_skipped, 0, 0) != 0;
    fresh_end(failed);
    const char* verdict = failed ? "FAIL" : skipped ? "skip" : "ok";
    printf("%-4s  %s  %s\n", verdict, test->id, test->name);
    fflush(stdout);
    tests_failed += failed;
    tests_skipped += !failed && skipped;
    tests_passed += !failed && !skipped;
}

static int test_selected(const struct test_case* test, int argc, char** argv) {
    for (int i = 1; i < argc; i++)
        if (!strncmp(test->id, argv[i], strlen(argv[i])) ||
            !strncmp(test->name, argv[i], strlen(argv[i])))
            return 1;
    return argc < 2;
}

int main(int argc, char** argv) {
    test_program = argv[0];
    if (argc == 3 && !strcmp(argv[1], "--child")) {
        test_limit();
        for (struct child_case* child = child_cases; child; child = child->next)
            if (!strcmp(child->name, argv[2])) {
                int code = child->body();
                return InterlockedCompareExchange(&test_failures, 0, 0) ? 1 : code;
            }
        return 2;
    }
    int list = argc == 2 && !strcmp(argv[1], "--list");
    for (struct test_case* test = test_cases; test; test = test->next)
        if (list)
            printf("%s\t%s\n", test->id, test->name);
        else if (test_selected(test, argc, argv))
            test_run(test);
    if (list)
        return 0;
    printf("%d passed, %d failed, %d skipped\n", tests_passed, tests_failed, tests_skipped);
    if (tests_failed || tests_passed + tests_skipped == 0)
        return 1;
    return tests_passed ? 0 : 77;
}
#endif
