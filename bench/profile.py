#!/usr/bin/env python3
"""What an operation costs sluiced: instructions, by callgrind, and system calls, by strace.

    bench/profile.py [--protocols text,resp,memcached] [--depths 1,16,100] [--mixes get=1,put=1] [--set KEY=VALUE ...]
                     [--functions N] [--calls]

Counts, so that a busy machine does not matter: 50 connections, 20,000 keys of 32 bytes, values of 256 bytes, one I/O
thread, backend mutex with workers: 0 unless --set says otherwise. Instructions are those of the whole process in user
mode, divided by the answers; --functions lists the N dearest functions of each run. --calls counts the system calls of
each run in their place. Needs valgrind (strace); builds nothing but a small library for the run.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from experiments.lib import servers, text  # noqa: E402

REQUESTS = 60_000
KEYS, KEY, VALUE = 20_000, 32, 256


def load(build, server, depth, mix, requests, fill):
    command = [str(build / "sluice-bench"), "tcp", "--port", str(server.port), "--protocol", server.protocol, "--quiet",
               "--connections", "50", "--depth", str(depth), "--mix", mix, "--keys", str(KEYS), "--key-size", str(KEY),
               "--value", str(VALUE), "--warmup", "0ms", "--count", str(requests)] + ["--fill"] * fill
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {done.stderr.decode(errors='replace').strip()}")


def started(name, protocol, prefix, environment, command, folder):
    """A server whose program runs under another."""
    return servers.Server(name, protocol, lambda port: ["env", *environment, *prefix, *command(port)], None, folder)


def slow_clock(folder):
    library = folder / "slow_clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "bench/experiments/lib/slow_clock.c"],
                   check=True)
    return library


def control(server, *words):
    subprocess.run(["callgrind_control", *words, str(server.pid)], capture_output=True, check=True)


def instructions(build, protocol, depth, mix, settings, folder):
    """{function: instructions per answer}"""
    out = folder / "callgrind.out"
    prefix = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
    command = servers.sluiced(build, protocol, settings)
    with started("sluiced", protocol, prefix, [f"LD_PRELOAD={slow_clock(folder)}"], command, folder) as server:
        load(build, server, 16, "get=1", 5000, fill=True)  # also lets it learn that its operations are fast
        control(server, "-i", "on")
        load(build, server, depth, mix, REQUESTS, fill=False)
        control(server, "-i", "off")
        control(server, "-d")
    report = subprocess.run(["callgrind_annotate", "--threshold=100", f"{out}.1"], capture_output=True, check=True)
    found = collections.Counter()
    for line in report.stdout.decode(errors="replace").splitlines():
        row = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+(\S+?):(\S+)", line)
        if row and not line.endswith("PROGRAM TOTALS"):
            found[row[3].split(".")[0]] += int(row[1].replace(",", "")) / REQUESTS
    return found


def system_calls(build, protocol, depth, mix, settings, folder):
    """{system call: number per answer}"""
    out = folder / "strace.out"
    command = servers.sluiced(build, protocol, settings)
    with servers.Server("sluiced", protocol, command, None, folder) as server:
        load(build, server, 16, "get=1", 5000, fill=True)
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", str(out), "-p", str(server.pid)],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tracer.stderr.readline()  # it says when it is attached
        time.sleep(0.2)           # to all threads
        load(build, server, depth, mix, REQUESTS, fill=False)
        tracer.terminate()
        tracer.communicate()
    rows = [line.split() for line in out.read_text().splitlines()]
    return collections.Counter({r[-1]: int(r[3]) / REQUESTS for r in rows
                                if len(r) >= 5 and r[3].isdigit() and r[-1] != "total"})


def show(found, args, depth, protocol, mix):
    if args.calls:
        print(f"{protocol}, depth {depth}, {mix}: " + ", ".join(f"{n:.4f} {name}" for name, n in found.most_common(6)))
        return
    for name, n in found.most_common(args.functions):
        print(f"    {n:8.1f}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocols", default="text,resp,memcached")
    parser.add_argument("--depths", default="1,16,100")
    parser.add_argument("--mixes", default="get=1 put=1", help="separated by blanks: 'get=75,put=25 delete=1'")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of sluiced")
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--calls", action="store_true", help="system calls in place of instructions")
    args = parser.parse_args()
    build = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
    settings = {"backend": "mutex", "mutex.workers": 0, **dict(word.split("=", 1) for word in args.set)}
    depths, mixes = args.depths.split(","), args.mixes.split()
    measure = system_calls if args.calls else instructions
    rows = []
    with tempfile.TemporaryDirectory(prefix="sluice-profile-") as name:
        for protocol in args.protocols.split(","):
            row = [protocol]
            for depth in depths:
                for mix in mixes:
                    found = measure(build, protocol, depth, mix, settings, Path(name))
                    row.append(text.count(sum(found.values())))
                    if args.functions and not args.calls:
                        print(f"{protocol}, depth {depth}, {mix}: {row[-1]}")
                    show(found, args, depth, protocol, mix)
            rows.append(row)
    if not args.calls:
        print(text.grid(["instructions per operation"] + [f"depth {d}, {m}" for d in depths for m in mixes], rows))


if __name__ == "__main__":
    main()
