"""Does a read-write lock pay when nearly everything is a read?

In process: 95 % Get, 4 % Put, 1 % Delete, more and more threads. Once with nothing but the store's own work under the
lock, once with 2 µs of work in each operation, which readers may do side by side if the lock lets them.
"""

from .lib import plot

TITLE = "Read-heavy: mutex against rwlock"
WORKERS = [1, 2, 4, 8, 16, 32, 64]
WORK_NS = {"no work": 0, "2 µs of work": 2_000}
LOCKS = ("mutex", "rwlock")
TABLE = ["lock=series", "threads=workers", "operations/s=ops_per_s:n", "p50:d", "p99:d", "p99.9=p99_9:d", "max:d"]


def measure(ctx):
    series = {f"{lock}, {work}": (lock, lock, "--mix", "get=95,put=4,delete=1", "--work", ctx.rounds(ns) if ns else 0)
              for work, ns in WORK_NS.items() for lock in LOCKS}
    return {"rows": ctx.stores(series, ctx.pick([1, 2, 8, 64], WORKERS), ctx.pick(0.3, 1.0), ctx.pick(1, 2))}


def draw(data):
    common = {"logx": True, "xtics": ", ".join(str(w) for w in WORKERS), "xrange": (0.9, 75)}
    panels = [plot.Panel(f"Throughput, {work}", "threads", "operations per second (millions)", yrange=(0, None),
                         key=key, **common) for work, key in zip(WORK_NS, ("top left", "on bottom left"))]
    panels.append(plot.Panel("Tail, 2 µs of work", "threads", "p99.9 (µs)", logy=True, key=None, **common))
    for panel, work, field in zip(panels, [*WORK_NS, "2 µs of work"], [("ops_per_s", 1e6)] * 2 + [("p99_9", 1e3)]):
        plot.curves([panel], data["rows"], {f"{lock}, {work}": lock for lock in LOCKS}, "workers", field)
    return panels
