"""Ten times the load, of which a twentieth is critical: is that part served?

32 connections send class=critical at half of the peak, 32 others class=normal at 9.5 times the peak.
"""

import time

from .lib import admission, overload, text
from .lib.context import MARGIN
from .lib.daemon import Daemon

TITLE = "The critical class in ten times the load"
GOAL = 0.999
FILLED_S = 0.8  # then the table is full, and the warm-up has begun
POLICIES = ["reject", "codel", "adaptive"]


def measure_one(ctx, policy, peak, seconds):
    def run():
        with Daemon(ctx, admission.settings_of(ctx, policy)) as daemon:
            args = [*admission.load(32), "--class", "critical", *admission.open_loop(peak / 2, seconds)]
            critical = ctx.start_tcp(daemon, [*args, "--fill"], "critical.json")
            time.sleep(FILLED_S)
            args = [*admission.load(32), "--class", "normal", *admission.open_loop(9.5 * peak, seconds + 2, warmup=0)]
            normal = ctx.start_tcp(daemon, args, "normal.json", wait=False)
            rows = [overload.row(ctx.finish_tcp(critical, seconds + MARGIN, f"{policy}: critical"), peak / 2),
                    overload.row(ctx.finish_tcp(normal, seconds + MARGIN, f"{policy}: normal"), 9.5 * peak)]
        return rows
    return ctx.once(policy, run)


def measure(ctx):
    peak, rows = admission.peak(ctx), []
    for policy in POLICIES:
        critical, normal = measure_one(ctx, policy, peak, ctx.pick(3.0, 10.0))
        served = critical["accepted"] / critical["sent"]
        rows.append({"policy": policy, "critical": critical, "normal": normal})
        ctx.goal(f"{policy}: critical requests served", text.percent(served, 3), "99.9 %", served >= GOAL)
    return {"rows": rows, "peak_per_s": peak}


def table(data):
    rows = []
    for r in data["rows"]:
        for name in ("critical", "normal"):
            row = r[name]
            rows.append((r["policy"], name, text.count(row["offered_per_s"]),
                         text.percent(row["accepted"] / row["sent"], 3),
                         text.count(row["goodput_per_s"]), text.duration(row["p50"]), text.duration(row["p99_9"]),
                         text.duration(row["send_lag_p99"])))
    return text.table(["policy", "class", "offered/s", "served", "executed/s", "p50", "p99.9", "p99 of send lag"], rows)
