#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format has nothing to change. Usage: check_format.py ROOT [--fix]

Version 14 decides, since later ones break lines elsewhere. Exit code 77 when it is not installed.
"""

import pathlib
import re
import shutil
import subprocess
import sys

from check_style import CODE, SKIPPED

VERSION = "14"


def formatter():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if path := shutil.which(name):
            out = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {VERSION}\.", out):
                return path
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    clang_format = formatter()
    if not clang_format:
        print(f"skipped: needs clang-format {VERSION}: apt-get install clang-format-{VERSION}")
        return 77
    files = [
        str(path)
        for path in sorted(root.rglob("*"))
        if path.suffix in CODE and not SKIPPED.match(path.relative_to(root).as_posix())
    ]
    mode = ["-i"] if "--fix" in sys.argv[2:] else ["--dry-run", "-Werror", "--ferror-limit=3"]
    done = subprocess.run([clang_format, "--style=file", *mode, *files], text=True)
    if done.returncode:
        print("to mend: tests/style/check_format.py . --fix")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main())
