#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source that holds the pages of the shipped policies: embed_pages.py OUT README...

A page begins with `# NAME — what it is`, by which `ringpool policy list` shows it."""
import pathlib
import re
import sys

DELIMITER = "RP_PAGE"


def entry(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    title = re.match(r"# ([a-z0-9-]+) — (.+)\n", text)
    if not title:
        sys.exit(f"embed_pages.py: {path} does not begin with '# NAME — what it is'")
    if f'){DELIMITER}"' in text:
        sys.exit(f'embed_pages.py: {path} contains ){DELIMITER}"')
    return f'    {{"{title[1]}", "{title[2]}",\nR"{DELIMITER}({text}){DELIMITER}"}},'


def main():
    out, *pages = sys.argv[1:]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        '#include "bench/lab/policy/pages.hpp"',
        "namespace rp::lab {",
        "const std::vector<policy_page>& policy_pages() {",
        "static const std::vector<policy_page> all = {",
        *map(entry, pages),
        "};",
        "return all;",
        "}",
        "} // namespace rp::lab",
    ]
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
