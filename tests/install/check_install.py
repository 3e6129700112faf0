#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs into a scratch directory and builds programs against the result as a user would: with
pkg-config, with CMake, and each program of docs/quick-start.md with the line the page shows.

    check_install.py --build build [--cc cc] [--cxx c++]
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

CPP_PROGRAM = """
#include <ringpool/ringpool.hpp>
#include <atomic>
#include <cstdio>

int main() {
    std::atomic<int> calls{0};
    {
        ringpool::work work([&calls] { ++calls; });
        for (int i = 0; i < 100; ++i)
            work.submit();
        work.wait();
    }
    std::printf("ringpool %s: %d calls\\n", rp_version(), calls.load());
    return calls.load() == 100 ? 0 : 1;
}
"""

CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.18)
project(consumer C)
find_package(ringpool 0.1 REQUIRED)
add_executable(app app.c)
target_link_libraries(app PRIVATE ringpool::win32)
add_executable(plain plain.c)
target_link_libraries(plain PRIVATE ringpool::ringpool)
"""

PLAIN_PROGRAM = """
#include <ringpool/ringpool.h>
#include <stdio.h>
int main(void) { return puts(rp_version()) < 0; }
"""


class Failure(Exception):
    pass


def sh(command, cwd, environment):
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        timeout=100,
    )
    if done.returncode:
        shown = command if isinstance(command, str) else " ".join(map(str, command))
        raise Failure(f"$ {shown}\n{done.stdout}{done.stderr}exit code {done.returncode}")
    return done.stdout


def install(build, destination):
    command = ["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", destination]
    sh(command, None, os.environ)
    found = list(destination.rglob("ringpool-win32.pc"))
    if len(found) != 1:
        raise Failure(f"expected one ringpool-win32.pc, found {found}")
    return found[0].parent


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def quick_start(scratch, environment):
    """Each ```c program belongs to the ```console block behind it: `$ command`, then its output."""
    page = (ROOT / "docs/quick-start.md").read_text()
    pairs = re.findall(
        r"^```c\n(.*?)^```$(?:(?!^```c\n).)*?^```console\n(.*?)^```$",
        page,
        re.MULTILINE | re.DOTALL,
    )
    if len(pairs) != len(fenced(page, "c")) or not pairs:
        raise Failure("docs/quick-start.md: a program without a console block behind it")
    for program, console in pairs:
        (scratch / "app.c").write_text(program)
        for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            shown = sh(command, scratch, environment)
            if shown != expected:
                raise Failure(f"$ {command}\nprinted {shown!r}, the page says {expected!r}")
            print(f"quick start: {command}")


def consumers(arguments, scratch):
    packages = install(arguments.build, scratch / "root")
    environment = dict(os.environ)
    environment["PKG_CONFIG_PATH"] = str(packages)
    environment["LD_LIBRARY_PATH"] = str(packages.parent)
    environment["PATH"] = f"{scratch}/bin:{environment['PATH']}"
    (scratch / "bin").mkdir()
    (scratch / "bin/cc").symlink_to(shutil.which(arguments.cc[-1]))
    flags = "$(pkg-config --cflags --libs {})"

    shutil.copy(ROOT / "tests/compile/work_batch.c", scratch / "app.c")
    win32 = flags.format("ringpool-win32")
    sh(f"cc -Wall -Wextra -Wpedantic -Werror app.c {win32} -o app && ./app", scratch, environment)
    print("an unmodified Windows source: builds with ringpool-win32 and runs")

    (scratch / "owners.cpp").write_text(CPP_PROGRAM)
    cxx = " ".join(arguments.cxx)
    plain = flags.format("ringpool")
    build = f"{cxx} -std=c++20 -Wall -Wextra -Werror owners.cpp {plain} -o owners && ./owners"
    print("C++ owners: " + sh(build, scratch, environment).strip())

    version = sh("pkg-config --modversion ringpool", scratch, environment).strip()
    if f"ringpool {version}: " not in sh("./owners", scratch, environment):
        raise Failure(f"rp_version() is not the version of the package, {version}")

    quick_start(scratch, environment)

    if not shutil.which("cmake"):
        print("the CMake package: not tried, cmake is not installed")
        return
    project = scratch / "cmake"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(CMAKE_PROJECT)
    (project / "plain.c").write_text(PLAIN_PROGRAM)
    shutil.copy(ROOT / "tests/compile/work_batch.c", project / "app.c")
    prefix = next(path for path in packages.parents if (path / "include").exists())
    sh(f"cmake -DCMAKE_PREFIX_PATH={prefix} -S . -B b && cmake --build b", project, environment)
    sh("b/app && b/plain", project, environment)
    print("find_package(ringpool): ringpool::win32 and ringpool::ringpool build and run")


def main(check, tools=()):
    """Of each script here: `check` gets the arguments and a scratch directory and needs `tools`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--cc", nargs="+", default=["cc"])
    parser.add_argument("--cxx", nargs="+", default=["c++"])
    arguments = parser.parse_args()
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        print(f"skipped: {' and '.join(missing)} is not installed")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        try:
            check(arguments, pathlib.Path(scratch))
        except Failure as failure:
            print(failure)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(consumers))
