"""One request in a hundred is slow. Who waits for it?

In process, 16 threads: an ordinary operation does 5 µs of work, one key in a hundred takes 100 times as long. With an
owner, everybody stands behind the slow one. With a mutex and the work done inside the lock, the same. With the work
done before taking the lock, only a core is taken, and the others get on with theirs.
"""

from .lib import plot, text

TITLE = "1 % slow requests: head-of-line blocking"
ORDINARY_NS = 5_000
FACTOR = 100
WORKERS = 16
SERIES = {
    "mutex, work outside the lock": ("mutex", "outside", "mutex"),
    "mutex, work inside": ("mutex", "inside", "mutex, 4 workers"),
    "owner": ("owner", "inside", "owner"),
}
POINTS = ["p50", "p90", "p99", "p99_9", "p99_99"]


def measure(ctx):
    seconds, rows = ctx.pick(1.5, 8.0), []
    for name, (backend, where, _) in SERIES.items():
        run = ctx.store(["--backend", backend, "--workers", str(WORKERS), "--work", str(ctx.rounds(ORDINARY_NS)),
                         "--work-where", where, "--slow", f"1:{FACTOR}", "--duration", str(seconds)], seconds, name)
        result = run["results"][0]
        rows.append({"series": name, "ops_per_s": result["served_per_s"],
                     "ordinary": result["ordinary_latency_ns"], "all": result["latency_ns"]})
    return {"rows": rows, "workers": WORKERS, "ordinary_ns": ORDINARY_NS, "factor": FACTOR, "seconds": seconds}


def draw(data, out, stem):
    tics = ", ".join(f"'{p.replace('_', '.')}' {i}" for i, p in enumerate(POINTS))
    panels = [plot.Panel("The 99 % ordinary requests", "percentile", "latency (µs)", logy=True, xtics=tics,
                         xrange=(-0.3, len(POINTS) - 0.7), key="top left"),
              plot.Panel("Throughput", "", "operations per second", xrange=(-0.7, 2.7), yrange=(0, None), key=None,
                         xtics="'outside' 0, 'inside' 1, 'owner' 2", extra=["set boxwidth 0.5"])]
    for i, row in enumerate(data["rows"]):
        style = SERIES[row["series"]][2]
        panels[0].add(row["series"], [(j, row["ordinary"][p] / 1e3) for j, p in enumerate(POINTS)], style)
        panels[1].bars(row["series"], [(i, row["ops_per_s"])], style)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def table(data):
    rows = [(r["series"], text.count(r["ops_per_s"]), *(text.duration(r["ordinary"][p]) for p in POINTS))
            for r in data["rows"]]
    return text.table(["backend", "operations/s", *(f"{p.replace('_', '.')} of ordinary" for p in POINTS)], rows)
