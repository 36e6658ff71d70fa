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
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from experiments.lib import servers, text  # noqa: E402
from experiments.lib.context import ROOT, Context  # noqa: E402

REQUESTS = 60_000
KEYS, KEY, VALUE = 20_000, 32, 256


def load(ctx, server, depth, mix, requests, fill):
    ctx.quietly(server, ["--protocol", server.protocol, "--connections", "50", "--depth", depth, "--mix", mix, "--keys",
                         str(KEYS), "--key-size", str(KEY), "--value", str(VALUE), "--warmup", "0ms", "--count",
                         str(requests)] + ["--fill"] * fill, 300, server.name)


def slow_clock(ctx):
    library = ctx.work / "slow_clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "bench/experiments/lib/slow_clock.c"],
                   check=True)
    return library


def control(server, *words):
    subprocess.run(["callgrind_control", *words, str(server.pid)], capture_output=True, check=True)


def instructions(ctx, protocol, depth, mix, settings):
    """{function: instructions per answer}"""
    out = ctx.work / "callgrind.out"
    under = ["env", f"LD_PRELOAD={slow_clock(ctx)}", "valgrind", "--tool=callgrind", "--instr-atstart=no",
             f"--callgrind-out-file={out}"]
    command = servers.sluiced(ctx.build, protocol, settings)
    with servers.Server("sluiced", protocol, lambda port: [*under, *command(port)], None, ctx.work) as server:
        load(ctx, server, "16", "get=1", 5000, fill=True)  # also lets it learn that its operations are fast
        control(server, "-i", "on")
        load(ctx, server, depth, mix, REQUESTS, fill=False)
        control(server, "-i", "off")
        control(server, "-d")
    report = subprocess.run(["callgrind_annotate", "--threshold=100", f"{out}.1"], capture_output=True, check=True)
    found = collections.Counter()
    for line in report.stdout.decode(errors="replace").splitlines():
        row = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+(\S+?):(\S+)", line)
        if row and not line.endswith("PROGRAM TOTALS"):
            found[row[3].split(".")[0]] += int(row[1].replace(",", "")) / REQUESTS
    return found


def system_calls(ctx, protocol, depth, mix, settings):
    """{system call: number per answer}"""
    out = ctx.work / "strace.out"
    command = servers.sluiced(ctx.build, protocol, settings)
    with servers.Server("sluiced", protocol, command, None, ctx.work) as server:
        load(ctx, server, "16", "get=1", 5000, fill=True)
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", str(out), "-p", str(server.pid)],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tracer.stderr.readline()  # it says when it is attached
        time.sleep(0.2)           # to all threads
        load(ctx, server, depth, mix, REQUESTS, fill=False)
        tracer.terminate()
        tracer.communicate()
    rows = [line.split() for line in out.read_text().splitlines()]
    return collections.Counter({r[-1]: int(r[3]) / REQUESTS for r in rows
                                if len(r) >= 5 and r[3].isdigit() and r[-1] != "total"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocols", default="text,resp,memcached")
    parser.add_argument("--depths", default="1,16,100")
    parser.add_argument("--mixes", default="get=1 put=1", help="separated by blanks: 'get=75,put=25 delete=1'")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of sluiced")
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--calls", action="store_true", help="system calls in place of instructions")
    args = parser.parse_args()
    settings = {"backend": "mutex", "mutex.workers": 0, **dict(word.split("=", 1) for word in args.set)}
    depths, mixes, rows = args.depths.split(","), args.mixes.split(), []
    with Context(full=False) as ctx:
        for protocol in args.protocols.split(","):
            rows.append([protocol])
            for depth, mix in ((d, m) for d in depths for m in mixes):
                found = (system_calls if args.calls else instructions)(ctx, protocol, depth, mix, settings)
                rows[-1].append(text.count(sum(found.values())))
                told = ", ".join(f"{n:.4f} {name}" for name, n in found.most_common(6)) if args.calls else rows[-1][-1]
                print(f"{protocol}, depth {depth}, {mix}: {told}", flush=True)
                for function, n in found.most_common(args.functions):
                    print(f"    {n:8.1f}  {function}")
    if not args.calls:
        print(text.grid(["instructions per operation"] + [f"depth {d}, {m}" for d in depths for m in mixes], rows))


if __name__ == "__main__":
    main()
