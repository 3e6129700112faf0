#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks every rule of check_style.py once, in a scratch tree, and expects its complaint."""

import pathlib
import tempfile
import unittest

import check_style

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"

CLEAN = {
    "kernel_iface/linux/word.hpp": SPDX
    + """#pragma once
#include <atomic>

namespace rp::kernel {
// A word in a comment is no code: DWORD, volatile, std::thread.
inline void publish(std::atomic<int>& word) {
    // mo: release, pairs word.value (look).
    word.store(1, std::memory_order_release);
}

inline int look(std::atomic<int>& word) {
    // mo: acquire, pairs word.value (publish): the note may take
    // several lines.
    return word.load(std::memory_order_acquire);
}
}
""",
    "scheduler/use.cpp": SPDX + '#include "kernel_iface/linux/word.hpp"\n\nint answer = 1\'000;\n',
    "runtime/include/win32/windows.h": "/* SPDX-License-Identifier: Apache-2.0 */\n",
    "runtime/tp/pool.cpp": SPDX + '#include "scheduler/use.cpp"\n\n#include <windows.h>\n',
    "scheduler/counts.cpp": SPDX
    + """#include <atomic>

int sum(std::atomic<int>& a, std::atomic<int>& b) {
    // mo: relaxed (all below), figures.
    int value = a.load(std::memory_order_relaxed);
    value += b.load(std::memory_order_relaxed);
    return value;
}
""",
    "tests/unit/linux/word_test.cpp": SPDX + 'TEST_CASE("word") {}\n',
    "tests/tsan.supp": "# empty by policy\n",
}

FUNCTION_OF_80_LINES = SPDX + "int f(int a) {\n" + "    a += 1;\n" * 78 + "    return a;\n}\n"

# path, text, what the complaint must say
FAULTS = [
    ("scheduler/bad.cpp", '#include "runtime/tp/pool.hpp"\n', "scheduler must not include runtime"),
    ("scheduler/bad.cpp", '#include "kernel_iface/nt/wait.hpp"\n', "must not include kernel_iface"),
    ("kernel_iface/linux/bad.cpp", '#include "scheduler/use.hpp"\n', "must not include scheduler"),
    ("kernel_iface/nt/bad.cpp", '#include "scheduler/use.hpp"\n', "must not include scheduler"),
    ("runtime/tp/bad.cpp", '#include "tests/unit/unit_test.hpp"\n', "must not include tests"),
    ("bench/lab/bad.cpp", '#include "scheduler/use.hpp"\n', "bench/lab must not include scheduler"),
    ("runtime/tp/bad.cpp", '#include "pool.hpp"\n', "from the repository root"),
    ("runtime/tp/bad.cpp", "#include <liburing.h>\n", "belongs to kernel_iface/linux"),
    ("kernel_iface/linux/bad.cpp", "#include <windows.h>\n", "Win32 words stop"),
    ("scheduler/bad.cpp", "#include <ringpool/ringpool.h>\n", "is above scheduler"),
    ("scheduler/bad.cpp", "DWORD count = 0;\n", "DWORD: Win32 words stop"),
    (
        "scheduler/policies/ws/policy.hpp",
        '#pragma once\n#include "scheduler/policies/fifo/policy.hpp"\n',
        "policy ws must not include policy fifo",
    ),
    ("scheduler/bad.cpp", "int v = a.load(std::memory_order_acquire);\n", "without a `// mo:`"),
    ("scheduler/bad.cpp", "int v = a.load();\n", "without an explicit order"),
    ("scheduler/bad.cpp", "a.fetch_add(1);\n", "without an explicit order"),
    (
        "scheduler/bad.cpp",
        "// mo: acquire, pairs lonely.word (nobody).\nint v = a.load(std::memory_order_acquire);\n",
        "label lonely.word has no release side",
    ),
    (
        "scheduler/bad.cpp",
        "// mo: release, pairs lost.word (nobody).\na.store(1, std::memory_order_release);\n",
        "label lost.word has no acquire side",
    ),
    (
        "scheduler/bad.cpp",
        "// mo: acquire, because.\nint v = a.load(std::memory_order_acquire);\n",
        "names no pair",
    ),
    (
        "scheduler/bad.cpp",
        "// mo: relaxed (all below), figures.\nint f() {\n    return 1;\n}\n"
        "int v = a.load(std::memory_order_relaxed);\n",
        "without a `// mo:` note",
    ),
    ("scheduler/bad.cpp", "int " + "a" * 100 + ";\n", "columns, at most 100"),
    ("scheduler/bad.cpp", "int a;\n" * 600, "601 lines, at most 600"),
    ("scheduler/bad.cpp", "int a; \n", "blanks at the end"),
    ("scheduler/bad.cpp", "int a;", "no newline"),
    ("scheduler/bad.cpp", "\tint a;\n", "a tab"),
    ("runtime/bad.cpp", FUNCTION_OF_80_LINES[len(SPDX) :], "a function of 81 lines"),
    ("scheduler/bad.cpp", "std::thread t;\n", "use kernel_iface/linux/thread.hpp"),
    ("tests/unit/a.cpp", "std::this_thread::sleep_for(1ms);\n", "is banned"),
    ("bench/lab/bad.cpp", 'auto s = std::format("x");\n', "std::format is banned"),
    ("scheduler/bad.cpp", "volatile int a;\n", "volatile is for signal code"),
    ("scheduler/bad.cpp", "// TO" + "DO: later\n", "left for later"),
    ("tests/unit/a.cpp", 'auto x = "/ho' + 'me/me/x";\n', "path of one machine"),
    ("scheduler/util/bad.cpp", "int a;\n", "a room named util"),
    ("scheduler/common.hpp", "#pragma once\n", "a room named common"),
    ("scheduler/bad.hpp", "int a;\n", "no #pragma once"),
    ("tests/tsan.supp", "race:worker\n", "suppression files stay empty"),
    ("tests/unit/nt/empty_test.cpp", "int a;\n", "holds no TEST_CASE"),
    ("tools/bad.py", "print(1)\n", "the first line is"),
    ("run", "#!/bin/bash\necho\n", "the first line is"),
]


def complaints_about(tree):
    with tempfile.TemporaryDirectory() as root:
        for name, text in tree.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_style.complaints(root)


class CheckStyle(unittest.TestCase):
    def test_a_clean_tree_gets_no_complaint(self):
        self.assertEqual(complaints_about(CLEAN), [])

    def test_each_fault_gets_its_complaint(self):
        for path, text, complaint in FAULTS:
            with self.subTest(path=path, complaint=complaint):
                is_code = path.endswith((".cpp", ".hpp"))
                found = complaints_about(CLEAN | {path: (SPDX if is_code else "") + text})
                self.assertTrue(any(complaint in c and path in c for c in found), found)

    def test_every_rule_has_a_fault(self):
        seen = set()
        for path, text, _ in FAULTS:
            is_code = path.endswith((".cpp", ".hpp"))
            with tempfile.TemporaryDirectory() as root:
                target = pathlib.Path(root, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text((SPDX if is_code else "") + text)
                files = check_style.read_tree(pathlib.Path(root))
                seen |= {rule.__name__ for rule in check_style.RULES if any(rule(files))}
        self.assertEqual(seen, {rule.__name__ for rule in check_style.RULES})

    def test_build_directories_are_not_read(self):
        faulty = {"build-asan/bad.cpp": "int a;", "results/x/bad.py": "print(1)\n"}
        self.assertEqual(complaints_about(CLEAN | faulty), [])


if __name__ == "__main__":
    unittest.main()
