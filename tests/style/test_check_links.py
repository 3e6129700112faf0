#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_links.py accepts good links and names each kind of bad one."""

import pathlib
import tempfile
import unittest

import check_links

GOOD = {
    "LICENSE": "Apache License\n",
    "README.md": "# A & B\n[page](docs/page.md#the-second-part) [self](#a--b) `docs/page.md`\n"
    "[web](https://example.org/none)\n```\n[no](link.md)\n```\n",
    "docs/page.md": "# Page\n## The second part\n[up](../README.md)\n",
}


def complaints_about(tree):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        for name, text in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(check_links.complaints(root))


class CheckLinks(unittest.TestCase):
    def test_good_links_get_no_complaint(self):
        self.assertEqual(complaints_about(GOOD), [])

    def test_bad_links_get_one_each(self):
        for text, complaint in [
            ("[x](none.md)\n", "no such file"),
            ("[x](docs/page.md#third)\n", "no such heading"),
            ("[x](#third)\n", "no such heading"),
            ("[x]: docs/none.md\n", "no such file"),
            ("![x](none.png)\n", "no such file"),
            ("see `tools/none.py`\n", "no such file"),
        ]:
            with self.subTest(text=text):
                found = complaints_about(GOOD | {"README.md": text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(complaint, found[0])

    def test_the_licence_must_be_there(self):
        self.assertEqual(len(complaints_about(GOOD | {"LICENSE": "all rights reserved\n"})), 1)


if __name__ == "__main__":
    unittest.main()
