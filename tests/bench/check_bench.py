#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ringpool bench` from the command line to its files: check_bench.py TOOL

No figure is looked at: only that there is one for everything that was asked for."""
import csv
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(sys.argv.pop(1)).resolve()


def bench(*arguments, cwd=None):
    return subprocess.run(
        [TOOL, "bench", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=150
    )


class Bench(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.out = self.scratch / "out"

    def results(self):
        return json.loads((self.out / "bench.json").read_text())

    def test_a_run_without_peers(self):
        done = bench("--quick", "--only", "submit_one", "--repetitions", 1, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("submit_one", done.stdout)
        self.assertIn("goal", done.stdout)
        found = self.results()
        self.assertTrue(found["complete"])
        self.assertEqual([row["workers"] for row in found["rows"]], [1, 2])
        for row in found["rows"]:
            self.assertEqual([one["engine"] for one in row["engines"]], ["ringpool", "limit"])
            self.assertTrue(all(one["values"][0] > 0 for one in row["engines"]))
            self.assertGreater(row["over_limit"], 0)
        environment = json.loads(subprocess.check_output([TOOL, "env"], text=True))
        self.assertEqual(set(found["environment"]), set(environment))
        with open(self.out / "bench.csv", newline="") as file:
            lines = list(csv.DictReader(file))
        self.assertEqual(len(lines), 4)
        self.assertEqual({line["unit"] for line in lines}, {"ns"})
        self.assertIn("</html>", (self.out / "bench.html").read_text())
        self.assertEqual(
            sorted(path.name for path in self.out.iterdir()),
            ["bench.csv", "bench.html", "bench.json"],
        )

    def test_a_run_with_peers(self):
        # Every kind of engine: of tasks, in a process of its own, of timers, of reads and echo.
        peers = {
            "chain": {"onetbb", "asio", "libuv", "limit"},
            "idle_wake": {"onetbb", "asio", "libuv", "limit"},
            "timer_cancel": {"libuv", "list"},
            "timers_fire": {"libuv", "asio"},
            "event_wait": {"submit"},
            "read_cached_qd1": {"libuv"},  # and asio and raw where there is io_uring
            "echo_1": {"libuv", "asio", "epoll"},
        }
        done = bench(
            "--peers", "--quick", "--only", ",".join(peers), "--repetitions", 1, "--out", self.out
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = self.results()["rows"]
        self.assertEqual({row["shape"] for row in rows}, set(peers))
        for row in rows:
            measured = {one["engine"] for one in row["engines"] if one["median"]}
            away = {one["engine"] for one in row["engines"] if {"absent", "missed"} & set(one)}
            self.assertEqual(len(row["engines"]), len(measured) + len(away), row)
            self.assertLessEqual(peers[row["shape"]] | {"ringpool"}, measured | away)
        # the data file of the reads is gone
        self.assertEqual(len(list(self.out.iterdir())), 3)

    def test_results_are_not_replaced_unasked(self):
        arguments = ["--quick", "--only", "chain", "--repetitions", 1, "--out", self.out]
        self.assertEqual(bench(*arguments).returncode, 0)
        again = bench(*arguments)
        self.assertEqual(again.returncode, 1)
        self.assertIn("--force", again.stderr)
        self.assertEqual(bench(*arguments, "--force").returncode, 0)

    def test_bad_options_are_named_with_what_would_do(self):
        for arguments, words in [
            (["--only", "submit_two"], ["--only", "submit_two", "submit_one"]),
            (["--only", "submit_one,nothing"], ["--only", "nothing", "submit_one"]),
            (["--repetitions", "0"], ["--repetitions", "1"]),
            (["--repetitions", "many"], ["--repetitions", "many"]),
            (["--seed", "-"], ["--seed"]),
            (["--pears"], ["--pears"]),
            (["--out"], ["--out"]),
        ]:
            with self.subTest(arguments=arguments):
                done = bench(*arguments, cwd=self.scratch)
                self.assertEqual(done.returncode, 2, done.stdout)
                for word in words:
                    self.assertIn(word, done.stderr + done.stdout)
                self.assertEqual(list(self.scratch.iterdir()), [])

    def test_a_directory_that_cannot_be_is_exit_code_1(self):
        self.out.write_text("a file")
        done = bench("--quick", "--only", "chain", "--out", self.out)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(self.out), done.stderr)

    def test_ctrl_c_leaves_what_is_done(self):
        arguments = ["--quick", "--only", "chain", "--repetitions", "1000", "--out", self.out]
        with subprocess.Popen(
            [TOOL, "bench", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            while line := running.stderr.readline():
                if line.startswith("results:"):
                    running.send_signal(signal.SIGINT)
                    break
            output, errors = running.communicate(timeout=100)
        self.assertEqual(running.returncode, 130, errors)
        self.assertIn("interrupted", errors)
        found = self.results()
        self.assertFalse(found["complete"])
        self.assertEqual(found["interrupted"], "interrupted")
        self.assertIn("ended early: interrupted", (self.out / "bench.html").read_text())
        self.assertIn("bench.json", output)


if __name__ == "__main__":
    unittest.main()
