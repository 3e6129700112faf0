#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The USDT probes, as the tools that use them see them.

    check_probes.py LIBRARY PROGRAM SCRIPTS PROBES_HPP

The file of the library names the probes that probes.hpp promises; each bpftrace script parses
against a running program; and where this machine lets bpftrace attach, each one sees that program.
"""

import concurrent.futures
import contextlib
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

LIBRARY, PROGRAM, SCRIPTS, HEADER = "", "", pathlib.Path(), pathlib.Path()

# What each script must have seen after a second of the program.
SEEN = {
    "queue-wait.bt": r"@waited_us\[87\]:",
    "run-time.bt": r"@ran_us\[leaf_of_steady\]:",
    "steals.bt": r"@searches: [1-9]",
    "threads.bt": r"maximum 2\n",
    "wake-ups.bt": r"@wake_up_us:",
}


def promised():
    """{probe: number of arguments} by the table of the header."""
    rows = re.findall(r"^// ([A-Z]\w+) +(pool\b.*(?:\n// {20}.*)*)", HEADER.read_text(), re.M)
    return {name: 1 + re.sub(r"\([^)]*\)", "", args).count(",") for name, args in rows}


def present():
    """{probe: (number of arguments, address of its semaphore)} by the notes of the library."""
    notes = subprocess.run(
        ["readelf", "-nW", LIBRARY], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(
        r"Provider: ringpool\s+Name: (\w+)\s+Location: .*Semaphore: (0x\w+)\s+Arguments: (.*)",
        notes,
    )
    return {name: (len(args.split()), int(at, 16)) for name, at, args in found}


@contextlib.contextmanager
def steady():
    with subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout.readline() == b"busy\n"
            yield program.pid
        finally:
            program.stdin.close()
    assert program.returncode == 0


def bpftrace(pid, *arguments):
    """(exit code, output) of bpftrace; after a second of seeing something, Ctrl-C."""
    with subprocess.Popen(
        ["bpftrace", "-p", str(pid), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as tracer:
        text = ""
        try:
            text, _ = tracer.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            tracer.send_signal(signal.SIGINT)
            text, _ = tracer.communicate(timeout=60)
    return tracer.returncode, text


class Probes(unittest.TestCase):
    def test_the_file_has_the_probes_of_the_table_with_one_semaphore(self):
        table, file = promised(), present()
        self.assertGreater(len(table), 20)
        self.assertEqual({name: count for name, (count, _) in file.items()}, table)
        semaphores = {at for _, at in file.values()}
        self.assertEqual(len(semaphores), 1)
        self.assertNotEqual(semaphores, {0})

    def test_every_script_names_probes_that_exist(self):
        scripts = sorted(SCRIPTS.glob("*.bt"))
        self.assertEqual([s.name for s in scripts], sorted(SEEN))
        for script in scripts:
            named = set(re.findall(r"usdt:\*:ringpool:(\w+)", script.read_text()))
            self.assertTrue(named and named <= set(promised()), script)

    def test_every_script_parses(self):
        if not shutil.which("bpftrace"):
            self.skipTest("bpftrace is not installed")
        with steady() as pid:
            for script in sorted(SCRIPTS.glob("*.bt")):
                with self.subTest(script.name):
                    code, text = bpftrace(pid, "-d", str(script))
                    if "only supported for root" in text or "bpftrace currently only" in text:
                        self.skipTest("bpftrace needs root")
                    self.assertEqual(code, 0, text)
                    self.assertIn("AST after", text)

    def test_every_script_sees_the_program(self):
        if not shutil.which("bpftrace"):
            self.skipTest("bpftrace is not installed")
        with steady() as pid:
            _, text = bpftrace(pid, "-e", "usdt:*:ringpool:CallbackStart { @seen = count(); }")
            if not re.search(r"@seen: [1-9]", text):
                self.skipTest(f"bpftrace cannot attach here: {text.strip().splitlines()[-1:]}")
            with concurrent.futures.ThreadPoolExecutor(len(SEEN)) as side_by_side:
                runs = side_by_side.map(lambda s: bpftrace(pid, str(SCRIPTS / s)), SEEN)
            for (script, sight), (_, text) in zip(SEEN.items(), runs):
                with self.subTest(script):
                    self.assertRegex(text, sight)


if __name__ == "__main__":
    LIBRARY, PROGRAM = sys.argv[1:3]
    SCRIPTS, HEADER = pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
    tests = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2)
    for test, reason in tests.result.skipped:
        print(f"skipped: {test.id().rsplit('.', 1)[-1]}: {reason}")
    if not tests.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if tests.result.skipped else 0)
