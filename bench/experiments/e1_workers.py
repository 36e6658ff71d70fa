"""How do time per operation and tail grow with the number of threads that call the store?

The setting of the article that Sluice retells: no network, W threads call the store and wait for each answer, 70 %
Get, 25 % Put, 5 % Delete on 10,000 keys. Each backend; backpressure once with a queue that always has room (then it
is the owner), and once with room for only 16. Mutex and owner once more with W light callers that share few threads, as
goroutines do.
"""

from .lib import plot

TITLE = "Workers against time per operation and tail"
WORKERS = [1, 8, 16, 32, 64]
SERIES = {
    "mutex": ("mutex", "mutex"),
    "rwlock": ("rwlock", "rwlock"),
    "owner": ("owner", "owner"),
    "backpressure": ("backpressure", "backpressure"),
    "backpressure, bound 16": ("extra", "backpressure", "--queue", 16),
}
LIGHT = {"mutex, light callers": ("mutex, 4 workers", "mutex"), "owner, light callers": ("theory", "owner")}
TABLE = ["backend=series", "callers=workers", "ns per operation=ns_per_op:n", "p50:d", "p99:d",
         "p99.9=p99_9:d", "max:d", "refused:p", "sleeps per operation=switches_per_op:2"]


def measure(ctx):
    lengths = {"seconds": ctx.pick(0.4, 1.0), "repeat": ctx.pick(1, 3)}
    return {"rows": ctx.stores(SERIES, WORKERS, **lengths) + ctx.stores(LIGHT, WORKERS, **lengths, threads=False), **lengths}


def draw(data):
    common = {"logx": True, "logy": True, "xtics": ", ".join(str(w) for w in WORKERS), "xrange": (0.9, 75)}
    panels = [plot.Panel("Time per operation", "callers of the store", "ns per served operation", yrange=(1, 100000),
                         key="bottom right", **common),
              plot.Panel("Tail", "callers of the store", "p99.9 (µs)", key=None, **common)]
    styles = {name: style for name, (style, *_) in (SERIES | LIGHT).items()}
    return plot.curves(panels, data["rows"], styles, "workers", "ns_per_op", ("p99_9", 1e3))
