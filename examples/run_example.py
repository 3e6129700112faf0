#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs an example in an empty directory and compares what it prints with a file.

    run_example.py EXPECTED PROGRAM [ARGUMENT]...
"""

import difflib
import pathlib
import subprocess
import sys
import tempfile


def output_of(command, limit_s=50):
    """(exit code, text) of a command that runs in a directory of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            command,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=limit_s,
        )
    return done.returncode, done.stdout


def differences(expected, code, text):
    pair = expected.splitlines(), text.splitlines()
    lines = list(difflib.unified_diff(*pair, "expected", "found", lineterm=""))
    return lines + ([f"exit code {code}"] if code else [])


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program = [str(pathlib.Path(sys.argv[2]).resolve()), *sys.argv[3:]]
    code, text = output_of(program)
    found = differences(pathlib.Path(sys.argv[1]).read_text(), code, text)
    print("\n".join(found) or text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
