#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""summarise_tests.py counts what the programs counted, and never hides a failure behind it;
make_semantics.py lets no rule claim a test it does not have; compare_wine.py lets no difference
pass without its explanation."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import compare_wine  # noqa: E402
import make_semantics  # noqa: E402
import summarise_tests  # noqa: E402


def entry(result, stdout="", stderr=""):
    return {"name": "ringpool:s / s/t", "result": result, "stdout": stdout, "stderr": stderr}


DOCTEST = "[doctest] test cases:  5 |  {} passed | {} failed | 40 skipped\n"


class Count(unittest.TestCase):
    def counts(self, *arguments):
        return summarise_tests.count(entry(*arguments))[:3]

    def test_a_plain_test_counts_as_one(self):
        self.assertEqual(self.counts("OK"), (1, 0, 0))
        self.assertEqual(self.counts("FAIL"), (0, 1, 0))
        self.assertEqual(self.counts("SKIP"), (0, 0, 1))

    def test_conformance_programs_say_how_many(self):
        self.assertEqual(self.counts("OK", "12 passed, 0 failed, 1 skipped\n"), (12, 0, 1))
        self.assertEqual(self.counts("FAIL", "12 passed, 2 failed, 1 skipped\n"), (12, 2, 1))

    def test_doctest_says_how_many_and_its_skipped_are_other_files(self):
        self.assertEqual(self.counts("OK", DOCTEST.format(5, 0)), (5, 0, 0))
        self.assertEqual(self.counts("FAIL", DOCTEST.format(3, 2)), (3, 2, 0))

    def test_colours_do_not_hide_counts(self):
        coloured = "[doctest] test cases: \x1b[32m 5\x1b[0m | \x1b[32m5 passed\x1b[0m | 0 failed"
        self.assertEqual(self.counts("OK", coloured), (5, 0, 0))

    def test_a_missing_feature_in_doctest_is_a_skip_with_its_reason(self):
        lacks = "a.cpp(3): MESSAGE: skipped, this machine lacks: IORING_OP_FUTEX_WAIT\n"
        counted = summarise_tests.count(entry("SKIP", lacks + DOCTEST.format(5, 0)))
        self.assertEqual(counted, (4, 0, 1, ["IORING_OP_FUTEX_WAIT"]))

    def test_a_crash_after_good_counts_is_a_failure(self):
        for result in ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"):
            self.assertEqual(self.counts(result, "12 passed, 0 failed, 0 skipped\n"), (12, 1, 0))

    def test_the_summary_names_failures_and_groups_skips(self):
        skip = entry("SKIP", "skipped: needs clang-format 14\n")
        parts = [("release", [entry("OK"), entry("FAIL")]), ("asan", [skip]), ("tsan", [skip])]
        lines, passed, failed, skipped = summarise_tests.summarise(parts)
        self.assertEqual((passed, failed, skipped), (1, 1, 2))
        self.assertEqual(lines[0], "FAILED   release: s/t (FAIL, 1 failed)")
        self.assertEqual(lines[1], "skipped  asan, tsan: s/t (1): needs clang-format 14")


class Semantics(unittest.TestCase):
    ROOT = pathlib.Path(__file__).resolve().parents[2]

    def faults(self, rules, found):
        return list(make_semantics.complaints({"Chapter": rules}, found, self.ROOT))

    def rule(self, status="kept", **more):
        return {"status": status, "rule": "It is so.", **more}

    def test_ids_and_spans_of_ids(self):
        text = "R-WORK-6/R-WORK-7: and O-4, R-TYPES-4 to -6, W32-CV-1, not X-R-1 or R-TYPES-*"
        ids = ["R-WORK-6", "R-WORK-7", "O-4", "R-TYPES-4", "R-TYPES-5", "R-TYPES-6", "W32-CV-1"]
        self.assertEqual(make_semantics.ids_in(text), ids)

    def test_a_kept_rule_with_a_test_is_fine(self):
        self.assertEqual(self.faults({"R-A-1": self.rule()}, {"R-A-1": {"unit/a": 1}}), [])

    def test_a_test_of_an_unknown_rule_is_a_fault(self):
        self.assertIn("R-B-1", self.faults({}, {"R-B-1": {"unit/a": 1}})[0])

    def test_a_kept_rule_without_a_test_is_a_fault(self):
        self.assertIn("no test", self.faults({"R-A-1": self.rule()}, {})[0])
        self.assertIn("no test", self.faults({"R-A-1": self.rule(tests_of=["R-A-2"])}, {})[0])
        self.assertIn("exist", self.faults({"R-A-1": self.rule(proof="tests/none.c")}, {})[0])

    def test_an_absent_rule_with_a_test_is_a_fault(self):
        self.assertIn("absent", self.faults({"R-A-1": self.rule("absent")}, {"R-A-1": {"a": 1}})[0])

    def test_a_difference_needs_a_remark(self):
        found = {"R-A-1": {"a": 1}}
        self.assertIn("remark", self.faults({"R-A-1": self.rule("kept differently")}, found)[0])

    def test_the_page_names_files_and_counts(self):
        text = make_semantics.page({"Work": {"R-A-1": self.rule()}}, {"R-A-1": {"unit/a": 2}})
        self.assertIn("| R-A-1 | kept | It is so. | unit/a (2) |  |", text)


