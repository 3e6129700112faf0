#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program that knows nothing of sight, under the variables that switch it on, and reads
what comes of it. Usage: check_traces.py PROGRAM"""

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

PROGRAM = ""
KINDS = ("work", "simple", "timer", "wait", "io")


def run(**variables):
    return subprocess.run(
        [PROGRAM],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )


def skip_without_sight():
    if "-Dsight=false" in run(RINGPOOL_FLIGHT="threshold=1000s,file=none").stderr:
        print("skipped: needs a library that was not built with -Dsight=false")
        sys.exit(77)


class Traces(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.directory = pathlib.Path(self.scratch.name)

    def traced(self, **variables):
        path = self.directory / "trace.json"
        done = run(RINGPOOL_TRACE=str(path), **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, json.loads(path.read_text())

    def assert_right(self, trace):
        self.assertEqual(list(trace_rules.complaints(trace))[:5], [])

    def test_a_whole_run_has_a_slice_for_each_callback(self):
        done, trace = self.traced()
        self.assert_right(trace)
        self.assertEqual(trace["otherData"]["events_lost"], 0)
        counted = {k: int(n) for k, n in re.findall(r"(\w+) (\d+)", done.stdout)}
        self.assertEqual(dict(trace_rules.callbacks(trace)), counted)
        names = {e.get("name") for e in trace["traceEvents"]}
        self.assertIn("leaf_of_mixed", names)
        self.assertIn("branch_of_mixed", names)
        self.assertIn("blocked", names)
        self.assertIn("parked", names)

    def test_waits_and_wakes_are_there_and_the_anatomy_agrees_with_the_slices(self):
        done, trace = self.traced()
        phases = {e["ph"] for e in trace["traceEvents"]}
        self.assertTrue({"B", "E", "b", "e", "s", "f", "C", "M"} <= phases, phases)
        anatomy = trace["otherData"]["anatomy"]
        total = sum(trace_rules.callbacks(trace).values())
        waits = sum(e["ph"] == "b" for e in trace["traceEvents"])
        self.assertEqual(anatomy["run"]["count"], total)
        self.assertEqual(anatomy["queue_wait"]["count"], waits)
        # Every submission has its call; only what is run by its reaper has no wait.
        others = total - trace_rules.callbacks(trace)["io"]
        self.assertGreaterEqual(waits, others * 9 // 10)
        self.assertGreater(anatomy["blocked"]["count"], 0)
        for row in anatomy.values():
            values = [row[k] for k in ("p50_ns", "p90_ns", "p99_ns", "max_ns")]
            self.assertEqual(values, sorted(values))
            self.assertGreaterEqual(values[0], 0)
        for core in trace["otherData"]["cores"]:
            self.assertLessEqual(core["idle_while_work_waited_ns"], core["idle_ns"])
            self.assertLessEqual(core["idle_ns"], core["seen_ns"])

    def test_a_callback_that_sleeps_without_a_word_has_slept(self):
        done, trace = self.traced()
        switches = trace["otherData"]["switches"]
        total = sum(trace_rules.callbacks(trace).values())
        self.assertEqual(sum(switches[k] for k in ("whole", "at_least", "unknown")), total)
        if switches["unknown"]:
            self.assertNotEqual(switches["why_unknown"], "", switches)
            self.skipTest(f"switch records: {switches['why_unknown']}")
        sleepers = trace_rules.callbacks_named(trace, "sleeper_of_mixed")
        self.assertEqual(len(sleepers), 2)
        for call in sleepers:
            # It may be preempted on its way to sleep, and then the rest of the time is sleep.
            off = call["slept_ns"] + call["preempted_ns"]
            self.assertGreater(call["slept_ns"], 0, call)
            self.assertGreaterEqual(off, 10_000_000, call)
        # Times of slices and of switches come from two clocks, which agree to 1 in 100000.
        for call in trace_rules.callbacks_named(trace):
            self.assertLessEqual(
                call["slept_ns"] + call["preempted_ns"], call["ran_ns"] * 1.001 + 2000, call
            )
        anatomy = trace["otherData"]["anatomy"]
        self.assertGreaterEqual(anatomy["slept"]["count"], 2)
        self.assertGreaterEqual(anatomy["slept"]["max_ns"], max(c["slept_ns"] for c in sleepers))

    def test_calls_whose_switches_were_not_recorded_are_said_to_be_unknown(self):
        # Whatever is late: a file shows the callbacks that had ended by then.
        run(RINGPOOL_FLIGHT=f"threshold=100us,file={self.directory}/flight.json,keep=10s")
        files = sorted(self.directory.iterdir())
        ended = 0
        for file in files:
            other = json.loads(file.read_text())["otherData"]
            known = other["switches"]["whole"] + other["switches"]["at_least"]
            self.assertEqual((known, other["anatomy"]["slept"]["count"]), (0, 0))
            self.assertEqual(other["switches"]["unknown"], other["anatomy"]["run"]["count"])
            if other["switches"]["unknown"]:
                self.assertIn("only a trace records", other["switches"]["why_unknown"])
            ended += other["switches"]["unknown"]
        self.assertGreater(ended, 0, files)

    def test_rings_that_overflow_still_make_a_right_trace(self):
        done, trace = self.traced(RINGPOOL_TRACE_EVENTS="64")
        self.assert_right(trace)
        self.assertGreater(trace["otherData"]["events_lost"], 0)

    def test_without_io_uring(self):
        done, trace = self.traced(RINGPOOL_RING_CAPS="-ring")
        self.assert_right(trace)

    def test_the_process_id_in_the_name(self):
        done = run(RINGPOOL_TRACE=str(self.directory / "t-%p-%p.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [p.name for p in self.directory.iterdir()]
        self.assertEqual(len(names), 1, names)
        self.assertRegex(names[0], r"^t-(\d+)-\1\.json$")

    def test_a_place_that_cannot_be_written_to_is_named_and_the_program_runs(self):
        done = run(RINGPOOL_TRACE="/no/such/place.json")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"RINGPOOL_TRACE: cannot write /no/such/place.json")

    def test_bad_numbers_of_events_are_named(self):
        for bad in ("63", "0", "-1", "many", "64k", "99999999999"):
            done, trace = self.traced(RINGPOOL_TRACE_EVENTS=bad)
            self.assertIn(f"RINGPOOL_TRACE_EVENTS={bad}: write a whole number", done.stderr)

    def test_the_flight_recorder_writes_right_traces(self):
        path = self.directory / "flight.json"
        done = run(RINGPOOL_FLIGHT=f"threshold=100us,file={path},keep=10ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(path.exists(), done.stderr)
        files = sorted(self.directory.iterdir())
        self.assertLessEqual(len(files), 8)
        for file in files:
            trace = json.loads(file.read_text())
            self.assert_right(trace)
            self.assertRegex(
                trace["otherData"]["reason"],
                r"^object 0x[0-9a-f]+ (ran|waited in a queue) for \d+\.\d+ ms$",
            )

    def test_bad_flight_settings_are_one_line_and_no_file(self):
        done = run(RINGPOOL_FLIGHT="threshold=5,file=x")
        self.assertEqual(done.returncode, 0)
        lines = [l for l in done.stderr.splitlines() if "RINGPOOL_FLIGHT" in l]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn("threshold=5:", lines[0])

    def test_without_the_variables_nothing_is_written(self):
        before = set(pathlib.Path.cwd().iterdir())
        done = run()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(set(pathlib.Path.cwd().iterdir()), before)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    skip_without_sight()
    os.chdir(tempfile.mkdtemp())
    here = pathlib.Path.cwd()
    program = unittest.main(exit=False)
    os.chdir("/")
    here.rmdir()
    sys.exit(not program.result.wasSuccessful())
