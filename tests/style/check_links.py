#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Links of the pages lead somewhere, and the licence is there. Usage: check_links.py ROOT

Checked: relative links and their #anchors in every Markdown page; paths in back quotes that name
files of the tree (`bench/lab/...`, `docs/...`); LICENSE. Web addresses are not fetched.
"""

import pathlib
import re
import sys

from check_style import SKIPPED

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]:\s*(\S+)|!\[[^\]]*\]\(([^)\s]+)\)")
ROOMS = ("bench", "docs", "examples", "kernel_iface", "runtime", "scheduler", "tests", "tools")
QUOTED_PATH = re.compile(rf"`((?:\./)?(?:{'|'.join(ROOMS)})/[\w./-]+)`")


def prose_lines(text):
    """(number, line) outside fenced blocks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(text):
    """What GitHub and its kin make of the headings."""
    found = {}
    for _, line in prose_lines(text):
        if match := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1])
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count = found.get(slug, 0)
            found[slug] = count + 1
            yield f"{slug}-{count}" if count else slug


def page_complaints(root, page):
    rel = page.relative_to(root).as_posix()
    for number, line in prose_lines(page.read_text()):
        for match in LINK.finditer(line):
            target = next(group for group in match.groups() if group)
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            goal = (page.parent / path).resolve() if path else page
            if not goal.exists():
                yield f"{rel}:{number}: {target}: no such file"
            elif anchor and goal.suffix == ".md" and anchor not in set(anchors(goal.read_text())):
                yield f"{rel}:{number}: {target}: no such heading"
        for name in QUOTED_PATH.findall(line):
            if not (root / name).exists():
                yield f"{rel}:{number}: `{name}`: no such file"


def complaints(root):
    licence = root / "LICENSE"
    if not licence.exists() or "Apache License" not in licence.read_text():
        yield "LICENSE: the text of the Apache License is missing"
    for page in sorted(root.rglob("*.md")):
        if not SKIPPED.match(page.relative_to(root).as_posix()):
            yield from page_complaints(root, page)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(complaints(pathlib.Path(sys.argv[1]).resolve()))
    print("\n".join(found) if found else "links: all lead somewhere")
    sys.exit(bool(found))
