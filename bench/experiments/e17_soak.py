"""Ten times the load for minutes: does memory grow, and is every request accounted for?

Deadlines of 4 ms beside a queue.target of 5 ms, so that requests are refused for both reasons. What the clients count
is compared with what the daemon counts. `--soak SECONDS` says how long; without it a minute, or some seconds in the
short set.
"""

from .lib import overload, plot, text
from .lib.servers import samples

TITLE = "Ten times the load for minutes"
MIB = 1 << 20


def of_daemon(stats):
    """Answers to operations on the table, as the daemon counts them."""
    total = {outcome: sum(stats["operations"][name][outcome] for name in ("get", "put", "delete"))
             for outcome in ("ok", "not_found", "overloaded", "late", "error")}
    return {"executed": total.pop("ok") + total.pop("not_found"), **total}


def measure(ctx):
    seconds, rate = ctx.soak or ctx.pick(6, 60), 10 * overload.peak(ctx)
    args = [*overload.keys(), *overload.open_loop(rate, seconds, warmup=0, drain=5.0), "--deadline", "4ms"]
    run = ctx.tcp(overload.settings_of(ctx), args, seconds + 10, "ten times the peak",
                  meanwhile=lambda daemon: samples(seconds, min(1.0, seconds / 50), lambda: {"resident": daemon.resident()}))
    r = run["results"]
    counted = {"executed": r["outcomes"]["served"] + r["outcomes"]["not_found"],
               **{name: r["outcomes"][name] for name in ("overloaded", "late", "error")}}
    data = {"seconds": seconds, "samples": run["meanwhile"], "sent": r["sent"], "unsent": r["unsent"], "outcomes": counted,
            "unanswered": r["outcomes"]["unanswered"], "daemon": of_daemon(run["stats"]), "rate": rate}
    judge(ctx, data)
    return data


def judge(ctx, data):
    early = max(s["resident"] for s in data["samples"] if data["seconds"] / 10 <= s["at_s"] <= data["seconds"] / 2)
    late = max(s["resident"] for s in data["samples"] if s["at_s"] > data["seconds"] / 2)
    ctx.goal("resident memory", f"{early / MIB:.1f} MiB at most in the first half, {late / MIB:.1f} in the second",
             "flat", late <= early * 1.01 + MIB / 4)
    ctx.goal("sent = executed + OVERLOADED + LATE + errors",
             f"{data['sent']:,} = " + " + ".join(f"{n:,}" for n in data["outcomes"].values()), "exactly",
             data["sent"] == sum(data["outcomes"].values()))
    ctx.goal("the daemon counts the same", ", ".join(f"{k} {n:,}" for k, n in data["daemon"].items()), "exactly",
             data["outcomes"] == data["daemon"])


def draw(data):
    panel = plot.Panel("Resident memory", "seconds", "MiB", yrange=(0, None), key=None)
    return [panel.add("resident", [(s["at_s"], s["resident"] / MIB) for s in data["samples"]], "backpressure")]


def table(data):
    return text.table([data], "seconds", "offered/s=rate:n", "sent:n", "executed=outcomes.executed:n",
                      "OVERLOADED=outcomes.overloaded:n", "LATE=outcomes.late:n", "errors=outcomes.error:n",
                      "unanswered:n", "never sent=unsent:n")
