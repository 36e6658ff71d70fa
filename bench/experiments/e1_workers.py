"""How do time per operation and tail grow with the number of threads that call the store?

The setting of the article that Sluice retells: no network, W threads call the store and wait for each answer, 70 %
Get, 25 % Put, 5 % Delete on 10,000 keys. Each backend; backpressure once with a queue that always has room (then it
is the owner), and once with room for only 16. Mutex and owner once more with W light callers that share few threads, as
goroutines do.
"""

from .lib import plot, text

TITLE = "Workers against time per operation and tail"
WORKERS = [1, 8, 16, 32, 64]
SERIES = {
    "mutex": ("mutex", "mutex", 1024),
    "rwlock": ("rwlock", "rwlock", 1024),
    "owner": ("owner", "owner", 1024),
    "backpressure": ("backpressure", "backpressure", 1024),
    "backpressure, bound 16": ("backpressure", "extra", 16),
}


def measure(ctx):
    seconds, repeat, rows = ctx.pick(0.4, 1.0), ctx.pick(1, 3), []
    for name, (backend, _, bound) in SERIES.items():
        for workers in WORKERS:
            run = ctx.store(["--backend", backend, "--workers", str(workers), "--threads", str(workers), "--queue", str(bound),
                             "--duration", str(seconds), "--repeat", str(repeat)], seconds * repeat,
                            f"{name}, {workers} workers")
            result = run["results"][0]
            ops = result["operations"]
            rows.append({
                "series": name, "workers": workers, "ns_per_op": result["ns_per_served"],
                "cpu_ns_per_op": result["cpu_ns_per_op"], "refused": ops["refused"] / max(ops["sent"], 1),
                "switches_per_op": result["voluntary_switches_per_op"],
                **{p: result["latency_ns"][p] for p in ("p50", "p99", "p99_9", "max")},
            })
    return {"rows": rows, "seconds": seconds, "repeat": repeat}


def draw(data, out, stem):
    tics = ", ".join(str(w) for w in WORKERS)
    panels = [plot.Panel("Time per operation", "threads calling the store", "ns per served operation", logx=True,
                         logy=True, xtics=tics, xrange=(0.9, 75), yrange=(1, 100000), key="bottom right"),
              plot.Panel("Tail", "threads calling the store", "p99.9 (µs)", logx=True, logy=True, xtics=tics,
                         xrange=(0.9, 75), key=None)]
    for name, (_, style, _) in SERIES.items():
        rows = [r for r in data["rows"] if r["series"] == name]
        panels[0].add(name, [(r["workers"], r["ns_per_op"]) for r in rows], style)
        panels[1].add(name, [(r["workers"], r["p99_9"] / 1e3) for r in rows], style)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def table(data):
    rows = [(r["series"], r["workers"], f"{r['ns_per_op']:,.0f}", text.duration(r["p50"]), text.duration(r["p99"]),
             text.duration(r["p99_9"]), text.duration(r["max"]), text.percent(r["refused"]),
             f"{r['switches_per_op']:.2f}") for r in data["rows"]]
    return text.table(["backend", "threads", "ns per operation", "p50", "p99", "p99.9", "max", "refused",
                       "sleeps per operation"], rows)
