#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every public Win32 header alone and twice, and all of them together for several targets,
as C11 and C++20 with all warnings as errors; checks that they leave the platform's own macros and
words alone."""

import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]

# Each header alone by default, all headers together in the others.
TOGETHER = {
    "Vista, UNICODE": ["-D_WIN32_WINNT=0x0600", "-DUNICODE"],
    "XP": ["-D_WIN32_WINNT=0x0501"],
    "lean": ["-DWIN32_LEAN_AND_MEAN", "-DNOMINMAX", "-DWIN32_NO_STATUS", "-DNO_STRICT"],
    "short wchar_t": ["-fshort-wchar", "-DUNICODE"],
}

# A Linux program includes these too, before or after ours.
PLATFORM_C = """
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
"""
PLATFORM_CXX = """
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
"""

# They take over names of <sys/socket.h>, so they stay apart from it: see winsock2.h.
SOCKETS = {"winsock2.h", "ws2tcpip.h", "mswsock.h"}

FORBIDDEN = {"_WIN32", "_WIN64", "WIN32", "_MSC_VER", "min", "max", "near", "far", "small",
             "interface", "__in", "__out", "_UNICODE"}


def compile_text(compiler, language, flags, text):
    command = [*compiler, "-x", language, *flags, "-fsyntax-only", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    return f"{' '.join(command)}\n{text}\n" + "\n".join(result.stderr.splitlines()[:15])


def macros(compiler, flags, text):
    command = [*compiler, "-x", "c", *flags, "-dM", "-E", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^#define (\w+(?:\([^)]*\))?)(?: (.*))?$", result.stdout, re.M))


def macro_faults(compiler, flags, headers):
    platform = macros(compiler, flags, PLATFORM_C)
    ours = "".join(f"#include <{name}>\n" for name in headers if name not in SOCKETS)
    faults = []
    for text in (PLATFORM_C + ours, ours + PLATFORM_C):
        both = macros(compiler, flags, text)
        faults += [f"{name} is '{both.get(name)}' instead of '{value}'"
                   for name, value in platform.items()
                   if both.get(name) != value and not re.match(r"_.*_H_*$", name)]
        defined = {name.split("(")[0] for name in both}
        faults += [f"{name} is defined" for name in FORBIDDEN & defined]
        if both.get("RINGPOOL_WIN32_COMPAT") != "1":
            faults.append("RINGPOOL_WIN32_COMPAT is not 1")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "runtime/include")
    options = parser.parse_args()
    includes = [f"-I{options.include / 'win32'}", f"-I{options.include}"]
    headers = sorted(path.name for path in (options.include / "win32").glob("*.h"))
    if len(headers) < 20:
        sys.exit(f"check_headers: only {len(headers)} headers in {options.include / 'win32'}")

    c_flags = ["-std=c11", "-Wstrict-prototypes", *WARNINGS, *includes]
    cxx_flags = ["-std=c++20", *WARNINGS, *includes]
    tried, jobs = [], []
    for c, cxx in (("gcc", "g++"), ("clang", "clang++")):
        if shutil.which(c) is None or shutil.which(cxx) is None:
            continue
        tried.append(c)
        alone = [f"#include <{header}>\n#include <{header}>\n" for header in headers]
        texts = [(text, []) for text in alone]
        texts += [("".join(order), variant)
                  for variant in TOGETHER.values() for order in (alone, reversed(alone))]
        for text, variant in texts:
            jobs.append(([c], "c", c_flags + variant, text + "typedef int not_empty;\n"))
            jobs.append(([cxx], "c++", cxx_flags + variant, text))
        for text in ("#include <windows.h>\n#include <ntstatus.h>\n",
                     "#include <ntstatus.h>\n#include <windows.h>\n",
                     "#include <windows.h>\n#include <tchar.h>\n",
                     "#include <tchar.h>\n#include <windows.h>\n",
                     "#include <Windows.h>\n#include <windows.h>\n",
                     "#include <windows.h>\n#include <winsock2.h>\n#include <stdlib.h>\n",
                     "#include <stdlib.h>\n#include <ws2tcpip.h>\n#include <unistd.h>\n"):
            jobs.append(([c], "c", c_flags, text))
            jobs.append(([cxx], "c++", cxx_flags, text))
        for before, after in (("#include <windows.h>\n", ""), ("", "#include <windows.h>\n")):
            jobs.append(([c], "c", c_flags, before + PLATFORM_C + after))
            jobs.append(([cxx], "c++", cxx_flags, before + PLATFORM_CXX + after))
        jobs.append(([cxx], "c++", cxx_flags, "#include <ringpool/ringpool.hpp>\n" * 2))
        jobs.append(([c], "c", c_flags, "#include <ringpool/ringpool.h>\n" * 2))
    if not tried:
        print("skipped: neither gcc and g++ nor clang and clang++ are installed")
        return 77

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as workers:
        faults = [fault for fault in workers.map(lambda job: compile_text(*job), jobs) if fault]
    for compiler in tried:
        faults += [f"{compiler}: {fault}"
                   for fault in macro_faults([compiler], ["-std=gnu11", *includes], headers)]
    for fault in faults[:10]:
        print(fault)
    print(f"{len(headers)} headers, {len(jobs)} compilations with {' and '.join(tried)}, "
          f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
