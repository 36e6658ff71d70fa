"""How long should the queue be?

Backpressure with bounds from 1 to thousands, at 0.9 times capacity (a busy server) and at 1.2 (an overloaded one);
operations of about 250 µs, Poisson arrivals. Too short a queue refuses what could have been done a moment later; a
longer one only adds waiting.
"""

from .lib import overload, plot, text

TITLE = "Queue bound against refusals, goodput and tail"
FACTORS = {0.9: "mutex", 1.2: "backpressure"}  # and the colour of each


def measure(ctx):
    bounds = ctx.pick([1, 8, 64, 512], [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096])
    seconds, rows = ctx.pick(2.0, 8.0), []
    capacity = overload.capacity(ctx, "backpressure")
    for factor in FACTORS:
        for bound in bounds:
            excess = max((factor - 1) * capacity, 1)
            warmup = min(max(0.5, 1.2 * bound / excess), 8.0) if factor > 1 else 0.5  # until the queue is full
            row = overload.point(ctx, "backpressure", factor * capacity, seconds, warmup=round(warmup, 1),
                                 label=f"bound {bound} at {factor:g} times capacity", **{"queue.bound": bound})
            rows.append({"factor": factor, "bound": bound, **row})
    return {"rows": rows, "capacity_per_s": capacity, "tail": "p99", "seconds": seconds}


def draw(data, out, stem):
    bounds = sorted({r["bound"] for r in data["rows"]})
    common = {"logx": True, "xrange": (0.8, bounds[-1] * 1.3)}
    common["xtics"] = ", ".join(str(b) for b in bounds if b in (1, 4, 16, 64, 256, 1024, 4096, 8, 512))
    panels = [plot.Panel("Refused", "queue.bound", "% of requests", yrange=(0, None), key="top right", **common),
              plot.Panel("Goodput", "queue.bound", "% of capacity", yrange=(60, 102), key=None, **common),
              plot.Panel("Accepted requests", "queue.bound", "p99 (ms)", logy=True, key=None, **common)]
    for factor, style in FACTORS.items():
        rows = [r for r in data["rows"] if r["factor"] == factor]
        name = f"{factor:g} × capacity"
        panels[0].add(name, [(r["bound"], 100 * r["refused"] / r["sent"]) for r in rows], style)
        panels[1].add(name, [(r["bound"], 100 * r["goodput_per_s"] / data["capacity_per_s"]) for r in rows], style)
        panels[2].add(None, [(r["bound"], r[data["tail"]] / 1e6) for r in rows], style)
    service_ms = 1e3 / data["capacity_per_s"]
    panels[2].add("bound × service time", [(b, b * service_ms) for b in bounds], "theory", points_shown=False,
                  dashed=True)
    panels[2].lines.append("set key on top left")
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels, width=1080, height=380) else []


def table(data):
    capacity = data["capacity_per_s"]
    rows = [(f"{r['factor']:g} x", r["bound"], text.percent(r["refused"] / r["sent"]),
             text.percent(r["goodput_per_s"] / capacity), text.duration(r["p50"]), text.duration(r["p99"]),
             text.duration(r["bound"] * 1e9 / capacity)) for r in data["rows"]]
    return text.table(["load", "bound", "refused", "goodput, of capacity", "p50", "p99", "bound x service time"], rows)
