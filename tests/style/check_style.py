#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that a machine can check. Usage: check_style.py ROOT

Rooms and their include directions, memory-order notes and their pairs, sizes, banned words (each
with its replacement), licence lines, empty suppression files. Every rule is one function that
yields complaints "path:line: text"; test_check_style.py breaks each rule and expects the complaint.
"""

import pathlib
import re
import sys

SKIPPED = re.compile(r"(build[^/]*|results)/|(.*/)?(\.git|__pycache__|node_modules|\.cache)/")
CODE = {".c", ".cpp", ".h", ".hpp"}
LICENSED = CODE | {".py", ".sh", ".build", ".toml", ".js", ".css", ".html", ".map", ".in", ".cff"}
# Licensed, though the suffix does not say so.
SCRIPTS = {"run", "check", ".ci/run", "meson_options.txt"}
SIZED = CODE | {".py", ".sh", ".js", ".css", ".build"}

# A room includes itself and what stands here; nothing else of the project.
ROOMS = {
    "kernel_iface/linux": set(),
    "kernel_iface/nt": {"kernel_iface/linux"},
    "scheduler": {"kernel_iface/linux"},
    "runtime": {"kernel_iface/linux", "kernel_iface/nt", "scheduler"},
    # The tool measures what users get: the public headers only.
    "bench/lab": {"bench/peers"},
    "bench/peers": {"bench/lab"},
}
LIBRARY = ("kernel_iface/", "scheduler/", "runtime/")
WIN32_AT = ("runtime/", "kernel_iface/nt/", "tests/", "bench/", "examples/")
LIBURING_AT = ("kernel_iface/linux/", "tests/unit/linux/", "bench/lab/peers/")
SIGNAL_CODE = re.compile(r"^kernel_iface/linux/ring")

LINES_MAX, COLUMNS_MAX, FUNCTION_LINES_MAX = 600, 100, 70

BANNED = [  # pattern, where (prefixes; all when empty), replacement
    (r"\bstd::j?thread\b", LIBRARY, "kernel_iface/linux/thread.hpp"),
    (r"\bthis_thread::sleep_\w+", (), "an event, or a futex wait with a deadline"),
    (r"\bstd::format\b", (), "fmt in bench, std::snprintf in the library"),
    (r"\bstd::expected\b", (), "a status plus an out parameter"),
    (r"\bstd::(?:ranges::)?views::", (), "a loop (clang 14 rejects libstdc++ 12 views)"),
    (r"\bmemory_order(?:_|::)consume\b", (), "memory_order_acquire"),
    (r"\bIORING_SETUP_NO_SQARRAY\b", (), "nothing: it corrupts the ring through liburing 2.3"),
]
WIN32_WORDS = re.compile(r"\b(?:DWORD|HANDLE|BOOL|NTSTATUS|OVERLAPPED|P?TP_[A-Z_]+|WINAPI)\b")
LEFT_FOR_LATER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
EMPTY_NAMES = re.compile(r"^(?:utils?|common|managers?|impl|misc|helpers?)$")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|Users|root)/")


class File:
    """A text file: `lines` as written, `code` without comments and literals, line by line."""

    def __init__(self, path, rel):
        self.rel, self.suffix, self.stem = rel, path.suffix, path.name.split(".")[0]
        self.text = path.read_text(errors="replace")
        self.lines = self.text.split("\n")
        self.code = blank_comments(self.text).split("\n") if self.suffix in CODE else self.lines


def blank_comments(text):
    """Comments, strings and character literals become spaces; line breaks stay."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])+\'',
        re.DOTALL,
    )

    def blank(match):
        if match[0].startswith('"') and re.search(r"#\s*include\s*$", text[: match.start()][-40:]):
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return token.sub(blank, text)


def read_tree(root):
    files = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not SKIPPED.match(path.relative_to(root).as_posix()):
            files.append(path)
    return [File(p, p.relative_to(root).as_posix()) for p in files if b"\0" not in p.read_bytes()]


def room_of(rel):
    return next((room for room in ROOMS if rel.startswith(room + "/")), None)


def includes(file):
    for number, line in enumerate(file.code, 1):
        if match := re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line):
            yield number, match[1], match[2]


def check_includes(files):
    win32 = {f.rel.rsplit("/", 1)[1] for f in files if f.rel.startswith("runtime/include/win32/")}
    known = {f.rel for f in files}
    for file in files:
        if file.suffix not in CODE or file.rel.startswith("runtime/include/"):
            continue
        room = room_of(file.rel)
        for number, quote, name in includes(file):
            at = f"{file.rel}:{number}"
            if name.startswith("liburing") and not file.rel.startswith(LIBURING_AT):
                yield f"{at}: <{name}> belongs to kernel_iface/linux"
            if quote == "<" and name in win32 and not file.rel.startswith(WIN32_AT):
                yield f"{at}: <{name}>: Win32 words stop at runtime/ and kernel_iface/nt/"
            if quote == "<" and name.startswith("ringpool/") and not file.rel.startswith(WIN32_AT):
                yield f"{at}: <{name}> is above {room or file.rel}"
            if quote == '"' and room and name not in known and "/" not in name:
                yield f'{at}: write "{name}" from the repository root'
            target = room_of(name)
            if room and quote == '"' and name.startswith(("tests/", "bench/")):
                target = room_of(name) or name.split("/")[0]
            if room and target and target != room and target not in ROOMS[room]:
                yield f"{at}: {room} must not include {target}"


