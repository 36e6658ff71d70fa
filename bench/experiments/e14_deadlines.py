"""Requests that nobody waits for any more: how much of the owner's time goes into them?

Every request has a deadline of 20 ms. What cannot be started by then is answered LATE, most of it at the door, by
estimate; what was let in and comes too late all the same is found out when it is taken. Twice and ten times the peak,
with a queue that alone would make everybody wait for 64 ms; and a service that becomes four times slower in mid-run,
so that the estimates are wrong for a moment.
"""

import time

from .lib import admission, overload, text
from .lib.context import MARGIN
from .lib.daemon import Daemon
from .lib.slower import ByPreempting, BySharing, slower

TITLE = "Expired deadlines"
DEADLINE_MS = 20
GOAL = 0.001


def cost_of_one(ctx):
    """An upper bound for what the owner spends on a request that it does not execute: all CPU, on both sides, of a
    request with no work in it."""
    run = ctx.store(["--backend", "owner", "--workers", "1", "--keys", "1k", "--duration", "0.3"], 1, "a bare hop")
    return run["results"][0]["cpu_ns_per_op"]


def slowed(ctx, rate, seconds, label):
    def run():
        with Daemon(ctx, admission.settings_of(ctx, "reject", **{"queue.target": "off"})) as daemon:
            args = [*admission.load(), "--fill", "--deadline", f"{DEADLINE_MS}ms", *admission.open_loop(rate, seconds)]
            started = ctx.start_tcp(daemon, args, "deadlines.json")
            way = slower(daemon.thread("sluice-owner"), ctx.places.work, (ByPreempting, BySharing))
            time.sleep(1 + overload.FILL_SECONDS + seconds / 2)
            way.times(4)
            try:
                result = ctx.finish_tcp(started, seconds + MARGIN, label)
                stats = daemon.stats()
            finally:
                way.stop()
        return {**overload.row(result, rate), "late": result["results"]["outcomes"]["late"],
                "queue": {k: stats["queue"][k] for k in ("late", "expired")}}
    return ctx.once(label, run)


def measure(ctx):
    peak, cost, rows = admission.peak(ctx), ctx.once("hop", lambda: cost_of_one(ctx)), []
    seconds = ctx.pick(2.0, 6.0)
    for factor in (2, 10):
        row = admission.point(ctx, "reject", factor * peak, seconds, label=f"{factor} times the peak",
                              extra=["--deadline", f"{DEADLINE_MS}ms"], **{"queue.target": "off"})
        rows.append({"name": f"{factor} x", "seconds": seconds, **row})
    rows.append({"name": "2 x, then 4 times slower", "seconds": seconds,
                 **slowed(ctx, 2 * peak, seconds, "service 4 times slower in mid-run")})
    for row in rows:
        row["share"] = row["queue"]["expired"] * cost / (1e9 * (row["seconds"] + 1))
        ctx.goal(f"{row['name']}: owner time on expired requests", text.percent(row["share"], 4), "under 0.1 %",
                 row["share"] < GOAL)
    return {"rows": rows, "cost_ns": cost, "peak_per_s": peak}


def draw(data, out, stem):
    del data, out, stem
    return []


def table(data):
    rows = [(r["name"], text.count(r["sent"]), text.count(r["accepted"]), text.count(r["refused"]),
             text.count(r["late"]),
             text.count(r["queue"]["expired"]), text.percent(r["share"], 4), text.duration(r["p99_9"]))
            for r in data["rows"]]
    return text.table(["load", "sent", "executed", "OVERLOADED", "LATE", "of these, found out by the owner",
                       f"owner time, at {data['cost_ns']:.0f} ns each", "p99.9 of executed"], rows)
