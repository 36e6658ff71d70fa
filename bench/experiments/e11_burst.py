"""Ten times the load for a second, again and again: how soon is everything as before?

Half of the peak, with bursts of one second at ten times the peak. Time is cut into pieces of 5 ms; normal is the
p99.9 of the same load without bursts, and the tail is back to normal with the first piece after a burst in which no
accepted request took longer.
"""

from statistics import median

from .lib import overload, plot, text

TITLE = "A burst of ten times the load"
EVERY_S = 3.0
PIECE_S = 0.005
GOAL_S = 0.020
TABLE = ["policy", "p99.9 without bursts=normal_ns:d",
         "back to normal after (ms), each burst=back", "p99 of send lag=send_lag_p99:d"]


def measure_one(ctx, policy, peak):
    quiet = overload.point(ctx, overload.settings_of(ctx, policy), peak, 0.5, ctx.pick(2.0, 8.0),
                           f"{policy}: half of the peak")
    starts = [round(1.0 + i * EVERY_S, 3) for i in range(ctx.pick(2, 6))]
    seconds, back = starts[-1] + EVERY_S, []
    steps = ",".join(f"{at:g}s:{10 * peak:.0f},{at + 1:g}s:{peak / 2:.0f}" for at in starts)
    args = [*overload.keys(), "--fill", *overload.open_loop(peak / 2, seconds, warmup=0.5), "--step", steps,
            "--csv-interval", f"{PIECE_S * 1000:.0f}ms", "--spin", "10us"]
    run = ctx.tcp(overload.settings_of(ctx, policy), args, seconds + 3, f"{policy}: bursts")
    timeline = overload.pieces(run)
    for at in starts:
        after = [t for t in timeline if at + 1 <= t["at_s"] - PIECE_S < at + EVERY_S and t["count"]]
        back.append(next((round(t["at_s"] - at - 1, 4) for t in after if t["max"] <= quiet["p99_9"]), EVERY_S - 1))
    ctx.goal(f"{policy}: p99.9 back to normal ({text.duration(quiet['p99_9'])})",
             f"{median(back) * 1000:.0f} ms, median of {len(back)} bursts, {max(back) * 1000:.0f} ms at most", "20 ms",
             median(back) <= GOAL_S)
    return {"policy": policy, "normal_ns": quiet["p99_9"], "back": ", ".join(f"{1000 * b:.0f}" for b in back),
            "starts": starts, "timeline": timeline, "send_lag_p99": run["results"]["send_lag_ns"]["p99"]}


def measure(ctx):
    peak = overload.peak(ctx)
    return {"rows": [measure_one(ctx, policy, peak) for policy in overload.THREE], "peak_per_s": peak}


def draw(data):
    panel = plot.Panel("One of the bursts", "milliseconds after its end", "longest of the accepted in 5 ms (ms)",
                       logy=True, xrange=(-100, 150), yrange=(0.1, 100), key="top right")
    for r in data["rows"]:
        panel.add(r["policy"], [(1000 * (t["at_s"] - r["starts"][0] - 1), t["max"] / 1e6) for t in r["timeline"] if t["count"]],
                  overload.STYLES[r["policy"]])
    return [panel]
