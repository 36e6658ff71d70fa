"""One connection keeps 1,000 requests in flight. Do the polite ones notice?

99 connections offer half of the peak together; then the same with a hundredth connection that always has 1,000
requests in flight, all of class=normal, and sends the next one as soon as one is answered or refused. (Its client
gets only the CPU that the others leave.)
"""

import time

from .lib import admission, overload, text
from .lib.context import MARGIN
from .lib.daemon import Daemon

TITLE = "One greedy connection and 99 polite ones"
GREED = 1000
TAIL = 1.5
FILLED_S = 0.8  # then the table is full, and the warm-up has begun


def both(ctx, policy, rate, seconds, greedy):
    def run():
        with Daemon(ctx, admission.settings_of(ctx, policy)) as daemon:
            polite = ctx.start_tcp(daemon, [*admission.load(99), "--fill", *admission.open_loop(rate, seconds)],
                                   "polite.json")
            other = None
            if greedy:
                time.sleep(FILLED_S)
                args = [*admission.load(1), "--depth", str(GREED), "--class", "normal", "--warmup", "0.5",
                        "--duration", f"{seconds + 3}s", "--drain", "1s"]
                other = ctx.start_tcp(daemon, args, "greedy.json", wait=False, first=False)
            row = overload.row(ctx.finish_tcp(polite, seconds + MARGIN,
                                              f"{policy}: polite, {'with' if greedy else 'without'} a greedy one"),
                               rate)
            if other:
                row["greedy"] = overload.row(ctx.finish_tcp(other, seconds + MARGIN, f"{policy}: the greedy one"), 0)
        return row
    return ctx.once(f"{policy} {greedy}", run)


def measure(ctx):
    peak, rows = admission.peak(ctx), []
    for policy in ("reject", "drop-oldest", "codel", "adaptive"):
        seconds = admission.seconds_for(ctx, peak / 2, 12.0)
        alone, beside = (both(ctx, policy, peak / 2, seconds, greedy) for greedy in (False, True))
        rows.append({"policy": policy, "alone": alone, "beside": beside})
        ctx.goal(f"{policy}: p99.9 of the polite",
                 f"{text.duration(beside['p99_9'])}, alone {text.duration(alone['p99_9'])}",
                 "at most 1.5 times", beside["p99_9"] <= TAIL * alone["p99_9"])
        ctx.goal(f"{policy}: polite requests refused", f"{beside['refused']:,} of {beside['sent']:,}", "none",
                 beside["refused"] == 0)
    return {"rows": rows, "peak_per_s": peak}


def table(data):
    rows = []
    for r in data["rows"]:
        for name, row in (("alone", r["alone"]), ("beside the greedy one", r["beside"])):
            greedy = row.get("greedy")
            rows.append((r["policy"], name, text.count(row["goodput_per_s"]), text.count(row["refused"]),
                         text.duration(row["p50"]),
                         text.duration(row["p99"]), text.duration(row["p99_9"]),
                         f"{greedy['goodput_per_s']:,.0f}, {greedy['refused_per_s']:,.0f}" if greedy else "",
                         text.duration(row["send_lag_p99"])))
    return text.table(["policy", "the polite", "executed/s", "refused", "p50", "p99", "p99.9",
                       "greedy: executed/s, refused/s", "p99 of send lag"], rows)
