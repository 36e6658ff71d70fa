#!/usr/bin/env python3
"""Runs the experiments of bench/experiments and draws their plots.

    bench/run.py short|full [--only N[,N...]] [--out DIR]
    bench/run.py plot [--out DIR]        draws again what DIR holds

short takes under 5 minutes, full about 30. Into DIR (build/bench-results) go, for every experiment, N-name.json with
all that was measured, its plots as SVG, and N-name.md with its table; index.md names them all. The programs are
taken from BUILD_DIR (build). Only loopback is used, and two cores are enough; other work on the machine shows in the
figures, and is recorded with them.
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from experiments.lib import place  # noqa: E402
from experiments.lib.context import Context, Failed  # noqa: E402

EXPERIMENTS = {
    1: "e1_workers",
    2: "e2_overload",
    3: "e3_littles_law",
    4: "e4_slow_requests",
    5: "e5_queue_bound",
    6: "e6_readers",
    7: "e7_expiry",
}


def load(number):
    return importlib.import_module(f"experiments.{EXPERIMENTS[number]}")


def stem(number):
    return EXPERIMENTS[number].replace("e", "", 1).replace("_", "-")


def command_of(mode, number):
    return f"bench/run.py {mode} --only {number}"


def draw(number, out):
    """Plots and table from the JSON in `out`."""
    module, path = load(number), out / f"{stem(number)}.json"
    record = json.loads(path.read_text())
    plots = module.draw(record["data"], out, stem(number))
    lines = [f"# {number}. {module.TITLE}\n", module.__doc__.strip() + "\n"]
    lines += [f"![{module.TITLE}]({plot.name})\n" for plot in plots]
    lines.append(module.table(record["data"]))
    lines.append(f"`{command_of(record['mode'], number)}`, {record['date']}, {record['machine_text']}; "
                 f"{record['placement']}.")
    (out / f"{stem(number)}.md").write_text("\n".join(lines) + "\n")
    return plots


def measure(number, mode, build, out):
    module, started = load(number), time.monotonic()
    info = place.machine()
    print(f"{number}. {module.TITLE}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        ctx = Context(build, mode == "full", folder)
        data = module.measure(ctx)
    record = {
        "experiment": number, "title": module.TITLE, "question": module.__doc__.strip(), "mode": mode,
        "command": command_of(mode, number), "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": info, "machine_text": place.machine_text(info), "placement": str(ctx.places),
        "seconds": round(time.monotonic() - started, 1), "data": data, "runs": ctx.runs,
    }
    (out / f"{stem(number)}.json").write_text(json.dumps(record, indent=1) + "\n")
    return record["seconds"]


def write_index(out):
    there = [n for n in EXPERIMENTS if (out / f"{stem(n)}.md").exists()]
    lines = ["# Results\n"] + [f"{n}. [{load(n).TITLE}]({stem(n)}.md)" for n in there]
    (out / "index.md").write_text("\n".join(lines) + "\n")


def numbers(text):
    chosen = [int(x) for x in text.split(",")]
    if not set(chosen) <= set(EXPERIMENTS):
        raise ValueError
    return chosen


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.environ.get("BUILD_DIR", "build")
    parser.add_argument("mode", choices=("short", "full", "plot"))
    parser.add_argument("--only", metavar="N[,N...]", type=numbers, default=list(EXPERIMENTS))
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path(build) / "bench-results")
    return parser.parse_args(), Path(build)


def main():
    args, build = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    failed = []
    if not shutil.which("gnuplot"):
        print("gnuplot is not there: results are written without plots", file=sys.stderr)
    for number in args.only:
        try:
            if args.mode != "plot":
                seconds = measure(number, args.mode, build, args.out)
                print(f"    {seconds:.0f} s", flush=True)
            elif not (args.out / f"{stem(number)}.json").exists():
                continue
            draw(number, args.out)
        except (Failed, RuntimeError, OSError) as error:
            failed.append(number)
            print(f"    failed: {error}", file=sys.stderr, flush=True)
    write_index(args.out)
    print(f"results: {args.out}/index.md")
    if failed:
        sys.exit(f"failed: experiment {', '.join(map(str, failed))}")


if __name__ == "__main__":
    main()
