#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many instructions a path of the library takes, counted by callgrind.

    tools/count_instructions.py                   prints path and instructions per operation
    tools/count_instructions.py --check FILE      compares with the figures of FILE (a test does)
    tools/count_instructions.py --update [FILE]   writes FILE (tests/instructions/expected.toml)
    tools/count_instructions.py --where PATH      which functions and files they are in
    tools/count_instructions.py --repeat N        counts N times and prints how much that differs

Exit code 1 when a figure is more than 3 % above the expected one, or more than 3 % below it (then
FILE is no longer true), 2 for bad arguments, and 77 with the cause when nothing can be compared: no
valgrind, or another compiler, architecture, C library, build or kind of fence than FILE was
written with.

Why instructions: time on a shared machine differs by tens of per cent from run to run, so that a
path that got a tenth slower stays unseen. The same build takes the same instructions each time:
fifteen runs beside four busy loops on two CPUs differed by nothing. What counts cannot see is as
real: cache misses, mispredicted branches, atomic operations that wait for a line, and time inside
the kernel. The benchmarks measure those.

How: tests/instructions/paths.c runs each path with 128 and with 896 operations, and collects on
one thread between two points. The difference by 768 is what one operation takes, with the loop
around it and one part in many of what happens now and then (a new block of a queue, a look at the
clock). valgrind runs one thread at a time and every thread on one CPU, and the figures depend on
who runs when only as far as the counted thread acts on it; paths.c arranges that it does not.

What is not counted because of that: what a worker does that is woken, looks for work, steals and
goes to sleep, reaping a ring, and the callbacks of timers and I/O. How many instructions those take
depends on what the other threads and the kernel are doing just then.

Tried too: without io_uring (RINGPOOL_RING_CAPS=-ring) and with every tier of detection the figures
are the same. Without membarrier the fences of the queues are instructions, and fan_out takes 3.4 %
more, so FILE says which it is. io_uring and membarrier work under valgrind 3.19 on Linux 6.18.
"""

import argparse
import collections
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPECTED = ROOT / "tests/instructions/expected.toml"
TOLERANCE = 0.03
SKIPPED = 77

HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Instructions of one operation of each path in paths.c. Written by
# tools/count_instructions.py --update; compared by the test instructions/guard.

"""


class Skip(Exception):
    """Nothing can be compared here; the text says why."""


class Failure(Exception):
    """The counting itself went wrong."""


class BadInput(Exception):
    """What was given cannot be used."""


# ---- counting


# Settings of ringpool, of malloc (a test runner sets MALLOC_PERTURB_, and three per cent of
# try_submit with it) and of glibc change the figures.
PASSED_ON = {"HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR"}


TRIGGER = re.compile(r"^desc: Trigger: Client Request: (\w+) (\d+)$", re.MULTILINE)


def environment():
    return {name: value for name, value in os.environ.items() if name in PASSED_ON}


def on_one_cpu():
    """Elsewhere there are more cores, and more to look at for a pool."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run_program(command, seconds):
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment(),
            preexec_fn=on_one_cpu,
        )
    except OSError as error:
        raise Failure(f"cannot start {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{shlex.join(command)} did not end within {seconds} s") from None
    if done.returncode == SKIPPED:
        raise Skip(done.stdout.strip().removeprefix("skipped: "))
    if done.returncode != 0:
        told = (done.stdout + done.stderr).strip()
        raise Failure(f"{shlex.join(command)} ended with {done.returncode}:\n{told}")
    return done.stdout


def made_with(program):
    return tomllib.loads(run_program([program, "--made-with"], 20))


def run_callgrind(program, directory):
    """{(path, operations): file} of one run."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Skip("valgrind is missing: apt-get install valgrind")
    run_program(
        [
            valgrind,
            "--tool=callgrind",
            "--collect-atstart=no",
            "--fair-sched=try",  # who waits for its turn gets it, in the order of asking
            f"--callgrind-out-file={directory}/out",
            program,
        ],
        100,
    )
    files = {}
    for file in pathlib.Path(directory).glob("out.*"):
        if match := TRIGGER.search(file.read_text()):
            files[match[1], int(match[2])] = file
    if not files:
        raise Failure("callgrind has written no counts")
    return files


