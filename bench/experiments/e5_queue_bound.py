"""How long should the queue be?

Backpressure with bounds from 1 to thousands, at 0.9 times capacity (a busy server) and at 1.2 (an overloaded one);
operations of about 250 µs, Poisson arrivals. Too short a queue refuses what could have been done a moment later; a
longer one only adds waiting.
"""

from .lib import overload, plot

TITLE = "Queue bound against refusals, goodput and tail"
FACTORS = {0.9: "mutex", 1.2: "backpressure"}  # and the colour of each
TABLE = ["load=factor:x", "bound", "refused=refused_share:p", "goodput, of capacity=share:p",
         "p50:d", "p99:d", "bound x service time=bound_ns:d"]


def measure(ctx):
    bounds = ctx.pick([1, 8, 64, 512], [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096])
    seconds, rows = ctx.pick(2.0, 8.0), []
    settings, _ = overload.contender(ctx, "backpressure")
    capacity = overload.peak(ctx, settings=settings, name="backpressure: capacity")
    for factor in FACTORS:
        for bound in bounds:
            excess = max((factor - 1) * capacity, 1)
            warmup = round(min(max(0.5, 1.2 * bound / excess), 8.0), 1) if factor > 1 else 0.5  # until the queue is full
            row = overload.point(ctx, {**settings, "queue.bound": bound}, capacity, factor, seconds,
                                 f"bound {bound} at {factor:g} times capacity", warmup=warmup)
            rows.append({"bound": bound, "bound_ns": bound * 1e9 / capacity, **row})
    return {"rows": rows, "capacity_per_s": capacity, "seconds": seconds}


def draw(data):
    bounds = sorted({r["bound"] for r in data["rows"]})
    common = {"logx": True, "xrange": (0.8, bounds[-1] * 1.3),
              "xtics": ", ".join(str(b) for b in bounds if b in (1, 4, 16, 64, 256, 1024, 4096, 8, 512))}
    panels = [plot.Panel("Refused", "queue.bound", "% of requests", yrange=(0, None), key="top right", **common),
              plot.Panel("Goodput", "queue.bound", "% of capacity", yrange=(60, 102), key=None, **common),
              plot.Panel("Accepted requests", "queue.bound", "p99 (ms)", logy=True, key="on top left", **common)]
    rows = [{**r, "load": f"{r['factor']:g} × capacity"} for r in data["rows"]]
    plot.curves(panels, rows, {f"{f:g} × capacity": style for f, style in FACTORS.items()}, "bound",
                ("refused_share", 0.01), ("share", 0.01), ("p99", 1e6), series="load")
    panels[2].add("bound × service time", [(b, b * 1e3 / data["capacity_per_s"]) for b in bounds], "theory", dashed=True)
    return panels
