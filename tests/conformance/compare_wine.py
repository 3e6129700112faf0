#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the plain Win32 tests and the examples natively and, built with mingw-w64, under Wine, and
explains every difference: a second opinion on the tests, and on our reading of the documentation.

    compare_wine.py [--build DIR] [AREA]...     (default: build, and every area that is not rp_*)

A difference is explained by an entry of wine_differences.toml, which says which of the two follows
the documentation and why. Exit code 1 when one is not, when a test fails natively, or when a source
does not compile; 77 when something needed is missing. The last line is
`N passed, N failed, N skipped`: a test passes when both agree or the difference is explained.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "examples"))
import run_example  # noqa: E402

NEEDED = {
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "wine": "wine wine64",
}
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror",
         "-D__USE_MINGW_ANSI_STDIO=1", "-D_WIN32_WINNT=0x0A00", f"-I{ROOT}"]
LIBRARIES = ["-lsynchronization", "-lmswsock", "-lws2_32"]
# How long a program may print nothing: a test gives up waiting after 8 seconds, a few times.
STALL_LIMIT_S = 40
OTHER_LIMIT_S = 120

VERDICT = re.compile(r"^(ok|FAIL|skip)\s+(\S+)  (.+)$", re.MULTILINE)
FAILED = re.compile(rb"^FAIL .*\n", re.MULTILINE)
# The word of an explanation, and how the table says it.
SAYS = {
    "ringpool": "ringpool follows the documentation",
    "wine": "Wine follows the documentation",
    "both": "the documentation allows both",
    "neither": "neither follows the documentation",
}

Test = collections.namedtuple("Test", "area requirement name")


