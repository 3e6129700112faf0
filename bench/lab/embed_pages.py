#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source with a table of pages: embed_pages.py OUT TABLE NAME=FILE..."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "report"))
from embed import literal  # noqa: E402


def main():
    out, table, *pages = sys.argv[1:]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        '#include "bench/lab/pages.hpp"',
        "namespace rp::lab {",
        f"const page {table}[] = {{",
    ]
    for each in pages:
        name, path = each.split("=", 1)
        text = pathlib.Path(path).read_text(encoding="utf-8")
        lines.append(f'{{"{name}", {literal(text)}}},')
    lines += ["{nullptr, nullptr}};", "} // namespace rp::lab"]
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
