#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_exports.py and make_coverage.py read their four sources right, and see each difference."""

import unittest

import check_exports
import make_coverage

MAP = """
WIN32_1 {
    global:
        # thread pool
        CloseThreadpool; # a remark
        SubmitThreadpoolWork;
        # others
        SetEvent;
    local:
        *;
};

RINGPOOL_0.1 {
    global:
        rp_version;
} WIN32_1;
"""

NM = """\
0000000000000000 A WIN32_1
0000000000000000 A RINGPOOL_0.1
0000000000001150 T CloseThreadpool@@WIN32_1
0000000000001160 T SubmitThreadpoolWork@@WIN32_1
0000000000001170 T SetEvent@@WIN32_1
0000000000001180 T rp_version@@RINGPOOL_0.1
"""

PREPROCESSED = """
# 1 "/usr/include/stdio.h" 1
int puts(const char *text);
# 1 "/tree/runtime/include/win32/winnt.h" 1
typedef void(*callback)(void *context);
struct pair { int (*first)(int); int second; };
static inline int twice(int value) { if (value) { return f(value); } return 0; }
__attribute__((nonnull(1))) void  CloseThreadpool(void* pool);
extern
  void SubmitThreadpoolWork(void* work) __attribute__((deprecated("no (really)")));
# 7 "/usr/include/stdlib.h"
void exit(int code);
# 9 "/tree/runtime/include/win32/winnt.h"
int SetEvent(void* event);
const char *rp_version(void);
int  send(int s) __asm__("rp_ws_" "send");
"""

TESTS = """
static void both(void) {
    CloseThreadpool(0);
    deeper();
}

static void deeper(void) {
    SetEvent(0); /* SubmitThreadpoolWork */
}

TEST("R-WORK-10", "one") {
    both();
}

TEST("R-WORK-2", "two") {
    CloseThreadpool(0);
}
"""

NAMES = {"CloseThreadpool", "SubmitThreadpoolWork", "SetEvent", "rp_version"}


class Exports(unittest.TestCase):
    def test_the_map_is_read_with_its_nodes(self):
        mapped = check_exports.mapped(MAP)
        self.assertEqual({name for name, _ in mapped}, NAMES)
        self.assertIn(("rp_version", "RINGPOOL_0.1"), mapped)
        self.assertIn(("SetEvent", "WIN32_1"), mapped)

    def test_the_library_is_read_with_its_nodes(self):
        self.assertEqual(check_exports.parse_nm(NM), check_exports.mapped(MAP))

    def test_a_symbol_without_a_version_is_seen(self):
        self.assertIn(("leak", ""), check_exports.parse_nm(NM + "00 T leak\n"))

    def test_declarations_of_our_headers_only_and_no_definitions(self):
        found = check_exports.parse_declarations(PREPROCESSED, "/tree/runtime/include")
        self.assertEqual(found, NAMES | {"rp_ws_send"})

    def test_every_difference_is_named(self):
        equal = {"a": NAMES, "b": NAMES, "c": NAMES}
        self.assertEqual(list(check_exports.differences(equal)), [])
        for where in equal:
            fewer = equal | {where: NAMES - {"SetEvent"}}
            self.assertEqual(len(list(check_exports.differences(fewer))), 1)
            more = equal | {where: NAMES | {"Leak"}}
            self.assertEqual(len(list(check_exports.differences(more))), 1)


class Coverage(unittest.TestCase):
    def test_calls_through_a_function_of_the_same_file_count_and_comments_do_not(self):
        used = make_coverage.tests_by_function([TESTS])
        self.assertEqual(sorted(used["CloseThreadpool"]), ["R-WORK-10", "R-WORK-2"])
        self.assertEqual(used["SetEvent"], ["R-WORK-10"])
        self.assertNotIn("SubmitThreadpoolWork", used)

    def test_the_page_says_which_have_no_test(self):
        page = make_coverage.page(MAP, [TESTS])
        self.assertIn("| `CloseThreadpool` | tested | 2 | R-WORK-2, R-WORK-10 |", page)
        self.assertIn("| `rp_version` | no test of its own | 0 |  |", page)
        self.assertIn("threadpoolapiset.h: **2 of 37** functions", page)
        self.assertEqual(check_exports.documented(page), NAMES)


if __name__ == "__main__":
    unittest.main()
