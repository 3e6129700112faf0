#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source that holds the given text files: embed.py OUT NAME=FILE..."""
import pathlib
import sys

DELIMITER = "RP_ASSET"
# Compilers limit the length of one literal; adjacent literals are joined.
CHUNK = 12000


def literal(text):
    if f'){DELIMITER}"' in text:
        sys.exit(f'embed.py: an asset contains ){DELIMITER}"')
    chunks = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)] or [""]
    return "\n".join(f'R"{DELIMITER}({chunk}){DELIMITER}"' for chunk in chunks)


def main():
    out, *assets = sys.argv[1:]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        '#include "bench/lab/report/assets.hpp"',
        "namespace rp::lab {",
    ]
    for asset in assets:
        name, path = asset.split("=", 1)
        text = pathlib.Path(path).read_text(encoding="utf-8")
        lines.append(f"const char* const {name} = {literal(text)};")
    lines.append("} // namespace rp::lab")
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
