"""Does a read-write lock pay when nearly everything is a read?

In process: 95 % Get, 4 % Put, 1 % Delete, more and more threads. Once with nothing but the store's own work under the
lock, once with 2 µs of work in each operation, which readers may do side by side if the lock lets them.
"""

from .lib import plot

TITLE = "Read-heavy: mutex against rwlock"
WORKERS = [1, 2, 4, 8, 16, 32, 64]
WORK_NS = {"no work": 0, "2 µs of work": 2_000}
LOCKS = ("mutex", "rwlock")
TABLE = ["work", "lock=backend", "threads=workers", "operations/s=ops_per_s:n", "p50:d", "p99:d",
         "p99.9=p99_9:d", "max:d"]


def measure(ctx):
    seconds, repeat, rows = ctx.pick(0.3, 1.0), ctx.pick(1, 2), []
    for work, backend, workers in ((w, b, n) for w in WORK_NS for b in LOCKS for n in ctx.pick([1, 2, 8, 64], WORKERS)):
        rounds = ctx.rounds(WORK_NS[work]) if WORK_NS[work] else 0
        result = ctx.store(["--backend", backend, "--workers", str(workers), "--threads", str(workers), "--work",
                            str(rounds), "--mix", "get=95,put=4,delete=1", "--duration", str(seconds), "--repeat",
                            str(repeat)], seconds * repeat, f"{backend}, {work}, {workers} threads")
        rows.append({"work": work, "backend": backend, "workers": workers, "ops_per_s": result["served_per_s"],
                     **result["latency_ns"]})
    return {"rows": rows, "seconds": seconds}


def draw(data):
    common = {"logx": True, "xtics": ", ".join(str(w) for w in WORKERS), "xrange": (0.9, 75)}
    panels = [plot.Panel(f"Throughput, {work}", "threads", "operations per second (millions)", yrange=(0, None),
                         key=key, **common) for work, key in zip(WORK_NS, ("top left", "on bottom left"))]
    panels.append(plot.Panel("Tail, 2 µs of work", "threads", "p99.9 (µs)", logy=True, key=None, **common))
    for panel, work, field in zip(panels, [*WORK_NS, "2 µs of work"], [("ops_per_s", 1e6)] * 2 + [("p99_9", 1e3)]):
        plot.curves([panel], [r for r in data["rows"] if r["work"] == work], {lock: lock for lock in LOCKS}, "workers",
                    field, series="backend")
    return panels
