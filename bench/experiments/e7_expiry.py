"""A million sessions fall due in one second. Do the others notice?

A million sessions are put, so that their lifetimes end spread over one and the same second, while an open loop of
20,000 requests a second goes on with other keys. The daemon gives memory back in slices every
ttl.sweep_interval (1 s).
"""

import time

from .lib import due as due_sessions, overload, plot, text
from .lib.context import MARGIN, QUIET, disturbed_by
from .lib.daemon import Daemon, Stats

TITLE = "A million sessions fall due in one second"
RATE = 20_000
SAMPLE_S = 0.1
SERIES = {"mutex": ({"backend": "mutex", "mutex.workers": 0}, True),
          "backpressure": ({"backend": "backpressure"}, False)}
BEFORE_S = 3.0  # of load, before the first session falls due
VALUE = b"x" * 64


def watch(daemon, begin, seconds):
    stats, samples = Stats(daemon), []
    while time.monotonic() - begin < seconds:
        at, seen = time.monotonic() - begin, stats.read()
        samples.append({"at_s": round(at, 3), "stored": seen["sessions"]["stored"],
                        "memory": sum(seen["memory"].values())})
        time.sleep(SAMPLE_S)
    stats.close()
    return samples


def attempt(ctx, name, sessions, seconds):
    settings, io_works = SERIES[name]
    with Daemon(ctx, {**settings, **overload.ROOM}, io_works) as daemon:
        due = time.monotonic() + ctx.pick(6.0, 15.0) + BEFORE_S
        due_sessions.put_sessions(daemon, sessions, due, VALUE, BEFORE_S)
        time.sleep(max(0.0, due - BEFORE_S - time.monotonic()))
        args = ["--connections", "16", "--keys", "10k", "--fill", "--ttl", "never", "--rate", str(RATE),
                "--spin", "10us", "--warmup", "0s", "--duration", f"{seconds}s", "--csv-interval", "100ms"]
        started = ctx.start_tcp(daemon, args, "expiry.json", wait=False)
        samples = watch(daemon, begin := time.monotonic(), seconds)
        run = ctx.finish_tcp(started, 5 + MARGIN, name)
    return {"samples": samples, "due_s": round(due - begin, 3), "disturbed_by": disturbed_by(run),
            "timeline": [{"at_s": t["at_s"], **t["accepted_ns"]} for t in run["timeline"]],
            "send_lag_p99": run["results"]["send_lag_ns"]["p99"],
            "latency_ns": run["results"]["latency_ns"]["accepted"]}


def measure(ctx):
    sessions = ctx.pick(250_000, 1_000_000)
    seconds, series = ctx.pick(8, 12), {}
    for name in SERIES:
        tries = []
        while len(tries) < ctx.pick(1, 3) and (not tries or tries[-1]["disturbed_by"] > QUIET):
            tries.append(attempt(ctx, name, sessions, seconds))
        series[name] = min(tries, key=lambda t: t["disturbed_by"])
    return {"series": series, "sessions": sessions, "rate": RATE, "seconds": seconds}


def draw(data, out, stem):
    due = next(iter(data["series"].values()))["due_s"]
    mark = [f"set object 1 rectangle from {due:g}, graph 0 to {due + 1:g}, graph 1 fc rgb '#eeeeee' behind fs noborder"]
    common = {"xrange": (0, data["seconds"]), "extra": mark}
    panels = [plot.Panel("Sessions in memory (grey: when they fall due)", "seconds", "thousands", yrange=(0, None),
                         key="top right", **common),
              plot.Panel("Latency of the others, each 100 ms", "seconds", "p99 (µs)", logy=True, yrange=(10, 100000),
                         key=None, **common)]
    for name, series in data["series"].items():
        panels[0].add(name, [(s["at_s"], s["stored"] / 1e3) for s in series["samples"]], name, points_shown=False)
        panels[1].add(name, [(t["at_s"], t["p99"] / 1e3) for t in series["timeline"] if t["count"]], name,
                      points_shown=False)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def span_of(series, begin, end):
    """The usual and the worst p99 of the 100 ms intervals between two instants."""
    seen = sorted(t["p99"] for t in series["timeline"] if t["count"] and begin <= t["at_s"] < end)
    worst = max((t["max"] for t in series["timeline"] if t["count"] and begin <= t["at_s"] < end), default=None)
    return (seen[len(seen) // 2] if seen else None), worst


def table(data):
    rows = []
    for name, series in data["series"].items():
        due = series["due_s"]
        for what, begin, end in (("before", 0.5, due), ("while they fall due and are swept", due, due + 3),
                                 ("after", due + 3, data["seconds"])):
            usual, worst = span_of(series, begin, end)
            rows.append((name, what, text.duration(usual), text.duration(worst)))
    return text.table(["backend", "when", "median of p99 per 100 ms", "longest of all"], rows)
