"""Ten times the load for a second, again and again: how soon is everything as before?

Half of the peak, with bursts of one second at ten times the peak. Time is cut into pieces of 5 ms; normal is the
p99.9 of the same load without bursts, and the tail is back to normal with the first piece after a burst in which no
accepted request took longer.
"""

import statistics

from .lib import admission, overload, plot, text

TITLE = "A burst of ten times the load"
EVERY_S = 3.0
PIECE_S = 0.005
GOAL_S = 0.020
POLICIES = ["reject", "codel", "adaptive"]


def bursts(ctx):
    return [round(1.0 + i * EVERY_S, 3) for i in range(ctx.pick(2, 6))]


def measure_one(ctx, policy, peak, normal_ns):
    starts = bursts(ctx)
    seconds = starts[-1] + EVERY_S
    steps = ",".join(f"{at:g}s:{10 * peak:.0f},{at + 1:g}s:{peak / 2:.0f}" for at in starts)

    def run():
        args = [*admission.load(), "--fill", *admission.open_loop(peak / 2, seconds, warmup=0.5), "--step", steps,
                "--csv-interval", f"{PIECE_S * 1000:.0f}ms", "--spin", "10us"]
        result = ctx.tcp(admission.settings_of(ctx, policy), args, seconds + 3, f"{policy}: bursts")
        keep = [{"at_s": t["at_s"], "max": t["accepted_ns"]["max"], "p50": t["accepted_ns"]["p50"],
                 "count": t["accepted_ns"]["count"],
                 "refused": t["overloaded"]} for t in result["timeline"]]
        return {"timeline": keep, "send_lag_p99": result["results"]["send_lag_ns"]["p99"]}
    data = ctx.once(f"{policy}: bursts", run)
    back = []
    for at in starts:
        after = [t for t in data["timeline"] if at + 1 <= t["at_s"] - PIECE_S < at + EVERY_S and t["count"]]
        back.append(next((round(t["at_s"] - at - 1, 4) for t in after if t["max"] <= normal_ns), EVERY_S - 1))
    return {"policy": policy, "back_s": back, "starts": starts, **data}


def measure(ctx):
    peak = admission.peak(ctx)
    rows, normal = [], {}
    for policy in POLICIES:
        quiet = admission.point(ctx, policy, peak / 2, ctx.pick(2.0, 8.0), label=f"{policy}: half of the peak")
        normal[policy] = quiet["p99_9"]
        rows.append(measure_one(ctx, policy, peak, quiet["p99_9"]))
        back = statistics.median(rows[-1]["back_s"])
        ctx.goal(f"{policy}: p99.9 back to normal ({text.duration(quiet['p99_9'])})",
                 f"{back * 1000:.0f} ms, median of {len(rows[-1]['back_s'])} bursts, "
                 f"{max(rows[-1]['back_s']) * 1000:.0f} ms at most",
                 "20 ms", back <= GOAL_S)
    return {"rows": rows, "normal_ns": normal, "peak_per_s": peak}


def draw(data, out, stem):
    panel = plot.Panel("One of the bursts", "milliseconds after its end", "longest of the accepted in 5 ms (ms)",
                       logy=True, xrange=(-100, 150),
                       yrange=(0.1, 100), key="top right")
    for r in data["rows"]:
        at = r["starts"][0] + 1
        panel.add(r["policy"], [(1000 * (t["at_s"] - at), t["max"] / 1e6) for t in r["timeline"]
                                if -0.1 <= t["at_s"] - at <= 0.15 and t["count"]], admission.POLICIES[r["policy"]][2],
                  points_shown=False)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, [panel], width=640) else []


def table(data):
    rows = [(r["policy"], text.duration(data["normal_ns"][r["policy"]]),
             ", ".join(f"{1000 * b:.0f}" for b in r["back_s"]), text.duration(r["send_lag_p99"])) for r in data["rows"]]
    return text.table(["policy", "p99.9 without bursts", "back to normal after (ms), each burst", "p99 of send lag"],
                      rows)