def check_policies_apart(files):
    for file in files:
        own = re.match(r"scheduler/policies/(\w+)/", file.rel)
        for number, _, name in includes(file) if own and file.suffix in CODE else ():
            other = re.match(r"scheduler/policies/(\w+)/", name)
            if other and other[1] not in (own[1], "parts"):
                yield f"{file.rel}:{number}: policy {own[1]} must not include policy {other[1]}"


def check_win32_words(files):
    for file in files:
        is_below = file.rel.startswith(LIBRARY) and not file.rel.startswith(WIN32_AT)
        if file.suffix in CODE and is_below:
            for number, line in enumerate(file.code, 1):
                if match := WIN32_WORDS.search(line):
                    yield f"{file.rel}:{number}: {match[0]}: Win32 words stop at runtime/ and nt/"


ATOMIC_CALL = re.compile(
    r"(?:\.|->)(?:load|store|exchange|fetch_(?:add|sub|or|and|xor)"
    r"|compare_exchange_(?:weak|strong)|test_and_set)\s*\("
)
ORDER = re.compile(r"\bmemory_order(?:_|::)(\w+)")
ORDER_NAME = re.compile(r"\b(?:relaxed|acquire|release|acq_rel|seq_cst)\b")
ACQUIRES, RELEASES = {"acquire", "acq_rel", "seq_cst"}, {"release", "acq_rel", "seq_cst"}


def call_text(code, line, column):
    """The text of a call from its opening parenthesis to the closing one."""
    depth, text = 0, ""
    for index in range(line, min(line + 12, len(code))):
        for char in code[index][column if index == line else 0 :]:
            text += char
            depth += (char == "(") - (char == ")")
            if depth == 0 and char == ")":
                return text
        text += "\n"
    return text


def note_above(file, line):
    """The comment block over the statement that holds this line (or beside it)."""
    first = line
    while first > 0 and line - first < 12:
        above = file.code[first - 1].rstrip()
        is_comment = file.lines[first - 1].lstrip().startswith(("//", "*", "/*"))
        if is_comment or above == "" or above.endswith((";", "{", "}", ":")) or "#" in above[:1]:
            break
        first -= 1
    block = []
    at = first - 1
    while at >= 0 and file.lines[at].lstrip().startswith("//"):
        block.insert(0, file.lines[at].lstrip(" /"))
        at -= 1
    beside = [l.split("//", 1)[1] for l in file.lines[first : line + 1] if "//" in l]
    return " ".join(block + beside)


def covered_from_above(file, line):
    """A `// mo: relaxed (all below), reason` covers the rest of the function it stands in."""
    while line > 0 and not file.lines[line].startswith("}"):
        if "mo: relaxed (all below)" in file.lines[line]:
            return True
        line -= 1
    return False


def check_memory_orders(files):
    sites = {}
    for file in files:
        in_scope = file.rel.startswith(LIBRARY + ("bench/", "tests/stress/"))
        if file.suffix not in {".cpp", ".hpp"} or not in_scope:
            continue
        for index, line in enumerate(file.code):
            at = f"{file.rel}:{index + 1}"
            for call in ATOMIC_CALL.finditer(line):
                text = call_text(file.code, index, call.end() - 1)
                if call[0].startswith((".load", "->load")) and not text.strip("() \n"):
                    yield f"{at}: .load() without an explicit order"
                elif re.search(r"\b(?:fetch_|compare_exchange|test_and_set)", call[0]):
                    if not re.search(r"memory_order|\border\w*\b", text):
                        yield f"{at}: atomic operation without an explicit order"
            orders = set(ORDER.findall(line)) if "signal_fence" not in line else set()
            if not orders or (orders == {"relaxed"} and covered_from_above(file, index)):
                continue
            notes = note_above(file, index).split("mo: ")[1:]
            if not notes:
                yield f"{at}: {'/'.join(sorted(orders))} without a `// mo:` note above"
                continue
            pairs = [label for note in notes for label in re.findall(r"\bpairs ([\w.]*\w)", note)]
            named = {order for note in notes for order in ORDER_NAME.findall(note.split(",")[0])}
            if not named:
                yield f"{at}: the `// mo:` note starts with no memory order"
            if named & {"acquire", "release", "acq_rel", "seq_cst"} and not pairs:
                order = "/".join(sorted(named))
                yield f"{at}: {order} names no pair (`pairs <label> (<other side>)`)"
            for label in pairs:
                sites.setdefault(label, []).append((at, named | orders))
    for label, where in sorted(sites.items()):
        if label.startswith("kernel."):  # the other side is the kernel
            continue
        orders = set().union(*(o for _, o in where))
        if not orders & ACQUIRES or not orders & RELEASES:
            side = "acquire" if not orders & ACQUIRES else "release"
            yield f"{where[0][0]}: label {label} has no {side} side ({len(where)} site(s))"


