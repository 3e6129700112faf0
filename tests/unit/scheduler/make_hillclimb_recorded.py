#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes hillclimb_recorded.hpp: what hillclimb_recorded.csv measured, and the moves expected.

    make_hillclimb_recorded.py           writes the header
    make_hillclimb_recorded.py --check   compares instead, as a test does; exit code 1 when stale

The moves are reckoned here a second time, from the published description (Hellerstein et al., FeBID
2008, with the constants of .NET) and not from our C++: waves are plain Fourier sums over the window
in complex numbers, not Goertzel's recurrence over a ring of samples; each row looks back at a list
of all samples since the last restart. The phase of the two methods differs; the slope, a quotient
of two waves of the same window, does not.
"""
import cmath
import csv
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PERIOD, WINDOW = 4, 32
MAXIMUM, MINIMUM, CPUS = 40, 1, 2


def fourier(values, period):
    turn = 2j * math.pi / period
    return sum(v * cmath.exp(-turn * i) for i, v in enumerate(values)) / len(values)


def slope_and_confidence(samples, noise):
    """(slope or None, confidence, long noise) of (throughput, threads) since the restart."""
    # The sample before the first whole window started with another number of threads.
    count = min(len(samples) - 1, WINDOW) // PERIOD * PERIOD
    if count <= PERIOD:
        return None, 0.0, noise
    throughput = [t for t, _ in samples[-count:]]
    threads = [n for _, n in samples[-count:]]
    mean_throughput, mean_threads = sum(throughput) / count, sum(threads) / count
    if mean_throughput <= 0 or mean_threads <= 0:
        return None, 0.0, noise
    cycles = count // PERIOD
    now = max(
        abs(fourier(throughput, count / neighbour)) / mean_throughput
        for neighbour in (cycles - 1, cycles + 1)
    )
    noise = now if noise == 0 else 0.01 * now + 0.99 * noise
    shake = fourier(threads, PERIOD) / mean_threads
    if abs(shake) < 1e-12:
        return 0j, 0.0, noise
    slope = fourier(throughput, PERIOD) / mean_throughput / shake - 0.15
    loudest = max(now, noise)
    return slope, abs(shake) / loudest / 3.0 if loudest > 0 else 1.0, noise


class Climber:
    def __init__(self):
        self.setting, self.noise, self.given = 0.0, 0.0, 0
        self.samples, self.pending = [], (0.0, 0)

    def restart(self, threads):
        self.setting, self.given, self.samples, self.pending = float(threads), threads, [], (0.0, 0)

    def step(self, dt_ns, threads, completions, cpu_use):
        """(move, setting, threads wanted next)"""
        if dt_ns == 0:
            self.restart(min(max(CPUS, MINIMUM), MAXIMUM))
            return 0.0, self.setting, self.given
        if threads != self.given:
            self.restart(threads)
        seconds, done = dt_ns * 1e-9 + self.pending[0], completions + self.pending[1]
        if self.samples and (done == 0 or (threads - 1) / done >= 0.15):
            self.pending = (seconds, done)
            return None, self.setting, threads
        self.pending = (0.0, 0)
        self.samples.append((done / seconds, threads))
        slope, confidence, self.noise = slope_and_confidence(self.samples, self.noise)
        push = min(max(slope.real, -1.0), 1.0) * min(confidence, 1.0) if slope is not None else 0.0
        move = min(math.copysign(push * push, push) * 4.0 * seconds, 20.0)
        if move > 0 and cpu_use > 0.95:
            move = 0.0
        wave = min(max(math.floor(0.5 + (self.setting + move) * self.noise * 6.0), 1), 20)
        self.setting = max(min(self.setting + move, MAXIMUM - wave), MINIMUM)
        up = len(self.samples) // (PERIOD // 2) % 2 == 1
        self.given = min(max(int(self.setting + (wave if up else 0)), MINIMUM), MAXIMUM)
        return move, self.setting, self.given


def header():
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "#pragma once",
        "// Written by make_hillclimb_recorded.py, which says how the expectations were obtained.",
        "// clang-format off",
        "#include <cstdint>",
        "",
        "struct recorded_sample {",
        "    const char* series;",
        "    int64_t dt_ns;",
        "    uint32_t threads;",
        "    uint64_t completions;",
        "    double cpu_use;",
        "    uint32_t random;",
        "    double move; // -100: the sample was too small and is carried over",
        "    double setting;",
        "    uint32_t next_threads;",
        "};",
        "",
        "inline constexpr recorded_sample hillclimb_recorded[] = {",
    ]
    climber = None
    rows = (l for l in open(HERE / "hillclimb_recorded.csv") if not l.startswith("#"))
    for row in csv.DictReader(rows):
        if row["dt_ns"] == "0":
            climber = Climber()
        dt, threads, done = int(row["dt_ns"]), int(row["threads"]), int(row["completions"])
        move, setting, after = climber.step(dt, threads, done, float(row["cpu_use"]))
        move = -100.0 if move is None else move
        lines.append(
            f'    {{"{row["series"]}", {dt}, {threads}, {done}, {row["cpu_use"]}, {row["random"]}U,'
            f" {move:.9f}, {setting:.9f}, {after}}},"
        )
    return "\n".join(lines + ["};", ""])


def main():
    target = HERE / "hillclimb_recorded.hpp"
    if sys.argv[1:] == ["--check"]:
        if not target.exists() or target.read_text() != header():
            sys.exit("hillclimb_recorded.hpp is stale: run make_hillclimb_recorded.py")
    else:
        target.write_text(header())


main()
