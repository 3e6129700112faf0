#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source that holds one of the tables of pages.hpp: embed_pages.py OUT TABLE README...

A page begins with `# NAME — what it is`, by which `ringpool policy list` and `ringpool controller
list` show it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "report"))
from embed import literal  # noqa: E402


def entry(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    title = re.match(r"# ([a-z0-9-]+) — (.+)\n", text)
    if not title:
        sys.exit(f"embed_pages.py: {path} does not begin with '# NAME — what it is'")
    return f'{{"{title[1]}", {literal(title[2])}, {literal(text)}}},'


def main():
    out, table, *pages = sys.argv[1:]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        '#include "bench/lab/pages.hpp"',
        "namespace rp::lab {",
        f"const std::vector<page>& {table}() {{",
        "static const std::vector<page> all = {",
        *map(entry, pages),
        "};",
        "return all;",
        "}",
        "} // namespace rp::lab",
    ]
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