def total(file):
    return int(re.search(r"^totals: (\d+)$", file.read_text(), re.M)[1])


def differences(figures):
    """{path: per operation} from {(path, operations): figure}, in the order of the names."""
    result = {}
    for path in sorted({name for name, _ in figures}):
        lengths = sorted(length for name, length in figures if name == path)
        if len(lengths) != 2:
            raise Failure(f"{path}: two lengths are needed, there are {len(lengths)}")
        short, long = lengths
        result[path] = (figures[path, long] - figures[path, short]) / (long - short)
    return result


def count(program):
    with tempfile.TemporaryDirectory() as directory:
        files = run_callgrind(program, directory)
        return differences({key: total(file) for key, file in files.items()})


# ---- where they are

# callgrind_annotate 3.19 gives all to the outermost function when collecting begins inside, so
# the costs of the lines are added up here. Calls are left out: each line counts where it stands.
NAME = re.compile(r"(fl|fi|fe|fn)=\((\d+)\)(?: (.*))?$")
COST = re.compile(r"(?:[+-]?\d+|\*) (\d+)$")


def self_costs(text):
    """(Counter of functions, Counter of files) of a callgrind file."""
    names, functions, files = {}, collections.Counter(), collections.Counter()
    function = file = None
    is_call = False
    for line in text.split("\n"):
        # Names are spelt where they are first used, so those of callees are read too.
        if match := NAME.match(line.removeprefix("c")):
            key = (match[1] == "fn", match[2])
            if match[3] is not None:
                names[key] = match[3]
            if line.startswith("c"):
                continue
            if match[1] == "fn":
                function = names[key]
            else:
                file = names[key]
        elif line.startswith("calls="):
            is_call = True
        elif match := COST.match(line):
            if not is_call:
                functions[function] += int(match[1])
                files[file] += int(match[1])
            is_call = False
    return functions, files


def short_file(name):
    for mark in ("/../", "/include/c++/", "/sysdeps/"):
        if mark in name:
            return name.rsplit(mark, 1)[1]
    return name.removeprefix(str(ROOT) + "/")


def short_function(name):
    name = re.sub(r"\(.*", "", name.replace("(anonymous namespace)::", ""))
    return re.sub(r"rp::(?:sched|tp|nt|kernel)::(?:policies::|parts::)?", "", name)


def where(program, path):
    with tempfile.TemporaryDirectory() as directory:
        files = run_callgrind(program, directory)
        costs = {key: self_costs(file.read_text()) for key, file in files.items()}
    if path not in {name for name, _ in costs}:
        known = ", ".join(sorted({name for name, _ in costs}))
        raise BadInput(f"--where {path}: there is no such path; there are {known}")
    short, long = sorted(length for name, length in costs if name == path)
    for kind, shorten, title in ((0, short_function, "function"), (1, short_file, "file")):
        table = collections.Counter()
        for name, cost in costs[path, long][kind].items():
            table[shorten(name)] += cost
        for name, cost in costs[path, short][kind].items():
            table[shorten(name)] -= cost
        rows = [(n / (long - short), name) for name, n in table.most_common()]
        print(f"{path}: instructions of one operation by {title}\n")
        for figure, name in rows:
            if figure >= 0.05:
                print(f"{figure:9.1f}  {name}")
        print(f"{sum(figure for figure, _ in rows):9.1f}  together\n")


# ---- comparing


def unlike(expected, here):
    """What differs between the build FILE was written with and this one."""
    return [
        f"{key}: {expected.get(key, 'not said')} in the file, {here.get(key, 'not said')} here"
        for key in sorted(expected.keys() | here.keys())
        if expected.get(key) != here.get(key)
    ]