def check_sizes(files):
    for file in files:
        if file.suffix not in SIZED and file.rel not in SCRIPTS:
            continue
        length = len(file.lines) - (file.lines[-1] == "")
        if length > LINES_MAX:
            yield f"{file.rel}: {length} lines, at most {LINES_MAX}"
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS_MAX and "http" not in line:
                yield f"{file.rel}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
            if line != line.rstrip():
                yield f"{file.rel}:{number}: blanks at the end of the line"
            if "\t" in line:
                yield f"{file.rel}:{number}: a tab"
        if file.text and not file.text.endswith("\n"):
            yield f"{file.rel}: no newline at the end"


def check_function_lengths(files):
    scope = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
    control = re.compile(r"^\s*(?:if|for|while|switch|do|else|catch|return)\b|=\s*$|\]\s*\(")
    for file in files:
        is_public = file.rel.startswith("runtime/include/")  # macros define its blocks
        if file.suffix not in CODE or is_public or not file.rel.startswith(LIBRARY + ("bench/",)):
            continue
        text = "\n".join("" if l.lstrip().startswith("#") else l for l in file.code)
        stack, head_start = [], 0
        for match in re.finditer(r"[;{}]", text):
            head = text[head_start : match.start()]
            if match[0] == "{":
                head = re.sub(r"\balignas\([^()]*\)", "", head)
                inside_function = any(is_function for is_function, _ in stack)
                is_function = not inside_function and "(" in head and not control.search(head)
                is_function = is_function and not (scope.search(head) and ")" not in head)
                start = head_start + len(head) - len(head.lstrip())
                stack.append((is_function, text.count("\n", 0, start) + 1))
            elif match[0] == "}" and stack:
                is_function, first = stack.pop()
                length = text.count("\n", 0, match.start()) + 2 - first
                if is_function and length > FUNCTION_LINES_MAX:
                    at = f"{file.rel}:{first}"
                    yield f"{at}: a function of {length} lines, at most {FUNCTION_LINES_MAX}"
            head_start = match.end()


def check_banned(files):
    for file in files:
        for number, line in enumerate(file.code, 1):
            for pattern, where, instead in BANNED if file.suffix in CODE else ():
                match = re.search(pattern, line)
                if match and (not where or file.rel.startswith(where)):
                    yield f"{file.rel}:{number}: {match[0]} is banned, use {instead}"
            in_library = file.suffix in CODE and file.rel.startswith(LIBRARY)
            is_public = file.rel.startswith("runtime/include/")  # Windows's own signatures have it
            if in_library and not is_public and not SIGNAL_CODE.match(file.rel):
                if re.search(r"\bvolatile\b(?! VOID\*)", line) and "asm" not in line:
                    yield f"{file.rel}:{number}: volatile is for signal code, use std::atomic"
        for number, line in enumerate(file.lines, 1):
            if LEFT_FOR_LATER.search(line) and not file.rel.endswith((".md", ".json")):
                yield f"{file.rel}:{number}: left for later; finish it or write a decision"
            if MACHINE_PATHS.search(line):
                yield f"{file.rel}:{number}: a path of one machine"


def check_names(files):
    seen = set()
    for file in files:
        for part in [*file.rel.split("/")[:-1], file.stem if file.suffix in CODE else ""]:
            if EMPTY_NAMES.match(part) and (key := (file.rel.split(part)[0], part)) not in seen:
                seen.add(key)
                yield f"{file.rel}: a room named {part} has not found its job"


def check_licence_lines(files):
    for file in files:
        if file.suffix in LICENSED or file.rel in SCRIPTS:
            first = file.lines[1:2] if file.lines[0].startswith(("#!", "<!")) else file.lines[:1]
            if not first or "SPDX-License-Identifier: Apache-2.0" not in first[0]:
                yield f"{file.rel}:1: the first line is `SPDX-License-Identifier: Apache-2.0`"


def check_headers_guarded(files):
    for file in files:
        if file.suffix == ".hpp" and "#pragma once" not in file.text and "#ifndef" not in file.text:
            yield f"{file.rel}: no #pragma once"


def check_suppressions(files):
    for file in files:
        if file.suffix == ".supp" or "suppressions" in file.rel.rsplit("/", 1)[-1]:
            for number, line in enumerate(file.lines, 1):
                if line.strip() and not line.startswith("#"):
                    yield f"{file.rel}:{number}: suppression files stay empty: mend the code"


def check_tests_test(files):
    for file in files:
        if re.match(r"tests/unit/.*_test\.cpp$", file.rel) and "TEST_CASE" not in file.text:
            yield f"{file.rel}: holds no TEST_CASE, so its test would pass without testing"


RULES = [rule for name, rule in sorted(globals().items()) if name.startswith("check_")]


def complaints(root):
    files = read_tree(pathlib.Path(root))
    return [complaint for rule in RULES for complaint in rule(files)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = complaints(sys.argv[1])
    print("\n".join(found) if found else "style: nothing to complain about")
    sys.exit(bool(found))
