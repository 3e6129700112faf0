#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what docs/policies.md says, against a scratch installation: writes its programs, types its
commands, compares what they print, and compares its table and its contract with the product.

    check_policies_page.py --build build [--cc cc] [--cxx c++]

A file is named in the text before its block, in backquotes. In expected output, a line `...` stands
for any lines, and `(...)` for anything within a line.
"""

import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check_install import ROOT, Failure, install, main, sh  # noqa: E402

PAGE = ROOT / "docs/policies.md"


def blocks(page):
    """(language, text, what stands before it) of each fenced block."""
    end = 0
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield match[1], match[2], page[end : match.start()]
        end = match.end()


def as_pattern(expected):
    lines = []
    for line in expected.splitlines():
        if line == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(r".*?".join(map(re.escape, line.split("(...)"))) + r"\n")
    return "".join(lines)


class Session:
    """One shell: the directory of a command is that in which the one before it ended."""

    def __init__(self, scratch, environment):
        self.here, self.scratch, self.environment = scratch, scratch, environment

    def type(self, command, expected):
        note = self.scratch / "directory"
        shown = sh(f"{{ {command}\n}} 2>&1\ncode=$?; pwd > {note}; exit $code", self.here,
                   self.environment)
        self.here = pathlib.Path(note.read_text().strip())
        if not re.fullmatch(as_pattern(expected), shown):
            raise Failure(f"$ {command}\nprinted\n{shown}\nthe page says\n{expected}")
        print(f"policies page: {command}")


def follow(page, session):
    ran = 0
    for language, text, before in blocks(page):
        if language in ("c", "cpp", "toml"):
            name = re.findall(r"`(\w+\.(?:c|cpp|toml))`", before)
            if not name:
                raise Failure(f"docs/policies.md: no name of a file before\n{text}")
            (session.here / name[-1]).write_text(text)
        elif language == "console":
            for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                session.type(command, expected)
                ran += 1
        else:
            raise Failure(f"docs/policies.md: a block of {language}, which this test cannot follow")
    if ran < 10:
        raise Failure(f"docs/policies.md: only {ran} commands found")


def agrees_with_product(page, scratch, environment):
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) ?\| (.*) \|$", page, re.MULTILINE)
    told = [(name, re.sub("[`,]", "", other).strip(), text) for name, other, text in rows]
    listed = [
        (line[:14].strip(), line[14:30].strip(), line[30:].strip())
        for line in sh("ringpool policy list", scratch, environment).splitlines()
    ]
    if told != listed:
        raise Failure(f"the table of docs/policies.md is {told}\n`policy list` prints {listed}")
    header = (ROOT / "runtime/include/ringpool/policy.h").read_text()
    words = " ".join(re.sub(r"^ \*", "", header, flags=re.MULTILINE).split())
    rules = re.findall(r"^\d\. \*\*(P\d)\*\*: (.*?)(?=^\d\. |^$)", page, re.MULTILINE | re.DOTALL)
    if [rule for rule, _ in rules] != ["P1", "P2", "P3", "P4", "P5", "P6"]:
        raise Failure(f"the contract of docs/policies.md: {rules}")
    for rule, text in rules:
        if f"{rule} {' '.join(text.split())}" not in words:
            raise Failure(f"docs/policies.md: {rule} has other words in <ringpool/policy.h>")


def refuses_to_overwrite(scratch, environment):
    made = scratch / "mine"
    sh("ringpool policy new mine", scratch, environment)
    before = {path.name: path.read_text() for path in made.iterdir()}
    for command in ["new mine", "new other mine", "new ws", "new No", "new 1st", "show no-such"]:
        shown = sh(f"ringpool policy {command} 2>&1; echo $?", scratch, environment)
        if not shown.endswith("\n2\n") or not shown.startswith("ringpool: "):
            raise Failure(f"$ ringpool policy {command}\n{shown}")
    if before != {path.name: path.read_text() for path in made.iterdir()}:
        raise Failure("ringpool policy new changed a folder that existed")
    sh("make CXXFLAGS='-O1 -Wall -Wextra -Werror' && make check", made, environment)
    print("policies page: what `policy new` writes builds without a warning and keeps the contract")


def page_works(arguments, scratch):
    packages = install(arguments.build, scratch / "root")
    tool = next((scratch / "root").rglob("bin/ringpool"))
    environment = dict(os.environ)
    environment["PKG_CONFIG_PATH"] = str(packages)
    environment["LD_LIBRARY_PATH"] = str(packages.parent)
    (scratch / "bin").mkdir()
    (scratch / "bin/cc").symlink_to(shutil.which(arguments.cc[-1]))
    (scratch / "bin/c++").symlink_to(shutil.which(arguments.cxx[-1]))
    environment["PATH"] = f"{scratch}/bin:{tool.parent}:{environment['PATH']}"
    for name in ("RINGPOOL_POLICY", "RINGPOOL_POLICY_LIB", "CXX", "CXXFLAGS", "MAKEFLAGS"):
        environment.pop(name, None)
    page = PAGE.read_text()
    work = scratch / "work"
    work.mkdir()
    agrees_with_product(page, work, environment)
    follow(page, Session(work, environment))
    refuses_to_overwrite(work, environment)


if __name__ == "__main__":
    sys.exit(main(page_works, ("make", "pkg-config")))
