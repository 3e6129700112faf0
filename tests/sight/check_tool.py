#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ringpool trace`: what it writes, prints and returns. Usage: check_tool.py TOOL PROGRAM"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import trace_rules  # noqa: E402

TOOL = PROGRAM = ""


class Tool(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.out = pathlib.Path(self.scratch.name) / "trace.json"

    def tool(self, *arguments):
        return subprocess.run(
            [TOOL, "trace", "--out", str(self.out), *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            cwd=self.scratch.name,
        )

    def assert_right_trace(self):
        trace = json.loads(self.out.read_text())
        self.assertEqual(list(trace_rules.complaints(trace))[:5], [])
        return trace

    def test_its_own_workload_with_the_table(self):
        done = self.tool("--anatomy")
        self.assertEqual(done.returncode, 0, done.stderr)
        trace = self.assert_right_trace()
        kinds = trace_rules.callbacks(trace)
        self.assertEqual(kinds["work"], 200 + 200 * 20 + 20)
        self.assertGreater(kinds["timer"], 0)
        ran = re.search(r"^ran +(\d+) ", done.stdout, re.MULTILINE)
        self.assertEqual(int(ran[1]), sum(kinds.values()))
        self.assertRegex(done.stdout, r"waited in queues +\d+ +[\d.]+ [mun]?s")
        self.assertRegex(done.stdout, r"pool 1 core 0 .*%.*%")

    def test_a_program_and_its_exit_code(self):
        done = self.tool("--", "sh", "-c", f"{PROGRAM} && exit 5")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("open it in ui.perfetto.dev", done.stdout)
        self.assert_right_trace()

    def test_few_events_are_a_right_trace_that_says_so(self):
        done = self.tool("--anatomy", "--events", "64", "--", PROGRAM)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\d+ events were overwritten")
        self.assert_right_trace()

    def test_a_program_that_writes_none_is_told_so_and_an_old_file_is_not_taken_for_it(self):
        self.out.write_text("{}")
        done = self.tool("--", "true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("true wrote no trace", done.stderr)

    def test_bad_arguments(self):
        for arguments in (["--", "/no/such/program"], ["--events", "3"], ["--colour"]):
            with self.subTest(arguments):
                done = self.tool(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(arguments[-1] if arguments[0] == "--" else arguments[0], done.stderr)
        self.out = pathlib.Path("/")
        done = self.tool()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("is a directory", done.stderr)


if __name__ == "__main__":
    TOOL, PROGRAM = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
    blind = {**os.environ, "RINGPOOL_FLIGHT": "threshold=1000s,file=none"}
    asked = subprocess.run([PROGRAM], env=blind, capture_output=True, text=True, timeout=100)
    if "-Dsight=false" in asked.stderr:
        print("skipped: needs a library that was not built with -Dsight=false")
        sys.exit(77)
    unittest.main()
