#!/usr/bin/env python3
"""Sluice beside redis-server and memcached: throughput, latency, CPU per operation, memory per session.

    bench/compare.py [--short] [--repeats N] [--only NAME[,NAME...]] [--sessions N] [--out DIR]

Every server runs on the first core, the generator (sluice-bench tcp, closed loop) on the second: 50 connections, 3 Gets
to 1 Put, 100,000 keys of 32 bytes, values of 256 bytes, at depth 1, 16 and 100. The servers take turns within each
repeat, so that what the machine does otherwise meets all of them; the table shows medians. CPU is the server's own, per
answer, as a ratio to that of sluice-bench null-server in the same repeat: a libuv program that answers without
storing anything, the floor of this kind of server. Bytes per session: the growth of resident memory over a million
sessions. Writes compare.json, compare.svg and compare.md into DIR (build/bench-results).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from experiments.lib import place, plot, servers, text  # noqa: E402

DEPTHS = (1, 16, 100)
VALUE, KEY = 256, 32
FLOOR = "null server"
SHAPES = {
    "mutex": {"backend": "mutex", "mutex.workers": 0},
    "owner": {"backend": "owner", "owner.placement": "loop", "queue.bound": 16384},
    "backpressure": {"backend": "backpressure", "owner.placement": "thread", "queue.bound": 16384},
}


def contenders(build, core, folder):
    found = [servers.Server(FLOOR, "text", servers.null_server(build, VALUE), core, folder)]
    for shape, settings in SHAPES.items():
        for protocol in ("text", "resp", "memcached"):
            found.append(servers.Server(f"sluice {shape}, {protocol}", protocol, servers.sluiced(build, protocol, settings),
                                      core, folder))
    for program, protocol, command in (("redis-server", "resp", servers.redis), ("memcached", "memcached", servers.memcached)):
        if servers.missing(program):
            print(f"{program} is not installed: left out (make deps-compare installs it)")
        else:
            found.append(servers.Server(program, protocol, command, core, folder))
    return found


def bench(build, core, server, path, args, within):
    command = [str(build / "sluice-bench"), "tcp", "--host", "127.0.0.1", "--port", str(server.port), "--protocol",
               server.protocol, "--server-pid", str(server.pid), "--quiet", "--json", str(path), *args]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=within,
                          preexec_fn=place.dies_with_us(core))
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(path.read_text())


def load(build, core, server, depth, seconds, path):
    result = bench(build, core, server, path,
                   ["--connections", "50", "--depth", str(depth), "--mix", "get=75,put=25", "--keys", "100000",
                    "--key-size", str(KEY), "--value", str(VALUE), "--fill", "--warmup", "500ms", "--duration",
                    f"{seconds}s"], seconds + 60)["results"]
    latency = result["latency_ns"]["accepted"]
    if result["outcomes"]["error"] or result["outcomes"]["unanswered"] or result["outcomes"]["overloaded"]:
        raise SystemExit(f"{server.name}, depth {depth}: not every request was served: {result['outcomes']}")
    return {"per_s": result["rates"]["goodput_per_s"], "p50": latency["p50"], "p99": latency["p99"],
            "p99_9": latency["p99_9"], "cpu_ns": result["server"]["cpu_ns_per_answer"]}


def measure_loads(build, cores, found, repeats, seconds, folder):
    """{server: {depth: [run, ...]}}"""
    runs = {s.name: {d: [] for d in DEPTHS} for s in found}
    for repeat in range(repeats):
        for depth in DEPTHS:
            floor = None
            for server in found:
                with server:
                    run = load(build, cores[1], server, depth, seconds, folder / "run.json")
                floor = floor or run["cpu_ns"]
                run["ratio"] = run["cpu_ns"] / floor
                runs[server.name][depth].append(run)
            print(f"    repeat {repeat + 1} of {repeats}, depth {depth}: done", flush=True)
    return runs


def measure_memory(build, cores, found, sessions, folder):
    """{server: bytes of resident memory per session}"""
    bytes_each = {}
    for server in found:
        protocol_matters_not = server.name.startswith("sluice") and server.protocol != "text"
        if server.name == FLOOR or protocol_matters_not:
            continue
        with server:
            before = server.resident()
            bench(build, cores[1], server, folder / "fill.json",
                  ["--connections", "1", "--keys", str(sessions), "--key-size", str(KEY), "--value", str(VALUE), "--ttl",
                   "never", "--fill", "--warmup", "0ms", "--count", "1", "--mix", "get=1"], 600)
            bytes_each[server.name.split(",")[0]] = (server.resident() - before) / sessions
        print(f"    memory of {server.name}: done", flush=True)
    return bytes_each


def medians(runs):
    return {name: {depth: {field: median(run[field] for run in found) for field in found[0]}
                   for depth, found in by_depth.items()} for name, by_depth in runs.items()}


def tables(data):
    rows = []
    for name, by_depth in data["medians"].items():
        row = [name]
        for depth in map(str, DEPTHS):
            m = by_depth[depth]
            row += [text.count(m["per_s"]), f"{text.duration(m['p50'])} / {text.duration(m['p99'])} / "
                    f"{text.duration(m['p99_9'])}", f"{m['cpu_ns'] / 1000:.2f} µs", f"{m['ratio']:.2f}"]
        rows.append(row)
    header = ["server"]
    for depth in DEPTHS:
        header += [f"depth {depth}: op/s", "p50 / p99 / p99.9", "CPU/op", "x null"]
    lines = [text.grid(header, rows)]
    if data["memory"]:
        lines.append(text.grid(["server", f"bytes per session, {data['sessions']:,} sessions"],
                                [[name, text.count(n)] for name, n in data["memory"].items()]))
    return "\n".join(lines)


def draw(data, path):
    names = [n for n in data["medians"] if n != FLOOR]
    colours = {"mutex": "mutex", "owner": "owner", "backpressure": "backpressure", "redis-server": "theory",
               "memcached": "extra"}
    panels = []
    for field, title, label in (("ratio", "CPU per operation", "times the null server"), ("per_s", "Throughput", "op/s")):
        panel = plot.Panel(title, "depth", label, logx=True, xtics="1, 16, 100", yrange=(0, None), key="outside bottom")
        for name in names:
            if name.startswith("sluice") and not name.endswith("resp"):
                continue
            style = colours[name.split(",")[0].replace("sluice ", "")]
            panel.add(name, [(d, data["medians"][name][str(d)][field]) for d in DEPTHS], style)
        panels.append(panel)
    return plot.draw(path, "Sluice, redis-server, memcached", panels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one repeat of one second, 100,000 sessions")
    parser.add_argument("--repeats", type=int, help="default 5")
    parser.add_argument("--only", help="servers whose name begins or ends so; the null server always runs")
    parser.add_argument("--sessions", type=int, help="for bytes per session; 0: leave that out; default 1,000,000")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-results")
    args = parser.parse_args()
    build = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("comparing needs two cores: one for the server, one for the generator")
    repeats = args.repeats or (1 if args.short else 5)
    sessions = (100_000 if args.short else 1_000_000) if args.sessions is None else args.sessions
    args.out.mkdir(parents=True, exist_ok=True)
    info = place.machine()
    with tempfile.TemporaryDirectory(prefix="sluice-compare-") as name:
        folder = Path(name)
        found = contenders(build, cores[0], folder)
        if args.only:
            words = args.only.split(",")
            found = [s for s in found if s.name == FLOOR or any(s.name.startswith(w) or s.name.endswith(w) for w in words)]
        runs = measure_loads(build, cores, found, repeats, 1 if args.short else 4, folder)
        memory = measure_memory(build, cores, found, sessions, folder) if sessions else {}
    data = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": info, "repeats": repeats,
            "sessions": sessions, "runs": runs, "medians": medians(runs), "memory": memory}
    path = args.out / "compare.json"
    path.write_text(json.dumps(data, indent=1) + "\n")
    data = json.loads(path.read_text())
    shown = tables(data) + f"\n{place.machine_text(info)}, {data['date']}; medians of {repeats}.\n"
    (args.out / "compare.md").write_text(shown)
    if not draw(data, args.out / "compare.svg"):
        print("no plot: gnuplot is not installed")
    print(shown)


if __name__ == "__main__":
    main()
