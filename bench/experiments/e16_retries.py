"""The server stalls for five seconds, and the clients have no patience. How soon is everything as before?

0.7 times the peak. Who is refused asks again at once, three times, without a pause: the behaviour that keeps a server
overloaded after the cause has gone. Once the whole daemon stalls, so that nobody is even refused and all that was sent
meanwhile comes at once; once the owner thread alone, so that refusals and retries go on all the time. The policy wait
refuses nobody, and is shown for comparison.
"""

import time

from .lib import admission, overload, plot, stall, text
from .lib.context import MARGIN
from .lib.daemon import Daemon

TITLE = "Clients that ask again at once, after a stall"
GOAL_S = 1.0
PIECE_MS = 50
SERIES = [("reject", stall.Process), ("reject", stall.Thread), ("codel", stall.Process), ("adaptive", stall.Process),
          ("wait", stall.Process)]


def one(ctx, policy, kind, peak, lengths):
    label = f"{policy}, {kind.what}"
    before, stalled, after = lengths

    def run():
        with Daemon(ctx, admission.settings_of(ctx, policy)) as daemon:
            args = [*admission.load(), "--fill", *admission.open_loop(0.7 * peak, before + stalled + after, warmup=0),
                    "--retries", "3", "--csv-interval", f"{PIECE_MS}ms"]
            started = ctx.start_tcp(daemon, args, "retries.json")
            time.sleep(overload.FILL_SECONDS + before)
            stop = kind(daemon)
            stop.start()
            time.sleep(stalled)
            stop.stop()
            result = ctx.finish_tcp(started, after + MARGIN, label)
        keep = [{"at_s": t["at_s"], "seconds": t["seconds"], "executed": t["served"] + t["not_found"],
                 "refused": t["overloaded"], "in_flight": t["in_flight"],
                 "p50": t["accepted_ns"]["p50"], "p99": t["accepted_ns"]["p99"]} for t in result["timeline"]]
        r = result["results"]
        return {"name": label, "policy": policy, "timeline": keep, "sent": r["sent"],
                "refused": r["outcomes"]["overloaded"],
                "retried": r["retried"], "send_lag_p99": r["send_lag_ns"]["p99"]}
    return ctx.once(label, run)


def recovery(row, stalled):
    """The end of the stall, and seconds until the p99 of a piece is within what it was before it."""
    pieces = row["timeline"]
    quiet = [t for t in pieces if not t["executed"]]
    gaps = [(a, b) for a, b in zip(pieces, pieces[1:]) if not a["executed"] and b["executed"]]
    if not quiet or not gaps:
        return None, None
    end = gaps[-1][0]["at_s"]
    usual = max(t["p99"] for t in pieces if t["executed"] and t["at_s"] < end - stalled - 0.2)
    back = next((t["at_s"] - end for t in pieces
                 if t["at_s"] > end and t["executed"] and t["p99"] <= usual and not t["refused"]), None)
    return end, back


def measure(ctx):
    peak, rows = admission.peak(ctx), []
    lengths = ctx.pick((1.5, 2.0, 3.0), (3.0, 5.0, 8.0))
    for policy, kind in SERIES:
        row = one(ctx, policy, kind, peak, lengths)
        end, back = recovery(row, lengths[1])
        rows.append({**row, "end_s": end, "back_s": back})
        if policy != "wait":
            ctx.goal(row["name"],
                     f"normal after {1000 * back:.0f} ms" if back is not None else "not normal by the end", "1 s",
                     back is not None and back <= GOAL_S)
    return {"rows": rows, "peak_per_s": peak, "lengths": lengths}


def draw(data, out, stem):
    panel = plot.Panel(f"p99 of accepted requests, each {PIECE_MS} ms", "seconds after the end of the stall", "ms",
                       logy=True, xrange=(-1, 7), yrange=(0.3, 20000), key="top right")
    for row, style in zip(data["rows"], ("backpressure", "mutex, 4 workers", "mutex", "extra", "owner")):
        if row["end_s"] is not None:
            panel.add(row["name"],
                      [(t["at_s"] - row["end_s"], t["p99"] / 1e6) for t in row["timeline"] if t["executed"]], style,
                      points_shown=False)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, [panel], width=640) else []


def table(data):
    rows = [(r["name"], text.count(r["sent"]), text.count(r["retried"]), text.count(r["refused"]),
             f"{1000 * r['back_s']:.0f} ms" if r["back_s"] is not None else "not by the end",
             text.duration(r["send_lag_p99"])) for r in data["rows"]]
    return text.table(["policy, what stalls", "requests", "sent again", "refused four times", "normal after",
                       "p99 of send lag"], rows)