def execute(command, scratch, stall_s=STALL_LIMIT_S, enough=None):
    """What a command writes until it ends, is silent for so long, or has written enough."""
    pieces = []
    process = subprocess.Popen(command, cwd=scratch, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(stall_s):
            if not (piece := os.read(process.stdout.fileno(), 65536)):
                break
            pieces.append(piece)
            if enough and enough.search(b"".join(pieces)):
                break
        process.kill()
    return b"".join(pieces).decode(errors="replace").replace("\r", "")


def verdicts(output, area):
    """{Test: "ok" | "FAIL" | "skip"} of what a conformance program printed."""
    return {Test(area, req, name): verdict for verdict, req, name in VERDICT.findall(output)}


def listed(output, area):
    rows = [line.split("\t", 1) for line in output.splitlines() if "\t" in line]
    return [Test(area, requirement, name) for requirement, name in rows]


class Side:
    """One of the two: how to start a program of an area or an example, and how often a test that
    failed among others is tried by itself."""

    def __init__(self, scratch, start, tries):
        self.scratch, self.start, self.tries = scratch, start, tries

    def tests(self, area):
        return listed(execute([*self.start(area), "--list"], self.scratch), area)

    def results(self, area):
        """As many tests in one process as end well; whatever failed there again, by itself.

        A failed test ends the process: what it left behind is not for the tests after it.
        """
        found, waiting = {}, self.tests(area)
        tests = list(waiting)
        while waiting:
            names = [test.name for test in waiting]
            command = [*self.start(area), *names]
            new = verdicts(execute(command, self.scratch, enough=FAILED), area)
            found |= new
            waiting = [test for test in waiting if test not in found]
            if waiting and "FAIL" not in new.values():
                found[waiting.pop(0)] = "crash or hang"
        for test in tests * self.tries:
            if found[test] == "FAIL":
                output = execute([*self.start(area), test.name], self.scratch)
                found[test] = verdicts(output, area).get(test, "crash or hang")
        return {test: found[test] for test in tests}

    def example(self, name, command):
        expected = (ROOT / f"examples/windows/expected/{name}.txt").read_text()
        try:
            code, text = run_example.output_of(command, STALL_LIMIT_S)
        except subprocess.TimeoutExpired:
            return "crash or hang"
        return "FAIL" if run_example.differences(expected, code, text) else "ok"


def load_explanations(path):
    """[entry]; exits when one is malformed."""
    entries = tomllib.loads(path.read_text()).get("difference", [])
    for entry in entries:
        has_verdict = entry.get("why") and entry.get("follows") in SAYS
        if not has_verdict or "requirement" not in entry:
            sys.exit(f"{path.name}: requirement, follows ({', '.join(SAYS)}) and why: {entry}")
    return entries


def explanation(entries, test):
    for entry in entries:
        names = entry.get("tests")
        if entry["requirement"] == test.requirement and (not names or test.name in names):
            return entry
    return None


def stale(entries, tests):
    """Explanations of tests that do not exist (any more)."""
    for entry in entries:
        for name in entry.get("tests", [None]):
            known = (t for t in tests if t.requirement == entry["requirement"])
            if not any(name in (None, test.name) for test in known):
                yield f"no test for the explanation of {entry['requirement']} {name or ''}".rstrip()


def compare(native, wine, entries):
    """(rows of the table, passed, failed, skipped)"""
    rows, passed, failed, skipped = [], 0, 0, 0
    for test in [*native, *(test for test in wine if test not in native)]:
        ours, theirs = native.get(test, "absent"), wine.get(test, "absent")
        if ours == theirs == "ok":
            passed += 1
        elif "skip" in (ours, theirs):
            skipped += 1
        else:
            entry = explanation(entries, test)
            is_known = entry is not None and (ours == "ok" or entry["follows"] == "wine")
            passed += is_known
            failed += not is_known
            why = f"{SAYS[entry['follows']]}: {entry['why']}" if is_known else "NOT EXPLAINED"
            rows.append((test.requirement, test.name, ours, theirs, why))
    return rows, passed, failed, skipped


def print_table(rows):
    head = ("requirement", "test", "native", "Wine")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]
    for row in [(*head, ""), *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        if row[4:] and row[4]:
            print(f"    {row[4]}")


def compile_for_wine(source, target):
    command = ["x86_64-w64-mingw32-gcc", *FLAGS, source, "-o", target, *LIBRARIES]
    return subprocess.run(command).returncode == 0


def run_both(areas, build, scratch):
    """({Test: result} natively, the same under Wine, sources that did not compile)"""
    windows_dir, native_dir = scratch / "windows", scratch / "native"
    windows_dir.mkdir()
    native_dir.mkdir()
    native = Side(native_dir, lambda area: [build / f"tests/conformance/conformance_{area}"], 1)
    # On a busy machine Wine gets some races wrong now and then; what it never gets right is news.
    wine = Side(windows_dir, lambda area: ["wine", f"{area}.exe"], 3)
    examples = sorted(path.stem for path in (ROOT / "examples/windows").glob("*.c"))
    sources = {f"{area}.exe": HERE / f"{area}.c" for area in areas}
    sources |= {f"ex_{name}.exe": ROOT / f"examples/windows/{name}.c" for name in examples}
    broken = [source.name for target, source in sources.items()
              if not compile_for_wine(source, windows_dir / target)]
    execute(["wineboot", "--init"], scratch, OTHER_LIMIT_S)
    ours, theirs = {}, {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as worker:
        for area in areas:
            beside = worker.submit(native.results, area)
            theirs |= wine.results(area)
            ours |= beside.result()
            print(f"{area}: done", file=sys.stderr, flush=True)
        for name in examples:
            test = Test("examples", "example", name)
            ours[test] = native.example(name, [str(build / f"examples/example_{name}")])
            theirs[test] = wine.example(name, ["wine", str(windows_dir / f"ex_{name}.exe")])
    execute(["wineserver", "-k"], scratch, OTHER_LIMIT_S)  # that of our own prefix
    return ours, theirs, broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("areas", nargs="*", metavar="AREA")
    options = parser.parse_args()
    if missing := [tool for tool in NEEDED if not shutil.which(tool)]:
        packages = " ".join(NEEDED[tool] for tool in missing)
        print(f"skipped: needs {', '.join(missing)}: apt-get install {packages}")
        return 77
    every = sorted(p.stem for p in HERE.glob("*.c") if not p.stem.startswith("rp_"))
    entries = load_explanations(HERE / "wine_differences.toml")

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        os.environ |= {
            "WINEDEBUG": "-all",
            "WINEPREFIX": str(scratch / "prefix"),
            # A crash ends the test; the debugger would only delay it.
            "WINEDLLOVERRIDES": "winedbg.exe,mscoree,mshtml=d",
        }
        areas = options.areas or every
        native, wine, broken = run_both(areas, options.build.resolve(), scratch)

    rows, passed, failed, skipped = compare(native, wine, entries)
    print_table(rows)
    faults = [f"{name} does not compile with mingw-w64" for name in broken]
    faults += [] if options.areas else stale(entries, native)
    for fault in faults:
        print(fault)
    agreed = sum(result == wine.get(test) for test, result in native.items())
    print(f"{len(native)} tests, {agreed} with the same result, {len(rows)} differences")
    failed += len(faults) + (not native)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
