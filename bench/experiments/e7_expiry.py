"""A million sessions fall due in one second. Do the others notice?

A million sessions are put, so that their lifetimes end spread over one and the same second, while an open loop of
20,000 requests a second goes on with other keys. The daemon gives memory back in slices every
ttl.sweep_interval (1 s).
"""

import time
from statistics import median

from .lib import overload, plot, text
from .lib.servers import Stats, put_sessions, samples

TITLE = "A million sessions fall due in one second"
RATE = 20_000
SAMPLE_S = 0.1
SERIES = {"mutex": ({"backend": "mutex", "mutex.workers": 0}, True),
          "backpressure": ({"backend": "backpressure"}, False)}
BEFORE_S = 3.0  # of load, before the first session falls due
VALUE = b"x" * 64


def one(ctx, name, sessions, seconds):
    due = 0.0

    def prepare(daemon):
        nonlocal due
        due = time.monotonic() + ctx.pick(6.0, 15.0) + BEFORE_S
        put_sessions(daemon, sessions, due, VALUE, BEFORE_S)
        time.sleep(max(0.0, due - BEFORE_S - time.monotonic()))

    def watch(daemon):
        begin = time.monotonic()
        with Stats(daemon) as stats:
            seen = samples(seconds, SAMPLE_S, lambda: {"stored": stats.read()["sessions"]["stored"]})
        return {"samples": seen, "due_s": round(due - begin, 3)}
    settings, io_works = SERIES[name]
    args = ["--connections", "16", "--keys", "10k", "--fill", "--ttl", "never", "--rate", str(RATE), "--spin", "10us",
            "--warmup", "0s", "--duration", f"{seconds}s", "--csv-interval", "100ms"]
    run = ctx.tcp({**settings, **overload.ROOM}, args, seconds + 5, name, io_works, prepare=prepare, meanwhile=watch,
                  tries=ctx.pick(1, 3))
    return {**run["meanwhile"], "timeline": overload.pieces(run)}


def measure(ctx):
    sessions, seconds = ctx.pick(250_000, 1_000_000), ctx.pick(8, 12)
    return {"series": {name: one(ctx, name, sessions, seconds) for name in SERIES}, "sessions": sessions, "rate": RATE,
            "seconds": seconds}


def draw(data):
    due = next(iter(data["series"].values()))["due_s"]
    mark = [f"set object 1 rectangle from {due:g}, graph 0 to {due + 1:g}, graph 1 fc rgb '#eeeeee' behind fs noborder"]
    common = {"xrange": (0, data["seconds"]), "extra": mark}
    panels = [plot.Panel("Sessions in memory (grey: when they fall due)", "seconds", "thousands", yrange=(0, None),
                         key="top right", **common),
              plot.Panel("Latency of the others, each 100 ms", "seconds", "p99 (µs)", logy=True, yrange=(10, 100000),
                         key=None, **common)]
    for name, series in data["series"].items():
        panels[0].add(name, [(s["at_s"], s["stored"] / 1e3) for s in series["samples"]], name)
        panels[1].add(name, [(t["at_s"], t["p99"] / 1e3) for t in series["timeline"] if t["count"]], name)
    return panels


def table(data):
    """The usual and the worst p99 of the 100 ms intervals between two instants."""
    rows = []
    for name, series in data["series"].items():
        due = series["due_s"]
        for what, begin, end in (("before", 0.5, due), ("while they fall due and are swept", due, due + 3),
                                 ("after", due + 3, data["seconds"])):
            seen = [t for t in series["timeline"] if t["count"] and begin <= t["at_s"] < end]
            rows.append({"name": name, "when": what, "usual": median(t["p99"] for t in seen) if seen else None,
                         "worst": max((t["max"] for t in seen), default=None)})
    return text.table(rows, "backend=name", "when", "median of p99 per 100 ms=usual:d", "longest of all=worst:d")
