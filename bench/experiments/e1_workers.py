"""How do time per operation and tail grow with the number of threads that call the store?

The setting of the article that Sluice retells: no network, W threads call the store and wait for each answer, 70 %
Get, 25 % Put, 5 % Delete on 10,000 keys. Each backend; backpressure once with a queue that always has room (then it
is the owner), and once with room for only 16. Mutex and owner once more with W light callers that share few threads, as
goroutines do.
"""

from .lib import plot

TITLE = "Workers against time per operation and tail"
WORKERS = [1, 8, 16, 32, 64]
# name: backend, style, calls that may be under way, and whether each caller has a thread of its own
SERIES = {
    "mutex": ("mutex", "mutex", 1024, True),
    "rwlock": ("rwlock", "rwlock", 1024, True),
    "owner": ("owner", "owner", 1024, True),
    "backpressure": ("backpressure", "backpressure", 1024, True),
    "backpressure, bound 16": ("backpressure", "extra", 16, True),
    "mutex, light callers": ("mutex", "mutex, 4 workers", 1024, False),
    "owner, light callers": ("owner", "theory", 1024, False),
}
TABLE = ["backend=series", "callers=workers", "ns per operation=ns_per_op:n", "p50:d", "p99:d",
         "p99.9=p99_9:d", "max:d", "refused:p", "sleeps per operation=switches_per_op:2"]


def measure(ctx):
    seconds, repeat, rows = ctx.pick(0.4, 1.0), ctx.pick(1, 3), []
    for name, (backend, _, bound, threads) in SERIES.items():
        for workers in WORKERS:
            args = ["--backend", backend, "--workers", str(workers), "--queue", str(bound), "--duration", str(seconds),
                    "--repeat", str(repeat)] + ["--threads", str(workers)] * threads
            result = ctx.store(args, seconds * repeat, f"{name}, {workers} workers")
            ops = result["operations"]
            rows.append({"series": name, "workers": workers, "ns_per_op": result["ns_per_served"],
                         "cpu_ns_per_op": result["cpu_ns_per_op"], "refused": ops["refused"] / max(ops["sent"], 1),
                         "switches_per_op": result["voluntary_switches_per_op"], **result["latency_ns"]})
    return {"rows": rows, "seconds": seconds, "repeat": repeat}


def draw(data):
    common = {"logx": True, "logy": True, "xtics": ", ".join(str(w) for w in WORKERS), "xrange": (0.9, 75)}
    panels = [plot.Panel("Time per operation", "callers of the store", "ns per served operation", yrange=(1, 100000),
                         key="bottom right", **common),
              plot.Panel("Tail", "callers of the store", "p99.9 (µs)", key=None, **common)]
    styles = {name: style for name, (_, style, *_) in SERIES.items()}
    return plot.curves(panels, data["rows"], styles, "workers", "ns_per_op", ("p99_9", 1e3))