def complaints(expected, counted, update):
    for path in sorted(expected.keys() | counted.keys()):
        if path not in counted:
            yield f"{path}: is in the file and is counted no more; {update}"
        elif path not in expected:
            yield f"{path}: {counted[path]:.1f} instructions, and not in the file; {update}"
        else:
            change = counted[path] / expected[path] - 1
            figures = (
                f"{path}: {counted[path]:.1f} instructions, expected {expected[path]:.1f} "
                f"({100 * change:+.1f} %, {100 * TOLERANCE:.0f} % allowed)"
            )
            if change > TOLERANCE:
                yield f"{figures}; if it is worth that, {update}"
            elif change < -TOLERANCE:
                yield f"{figures}; it has become shorter, so {update}"


def read_expected(file):
    try:
        data = tomllib.loads(file.read_text())
        figures = {k: float(v) for k, v in data["instructions"].items()}
        if not figures or min(figures.values()) <= 0:
            raise ValueError("[instructions] needs figures above 0")
        return data["made_with"], figures
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}; --update writes it") from None
    except (tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"{file}: cannot be used ({error}); --update writes it anew") from None


def check(program, file, update):
    built, expected = read_expected(file)
    if differing := unlike(built, made_with(program)):
        raise Skip("instructions are counted for one build only; " + "; ".join(differing))
    counted = count(program)
    print_table(counted, expected)
    found = list(complaints(expected, counted, update))
    print("\n".join(found) or f"all within {100 * TOLERANCE:.0f} %")
    return 1 if found else 0


def write(program, file):
    built = made_with(program)
    lines = ["[made_with]"]
    lines += [f'{key} = "{value}"' for key, value in built.items()]
    lines += ["", "[instructions]"]
    counted = count(program)
    lines += [f"{path} = {figure:.1f}" for path, figure in counted.items()]
    file.write_text(HEADER + "\n".join(lines) + "\n")
    print_table(counted)
    print(f"written: {file}")
    return 0


def print_table(counted, expected=None):
    print(f"{'path':<14} {'instructions':>12}" + (f" {'expected':>9}" if expected else ""))
    for path, figure in counted.items():
        known = f" {expected[path]:9.1f}" if expected and path in expected else ""
        print(f"{path:<14} {figure:12.1f}{known}")


def print_repeated(program, times):
    runs = [count(program) for _ in range(times)]
    print(f"{'path':<14} {'least':>9} {'most':>9} {'apart':>8}   of {times} runs")
    for path in runs[0]:
        figures = [run[path] for run in runs]
        apart = 100 * (max(figures) / min(figures) - 1)
        print(f"{path:<14} {min(figures):9.1f} {max(figures):9.1f} {apart:7.2f} %")
    return 0


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--program",
        type=pathlib.Path,
        default=ROOT / "build/tests/instructions/instruction_paths",
        help="what is counted (ninja -C build tests/instructions/instruction_paths)",
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--check", type=pathlib.Path, metavar="FILE")
    one.add_argument("--update", type=pathlib.Path, nargs="?", const=EXPECTED, metavar="FILE")
    one.add_argument("--where", metavar="PATH")
    one.add_argument("--repeat", type=int, metavar="N")
    given = parser.parse_args()
    if given.repeat is not None and given.repeat < 1:
        parser.error("--repeat takes a number above 0")
    if not given.program.is_file():
        parser.error(
            f"--program {given.program}: there is no such file; "
            "ninja -C build tests/instructions/instruction_paths makes it"
        )
    given.program = str(given.program.resolve())
    return given


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    given = arguments()
    update = f"tools/count_instructions.py --program {shlex.quote(given.program)} --update"
    try:
        if given.check:
            return check(given.program, given.check, f"run {update}")
        if given.update:
            return write(given.program, given.update)
        if given.where:
            where(given.program, given.where)
        elif given.repeat:
            print_repeated(given.program, given.repeat)
        else:
            print_table(count(given.program))
        return 0
    except Skip as cause:
        print(f"skipped: {cause}")
        return SKIPPED
    except Failure as cause:
        print(f"count_instructions: {cause}", file=sys.stderr)
        return 1
    except BadInput as cause:
        print(f"count_instructions: {cause}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
