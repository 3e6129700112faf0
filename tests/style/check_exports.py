#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The four lists of public functions are one list: what the library exports (nm -D), what
runtime/exports.map says, what the public headers declare, what docs/coverage.md tells the reader.

    check_exports.py --library build/runtime/libringpool.so.0.1.0 [--cc cc]
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import make_coverage  # noqa: E402


def exported(library, nm="nm"):
    """{(name, version node)} of the dynamic symbols the library defines."""
    out = subprocess.run(
        [nm, "-D", "--defined-only", "--with-symbol-versions", library],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return parse_nm(out)


def parse_nm(out):
    symbols = set()
    for line in out.splitlines():
        kind, name = line.split()[-2:]
        if kind != "A":  # the version nodes themselves
            symbols.add(tuple(re.split("@+", name)) if "@" in name else (name, ""))
    return symbols


def mapped(map_text):
    nodes = make_coverage.exported_names(map_text)
    return {(name, node) for node, names in nodes.items() for name in names}


def declared(cc):
    """Functions that the public headers declare but do not define."""
    include = ROOT / "runtime/include"
    out = subprocess.run(
        [*cc, "-E", "-xc", "-", f"-I{include}", f"-I{include}/win32"],
        input="#include <ws2tcpip.h>\n#include <mswsock.h>\n#include <tchar.h>\n"
        "#include <ringpool/ringpool.h>\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return parse_declarations(out, str(include))


LABEL = re.compile(r'__asm__\s*\(\s*"(\w+)"\s*"?(\w*)"?\s*\)')
ATTRIBUTE = re.compile(r"__(?:attribute|asm)__\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")


def parse_declarations(preprocessed, include):
    ours, inside = [], False
    for line in preprocessed.splitlines():
        if marker := re.match(r'# \d+ "([^"]+)"', line):
            inside = marker[1].startswith(include)
        elif inside:
            ours.append(line)
    text, previous = " ".join(ours), None
    while text != previous:  # bodies and structures, from the inside out
        text, previous = re.sub(r"\{[^{}]*\}", " body; ", text), text
    names = set()
    for statement in text.split(";"):
        label = LABEL.search(statement)  # the symbol, where it is not the name
        statement = ATTRIBUTE.sub("", statement)
        call = re.search(r"\b([A-Za-z_]\w*)\s*\(", statement)
        is_definition = re.search(r"\bbody\b|\bstatic\b|\btypedef\b|_Static_assert", statement)
        if call and not is_definition:
            names.add(label[1] + label[2] if label else call[1])
    return names


def documented(coverage_text):
    """Names of the table rows that claim an exported function."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", coverage_text, re.MULTILINE)
    return {name for name, status in rows if "absent" not in status and "inline" not in status}


def differences(lists):
    """[complaint] for lists {where: names} that should all be equal."""
    everything = set().union(*lists.values())
    for name in sorted(everything):
        lacking = [where for where, names in lists.items() if name not in names]
        if lacking:
            present = [where for where in lists if where not in lacking]
            yield f"{name}: in {', '.join(present)}; not in {', '.join(lacking)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--cc", nargs="+", default=["cc"])
    arguments = parser.parse_args()

    in_map = mapped((ROOT / "runtime/exports.map").read_text())
    in_library = exported(arguments.library)
    coverage = (ROOT / "docs/coverage.md").read_text()
    lists = {
        "the library": {name for name, _ in in_library},
        "runtime/exports.map": {name for name, _ in in_map},
        "the public headers": declared(arguments.cc),
        "docs/coverage.md": documented(coverage),
    }
    complaints = list(differences(lists))
    nodes = dict(in_map)
    for name, node in sorted(in_library):
        if nodes.get(name, node) != node:
            complaints.append(f"{name}: exported in node {node or '(none)'}, not {nodes[name]}")
    print("\n".join(complaints) or f"exports: {len(in_library)} functions, four lists agree")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
