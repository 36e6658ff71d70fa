"""Every operation suddenly takes four times as long. Which bound is right now?

1.2 times the peak; in mid-run the thread that executes is left a quarter of its core. Fixed bounds by count, and the
policies that know of time. What counts is what is executed from 200 ms after the change on, and how long it took.
"""

from statistics import median

from .lib import overload, plot, text
from .lib.slower import slowed_down

TITLE = "Service time times four in mid-run"
FACTOR = 4
SETTLED_S = 0.2
GOAL = 0.95
BOUNDS = [4, 8, 16, 32, 64]
OTHERS = {"adaptive": "extra", "reject": "backpressure", "codel": "mutex"}


def one(ctx, name, settings, peak, before, after):
    args = [*overload.keys(), "--fill", *overload.open_loop(1.2 * peak, before + after, warmup=0), "--csv-interval", "50ms"]
    run = ctx.tcp(settings, args, before + after, name, meanwhile=slowed_down(FACTOR, overload.FILL_S + before, after))
    timeline = overload.pieces(run)
    change_s = change_of(timeline)
    late = [t for t in timeline if t["at_s"] - t["seconds"] >= change_s + SETTLED_S][:-2]
    seconds, seen = sum(t["seconds"] for t in late), [t for t in late if t["executed"]]
    return {"name": name, "timeline": timeline, "how": run["meanwhile"], "change_s": change_s,
            "executed_per_s": sum(t["executed"] for t in late) / seconds if seconds else 0.0,
            "p99": median(t["p99"] for t in seen) if seen else None, "max": max((t["max"] for t in seen), default=None)}


def change_of(timeline):
    """When the change came: from there on less than half as much is executed, for good."""
    rates = [t["executed"] / t["seconds"] for t in timeline]
    slow = [rate < sorted(rates)[len(rates) * 3 // 4] / 2 for rate in rates]
    first = next((i for i, is_slow in enumerate(slow) if is_slow and sum(slow[i:i + 10]) >= 8), len(timeline) // 2)
    return timeline[first]["at_s"] - timeline[first]["seconds"]


def measure(ctx):
    peak, rows = overload.peak(ctx), []
    series = {f"bound {b}": overload.settings_of(ctx, **{"queue.bound": b, "queue.target": "off"}) for b in BOUNDS}
    for name, settings in {**series, **{name: overload.settings_of(ctx, name) for name in OTHERS}}.items():
        rows.append(one(ctx, name, settings, peak, *ctx.pick((1.5, 2.0), (3.0, 5.0))))
    fixed = [r for r in rows if r["name"] in series]
    best = max(r["executed_per_s"] for r in fixed)
    short = min((r for r in fixed if r["executed_per_s"] >= GOAL * best), key=lambda r: r["p99"] or 0)
    for row in (r for r in rows if r["name"] in OTHERS):
        ctx.goal(f"{row['name']}: executed from {1000 * SETTLED_S:.0f} ms after the change on",
                 f"{row['executed_per_s']:,.0f}/s, p99 {text.duration(row['p99'])}; best fixed bound {best:,.0f}/s; "
                 f"shortest that does, {short['name']}: p99 {text.duration(short['p99'])}",
                 "within 5 % of the best fixed bound", row["executed_per_s"] >= GOAL * best)
    return {"rows": rows, "peak_per_s": peak}


def draw(data):
    panel = plot.Panel("Accepted requests, p50 of each 50 ms", "seconds after the change", "ms", logy=True,
                       xrange=(-1, 2), yrange=(0.5, 200), key="top left")
    styles = {"bound 4": "mutex, 4 workers", "bound 16": "rwlock", "bound 64": "owner", **OTHERS}
    for row in (r for r in data["rows"] if r["name"] in styles):
        seen = [t for t in row["timeline"] if t["executed"]]
        panel.add(row["name"], [(t["at_s"] - row["change_s"], t["p50"] / 1e6 or None) for t in seen], styles[row["name"]])
    return [panel]


def table(data):
    return (f"From {1000 * SETTLED_S:.0f} ms after the change on; slowed down by: {data['rows'][0]['how']}.\n\n"
            + text.table(data["rows"], "queue=name", "executed/s=executed_per_s:n",
                         "p99 (median of 50 ms pieces)=p99:d", "longest=max:d"))
