"""The server stalls for five seconds, and the clients have no patience. How soon is everything as before?

0.7 times the peak. Who is refused asks again at once, three times, without a pause: the behaviour that keeps a server
overloaded after the cause has gone. Once the whole daemon stalls, so that nobody is even refused and all that was sent
meanwhile comes at once; once the owner thread alone, so that refusals and retries go on all the time. The policy wait
refuses nobody, and is shown for comparison.
"""

import time

from .lib import overload, plot, stall

TITLE = "Clients that ask again at once, after a stall"
GOAL_S = 1.0
PIECE_MS = 50
SERIES = {("reject", stall.Process): "backpressure", ("reject", stall.Thread): "mutex, 4 workers",
          ("codel", stall.Process): "mutex", ("adaptive", stall.Process): "extra", ("wait", stall.Process): "owner"}
TABLE = ["policy, what stalls=name", "requests=sent:n", "sent again=retried:n",
         "refused four times=refused:n", "normal after=back", "p99 of send lag=send_lag_p99:d"]


def one(ctx, policy, kind, peak, before, stalled, after):
    def stop(daemon):
        time.sleep(overload.FILL_S + before)
        halt = kind(daemon)
        halt.start()
        time.sleep(stalled)
        halt.stop()
    name = f"{policy}, {kind.what}"
    args = [*overload.keys(), "--fill", *overload.open_loop(0.7 * peak, before + stalled + after, warmup=0), "--retries",
            "3", "--csv-interval", f"{PIECE_MS}ms"]
    run = ctx.tcp(overload.settings_of(ctx, policy), args, before + stalled + after, name, meanwhile=stop)
    pieces = overload.pieces(run)
    end, back = recovery(pieces, stalled)
    told = f"{1000 * back:.0f} ms" if back is not None else "not by the end"
    if policy != "wait":
        ctx.goal(name, f"normal after {told}" if back is not None else "not normal by the end", "1 s",
                 back is not None and back <= GOAL_S)
    return {"name": name, "style": SERIES[policy, kind], "timeline": pieces, "end_s": end, "back_s": back, "back": told,
            "retried": run["results"]["retried"], **overload.row(run)}


def recovery(pieces, stalled):
    """The end of the stall, and seconds until the p99 of a piece is within what it was before it."""
    ends = [a["at_s"] for a, b in zip(pieces, pieces[1:]) if not a["executed"] and b["executed"]]
    if not ends:
        return None, None
    usual = max(t["p99"] for t in pieces if t["executed"] and t["at_s"] < ends[-1] - stalled - 0.2)
    return ends[-1], next((t["at_s"] - ends[-1] for t in pieces if t["at_s"] > ends[-1] and t["executed"]
                           and t["p99"] <= usual and not t["refused"]), None)


def measure(ctx):
    peak, lengths = overload.peak(ctx), ctx.pick((1.5, 2.0, 3.0), (3.0, 5.0, 8.0))
    return {"rows": [one(ctx, *which, peak, *lengths) for which in SERIES], "peak_per_s": peak, "lengths": lengths}


def draw(data):
    panel = plot.Panel(f"p99 of accepted requests, each {PIECE_MS} ms", "seconds after the end of the stall", "ms",
                       logy=True, xrange=(-1, 7), yrange=(0.3, 20000), key="top right")
    for row in (r for r in data["rows"] if r["end_s"] is not None):
        panel.add(row["name"], [(t["at_s"] - row["end_s"], t["p99"] / 1e6) for t in row["timeline"] if t["executed"]],
                  row["style"])
    return [panel]
