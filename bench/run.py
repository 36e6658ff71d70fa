#!/usr/bin/env python3
"""Runs the experiments of bench/experiments and draws their plots.

    bench/run.py short|full [--only N[-N][,N...]] [--out DIR] [--resume] [--soak SECONDS]
    bench/run.py plot [--out DIR]        draws again what DIR holds
    bench/run.py publish [--out DIR]     puts the results of 8 to 20 that DIR holds into the documents

short takes about 13 minutes, full about 65. A run that was broken off is taken up again by --resume: what DIR holds
of the same mode is not measured again. Experiments with goals print a PASS or MISS for each; VOID: it could not be
told. Into DIR (build/bench-results) go, for every experiment, N-name.json with
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
import time
from pathlib import Path

sys.dont_write_bytecode = True

from experiments.lib import place, plot, text  # noqa: E402
from experiments.lib.context import QUIET, ROOT, Context, Failed, disturbed_by  # noqa: E402

EXPERIMENTS = {int(path.stem[1:].split("_")[0]): path.stem for path in (ROOT / "bench/experiments").glob("e*_*.py")}


def load(number):
    return importlib.import_module(f"experiments.{EXPERIMENTS[number]}")


def stem(number):
    return EXPERIMENTS[number].replace("e", "", 1).replace("_", "-")


def path_of(number, out):
    return out / f"{stem(number)}.json"


def plots_of(module, data, number, out):
    """Draws them. An experiment's draw() returns the panels of its plot, or of several, by the ends of their names."""
    figures = module.draw(data) if hasattr(module, "draw") else {}
    figures = figures if isinstance(figures, dict) else {"": figures}
    paths = {out / f"{stem(number)}{end}.svg": panels for end, panels in figures.items()}
    return [path for path, panels in paths.items() if plot.draw(path, module.TITLE, panels)]


def table_of(module, data):
    return module.table(data) if hasattr(module, "table") else text.table(data["rows"], *module.TABLE)


def draw(number, out):
    """Plots and table from the JSON in `out`."""
    module, record = load(number), json.loads(path_of(number, out).read_text())
    plots = plots_of(module, record["data"], number, out)
    lines = [f"# {number}. {module.TITLE}\n", module.__doc__.strip() + "\n"]
    lines += [f"![{module.TITLE}]({plot.name})\n" for plot in plots]
    lines += [table_of(module, record["data"]), *[goals_table(record["goals"], module)] * bool(record["goals"]),
              f"`{record['command']}`, {record['date']}, {record['machine_text']}; {record['placement']}.", record["quiet"]]
    (out / f"{stem(number)}.md").write_text("\n".join(lines) + "\n")
    return plots


