"""What if the whole server has a single core?

Then a refusal takes time from the work: with r, the CPU of a refusal in parts of that of an operation, goodput at k
times the peak is at most (1 - rk) / (1 - r) of it. Both are measured in the run itself: a refusal is what the I/O thread
used per answer, an operation is that and what the owner used per executed one. (The busier the core, the more requests
come per wakeup, and the cheaper each gets; so the peak of the law is a little above that of a closed loop.) For
comparison, what a refusal costs by itself: the same load on a daemon whose owner thread is stopped.
"""

from .lib import overload, place, plot, stall, text

TITLE = "The whole server on one core, and what the law allows"
SHORT = [1.2, 10]
FULL = [1.2, 2, 5, 10]
GOAL = 0.97


def refusal_ns(ctx, rate, seconds, label, together):
    """CPU of the I/O thread per refusal at this rate: the owner thread is stopped."""
    with stall.owner_stopped(ctx, {"queue.bound": 1}, together) as daemon:
        row = overload.row(ctx.load(daemon, [*overload.keys(), *overload.open_loop(rate, seconds, warmup=0.5, drain=0.1)],
                                    seconds, label))
    return 1e9 * overload.io_seconds(row) / row["refused_per_s"] if row["refused_per_s"] else None


def law(row):
    """What a refusal costs in parts of an operation, and the goodput per second that this allows."""
    refusal = 1e9 * overload.io_seconds(row) / (row["goodput_per_s"] + row["refused_per_s"])
    operation = 1e9 * row["server_cores"].get("sluice-owner", 0) / row["goodput_per_s"] + refusal
    r, k = refusal / operation, row["offered_per_s"] * operation / 1e9
    return {"refusal_ns": refusal, "r": r, "allowed_per_s": max(0, (1 - r * k) / (1 - r)) * 1e9 / operation}


def measure(ctx):
    together, rows = place.Places(together=True), []
    peak = overload.peak(ctx, places=together)
    for factor in ctx.pick(SHORT, FULL):
        row = overload.point(ctx, overload.settings_of(ctx), peak, factor, ctx.pick(2.0, 8.0),
                             f"one core: {factor:g} times the peak", places=together)
        label = f"one core: refusals at {factor:g} times the peak"
        alone = ctx.once(label, lambda: refusal_ns(ctx, factor * peak, ctx.pick(1.0, 3.0), label, together))
        allowed = law(row)
        rows.append(row := {**row, **allowed, "alone_ns": alone, "ceiling": allowed["allowed_per_s"] / peak})
        reached = row["share"] / row["ceiling"]
        ctx.goal(f"goodput at {factor:g} x", f"{text.percent(row['share'])} of peak, {text.percent(reached)} of what the "
                 f"law allows ({text.percent(row['ceiling'])})", "97 % of the law", reached >= GOAL)
    return {"rows": rows, "peak_per_s": peak, "placement": str(together)}


def draw(data):
    panel = plot.Panel("Goodput", "offered load (times the peak)", "% of the peak", yrange=(0, 120), xrange=(0.9, 11),
                       key="bottom left")
    panel.add("reject, whole server on one core", [(r["factor"], 100 * r["share"]) for r in data["rows"]], "backpressure")
    panel.add("(1 - rk) / (1 - r)", [(r["factor"], 100 * r["ceiling"]) for r in data["rows"]], "theory", dashed=True)
    return [panel]


def table(data):
    return f"{data['placement']}\n\n" + text.table(
        data["rows"], "load=factor:x", "offered/s=offered_per_s:n", "goodput, of peak=share:p",
        "CPU of a refusal by itself=alone_ns:d", "in this run=refusal_ns:d", "r:p", "the law allows=ceiling:p",
        "p99.9=p99_9:d", "p99 of send lag=send_lag_p99:d")
