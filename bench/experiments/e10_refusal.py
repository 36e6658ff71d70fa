"""What does a refusal cost, and how soon is it there?

CPU: the owner thread is stopped, so that every request is refused; beside it the null server, which reads requests
without understanding them and answers something short. Closed loop, 50 connections, one request at a time and 16.
Time: ten times the load over 64, 1,000 and 4,000 connections, by requests that ask for early refusals
(@tag=...;refuse=early); and, for comparison, by requests that do not. Then answers come in the order of requests, so a
refusal waits for what was accepted before it on its connection; the more connections, the less often.
"""

import statistics

from .lib import admission, overload, peers, plot, stall, text
from .lib.context import MARGIN, SERVICE_NS
from .lib.daemon import Daemon

TITLE = "What a refusal costs"
DEPTHS = {1: 300, 16: 100}  # ns that a refusal may cost more than an answer of the null server
CONNECTIONS = [64, 1000, 4000]
ORDERS = {"early": ["--early-refusals"], "in order": []}
P99_NS = SERVICE_NS + 200_000


def per_answer(result):
    """CPU of the threads that talk to clients, per answer within the measured time."""
    server = result["results"]["server"]
    used = sum(t["cpu_ns"] for t in server["threads"] if t["name"] != "sluice-owner")
    return used / server["seconds"] / result["results"]["rates"]["answered_per_s"]


def closed_loop(ctx, server, depth, seconds, label):
    args = ["--connections", "50", "--keys", "1k", "--value", "64", "--mix", "get=50,put=50", "--depth", str(depth),
            "--warmup", "0.2", "--duration", f"{seconds}s", "--drain", "0.1"]
    return per_answer(ctx.finish_tcp(ctx.start_tcp(server, args, "refusal.json"), seconds + MARGIN, label))


def cpu(ctx, rounds, seconds):
    rows = []
    null = peers.Server("null", "text", peers.null_server(ctx.build, 1), ctx.places.work, ctx.work)
    with Daemon(ctx, admission.settings_of(ctx, **{"queue.bound": 1, "threads_cpus": ctx.places.work})) as daemon:
        stop = stall.Thread(daemon)
        stop.start()
        try:
            with null as floor:
                for i in range(rounds):
                    for depth in DEPTHS:
                        rows.append({"depth": depth,
                                     "null_ns": closed_loop(ctx, floor, depth, seconds,
                                                            f"null server, depth {depth}, round {i + 1}"),
                                     "refusal_ns": closed_loop(ctx, daemon, depth, seconds,
                                                               f"refusals, depth {depth}, round {i + 1}")})
        finally:
            stop.stop()
    return rows


def measure(ctx):
    rounds = ctx.once("cpu", lambda: cpu(ctx, ctx.pick(2, 5), ctx.pick(0.6, 1.5)))
    peak, waits = admission.peak(ctx), []
    for connections in ctx.pick([64, 1000], CONNECTIONS):
        for order, extra in ORDERS.items():
            row = admission.point(ctx, "reject", 10 * peak, ctx.pick(2.0, 5.0), connections=connections, extra=extra,
                                  label=f"10 times the peak, {connections} connections, refusals {order}")
            waits.append({"connections": connections, "refusals": order, **row})
    data = {"rounds": rounds, "waits": waits, "peak_per_s": peak}
    for depth, more in DEPTHS.items():
        null, refusal = best(data, depth)
        ctx.goal(f"CPU of a refusal, depth {depth}",
                 f"{refusal:.0f} ns, null server {null:.0f} ns: {refusal - null:+.0f} ns",
                 f"at most {more} ns more", refusal - null <= more)
    for row in (r for r in waits if r["refusals"] == "early"):
        ctx.goal(f"p99 of an early refusal at 10 x, {row['connections']} connections",
                 text.duration(row["refused_p99"]), f"at most {text.duration(P99_NS)}", row["refused_p99"] <= P99_NS)
    return data


def best(data, depth):
    """Medians over the rounds."""
    rows = [r for r in data["rounds"] if r["depth"] == depth]
    return statistics.median(r["null_ns"] for r in rows), statistics.median(r["refusal_ns"] for r in rows)


def draw(data, out, stem):
    del data, out, stem
    return []


def table(data):
    rows = [(depth, *(f"{ns:,.0f} ns" for ns in best(data, depth)),
             f"{best(data, depth)[1] - best(data, depth)[0]:+,.0f} ns")
            for depth in DEPTHS]
    waits = [(r["connections"], r["refusals"], text.count(r["offered_per_s"]), text.duration(r["refused_p50"]),
              text.duration(r["refused_p99"]), text.duration(r["p99"]), text.duration(r["send_lag_p99"]))
             for r in data["waits"]]
    return (text.table(["requests in flight per connection", "null server, CPU per answer", "refusal, CPU per answer",
                        "difference"], rows)
            + "\n" + text.table(["connections", "refusals", "offered/s", "p50 of refused", "p99 of refused",
                                 "p99 of accepted", "p99 of send lag"], waits))
