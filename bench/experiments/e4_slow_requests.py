"""One request in a hundred is slow. Who waits for it?

In process, as many threads as cores, then 16: an ordinary operation does 5 µs of work, one key in a hundred takes
100 times as long. With an owner, everybody stands behind the slow one. With a mutex and the work done inside the lock,
the same. With the work done before taking the lock, only a core is taken, and the others get on with theirs.
"""

from .lib import place, plot, text

TITLE = "1 % slow requests: head-of-line blocking"
ORDINARY_NS = 5_000
FACTOR = 100
MANY = 16
SERIES = {
    "mutex, work outside the lock": ("mutex", "mutex", "--work-where", "outside"),
    "mutex, work inside": ("mutex, 4 workers", "mutex"),
    "owner": ("owner", "owner"),
}
POINTS = ["p50", "p90", "p99", "p99_9", "p99_99"]


def measure(ctx):
    counts = [min(max(place.machine()["cores"], 2), 8), MANY]
    work = ("--work", ctx.rounds(ORDINARY_NS), "--slow", f"1:{FACTOR}")
    rows = ctx.stores({name: (*how, *work) for name, how in SERIES.items()}, counts, ctx.pick(1.5, 8.0))
    return {"rows": rows, "workers": counts}


def draw(data):
    tics = ", ".join(f"'{p.replace('_', '.')}' {i}" for i, p in enumerate(POINTS))
    panels = []
    for workers in data["workers"]:
        panels.append(plot.Panel(f"The 99 % ordinary requests, {workers} threads", "percentile", "latency (µs)",
                                 logy=True, xtics=tics, xrange=(-0.3, len(POINTS) - 0.7), yrange=(1, 500000),
                                 key=None if panels else "top left"))
        for row in (r for r in data["rows"] if r["workers"] == workers):
            panels[-1].add(row["series"], [(i, row["ordinary"][p] / 1e3) for i, p in enumerate(POINTS)],
                           SERIES[row["series"]][0])
    return panels


def table(data):
    return text.table(data["rows"], "backend=series", "threads=workers", "operations/s=ops_per_s:n",
                      *(f"{p.replace('_', '.')} of ordinary=ordinary.{p}:d" for p in POINTS))
