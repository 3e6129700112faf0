#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""count_instructions.py lets no path get longer or shorter unseen, and compares like with like."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/count_instructions.py"
sys.path.insert(0, str(TOOL.parent))
import count_instructions  # noqa: E402

CALLGRIND = """\
# callgrind format
part: 3
desc: Trigger: Client Request: submit 128

positions: line
events: Ir
summary: 107

ob=(1) /lib/libringpool.so
fl=(1) /src/build/../scheduler/deque.hpp
fn=(1) rp::sched::engine::place(item&)
10 20
+2 5
fi=(2) /usr/include/c++/12/atomic
31 7
cob=(2) /lib/libc.so
cfi=(3) ./elf/../sysdeps/x86_64/tls_get_addr.S
cfn=(2) __tls_get_addr
calls=5 +3
* 1000
fe=(1)
12 15

fl=(3)
fn=(2)
26 60

totals: 107
"""


class Compare(unittest.TestCase):
    def complaints(self, expected, counted):
        return list(count_instructions.complaints(expected, counted, "run UPDATE"))

    def test_within_the_tolerance_nothing_is_said(self):
        self.assertEqual(self.complaints({"a": 100.0, "b": 50.0}, {"a": 102.9, "b": 48.6}), [])

    def test_longer_names_path_figures_and_command(self):
        (text,) = self.complaints({"submit": 100.0, "b": 50.0}, {"submit": 103.5, "b": 50.0})
        for part in ("submit", "103.5", "100.0", "+3.5 %", "run UPDATE"):
            self.assertIn(part, text)

    def test_shorter_asks_for_an_update_as_well(self):
        (text,) = self.complaints({"submit": 100.0}, {"submit": 90.0})
        self.assertIn("-10.0 %", text)
        self.assertIn("run UPDATE", text)

    def test_paths_that_only_one_side_knows(self):
        gone, new = self.complaints({"a": 1.0}, {"b": 1.0})
        self.assertRegex(gone, "^a: is in the file and is counted no more")
        self.assertRegex(new, "^b: .* and not in the file")

    def test_another_build_is_named_by_what_differs(self):
        here = {"compiler": "gcc 13.1.0", "architecture": "x86_64"}
        self.assertEqual(count_instructions.unlike(here, here), [])
        (text,) = count_instructions.unlike({**here, "compiler": "gcc 12.2.0"}, here)
        self.assertEqual(text, "compiler: gcc 12.2.0 in the file, gcc 13.1.0 here")
        (text,) = count_instructions.unlike({**here, "libc": "glibc 2.36"}, here)
        self.assertEqual(text, "libc: glibc 2.36 in the file, not said here")


class Read(unittest.TestCase):
    def test_one_operation_is_the_difference_of_two_lengths(self):
        figures = {("a", 10): 130, ("a", 110): 1130, ("b", 5): 7, ("b", 7): 10}
        self.assertEqual(count_instructions.differences(figures), {"a": 10.0, "b": 1.5})
        with self.assertRaisesRegex(count_instructions.Failure, "a: two lengths"):
            count_instructions.differences({("a", 10): 130})

    def test_each_line_counts_where_it_stands_and_calls_do_not(self):
        functions, files = count_instructions.self_costs(CALLGRIND)
        self.assertEqual(functions["rp::sched::engine::place(item&)"], 47)
        self.assertEqual(functions["__tls_get_addr"], 60)
        self.assertEqual(files["/src/build/../scheduler/deque.hpp"], 40)
        self.assertEqual(files["/usr/include/c++/12/atomic"], 7)
        self.assertEqual(sum(functions.values()), 107)

    def test_names_are_short_enough_to_read(self):
        self.assertEqual(
            count_instructions.short_function("rp::sched::engine::place(item&)"), "engine::place"
        )
        self.assertEqual(
            count_instructions.short_file("/src/build/../scheduler/deque.hpp"),
            "scheduler/deque.hpp",
        )


class Tool(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.program = self.scratch / "program"
        self.script('echo \'compiler = "gcc 12.2.0"\'')
        self.expected = self.scratch / "expected.toml"
        self.expected.write_text('[made_with]\ncompiler = "gcc 12.2.0"\n[instructions]\na = 1.0\n')

    def script(self, text):
        self.program.write_text(f"#!/bin/sh\n{text}\n")
        self.program.chmod(0o755)

    def tool(self, *given, path=None):
        return subprocess.run(
            [sys.executable, TOOL, "--program", self.program, *given],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path or os.environ["PATH"]},
        )

    def test_without_valgrind_it_skips_and_says_so(self):
        done = self.tool("--check", self.expected, path=str(self.scratch))
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertEqual(done.stdout, "skipped: valgrind is missing: apt-get install valgrind\n")

    def test_another_compiler_skips_and_says_which(self):
        self.script('echo \'compiler = "clang 14.0.6"\'')
        done = self.tool("--check", self.expected)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("compiler: gcc 12.2.0 in the file, clang 14.0.6 here", done.stdout)

    def test_a_program_that_cannot_count_is_skipped_with_its_words(self):
        self.script("echo skipped: built without it; exit 77")
        done = self.tool("--check", self.expected)
        self.assertEqual((done.returncode, done.stdout), (77, "skipped: built without it\n"))

    def test_a_program_that_fails_is_a_failure(self):
        self.script("echo no such event; exit 3")
        done = self.tool("--check", self.expected)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"ended with 3:\nno such event")

    def test_files_that_cannot_be_used_are_named(self):
        for text in ("[instructions\n", "[made_with]\n", "[made_with]\n[instructions]\na = 0\n"):
            self.expected.write_text(text)
            done = self.tool("--check", self.expected)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn(f"{self.expected}: cannot be used", done.stderr)
        done = self.tool("--check", self.scratch / "none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--update writes it", done.stderr)


if __name__ == "__main__":
    unittest.main()
