"""What does a refusal cost, and how soon is it there?

CPU: the owner thread is stopped, so that every request is refused; beside it the null server, in which the daemon's
network room answers by itself. Closed loop, 50 connections, one request at a time and 16.
Time: ten times the load over 64, 1,000 and 4,000 connections, by requests that ask for early refusals
(@tag=...;refuse=early); and, for comparison, by requests that do not. Then answers come in the order of requests, so a
refusal waits for what was accepted before it on its connection; the more connections, the less often.
"""

from statistics import median

from .lib import overload, servers, stall, text
from .lib.context import SERVICE_NS

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
    return per_answer(ctx.load(server, args, seconds, label))


def cpu(ctx, rounds, seconds):
    """{depth: nanoseconds of the null server and of a refusal, and the difference}, medians over the rounds."""
    rows = {depth: [] for depth in DEPTHS}
    null = servers.Server("null", "text", servers.null_server(ctx.build, 1), ctx.places.work, ctx.work)
    with stall.owner_stopped(ctx, {"queue.bound": 1, "threads_cpus": ctx.places.work}) as daemon, null as floor:
        for i in range(rounds):
            for depth, found in rows.items():
                found.append([closed_loop(ctx, server, depth, seconds, f"{name}, depth {depth}, round {i + 1}")
                              for name, server in (("null server", floor), ("refusals", daemon))])
    found = {depth: [median(column) for column in zip(*pairs)] for depth, pairs in rows.items()}
    return [{"depth": depth, "null_ns": null, "refusal_ns": refusal, "more": f"{refusal - null:+,.0f} ns"}
            for depth, (null, refusal) in found.items()]


def measure(ctx):
    costs = ctx.once("cpu", lambda: cpu(ctx, ctx.pick(2, 5), ctx.pick(0.6, 1.5)))
    for row in costs:
        most = DEPTHS[row["depth"]]
        ctx.goal(f"CPU of a refusal, depth {row['depth']}",
                 f"{row['refusal_ns']:.0f} ns, null server {row['null_ns']:.0f} ns: {row['more']}", f"at most {most} ns more",
                 row["refusal_ns"] - row["null_ns"] <= most)
    peak, waits = overload.peak(ctx), []
    for connections in ctx.pick([64, 1000], CONNECTIONS):
        for order, extra in ORDERS.items():
            row = overload.point(ctx, overload.settings_of(ctx), peak, 10, ctx.pick(2.0, 5.0),
                                 f"10 times the peak, {connections} connections, refusals {order}",
                                 connections=connections, extra=extra)
            waits.append({"refusals": order, **row})
            if order == "early":
                ctx.goal(f"p99 of an early refusal at 10 x, {connections} connections", text.duration(row["refused_p99"]),
                         f"at most {text.duration(P99_NS)}", row["refused_p99"] <= P99_NS)
    return {"costs": costs, "waits": waits, "peak_per_s": peak}


def table(data):
    return (text.table(data["costs"], "requests in flight per connection=depth",
                       "null server, CPU per answer=null_ns:d", "refusal, CPU per answer=refusal_ns:d", "difference=more")
            + "\n" + text.table(data["waits"], "connections", "refusals", "offered/s=offered_per_s:n",
                                "p50 of refused=refused_p50:d", "p99 of refused=refused_p99:d", "p99 of accepted=p99:d",
                                "p99 of send lag=send_lag_p99:d"))
