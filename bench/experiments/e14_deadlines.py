"""Requests that nobody waits for any more: how much of the owner's time goes into them?

Every request has a deadline of 20 ms. What cannot be started by then is answered LATE, most of it at the door, by
estimate; what was let in and comes too late all the same is found out when it is taken. Twice and ten times the peak,
with a queue that alone would make everybody wait for 64 ms; and a service that becomes four times slower in mid-run,
so that the estimates are wrong for a moment.
"""

from .lib import overload, text
from .lib.slower import slowed_down

TITLE = "Expired deadlines"
DEADLINE = ["--deadline", "20ms"]
GOAL = 0.001


def measure(ctx):
    peak, seconds, rows = overload.peak(ctx), ctx.pick(2.0, 6.0), []
    # An upper bound for what the owner spends on a request that it does not execute: all CPU, on both sides, of a
    # request with no work in it.
    cost = ctx.store("a bare hop", 0.3, "owner", 1, "--keys", "1k")["cpu_ns_per_op"]
    settings = overload.settings_of(ctx, **{"queue.target": "off"})
    for name, factor, meanwhile in (("2 x", 2, None), ("10 x", 10, None), (
            "2 x, then 4 times slower", 2, slowed_down(4, 1 + overload.FILL_S + seconds / 2, seconds / 2))):
        row = overload.point(ctx, settings, peak, factor, seconds, name, extra=DEADLINE, meanwhile=meanwhile)
        share = row["expired"] * cost / (1e9 * (seconds + 1))
        rows.append({"name": name, "seconds": seconds, "share": share, **row})
        ctx.goal(f"{name}: owner time on expired requests", text.percent(share, 4), "under 0.1 %", share < GOAL)
    return {"rows": rows, "cost_ns": cost, "peak_per_s": peak}


def table(data):
    return text.table(data["rows"], "load=name", "sent:n", "executed=accepted:n", "OVERLOADED=refused:n", "LATE=late:n",
                      "of these, found out by the owner=expired:n",
                      f"owner time, at {data['cost_ns']:.0f} ns each=share:4", "p99.9 of executed=p99_9:d")
