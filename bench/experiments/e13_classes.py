"""Ten times the load, of which a twentieth is critical: is that part served?

32 connections send class=critical at half of the peak, 32 others class=normal at 9.5 times the peak.
"""

from .lib import overload, text

TITLE = "The critical class in ten times the load"
GOAL = 0.999
TABLE = ["policy", "class", "offered/s=offered_per_s:n", "served=served_share:3",
         "executed/s=goodput_per_s:n", "p50:d", "p99.9=p99_9:d", "p99 of send lag=send_lag_p99:d"]


def measure_one(ctx, policy, peak, seconds):
    normal = [*overload.keys(32), "--class", "normal", *overload.open_loop(9.5 * peak, seconds + 2, warmup=0)]
    args = [*overload.keys(32), "--class", "critical", *overload.open_loop(peak / 2, seconds), "--fill"]
    run = ctx.tcp(overload.settings_of(ctx, policy), args, seconds, f"{policy}: critical",
                  meanwhile=overload.beside(ctx, normal, seconds + 2, f"{policy}: normal"))
    row = overload.row(run)
    ctx.goal(f"{policy}: critical requests served", text.percent(row["served_share"], 3), "99.9 %",
             row["served_share"] >= GOAL)
    return [{"policy": policy, "class": "critical", **row}, {"policy": policy, "class": "normal", **run["meanwhile"]}]


def measure(ctx):
    peak, seconds = overload.peak(ctx), ctx.pick(3.0, 10.0)
    return {"rows": [row for policy in overload.THREE for row in measure_one(ctx, policy, peak, seconds)], "peak_per_s": peak}
