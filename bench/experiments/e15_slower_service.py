"""Every operation suddenly takes four times as long. Which bound is right now?

1.2 times the peak; in mid-run the thread that executes is left a quarter of its core. Fixed bounds by count, and the
policies that know of time. What counts is what is executed from 200 ms after the change on, and how long it took.
"""

import time

from .lib import admission, overload, plot, text
from .lib.context import MARGIN
from .lib.daemon import Daemon
from .lib.slower import ByPreempting, BySharing, slower

TITLE = "Service time times four in mid-run"
FACTOR = 4
SETTLED_S = 0.2
GOAL = 0.95
BOUNDS = [4, 8, 16, 32, 64]
OTHERS = {"adaptive": "extra", "reject": "backpressure", "codel": "mutex"}


def one(ctx, name, settings, peak, before, after):
    def run():
        with Daemon(ctx, settings) as daemon:
            seconds = before + after
            args = [*admission.load(), "--fill", *admission.open_loop(1.2 * peak, seconds, warmup=0), "--csv-interval",
                    "50ms"]
            way = slower(daemon.thread("sluice-owner"), ctx.places.work, (ByPreempting, BySharing))
            started = ctx.start_tcp(daemon, args, "slower.json")
            time.sleep(overload.FILL_SECONDS + before)
            way.times(FACTOR)
            try:
                result = ctx.finish_tcp(started, after + MARGIN, name)
            finally:
                way.stop()
        keep = [{"at_s": t["at_s"], "seconds": t["seconds"], "executed": t["served"] + t["not_found"],
                 "refused": t["overloaded"],
                 "p50": t["accepted_ns"]["p50"], "p99": t["accepted_ns"]["p99"], "max": t["accepted_ns"]["max"]}
                for t in result["timeline"]]
        return {"name": name, "timeline": keep, "how": way.how, "change_s": change_of(keep),
                "send_lag_p99": result["results"]["send_lag_ns"]["p99"]}
    return ctx.once(name, run)


def change_of(timeline):
    """When the change came: from there on less than half as much is executed, for good."""
    usual = sorted(t["executed"] / t["seconds"] for t in timeline)[len(timeline) * 3 // 4]
    slow = [i for i, t in enumerate(timeline) if t["executed"] / t["seconds"] < usual / 2]
    for i in slow:
        if sum(t["executed"] / t["seconds"] < usual / 2 for t in timeline[i:i + 10]) >= 8:
            return timeline[i]["at_s"] - timeline[i]["seconds"]
    return timeline[len(timeline) // 2]["at_s"]


def settled(row):
    late = [t for t in row["timeline"] if t["at_s"] - t["seconds"] >= row["change_s"] + SETTLED_S][:-2]
    seconds = sum(t["seconds"] for t in late)
    p99 = sorted(t["p99"] for t in late if t["executed"])
    return {"executed_per_s": sum(t["executed"] for t in late) / seconds if seconds else 0.0,
            "p99": p99[len(p99) // 2] if p99 else None, "max": max((t["max"] for t in late), default=None)}


def measure(ctx):
    peak = admission.peak(ctx)
    before, after = ctx.pick((1.5, 2.0), (3.0, 5.0))
    series = {f"bound {b}": admission.settings_of(ctx, "reject", **{"queue.bound": b, "queue.target": "off"})
              for b in BOUNDS}
    series |= {name: admission.settings_of(ctx, name) for name in OTHERS}
    rows = []
    for name, settings in series.items():
        row = one(ctx, name, settings, peak, before, after)
        rows.append({**row, **settled(row)})
    best = max(r["executed_per_s"] for r in rows if r["name"].startswith("bound"))
    enough = [r for r in rows if r["name"].startswith("bound") and r["executed_per_s"] >= GOAL * best]
    short = min(enough, key=lambda r: r["p99"] or 0)
    for name in OTHERS:
        row = next(r for r in rows if r["name"] == name)
        ctx.goal(f"{name}: executed from {1000 * SETTLED_S:.0f} ms after the change on",
                 f"{row['executed_per_s']:,.0f}/s, p99 {text.duration(row['p99'])}; best fixed bound {best:,.0f}/s; "
                 f"shortest that does, {short['name']}: p99 {text.duration(short['p99'])}",
                 "within 5 % of the best fixed bound", row["executed_per_s"] >= GOAL * best)
    return {"rows": rows, "peak_per_s": peak}


def draw(data, out, stem):
    panel = plot.Panel("Accepted requests, p50 of each 50 ms", "seconds after the change", "ms", logy=True,
                       xrange=(-1, 2), yrange=(0.5, 200), key="top left")
    styles = {"bound 4": "mutex, 4 workers", "bound 16": "rwlock", "bound 64": "owner", **OTHERS}
    for row in data["rows"]:
        if row["name"] in styles:
            panel.add(row["name"], [(t["at_s"] - row["change_s"], t["p50"] / 1e6 or None) for t in row["timeline"]
                                    if -1 <= t["at_s"] - row["change_s"] <= 2 and t["executed"]], styles[row["name"]],
                      points_shown=False)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, [panel], width=640) else []


def table(data):
    rows = [(r["name"], text.count(r["executed_per_s"]), text.duration(r["p99"]), text.duration(r["max"]))
            for r in data["rows"]]
    return (f"From {1000 * SETTLED_S:.0f} ms after the change on; slowed down by: {data['rows'][0]['how']}.\n\n"
            + text.table(["queue", "executed/s", "p99 (median of 50 ms pieces)", "longest"], rows))
