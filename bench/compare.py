#!/usr/bin/env python3
"""Sluice beside redis-server and memcached: throughput, latency, CPU per operation, memory per session.

    bench/compare.py [--short] [--repeats N] [--only NAME[,NAME...]] [--sessions N] [--out DIR]

Every server runs on the first core, the generator (sluice-bench tcp, closed loop) on the second: 50 connections, 3 Gets
to 1 Put, 100,000 keys of 32 bytes, values of 256 bytes, at depth 1, 16 and 100. The servers take turns within each
repeat, so that what the machine does otherwise meets all of them; the table shows medians. CPU is the server's own, per
answer, as a ratio to that of sluice-bench null-server in the same repeat: the daemon's network room with nothing behind
it. Bytes per session: the growth of resident memory over a million sessions. Writes compare.json, compare.svg and
compare.md into DIR (build/bench-results).
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from statistics import median

sys.dont_write_bytecode = True

from experiments.lib import place, plot, servers, text  # noqa: E402
from experiments.lib.context import ROOT, Context  # noqa: E402

DEPTHS = (1, 16, 100)
VALUE, KEY = 256, 32
SIZES = ["--key-size", str(KEY), "--value", str(VALUE), "--fill"]
FLOOR = "null server"
SHAPES = {
    "mutex": {"backend": "mutex", "mutex.workers": 0},
    "owner": {"backend": "owner", "owner.placement": "loop", "queue.bound": 16384},
    "backpressure": {"backend": "backpressure", "owner.placement": "thread", "queue.bound": 16384},
}
STYLES = {"sluice mutex": "mutex", "sluice owner": "owner", "sluice backpressure": "backpressure", "redis-server": "theory",
          "memcached": "extra"}


def contenders(ctx, core, only):
    found = [(FLOOR, "text", servers.null_server(ctx.build, VALUE))]
    found += [(f"sluice {shape}, {protocol}", protocol, servers.sluiced(ctx.build, protocol, settings))
              for shape, settings in SHAPES.items() for protocol in ("text", "resp", "memcached")]
    for name, protocol, command in (("redis-server", "resp", servers.redis), ("memcached", "memcached", servers.memcached)):
        if not shutil.which(name):
            print(f"{name} is not installed: left out (make deps-compare installs it)")
        else:
            found.append((name, protocol, command))
    return [servers.Server(*which, core, ctx.work) for which in found
            if which[0] == FLOOR or any(which[0].startswith(w) or which[0].endswith(w) for w in only)]


def load(ctx, server, depth, seconds):
    args = ["--protocol", server.protocol, "--connections", "50", "--depth", str(depth), "--mix", "get=75,put=25",
            "--keys", "100000", *SIZES, "--warmup", "500ms", "--duration", f"{seconds}s"]
    result = ctx.quietly(server, args, seconds + 40, server.name)["results"]
    latency, outcomes = result["latency_ns"]["accepted"], result["outcomes"]
    if outcomes["error"] or outcomes["unanswered"] or outcomes["overloaded"]:
        raise SystemExit(f"{server.name}, depth {depth}: not every request was served: {outcomes}")
    return {"per_s": result["rates"]["goodput_per_s"], "p50": latency["p50"], "p99": latency["p99"],
            "p99_9": latency["p99_9"], "cpu_ns": result["server"]["cpu_ns_per_answer"]}


def measure_loads(ctx, found, repeats, seconds):
    """{server: {depth: [run, ...]}}"""
    runs = {s.name: {str(d): [] for d in DEPTHS} for s in found}
    for repeat in range(repeats):
        for depth in DEPTHS:
            floor = None
            for server in found:
                with server:
                    run = load(ctx, server, depth, seconds)
                floor = floor or run["cpu_ns"]
                runs[server.name][str(depth)].append({**run, "ratio": run["cpu_ns"] / floor})
            ctx.say(f"repeat {repeat + 1} of {repeats}, depth {depth}: done")
    return runs


def measure_memory(ctx, found, sessions):
    """{server: bytes of resident memory per session}; the protocol does not matter."""
    bytes_each = {}
    for server in found:
        name = server.name.split(",")[0]
        if server.name == FLOOR or name in bytes_each:
            continue
        with server:
            before = server.resident()
            ctx.quietly(server, ["--protocol", server.protocol, "--connections", "1", "--keys", str(sessions), *SIZES,
                                 "--ttl", "never", "--warmup", "0ms", "--count", "1", "--mix", "get=1"], 580, name)
            bytes_each[name] = (server.resident() - before) / sessions
        ctx.say(f"memory of {name}: done")
    return bytes_each


def tables(data):
    columns = ["server=name"]
    for d in DEPTHS:
        columns += [f"depth {d}: op/s={d}.per_s:n", ("p50 / p99 / p99.9", lambda row, d=str(d): " / ".join(
            text.duration(row[d][p]) for p in ("p50", "p99", "p99_9"))), f"CPU/op={d}.cpu_ns:d", f"x null={d}.ratio:2"]
    shown = text.table([{"name": name, **depths} for name, depths in data["medians"].items()], *columns)
    if data["memory"]:
        shown += "\n" + text.grid(["server", f"bytes per session, {data['sessions']:,} sessions"],
                                  [[name, text.count(n)] for name, n in data["memory"].items()])
    return shown + f"\n{place.machine_text(data['machine'])}, {data['date']}; medians of {data['repeats']}.\n"


def panels(data):
    for field, title, label in (("ratio", "CPU per operation", "times the null server"), ("per_s", "Throughput", "op/s")):
        panel = plot.Panel(title, "depth", label, logx=True, xtics="1, 16, 100", yrange=(0, None), key="outside bottom")
        for name, depths in data["medians"].items():
            if name != FLOOR and (not name.startswith("sluice") or name.endswith("resp")):
                panel.add(name, [(d, depths[str(d)][field]) for d in DEPTHS], STYLES[name.split(",")[0]])
        yield panel


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one repeat of one second, 100,000 sessions")
    parser.add_argument("--repeats", type=int, help="default 5")
    parser.add_argument("--only", default="", help="servers whose name begins or ends so; the null server always runs")
    parser.add_argument("--sessions", type=int, help="for bytes per session; 0: leave that out; default 1,000,000")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-results")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("comparing needs two cores: one for the server, one for the generator")
    repeats = args.repeats or (1 if args.short else 5)
    sessions = (100_000 if args.short else 1_000_000) if args.sessions is None else args.sessions
    args.out.mkdir(parents=True, exist_ok=True)
    with Context(not args.short) as ctx:
        ctx.places.generator = cores[1]
        found = contenders(ctx, cores[0], args.only.split(","))
        runs = measure_loads(ctx, found, repeats, ctx.pick(1, 4))
        memory = measure_memory(ctx, found, sessions) if sessions else {}
    medians = {name: {depth: {field: median(run[field] for run in some) for field in some[0]}
                      for depth, some in depths.items()} for name, depths in runs.items()}
    data = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": place.machine(), "repeats": repeats,
            "sessions": sessions, "runs": runs, "medians": medians, "memory": memory}
    (args.out / "compare.json").write_text(json.dumps(data, indent=1) + "\n")
    (args.out / "compare.md").write_text(tables(data))
    if not plot.draw(args.out / "compare.svg", "Sluice, redis-server, memcached", [*panels(data)]):
        print("no plot: gnuplot is not installed")
    print(tables(data))


if __name__ == "__main__":
    main()
