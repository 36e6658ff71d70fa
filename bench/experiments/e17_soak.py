"""Ten times the load for minutes: does memory grow, and is every request accounted for?

Deadlines of 4 ms beside a queue.target of 5 ms, so that requests are refused for both reasons. What the clients count
is compared with what the daemon counts. `--soak SECONDS` says how long; without it a minute, or some seconds in the
short set.
"""

import time

from .lib import admission, plot, text
from .lib.context import MARGIN
from .lib.daemon import Daemon, Stats

TITLE = "Ten times the load for minutes"
MIB = 1 << 20
OUTCOMES = {"overloaded": "overloaded", "late": "late", "error": "error"}


def watch(daemon, seconds):
    samples, begin = [], time.monotonic()
    while (at := time.monotonic() - begin) < seconds:
        samples.append({"at_s": round(at, 2), "resident": daemon.resident()})
        time.sleep(min(1.0, seconds / 50))
    return samples


def of_daemon(stats):
    """Answers to operations on the table, by outcome, as the daemon counts them."""
    total = {}
    for name in ("get", "put", "delete"):
        for outcome, n in stats["operations"][name].items():
            total[outcome] = total.get(outcome, 0) + n
    return total


def measure(ctx):
    seconds = ctx.soak or ctx.pick(6, 60)
    rate = 10 * admission.peak(ctx)
    with Daemon(ctx, admission.settings_of(ctx, "reject")) as daemon:
        args = [*admission.load(), *admission.open_loop(rate, seconds, warmup=0, drain=5.0), "--deadline", "4ms"]
        started = ctx.start_tcp(daemon, args, "soak.json")
        samples = watch(daemon, seconds)
        result = ctx.finish_tcp(started, 10 + MARGIN, "ten times the peak")
        link = Stats(daemon)
        served = of_daemon(link.read())
        link.close()
    r = result["results"]
    counted = {**r["outcomes"], "executed": r["outcomes"]["served"] + r["outcomes"]["not_found"]}
    there = {"executed": served["ok"] + served["not_found"], **{k: served[v] for k, v in OUTCOMES.items()}}
    data = {"seconds": seconds, "samples": samples, "sent": r["sent"], "unsent": r["unsent"], "outcomes": counted,
            "daemon": there, "rate": rate}
    judge(ctx, data)
    return data


def judge(ctx, data):
    early = max(s["resident"] for s in data["samples"] if data["seconds"] / 10 <= s["at_s"] <= data["seconds"] / 2)
    late = max(s["resident"] for s in data["samples"] if s["at_s"] > data["seconds"] / 2)
    ctx.goal("resident memory", f"{early / MIB:.1f} MiB at most in the first half, {late / MIB:.1f} in the second",
             "flat", late <= early * 1.01 + MIB / 4)
    c = data["outcomes"]
    total = c["executed"] + c["overloaded"] + c["late"] + c["error"]
    ctx.goal("sent = executed + OVERLOADED + LATE + errors",
             f"{data['sent']:,} = {c['executed']:,} + {c['overloaded']:,} + {c['late']:,} + {c['error']:,}",
             "exactly", data["sent"] == total)
    same = all(c[k] == data["daemon"][k] for k in data["daemon"])
    ctx.goal("the daemon counts the same", ", ".join(f"{k} {n:,}" for k, n in data["daemon"].items()), "exactly", same)


def draw(data, out, stem):
    panel = plot.Panel("Resident memory", "seconds", "MiB", yrange=(0, None), key=None)
    panel.add("resident", [(s["at_s"], s["resident"] / MIB) for s in data["samples"]], "backpressure",
              points_shown=False)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, [panel], width=560) else []


def table(data):
    c = data["outcomes"]
    return text.table(["seconds", "offered/s", "sent", "executed", "OVERLOADED", "LATE", "errors", "unanswered",
                       "never sent"],
                      [(data["seconds"], text.count(data["rate"]),
                        *(text.count(n) for n in (data["sent"], c["executed"], c["overloaded"], c["late"], c["error"],
                                                  c["unanswered"], data["unsent"])))])
