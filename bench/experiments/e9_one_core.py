"""What if the whole server has a single core?

Then a refusal takes time from the work: with r, the CPU of a refusal in parts of that of an operation, goodput at k
times the peak is at most (1 - rk) / (1 - r) of it. Both are measured in the run itself: a refusal is what the I/O thread
used per answer, an operation is that and what the owner used per executed one. (The busier the core, the more requests
come per wakeup, and the cheaper each gets; so the peak of the law is a little above that of a closed loop.) For
comparison, what a refusal costs by itself: the same load on a daemon whose owner thread is stopped.
"""

from .lib import admission, overload, place, plot, stall, text
from .lib.context import MARGIN
from .lib.daemon import Daemon

TITLE = "The whole server on one core, and what the law allows"
SHORT = [1.2, 10]
FULL = [1.2, 2, 5, 10]
GOAL = 0.97


def refusal_ns(ctx, rate, seconds, label):
    """CPU of the I/O thread per refusal at this rate."""
    def run():
        with Daemon(ctx, admission.settings_of(ctx, **{"queue.bound": 1}),
                    places=place.Places(together=True)) as daemon:
            stop = stall.Thread(daemon)
            stop.start()
            try:
                args = [*admission.load(), *admission.open_loop(rate, seconds, warmup=0.5, drain=0.1)]
                result = ctx.finish_tcp(ctx.start_tcp(daemon, args, "refusals.json"), seconds + MARGIN, label)
            finally:
                stop.stop()
        row = overload.row(result, rate)
        return 1e9 * admission.io_seconds(row) / row["refused_per_s"] if row["refused_per_s"] else None
    return ctx.once(label, run)


def law(row):
    """What a refusal costs in parts of an operation, and the goodput per second that this allows."""
    refusal_ns = 1e9 * admission.io_seconds(row) / (row["goodput_per_s"] + row["refused_per_s"])
    operation_ns = 1e9 * row["server_cores"].get("sluice-owner", 0) / row["goodput_per_s"] + refusal_ns
    r, k = refusal_ns / operation_ns, row["offered_per_s"] * operation_ns / 1e9
    return {"refusal_ns": refusal_ns, "r": r, "allowed_per_s": max(0, (1 - r * k) / (1 - r)) * 1e9 / operation_ns}


def measure(ctx):
    together, rows = place.Places(together=True), []
    peak = admission.peak(ctx, 64, together)
    for factor in ctx.pick(SHORT, FULL):
        row = admission.point(ctx, "reject", factor * peak, ctx.pick(2.0, 8.0), places=together,
                              label=f"one core: {factor:g} times the peak")
        alone = refusal_ns(ctx, factor * peak, ctx.pick(1.0, 3.0), f"one core: refusals at {factor:g} times the peak")
        allowed = law(row)
        rows.append({"factor": factor, **row, **allowed, "alone_ns": alone,
                     "ceiling": allowed["allowed_per_s"] / peak})
    for row in rows:
        reached = row["goodput_per_s"] / peak / row["ceiling"]
        ctx.goal(f"goodput at {row['factor']:g} x", f"{text.percent(row['goodput_per_s'] / peak)} of peak, "
                 f"{text.percent(reached)} of what the law allows ({text.percent(row['ceiling'])})", "97 % of the law",
                 reached >= GOAL)
    return {"rows": rows, "peak_per_s": peak, "placement": str(together)}


def draw(data, out, stem):
    panel = plot.Panel("Goodput", "offered load (times the peak)", "% of the peak", yrange=(0, 120), xrange=(0.9, 11),
                       key="bottom left")
    panel.add("reject, whole server on one core",
              [(r["factor"], 100 * r["goodput_per_s"] / data["peak_per_s"]) for r in data["rows"]], "backpressure")
    panel.add("(1 - rk) / (1 - r)", [(r["factor"], 100 * r["ceiling"]) for r in data["rows"]], "theory", dashed=True)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, [panel], width=560) else []


def table(data):
    rows = [(f"{r['factor']:g} x", text.count(r["offered_per_s"]),
             text.percent(r["goodput_per_s"] / data["peak_per_s"]),
             text.duration(r["alone_ns"]), text.duration(r["refusal_ns"]), text.percent(r["r"], 2),
             text.percent(r["ceiling"]),
             text.duration(r["p99_9"]), text.duration(r["send_lag_p99"])) for r in data["rows"]]
    return f"{data['placement']}\n\n" + text.table(["load", "offered/s", "goodput, of peak",
                                                    "CPU of a refusal by itself", "in this run", "r", "the law allows",
                       "p99.9", "p99 of send lag"], rows)
