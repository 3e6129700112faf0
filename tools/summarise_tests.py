#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the test logs that `meson test` wrote.

    tools/summarise_tests.py PART=build/meson-logs/NAME.json ...

Names what failed and what was skipped with the reason, then prints on the last line alone
`N passed, N failed, N skipped`. Single test cases are counted where the program says how many it
ran (the conformance programs and doctest); any other test counts as one. What the failed ones
printed is repeated, its ends only when it is long. Exit code 1 when something failed or nothing
passed.
"""

import json
import re
import sys

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
DOCTEST = re.compile(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
# What a program says before it skips: the conformance harness, doctest, the scripts.
REASON = re.compile(
    r"skipped: (.+)|skipped, this machine lacks: (.+)|^(.*\bmissing\b.*)$", re.MULTILINE
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


SHOWN_LINES = 40  # of what a failed test printed, at each end


def text_of(entry):
    return ANSI.sub("", entry.get("stdout", "") + "\n" + entry.get("stderr", ""))


def ends_of(text):
    """The first and the last lines, indented."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 2 * SHOWN_LINES:
        left_out = f"[{len(lines) - 2 * SHOWN_LINES} lines left out]"
        lines = [*lines[:SHOWN_LINES], left_out, *lines[-SHOWN_LINES:]]
    return ["    " + line for line in lines]


def reasons_in(output):
    found = [next(group for group in match if group).strip() for match in REASON.findall(output)]
    return list(dict.fromkeys(found))


def count(entry):
    """(passed, failed, skipped, reasons) of one meson test."""
    output = text_of(entry)
    result = entry["result"]
    passed = failed = skipped = 0
    if counts := COUNTS.findall(output):
        passed, failed, skipped = map(int, counts[-1])
    elif counts := DOCTEST.search(output):
        passed, failed = int(counts[2]), int(counts[3])
        # A test case that finds a feature missing ends early, and doctest calls it passed.
        skipped = min(passed, len(re.findall(r"skipped, this machine lacks: ", output)))
        passed -= skipped
    elif result == "OK":
        passed = 1
    if result == "SKIP":
        skipped = max(skipped, 1)
    elif result != "OK":  # a crash, a leak, a time limit: failed, whatever was printed before it
        failed = max(failed, 1)
    return passed, failed, skipped, reasons_in(output) if skipped else []


def read(path):
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.strip()]


def summarise(parts):
    """(lines, passed, failed, skipped) of [(part, [entry])]."""
    totals, lines, skips = [0, 0, 0], [], {}
    for part, entries in parts:
        for entry in entries:
            name = entry["name"].split(" / ")[-1]
            *counts, reasons = count(entry)
            totals = [total + more for total, more in zip(totals, counts)]
            if counts[1]:
                lines.append(f"FAILED   {part}: {name} ({entry['result']}, {counts[1]} failed)")
                lines += ends_of(text_of(entry))
            if counts[2]:
                key = (name, counts[2], "; ".join(reasons) or "no reason given")
                skips.setdefault(key, []).append(part)
    for (name, number, reason), where in skips.items():
        lines.append(f"skipped  {', '.join(where)}: {name} ({number}): {reason}")
    return lines, *totals


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    parts = [(part, read(path)) for part, path in (a.split("=", 1) for a in sys.argv[1:])]
    lines, passed, failed, skipped = summarise(parts)
    print("\n".join(lines))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
