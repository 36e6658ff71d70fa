"""What does each queue policy make of too much load?

An open loop offers 0.5 to 10 times what a closed loop has shown the server can do, over 64 connections and over 1,000.
An operation takes about 250 µs. 256 requests may wait; reject and drop-oldest have a queue.target of 5 ms, the others
find their own.
"""

from .lib import overload, plot, text

TITLE = "Queue policies: offered load against goodput and tail"
SHORT = [0.5, 1.2, 10]
FULL = [0.5, 0.8, 1, 1.2, 2, 5, 10]
MANY = 1000  # connections
TABLE = ["policy", "connections", "load=factor:x", "offered/s=offered_per_s:n",
         "goodput, of peak=share:p", "refused=refused_share:p", "unanswered:n", "accepted:n", "p50:d", "p99:d",
         "p99.9=p99_9:d", "p50 of refused=refused_p50:d", "p99 of refused=refused_p99:d",
         "p99 of send lag=send_lag_p99:d"]


def measure_series(ctx, policy, connections, peak, factors):
    for factor in factors:
        # With wait, requests that came in a warm-up would leave none of the measured ones a turn.
        wanted = policy == "reject" and factor not in (0.8, 1)  # whose p99.9 is judged by 100,000 requests
        seconds = overload.seconds_for(ctx, peak * min(factor, 1), 25.0) if wanted else ctx.pick(2.0, 6.0)
        row = overload.point(ctx, overload.settings_of(ctx, policy), peak, factor, seconds,
                             f"{policy}, {connections} connections: {factor:g} times the peak", connections=connections,
                             warmup=0 if policy == "wait" else 1.0)
        yield {"policy": policy, **row}


def measure(ctx):
    rows, peaks = [], {}
    for connections in (64, MANY):
        peaks[str(connections)] = peak = overload.peak(ctx, connections)
        chosen = overload.POLICIES if connections == 64 else overload.THREE
        factors = ctx.pick(SHORT, FULL) if connections == 64 else ctx.pick([0.5, 10], [0.5, 1.2, 2, 5, 10])
        for policy in chosen:
            rows += measure_series(ctx, policy, connections, peak, factors)
    data = {"rows": rows, "peak_per_s": peaks}
    for connections in peaks:
        for policy in overload.REFUSING:
            judge(ctx, policy, connections, series(data, policy, connections))
    return data


def series(data, policy, connections):
    return {r["factor"]: r for r in data["rows"] if r["policy"] == policy and r["connections"] == int(connections)}


def judge(ctx, policy, connections, rows):
    if not rows:
        return
    name = f"{policy}, {connections} connections"
    overload.judge(ctx, policy, name, rows)
    tails = [r["p99_9"] for f, r in rows.items() if f >= 2]
    if len(tails) > 1:
        ctx.goal(f"{name}: p99.9 from 2 x to 10 x", f"{min(tails) / 1e6:.2f} to {max(tails) / 1e6:.2f} ms",
                 "within 10 %", max(tails) <= overload.TAIL_ALIKE * min(tails))


def draw(data):
    figures = {}
    for connections in data["peak_per_s"]:
        panels = plot.by_load(f"Goodput, {connections} connections", "the peak", "executed and answered (% of the peak)",
                              "p99.9 (ms)", (0.3, 20000))
        plot.curves(panels, [r for r in data["rows"] if str(r["connections"]) == connections], overload.STYLES, "factor",
                    ("share", 0.01), ("p99_9", 1e6), series="policy")
        figures["" if connections == "64" else f"-{connections}"] = panels
    return figures


def headline(data):
    there = {r["factor"] for r in data["rows"]}
    return goodput_and_tail(data, ["64"], [f for f in (0.5, 1.2, 2, 10) if f in there])


def summary(data):
    return goodput_and_tail(data, data["peak_per_s"], sorted({r["factor"] for r in data["rows"]}))


def goodput_and_tail(data, all_connections, factors):
    """A row per policy: goodput and p99.9 of accepted requests."""
    def cell(row):
        return f"{text.percent(row['share'])}, {text.duration(row['p99_9'])}" if row else ""
    seen = {(p, c): series(data, p, c) for c in all_connections for p in overload.POLICIES}
    return text.grid(["policy", "connections", *(f"{f:g} x" for f in factors)],
                     [(f"`{p}`", c, *(cell(rows.get(f)) for f in factors)) for (p, c), rows in seen.items() if rows])