class Wine(unittest.TestCase):
    OUTPUT = "ok    R-A-1  it holds\n  a.c:3: [R-A-2] x\nFAIL  R-A-2  it fails, twice\n"
    HOLDS = compare_wine.Test("a", "R-A-1", "it holds")
    FAILS = compare_wine.Test("a", "R-A-2", "it fails, twice")

    def entry(self, **more):
        return {"requirement": "R-A-2", "follows": "ringpool", "why": "It is so.", **more}

    def compare(self, ours, theirs, *entries):
        _, *counts = compare_wine.compare({self.FAILS: ours}, {self.FAILS: theirs}, entries)
        return tuple(counts)

    def test_verdicts_are_read_by_test(self):
        found = compare_wine.verdicts(self.OUTPUT, "a")
        self.assertEqual(found, {self.HOLDS: "ok", self.FAILS: "FAIL"})

    def test_agreement_passes(self):
        self.assertEqual(self.compare("ok", "ok"), (1, 0, 0))

    def test_a_difference_needs_its_explanation(self):
        self.assertEqual(self.compare("ok", "FAIL"), (0, 1, 0))
        self.assertEqual(self.compare("ok", "FAIL", self.entry()), (1, 0, 0))
        self.assertEqual(self.compare("ok", "crash or hang", self.entry()), (1, 0, 0))
        self.assertEqual(self.compare("ok", "FAIL", self.entry(tests=["another"])), (0, 1, 0))

    def test_a_native_failure_is_one_whatever_wine_does(self):
        self.assertEqual(self.compare("FAIL", "ok", self.entry()), (0, 1, 0))
        self.assertEqual(self.compare("FAIL", "FAIL", self.entry()), (0, 1, 0))

    def test_an_explanation_of_no_test_is_stale(self):
        self.assertEqual(list(compare_wine.stale([self.entry()], [self.FAILS])), [])
        self.assertEqual(len(list(compare_wine.stale([self.entry()], [self.HOLDS]))), 1)

    # A program whose second test fails in its first runs, whose number is given; the next test of
    # the same process then crashes.
    PROGRAM = """import pathlib, sys
runs, bad_runs = pathlib.Path("runs"), int(sys.argv.pop(1))
is_list, spoilt = sys.argv[1:] == ["--list"], False
for name in ["first", "second", "third", "fourth"] if is_list else sys.argv[1:]:
    if spoilt:
        sys.exit(1)
    if name == "second" and not is_list:
        with runs.open("a") as log:
            log.write("x")
        spoilt = runs.stat().st_size <= bad_runs
    verdict = "FAIL" if spoilt else "ok  "
    print(f"R-A-1\\t{name}" if is_list else f"{verdict}  R-A-1  {name}", flush=True)
"""

    def results(self, bad_runs, tries):
        program = [sys.executable, "-c", self.PROGRAM, str(bad_runs)]
        with tempfile.TemporaryDirectory() as scratch:
            found = compare_wine.Side(scratch, lambda area: program, tries).results("a")
        return {test.name: result for test, result in found.items()}

    def test_what_a_failed_test_leaves_behind_hurts_no_other(self):
        expected = {"first": "ok", "second": "FAIL", "third": "ok", "fourth": "ok"}
        self.assertEqual(self.results(bad_runs=99, tries=1), expected)

    def test_a_failed_test_is_tried_as_often_as_its_side_allows(self):
        self.assertEqual(self.results(bad_runs=1, tries=1)["second"], "ok")
        self.assertEqual(self.results(bad_runs=2, tries=1)["second"], "FAIL")
        self.assertEqual(self.results(bad_runs=3, tries=3)["second"], "ok")
        self.assertEqual(self.results(bad_runs=4, tries=3)["second"], "FAIL")


if __name__ == "__main__":
    unittest.main()
