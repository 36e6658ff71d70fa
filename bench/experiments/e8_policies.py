"""What does each queue policy make of too much load?

An open loop offers 0.5 to 10 times what a closed loop has shown the server can do, over 64 connections and over 1,000.
An operation takes about 250 µs. 256 requests may wait; reject and drop-oldest have a queue.target of 5 ms, the others
find their own.
"""

from .lib import admission, plot, text

TITLE = "Queue policies: offered load against goodput and tail"
SHORT = [0.5, 1.2, 10]
FULL = [0.5, 0.8, 1, 1.2, 2, 5, 10]
MANY = 1000  # connections
GOODPUT = {1.2: 0.99, 2: 0.99, 5: 0.97, 10: 0.95}
BATCH_NS = 250_000  # operations of that length are executed one at a time
TAIL_ALIKE = 1.10


def measure_series(ctx, policy, connections, peak, factors):
    for factor in factors:
        # With wait, requests that came in a warm-up would leave none of the measured ones a turn.
        wanted = policy == "reject" and factor not in (0.8, 1)  # whose p99.9 is judged by 100,000 requests
        seconds = admission.seconds_for(ctx, peak * min(factor, 1), 25.0) if wanted else ctx.pick(2.0, 6.0)
        row = admission.point(ctx, policy, factor * peak, seconds, connections=connections,
                              warmup=0 if policy == "wait" else 1.0,
                              label=f"{policy}, {connections} connections: {factor:g} times the peak")
        yield {"policy": policy, "connections": connections, "factor": factor, **row}


def measure(ctx):
    rows, peaks = [], {}
    for connections in (64, MANY):
        peaks[str(connections)] = peak = admission.peak(ctx, connections)
        chosen = admission.POLICIES if connections == 64 else ("reject", "codel", "adaptive")
        factors = ctx.pick(SHORT, FULL) if connections == 64 else ctx.pick([0.5, 10], [0.5, 1.2, 2, 5, 10])
        for policy in chosen:
            rows += measure_series(ctx, policy, connections, peak, factors)
    data = {"rows": rows, "peak_per_s": peaks}
    judge(ctx, data)
    return data


def series(data, policy, connections):
    return {r["factor"]: r for r in data["rows"] if r["policy"] == policy and r["connections"] == connections}


def judge(ctx, data):
    for connections, peak in data["peak_per_s"].items():
        for policy in admission.REFUSING:
            rows = series(data, policy, int(connections))
            if not rows:
                continue
            name = f"{policy}, {connections} connections"
            over = {f: r for f, r in rows.items() if f in GOODPUT}
            shares = {f: r["goodput_per_s"] / peak for f, r in over.items()}
            ctx.goal(f"{name}: goodput", ", ".join(f"{text.percent(s)} at {f:g} x" for f, s in shares.items()),
                     ", ".join(f"{100 * GOODPUT[f]:.0f} %" for f in shares),
                     all(s >= GOODPUT[f] for f, s in shares.items()))
            limit = admission.POLICIES[policy][1] + rows[0.5]["p99_9"] + BATCH_NS
            ctx.goal(f"{name}: p99.9", ", ".join(f"{text.duration(r['p99_9'])} at {f:g} x" for f, r in over.items()),
                     f"at most {text.duration(limit)}", all(r["p99_9"] <= limit for r in over.values()))
            tails = [r["p99_9"] for f, r in rows.items() if f >= 2]
            if len(tails) > 1:
                ctx.goal(f"{name}: p99.9 from 2 x to 10 x", f"{min(tails) / 1e6:.2f} to {max(tails) / 1e6:.2f} ms",
                         "within 10 %", max(tails) <= TAIL_ALIKE * min(tails))


def draw(data, out, stem):
    tics = "0.5, 0.8, 1, 1.2, 2, 5, 10"
    paths = []
    for connections, peak in data["peak_per_s"].items():
        common = {"logx": True, "xtics": tics, "xrange": (0.45, 11)}
        panels = [plot.Panel(f"Goodput, {connections} connections", "offered load (times the peak)",
                             "executed and answered (% of the peak)", yrange=(0, 120), key="bottom right", **common),
                  plot.Panel("Latency of accepted requests", "offered load (times the peak)", "p99.9 (ms)", logy=True,
                             yrange=(0.3, 20000), key=None, **common)]
        for policy, (_, _, style) in admission.POLICIES.items():
            rows = series(data, policy, int(connections))
            if not rows:
                continue
            panels[0].add(policy, [(f, 100 * r["goodput_per_s"] / peak) for f, r in rows.items()], style)
            panels[1].add(policy, [(f, r["p99_9"] / 1e6 if r["p99_9"] else None) for f, r in rows.items()], style)
        path = out / (f"{stem}.svg" if connections == "64" else f"{stem}-{connections}.svg")
        paths += [path] if plot.draw(path, TITLE, panels) else []
    return paths


def headline(data):
    there = {r["factor"] for r in data["rows"]}
    return goodput_and_tail(data, ["64"], [f for f in (0.5, 1.2, 2, 10) if f in there])


def summary(data):
    return goodput_and_tail(data, data["peak_per_s"], sorted({r["factor"] for r in data["rows"]}))


def goodput_and_tail(data, all_connections, factors):
    """A row per policy: goodput and p99.9 of accepted requests."""
    rows = []
    for connections in all_connections:
        peak = data["peak_per_s"][connections]
        for policy in admission.POLICIES:
            seen = series(data, policy, int(connections))
            cells = [f"{text.percent(seen[f]['goodput_per_s'] / peak)}, {text.duration(seen[f]['p99_9'])}"
                     if f in seen else ""
                     for f in factors]
            if seen:
                rows.append((f"`{policy}`", connections, *cells))
    return text.table(["policy", "connections", *(f"{f:g} x" for f in factors)], rows)


def table(data):
    rows = []
    for r in data["rows"]:
        peak = data["peak_per_s"][str(r["connections"])]
        rows.append((r["policy"], r["connections"], f"{r['factor']:g} x", text.count(r["offered_per_s"]),
                     text.percent(r["goodput_per_s"] / peak), text.percent(r["refused"] / max(r["sent"], 1)),
                     text.count(r["unanswered"]), text.count(r["accepted"]), text.duration(r["p50"]),
                     text.duration(r["p99"]), text.duration(r["p99_9"]), text.duration(r["refused_p50"]),
                     text.duration(r["refused_p99"]), text.duration(r["send_lag_p99"])))
    return text.table(["policy", "connections", "load", "offered/s", "goodput, of peak", "refused", "unanswered",
                       "accepted", "p50", "p99", "p99.9", "p50 of refused", "p99 of refused", "p99 of send lag"], rows)
