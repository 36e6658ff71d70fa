"""Does a read-write lock pay when nearly everything is a read?

In process: 95 % Get, 4 % Put, 1 % Delete, more and more threads. Once with nothing but the store's own work under the
lock, once with 2 µs of work in each operation, which readers may do side by side if the lock lets them.
"""

from .lib import plot, text

TITLE = "Read-heavy: mutex against rwlock"
WORKERS = [1, 2, 4, 8, 16, 32, 64]
WORK_NS = {"no work": 0, "2 µs of work": 2_000}


def measure(ctx):
    seconds, repeat, rows = ctx.pick(0.3, 1.0), ctx.pick(1, 2), []
    for work, ns in WORK_NS.items():
        rounds = ctx.rounds(ns) if ns else 0
        for backend in ("mutex", "rwlock"):
            for workers in ctx.pick([1, 2, 8, 64], WORKERS):
                run = ctx.store(["--backend", backend, "--workers", str(workers), "--threads", str(workers), "--work", str(rounds),
                                 "--mix", "get=95,put=4,delete=1", "--duration", str(seconds), "--repeat",
                                 str(repeat)], seconds * repeat,
                                f"{backend}, {work}, {workers} threads")
                result = run["results"][0]
                rows.append({"work": work, "backend": backend, "workers": workers,
                             "ops_per_s": result["served_per_s"],
                             **{p: result["latency_ns"][p] for p in ("p50", "p99", "p99_9", "max")}})
    return {"rows": rows, "seconds": seconds}


def draw(data, out, stem):
    tics = ", ".join(str(w) for w in WORKERS)
    panels = []
    for work in WORK_NS:
        panels.append(plot.Panel(f"Throughput, {work}", "threads", "operations per second (millions)", logx=True,
                                 xtics=tics, xrange=(0.9, 75), yrange=(0, None),
                                 key="on bottom left" if panels else None))
        for backend in ("mutex", "rwlock"):
            rows = [r for r in data["rows"] if r["work"] == work and r["backend"] == backend]
            panels[-1].add(backend, [(r["workers"], r["ops_per_s"] / 1e6) for r in rows], backend)
    panels.append(plot.Panel("Tail, 2 µs of work", "threads", "p99.9 (µs)", logx=True, logy=True, xtics=tics,
                             xrange=(0.9, 75), key=None))
    for backend in ("mutex", "rwlock"):
        rows = [r for r in data["rows"] if r["work"] == "2 µs of work" and r["backend"] == backend]
        panels[-1].add(backend, [(r["workers"], r["p99_9"] / 1e3) for r in rows], backend)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels, width=1080, height=380) else []


def table(data):
    rows = [(r["work"], r["backend"], r["workers"], text.count(r["ops_per_s"]), text.duration(r["p50"]),
             text.duration(r["p99"]), text.duration(r["p99_9"]), text.duration(r["max"])) for r in data["rows"]]
    return text.table(["work", "lock", "threads", "operations/s", "p50", "p99", "p99.9", "max"], rows)