def quiet_text(runs, load_average):
    """What must be known of the machine to judge the figures."""
    if not runs:
        return "A simulation: the same figures on every machine."
    noise = sorted(disturbed_by(r) for r in runs)
    void = sum(bool(r["results"]["generator"]["reasons"]) for r in runs if "generator" in r["results"])
    high = " **The machine was not quiet.**" if noise[len(noise) // 2] > QUIET else ""
    return (f"Load average before it: {load_average:.2f}; others used {noise[len(noise) // 2]:.2f} cores in the median run, "
            f"{noise[-1]:.2f} at most.{high} {void} of {len(runs)} runs are void by the rule for the load generator "
            f"(p99 of its send lag over 50 µs, or over 70 % of a core).")


def measure(number, args, shared):
    module, started, load_average = load(number), time.monotonic(), os.getloadavg()[0]
    info, mode = place.machine(), args.mode
    print(f"{number}. {module.TITLE}", flush=True)
    kept = args.out / f"{stem(number)}.{mode}.part"
    if not args.resume:
        kept.unlink(missing_ok=True)
    with Context(mode == "full", soak=args.soak, kept=kept, shared=shared) as ctx:
        data = module.measure(ctx)
    seconds = round(time.monotonic() - started, 1)
    record = {
        "experiment": number, "title": module.TITLE, "question": module.__doc__.strip(), "mode": mode,
        "command": f"bench/run.py {mode} --only {number}", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": info, "machine_text": place.machine_text(info), "placement": str(ctx.places), "seconds": seconds,
        "data": data, "goals": ctx.goals, "load_average_before": load_average,
        "quiet": quiet_text(ctx.runs, load_average), "runs": ctx.runs,
    }
    path_of(number, args.out).write_text(json.dumps(record, indent=1) + "\n")
    kept.unlink(missing_ok=True)
    print(f"    {seconds:.0f} s", flush=True)


def fill_in(page, number, text_lines):
    """Puts the lines into the page, between `<!-- result N -->` and `<!-- end -->`, if it has these marks."""
    begin, end, whole = f"<!-- result {number} -->\n", "<!-- end -->", page.read_text()
    if begin not in whole:
        return
    before, rest = whole.split(begin, 1)
    page.write_text(before + begin + "\n".join(text_lines) + end + rest.split(end, 1)[1])


def publish(number, out):
    """Puts results into docs/overload.md, docs/performance.md and README.md, and their plots into docs/img."""
    module, record = load(number), json.loads(path_of(number, out).read_text())
    if not record["goals"]:
        return
    names = [plot.name.split("-", 1)[1] for plot in plots_of(module, record["data"], number, out)]
    for name in names:
        shutil.copyfile(out / f"{number}-{name}", ROOT / "docs" / "img" / name)
    where = "" if hasattr(module, "SIMULATED") else f", {record['date'][:10]}, {record['machine_text']}"
    caption = f"*`{record['command']}`{where}. {record['quiet']}*\n"
    lines = [module.__doc__.strip() + "\n"] + [f"![{module.TITLE}](img/{name})\n" for name in names] + [caption]
    lines += [module.summary(record["data"]) if hasattr(module, "summary") else table_of(module, record["data"]), goals_table(record["goals"], module)]
    for page in ("overload.md", "performance.md"):
        fill_in(ROOT / "docs" / page, number, lines)
    if hasattr(module, "headline"):
        lines = [f"![{module.TITLE}](docs/img/{names[0]})\n"] * bool(names) + [module.headline(record["data"]), caption]
        fill_in(ROOT / "README.md", number, lines)


def goals_table(goals, module):
    how = "simulated" if hasattr(module, "SIMULATED") else "measured"
    return text.grid(["", "", how, "goal"], [(g["verdict"], g["what"], g["value"], g["goal"]) for g in goals])


def write_index(out):
    there = [n for n in sorted(EXPERIMENTS) if (out / f"{stem(n)}.md").exists()]
    lines = ["# Results\n"] + [f"{n}. [{load(n).TITLE}]({stem(n)}.md)" for n in there]
    (out / "index.md").write_text("\n".join(lines) + "\n")


def numbers(text):
    chosen = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    if not set(chosen) <= set(EXPERIMENTS):
        raise ValueError
    return chosen


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("short", "full", "plot", "publish"))
    parser.add_argument("--only", metavar="N[-N][,N...]", type=numbers, default=sorted(EXPERIMENTS))
    parser.add_argument("--resume", action="store_true", help="leave out what was measured before")
    parser.add_argument("--soak", metavar="SECONDS", type=int, help="length of the long run, experiment 17")
    parser.add_argument("--out", metavar="DIR", type=Path,
                        default=Path(os.environ.get("BUILD_DIR", ROOT / "build")) / "bench-results")
    return parser.parse_args()


def main():
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    failed, shared = [], {}
    if not shutil.which("gnuplot"):
        print("gnuplot is not there: results are written without plots", file=sys.stderr)
    for number in args.only:
        path = path_of(number, args.out)
        there, kept = path.exists(), args.resume and path.exists() and json.loads(path.read_text())["mode"] == args.mode
        try:
            if args.mode in ("short", "full") and not kept:
                measure(number, args, shared)
                draw(number, args.out)
            elif args.mode in ("plot", "publish") and there:
                {"plot": draw, "publish": publish}[args.mode](number, args.out)
        except (Failed, RuntimeError, OSError) as error:
            failed.append(number)
            print(f"    failed: {error}", file=sys.stderr, flush=True)
    write_index(args.out)
    print(f"results: {args.out}/index.md")
    if failed:
        sys.exit(f"failed: experiment {', '.join(map(str, failed))}")


if __name__ == "__main__":
    main()
