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


def measure_one(ctx, name):
    settings, io_works = overload.contender(ctx, name)
    capacity = overload.peak(ctx, settings=settings, io_works=io_works, name=f"{name}: capacity")
    for factor in ctx.pick(SHORT, FULL):
        seconds = overload.seconds_for(ctx, capacity * min(factor, 1)) if ctx.full else 3.0
        row = overload.point(ctx, settings, capacity, factor, seconds, f"{name}: {factor:g} times capacity", warmup=0,
                             io_works=io_works)
        yield {"series": name, "seconds": seconds, **row}


def measure(ctx):
    rows = [row for name in overload.CONTENDERS for row in measure_one(ctx, name)]
    return {"rows": rows, "bound": overload.BOUND, "tail": ctx.pick("p99", "p99_9")}


def draw(data):
    tail, seconds = data["tail"], max(r["seconds"] for r in data["rows"])
    panels = plot.by_load("Goodput", "capacity", "executed and answered (% of capacity)",
                          f"{tail.replace('_', '.')} (ms) after {seconds:.0f} s of load", (1, 50000))
    styles = {name: name for name in overload.CONTENDERS}
    return plot.curves(panels, data["rows"], styles, "factor", ("share", 0.01), (tail, 1e6))


def table(data):
    tail = data["tail"]
    return text.table(data["rows"], "backend=series", "load=factor:x", "offered/s=offered_per_s:n",
                      "goodput/s=goodput_per_s:n", "of capacity=share:p", "refused=refused_share:p", "unanswered:n",
                      "p50:d", f"{tail.replace('_', '.')}={tail}:d", "p50, first second=first_p50:d",
                      "p50, last second=last_p50:d", "p99 of send lag=send_lag_p99:d")
