#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares ringpool's Win32 headers with mingw-w64's: sizes, alignments, signedness, offsets, the
value of every constant and the type of every function. Reads object files, executes nothing."""

import argparse
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MARK = b"RPABI\x1f\x2e\x3d"
ENTRY = struct.Struct("<8s80sQ")

# Our own names, and what need not agree.
NOT_A_CONSTANT = re.compile(r"^(RINGPOOL_|_|STRICT$|WINVER$|NULL$)")
# Documented, but newer than the oldest mingw-w64 this must run with.
NEWER = {"CREATE_WAITABLE_TIMER_HIGH_RESOLUTION", "RegisterWaitForSingleObjectEx"}


def run(command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        first_lines = "\n".join(result.stderr.splitlines()[:20])
        sys.exit(f"check_abi: failed: {' '.join(map(str, command))}\n{first_lines}")
    return result.stdout


def macros(compiler, flags, includes):
    """Object-like macros after including the given headers, without those of an empty file."""
    def dump(text):
        command = [*compiler, *flags, "-std=gnu11", "-dM", "-E", "-x", "c", "-"]
        result = subprocess.run(command, input=text, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"check_abi: failed: {' '.join(command)}\n{result.stderr}")
        return dict(re.findall(r"^#define (\w+)(?: (.*))?$", result.stdout, re.M))

    before = dump("#include <string.h>\n#include <stdarg.h>\n#include <sys/types.h>\n")
    after = dump("".join(f"#include <{name}>\n" for name in includes))
    return {name: text for name, text in after.items() if name not in before}


def is_number(text, known, depth=0):
    """True if the macro text consists of numbers, casts, operators and names that do too."""
    if depth > 5 or not text:
        return False
    casts = (r"\((?:DWORD|NTSTATUS|HRESULT|LONG|HANDLE|LONG_PTR|SIZE_T|ULONG_PTR|CHAR|WCHAR"
             r"|U?INT\d+|U?LONG\d+)\)")
    rest = re.sub(casts, "", text)
    rest = re.sub(r"\b(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b", "", rest)
    names = re.findall(r"[A-Za-z_]\w*", rest)
    if re.sub(r"[A-Za-z_]\w*|[\s()|+\-~<>&*]", "", rest):
        return False
    return all(n in known and is_number(known[n], known, depth + 1) for n in names)


def prototypes(include_dir):
    """name -> function type, from every WINBASEAPI declaration in the headers."""
    found = {}
    pattern = re.compile(r"^(?:WINBASEAPI|WINSOCK_API_LINKAGE)\s+(?:DECLSPEC_NORETURN\s+)?"
                         r"(.+?)\s*\b(?:WINAPI|WSAAPI)"
                         r"\s+(\w+)\(([^;]*?)\)(?:\s*RINGPOOL_WS_SYMBOL\(\w+\))?\s*;",
                         re.S | re.M)
    for header in sorted(include_dir.glob("*.h")):
        for result, name, arguments in pattern.findall(header.read_text()):
            # An attribute of the function, not of its type.
            result = result.replace("DECLSPEC_NORETURN", "").strip()
            found[name] = f"{result} WINAPI({' '.join(arguments.split())})"
    return found


def read_table(object_file):
    data = object_file.read_bytes()
    table = {}
    at = data.find(MARK)
    while at >= 0 and data[at:at + len(MARK)] == MARK:
        _, name, value = ENTRY.unpack_from(data, at)
        name = name.rstrip(b"\0").decode()
        if table.setdefault(name, value) != value:
            sys.exit(f"check_abi: two values for '{name}': the probe lists it twice")
        at += ENTRY.size
    if not table:
        sys.exit(f"check_abi: no table found in {object_file}")
    return table


def probe(compiler, flags, scratch, generated):
    """The table as a source for Windows 10 sees it, and what one for Vista sees in addition."""
    table = {}
    for target, lines in (("0x0A00", generated), ("0x0600", [])):
        (scratch / "abi_generated.h").write_text("\n".join(lines) + "\n")
        output = scratch / "probe.o"
        run([*compiler, *flags, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-type-limits",
             f"-D_WIN32_WINNT={target}", "-O0", f"-I{scratch}", "-c", HERE / "probe.c",
             "-o", output])
        for name, value in read_table(output).items():
            if target == "0x0A00" or "ENVIRON" in name:
                table[f"{name} ({target})" if "ENVIRON" in name else name] = value
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=pathlib.Path,
                        default=HERE.parents[1] / "runtime/include/win32")
    parser.add_argument("--cc", nargs="+", default=["cc"], help="the native compiler")
    parser.add_argument("--oracle", default="x86_64-w64-mingw32-gcc")
    parser.add_argument("--list", action="store_true", help="print what was compared")
    options = parser.parse_args()

    if shutil.which(options.oracle) is None:
        print(f"skipped: {options.oracle} is missing (Debian package gcc-mingw-w64-x86-64)")
        return 77
    oracle = [options.oracle]
    native_flags = [f"-I{options.include}"]
    headers = ["ws2tcpip.h", "mswsock.h", "windows.h", "winternl.h", "ntstatus.h"]

    ours = macros(options.cc, native_flags, headers)
    theirs = macros(oracle, [], ["winsock2.h", *headers])
    functions = prototypes(options.include)
    constants = sorted(name for name, text in ours.items()
                       if not NOT_A_CONSTANT.match(name) and is_number(text, ours))
    absent = [name for name in constants if name not in theirs and name not in NEWER]
    if len(constants) < 250 or len(functions) < 70:
        sys.exit(f"check_abi: only {len(constants)} constants and {len(functions)} functions found "
                 "in the headers; the extraction is broken")

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        lines = [f"CONSTANT({name})" for name in constants if name in theirs]
        lines += [f"PROTOTYPE({name}, {kind})" for name, kind in sorted(functions.items())
                  if name not in NEWER]
        native = probe(options.cc, native_flags, scratch, lines)
        windows = probe(oracle, [], scratch, lines)

    differences = [f"{name}: ours {native.get(name)}, mingw-w64 {windows.get(name)}"
                   for name in sorted(native.keys() | windows.keys())
                   if native.get(name) != windows.get(name)]
    if options.list:
        for name in sorted(native):
            print(f"  {name} = {native[name]:#x}")
        for name, kind in sorted(functions.items()):
            print(f"  {name}: {kind}")
    for name in absent:
        print(f"unknown: {name} is not in mingw-w64's headers; misspelled?")
    for line in differences:
        print(f"differs: {line}")
    print(f"{len(native)} values and {len(functions)} function types compared, "
          f"{len(differences)} differ")
    return 1 if differences or absent else 0


if __name__ == "__main__":
    sys.exit(main())
