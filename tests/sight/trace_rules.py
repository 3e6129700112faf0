# SPDX-License-Identifier: Apache-2.0
"""What a trace must keep so that Perfetto and chrome://tracing load it without a complaint."""

import collections

KNOWN_PHASES = {"B", "E", "b", "e", "s", "f", "C", "M", "i"}


def complaints(trace):
    """Texts that say what is wrong with a parsed trace; none when it is right."""
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        yield "no list of traceEvents"
        return
    stacks = collections.defaultdict(list)
    waits, flows, ended_flows, ids = {}, {}, set(), set()
    last = None
    for index, event in enumerate(trace["traceEvents"]):
        at = f"event {index}"
        phase = event.get("ph")
        if phase not in KNOWN_PHASES:
            yield f"{at}: unknown phase {phase!r}"
            continue
        if not isinstance(event.get("pid"), int) or not isinstance(event.get("tid"), int):
            yield f"{at}: pid and tid are numbers"
        if phase != "E" and not event.get("name"):
            yield f"{at}: no name"
        if phase == "M":
            continue
        time = event.get("ts")
        if not isinstance(time, (int, float)) or time < 0:
            yield f"{at}: bad time {time!r}"
            continue
        if last is not None and time < last:
            yield f"{at}: time goes back from {last} to {time}"
        last = time
        track = (event["pid"], event["tid"])
        if phase == "B":
            stacks[track].append(event["name"])
        elif phase == "E":
            if not stacks[track]:
                yield f"{at}: E without B on track {track}"
            else:
                stacks[track].pop()
        elif phase in "be":
            key = (event.get("cat"), event.get("id"), event["name"])
            if phase == "b":
                if key[1] in ids:
                    yield f"{at}: id {key[1]} is used twice"
                ids.add(key[1])
                waits[key] = index
            elif waits.pop(key, None) is None:
                yield f"{at}: e without b, id {key[1]}"
        elif phase in "sf":
            key = (event.get("cat"), event.get("id"), event["name"])
            if not stacks[track]:
                yield f"{at}: the end of a flow lies in no slice"
            if phase == "s":
                if key in flows or key in ended_flows:
                    yield f"{at}: flow {key[1]} begins twice"
                flows[key] = index
            elif flows.pop(key, None) is None:
                yield f"{at}: flow {key[1]} ends without a begin"
            else:
                ended_flows.add(key)
                if event.get("bp") != "e":
                    yield f"{at}: the end of a flow is not bound to its slice"
        elif phase == "C":
            values = event.get("args", {}).values()
            if not values or not all(isinstance(v, (int, float)) and v >= 0 for v in values):
                yield f"{at}: a counter without a number"
    for track, stack in stacks.items():
        if stack:
            yield f"track {track}: B without E: {stack}"
    for key in waits:
        yield f"b without e, id {key[1]}"
    for key in flows:
        yield f"flow {key[1]} begins and does not end"
    yield from unnamed_tracks(trace["traceEvents"])


def unnamed_tracks(events):
    named = {(e["pid"], e["tid"]) for e in events if e.get("name") == "thread_name"}
    processes = {e["pid"] for e in events if e.get("name") == "process_name"}
    for track in sorted({(e["pid"], e["tid"]) for e in events if e.get("ph") in "BE"} - named):
        yield f"track {track} has no name"
    for process in sorted({e["pid"] for e in events} - processes):
        yield f"process {process} has no name"


def callbacks_named(trace, name=None):
    """The arguments of the slices of a function (or of all that have ended), with `ran_ns`."""
    stacks, calls = collections.defaultdict(list), []
    for event in trace["traceEvents"]:
        track = (event["pid"], event["tid"])
        if event["ph"] == "B":
            stacks[track].append(event)
        elif event["ph"] == "E":
            begun = stacks[track].pop()
            arguments = begun.get("args", {})
            if "slept_ns" in arguments and name in (None, begun["name"]):
                calls.append({**arguments, "ran_ns": round((event["ts"] - begun["ts"]) * 1000)})
    return calls


def callbacks(trace):
    """How many callbacks of each kind have a slice."""
    return collections.Counter(
        e["args"]["kind"]
        for e in trace["traceEvents"]
        if e["ph"] == "B" and "kind" in e.get("args", {})
    )
