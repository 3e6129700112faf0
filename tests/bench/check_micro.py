#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every benchmark of ringpool_micro runs and finds its answers right. Usage: check_micro.py PROGRAM

What they measured is not looked at: a loaded machine must not fail a test.
"""

import json
import os
import subprocess
import sys
import unittest

PROGRAM = ""


class Micro(unittest.TestCase):
    def run_it(self, *options, **variables):
        return subprocess.run(
            [PROGRAM, *options],
            capture_output=True,
            text=True,
            timeout=200,
            env={**os.environ, **variables},
        )

    def measured(self, *options, **variables):
        done = self.run_it(*options, "--benchmark_format=json", **variables)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        runs = json.loads(done.stdout)["benchmarks"]
        wrong = [f"{run['name']}: {run['error_message']}" for run in runs if "error_message" in run]
        self.assertEqual(wrong, [], done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        return runs

    def test_each_runs_once_and_none_has_a_wrong_answer(self):
        listed = self.run_it("--benchmark_list_tests").stdout.split()
        self.assertGreater(len(listed), 50)
        self.assertEqual(len(listed), len(set(listed)))
        measured = self.measured("--quick")
        self.assertEqual([one["name"] for one in measured], listed)
        self.assertEqual([one["name"] for one in measured if one["per_op"] <= 0], [])

    def test_the_usual_run_repeats_nine_times_and_tells_median_and_cv(self):
        measured = self.measured("--benchmark_filter=^event/poll", "--benchmark_min_time=0.001")
        self.assertEqual([one["aggregate_name"] for one in measured], ["median", "cv"])
        self.assertEqual({one["repetitions"] for one in measured}, {9})

    def test_options_and_variables_of_the_user_overrule(self):
        some = ("--benchmark_filter=^event/poll", "--benchmark_min_time=0.001")
        for repetitions, measured in {
            3: self.measured(*some, "--benchmark_repetitions=3"),
            4: self.measured(*some, BENCHMARK_REPETITIONS="4"),
            5: self.measured(*some, "--benchmark_repetitions=5", BENCHMARK_REPETITIONS="4"),
        }.items():
            self.assertEqual({one["repetitions"] for one in measured}, {repetitions})
        every = self.measured(*some, "--quick", "--benchmark_repetitions=2")
        self.assertEqual(sum(one["run_type"] == "iteration" for one in every), 2)

    def test_what_it_cannot_use_is_an_error(self):
        self.assertEqual(self.run_it("--benchmark_nonsense").returncode, 2)
        self.assertEqual(self.run_it("--quick", "--benchmark_filter=^none of them$").returncode, 1)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
