#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trace_rules.py accepts what is right and finds each thing that is wrong."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import trace_rules  # noqa: E402

NAMES = [
    {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": "p"}},
    {"ph": "M", "pid": 1, "tid": 2, "name": "thread_name", "args": {"name": "t"}},
]


def event(phase, ts, **more):
    made = {"ph": phase, "ts": ts, "pid": 1, "tid": 2, **more}
    return made if phase == "E" else {"name": "n", **made}


class Rules(unittest.TestCase):
    def found(self, *events):
        return " | ".join(trace_rules.complaints({"traceEvents": [*NAMES, *events]}))

    def test_a_right_trace(self):
        right = [
            event("B", 1),
            event("b", 1, cat="q", id=7),
            event("s", 2, cat="flow", id=1),
            event("C", 2, args={"items": 3}),
            event("B", 2),
            event("f", 3, cat="flow", id=1, bp="e"),
            event("E", 3),
            event("e", 3, cat="q", id=7),
            event("E", 4),
        ]
        self.assertEqual(self.found(*right), "")

    def test_each_fault(self):
        faults = {
            "unknown phase": [event("X", 1)],
            "time goes back": [event("B", 2), event("E", 1)],
            "E without B": [event("E", 1)],
            "B without E": [event("B", 1)],
            "b without e": [event("b", 1, cat="q", id=1)],
            "e without b": [event("e", 1, cat="q", id=1)],
            "lies in no slice": [event("s", 1, cat="flow", id=1)],
            "does not end": [event("B", 1), event("s", 1, cat="flow", id=1), event("E", 1)],
            "ends without a begin": [event("B", 1), event("f", 1, cat="flow", id=1), event("E", 1)],
            "without a number": [event("C", 1, args={})],
            "bad time": [event("i", "soon")],
            "no name": [event("i", 1, name="")],
            "track (1, 3) has no name": [event("B", 1, tid=3), event("E", 1, tid=3)],
            "process 4 has no name": [event("i", 1, pid=4)],
        }
        for complaint, events in faults.items():
            with self.subTest(complaint):
                self.assertIn(complaint, self.found(*events))

    def test_an_id_is_used_once(self):
        wait = [event("b", 1, cat="q", id=1), event("e", 1, cat="q", id=1)]
        self.assertIn("used twice", self.found(*wait, *wait))

    def test_what_is_no_trace(self):
        self.assertEqual(list(trace_rules.complaints([])), ["no list of traceEvents"])


if __name__ == "__main__":
    unittest.main()
