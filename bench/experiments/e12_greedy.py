"""One connection keeps 1,000 requests in flight. Do the polite ones notice?

99 connections offer half of the peak together; then the same with a hundredth connection that always has 1,000
requests in flight, all of class=normal, and sends the next one as soon as one is answered or refused. (Its client
gets only the CPU that the others leave.)
"""

from .lib import overload, text

TITLE = "One greedy connection and 99 polite ones"
GREED = 1000
TAIL = 1.5
TABLE = ["policy", "the polite=polite", "executed/s=goodput_per_s:n", "refused:n", "p50:d",
         "p99:d", "p99.9=p99_9:d", "greedy: executed/s, refused/s=greedy", "p99 of send lag=send_lag_p99:d"]


def measure_one(ctx, policy, peak):
    seconds = overload.seconds_for(ctx, peak / 2, 12.0)
    polite = [*overload.keys(99), "--fill", *overload.open_loop(peak / 2, seconds)]
    greedy = [*overload.keys(1), "--depth", str(GREED), "--class", "normal", "--warmup", "0.5", "--duration",
              f"{seconds + 3}s", "--drain", "1s"]
    settings = overload.settings_of(ctx, policy)
    alone = overload.row(ctx.tcp(settings, polite, seconds, f"{policy}: polite, without a greedy one"))
    run = ctx.tcp(settings, polite, seconds, f"{policy}: polite, with a greedy one",
                  meanwhile=overload.beside(ctx, greedy, seconds + 3, f"{policy}: the greedy one", first=False))
    beside, other = overload.row(run), run["meanwhile"]
    ctx.goal(f"{policy}: p99.9 of the polite",
             f"{text.duration(beside['p99_9'])}, alone {text.duration(alone['p99_9'])}", "at most 1.5 times",
             beside["p99_9"] <= TAIL * alone["p99_9"])
    ctx.goal(f"{policy}: polite requests refused", f"{beside['refused']:,} of {beside['sent']:,}", "none",
             beside["refused"] == 0)
    return [{"policy": policy, "polite": "alone", "greedy": "", **alone},
            {"policy": policy, "polite": "beside the greedy one",
             "greedy": f"{other['goodput_per_s']:,.0f}, {other['refused_per_s']:,.0f}", **beside}]


def measure(ctx):
    peak = overload.peak(ctx)
    return {"rows": [row for policy in overload.REFUSING for row in measure_one(ctx, policy, peak)], "peak_per_s": peak}
