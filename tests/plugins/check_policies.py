#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ringpool policy check` over policies that break one rule each: it must name that rule, tell the
same again from the seed it prints, and find nothing in the one that keeps them all.

    check_policies.py --tool build/bench/lab/ringpool --plugins build/tests/plugins
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

BROKEN = {
    "wrong_queue": 1,
    "garbage": 2,
    "spins": 3,
    "tries_forever": 3,
    "always_parks": 4,
    "never_low": 4,
    "unread": 5,
    "starves": 5,
    "fickle": 6,
}
UNLOADABLE = {
    "no_table": "rp_policy_table",
    "null_table": "NULL",
    "wrong_abi": "abi",
    "small_table": "size",
    "bad_name": "name",
    "no_next": "next is NULL",
    "taken_name": "taken",
}
failures = []


def expect(condition, text):
    if not condition:
        failures.append(text)
        print("FAILED: " + text)


def contract():
    """{1: text of P1, ...} of the header."""
    header = (ROOT / "runtime/include/ringpool/policy.h").read_text()
    comment = re.search(r"^ \*   P1.*?^ \*/", header, re.MULTILINE | re.DOTALL)[0]
    joined = re.sub(r"\s*\n \*\s*/?", " ", "\n" + comment)
    rules = re.split(r"\bP(\d)  ", joined)[1:]
    return {int(n): " ".join(text.split()) for n, text in zip(rules[::2], rules[1::2])}


class Checker:
    def __init__(self, tool, plugins):
        self.tool, self.plugins = tool, pathlib.Path(plugins)

    def check(self, name, *options):
        path = self.plugins / (name + ".so")
        done = subprocess.run(
            [self.tool, "policy", "check", path, *map(str, options)],
            capture_output=True,
            text=True,
            timeout=100,
        )
        return done.returncode, done.stdout, done.stderr

    def names_the_broken_rule(self, seed):
        texts = contract()
        expect(sorted(texts) == [1, 2, 3, 4, 5, 6], f"rules of policy.h: {sorted(texts)}")
        for name, rule in BROKEN.items():
            code, out, _ = self.check(name, "--seed", seed)
            expect(code == 1, f"{name}: exit code {code}, not 1\n{out}")
            named = re.findall(r"^P(\d) is broken: (.*)$", out, re.MULTILINE)
            expect(named == [(str(rule), texts[rule])], f"{name}: {named}, not P{rule}\n{out}")
            expect(re.search(r"schedule \d+ \(seed \d+, \d+ cores\), after event \d+", out),
                   f"{name}: no schedule and event in\n{out}")
            again = re.search(r"--seed (\d+) --schedules 1$", out, re.MULTILINE)
            if again and rule != 6:
                _, once_more, _ = self.check(name, "--seed", again[1], "--schedules", 1)
                told = re.search(r"^P\d is broken: .*\n(.*)$", out, re.MULTILINE)
                expect(told and told[0] in once_more, f"{name}: seed {again[1]} tells\n{once_more}")

    def finds_nothing_in_a_good_one(self, seed):
        code, out, _ = self.check("good", "--seed", seed)
        expect(code == 0 and "nothing is broken" in out, f"good: {code}\n{out}")

    def survives_a_crash(self):
        code, out, _ = self.check("crashes", "--seed", 1)
        expect(code == 1 and "crashed" in out and "seed 1" in out, f"crashes: {code}\n{out}")

    def says_why_an_object_cannot_be_loaded(self):
        for name, word in UNLOADABLE.items():
            code, out, _ = self.check(name)
            expect(code == 1 and re.search(f"cannot be loaded: .*{word}", out), f"{name}: {out}")
        code, _, err = self.check("no such file")
        expect(code == 2 and "no such file" in err, f"a missing file: {code} {err}")
        with tempfile.TemporaryDirectory() as scratch:
            text = pathlib.Path(scratch, "text.so")
            text.write_text("no object\n")
            code, _, err = self.check(str(text.with_suffix("")))
            expect(code == 2 and "text.so" in err, f"a file of text: {code} {err}")

    def run_takes_a_library(self):
        def run(*options):
            command = [self.tool, "run", *options, "no-manifest.toml", "--quick"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100)
            return done.returncode, done.stderr

        good, bad = self.plugins / "good.so", self.plugins / "no_next.so"
        code, err = run("--policy-lib", good)
        expect(code == 2 and "no-manifest.toml" in err, f"run --policy-lib good: {code} {err}")
        code, err = run("--policy-lib", good, "--policy-lib", bad)
        expect(code == 2 and f"--policy-lib {bad}" in err, f"run --policy-lib bad: {code} {err}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--plugins", required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    checker = Checker(given.tool, given.plugins)
    checker.names_the_broken_rule(given.seed)
    checker.finds_nothing_in_a_good_one(given.seed)
    checker.survives_a_crash()
    checker.says_why_an_object_cannot_be_loaded()
    checker.run_takes_a_library()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
