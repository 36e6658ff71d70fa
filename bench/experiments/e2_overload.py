"""When more work arrives than can be done, how much still gets done, and how long does it take?

An open loop offers 0.5 to 10 times what a closed loop has shown the server can do. Requests leave on time whether or
not answers come back, and a latency counts from the instant a request was due. One operation takes about 250 µs of
artificial work, so the server is the bottleneck and not the load generator, and the picture does not depend on the
machine. Up to 64 requests may wait in the daemon.

Backend and queue policy: backpressure with the policy wait is the owner, and the owner with the policy reject is
backpressure, so each appears once.
"""

from .lib import overload, plot, text

TITLE = "Offered load against goodput and tail"
SHORT = [0.5, 1, 2, 10]
FULL = [0.5, 0.8, 1, 1.2, 2, 5, 10]
ENOUGH_FOR_P999 = 100_000


def seconds_of(ctx, factor, capacity):
    """In the full set, long enough for 100,000 accepted requests where capacity is reached; 30 s at most."""
    if not ctx.full:
        return 3.0
    return min(round(1.03 * ENOUGH_FOR_P999 / (capacity * min(factor, 1)), 1), 30.0)


def measure_one(ctx, name, capacity):
    for factor in ctx.pick(SHORT, FULL):
        seconds = seconds_of(ctx, factor, capacity)
        row = overload.point(ctx, name, factor * capacity, seconds, warmup=0,
                             label=f"{name}: {factor:g} times capacity")
        yield {"series": name, "factor": factor, "seconds": seconds, **row}


def measure(ctx):
    rows, capacities = [], {}
    for name in overload.CONTENDERS:
        capacities[name] = overload.capacity(ctx, name)
        rows += measure_one(ctx, name, capacities[name])
    tail = "p99_9" if ctx.full else "p99"
    return {"rows": rows, "capacity_per_s": capacities, "rounds": ctx.rounds(overload.SERVICE_NS),
            "bound": overload.BOUND, "tail": tail}


def draw(data, out, stem):
    tail = data["tail"].replace("_", ".")
    seconds = max(r["seconds"] for r in data["rows"])
    tics = "0.5, 0.8, 1, 1.2, 2, 5, 10"
    panels = [plot.Panel("Goodput", "offered load (times capacity)", "executed and answered (% of capacity)",
                         logx=True, xtics=tics, xrange=(0.45, 11), yrange=(0, 120), key="bottom right"),
              plot.Panel("Latency of accepted requests", "offered load (times capacity)",
                         f"{tail} (ms) after {seconds:.0f} s of load", logx=True, logy=True, xtics=tics,
                         xrange=(0.45, 11), yrange=(1, 50000), key=None)]
    for name in overload.CONTENDERS:
        rows = [r for r in data["rows"] if r["series"] == name]
        capacity = data["capacity_per_s"][name]
        panels[0].add(name, [(r["factor"], 100 * r["goodput_per_s"] / capacity) for r in rows], name)
        panels[1].add(name, [(r["factor"], r[data["tail"]] / 1e6 if r[data["tail"]] else None) for r in rows], name)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def table(data):
    rows = []
    for r in data["rows"]:
        capacity = data["capacity_per_s"][r["series"]]
        rows.append((r["series"], f"{r['factor']:g} x", text.count(r["offered_per_s"]), text.count(r["goodput_per_s"]),
                     text.percent(r["goodput_per_s"] / capacity, 0), text.percent(r["refused"] / r["sent"]),
                     text.count(r["unanswered"]), text.duration(r["p50"]), text.duration(r[data["tail"]]),
                     text.duration(r["first_p50"]), text.duration(r["last_p50"]), text.duration(r["send_lag_p99"])))
    return text.table(["backend", "load", "offered/s", "goodput/s", "of capacity", "refused", "unanswered", "p50",
                       data["tail"].replace("_", "."), "p50, first second", "p50, last second",
                       "p99 of send lag"], rows)
