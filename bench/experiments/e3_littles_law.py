"""What happens to queue and latency when every operation suddenly takes 10 times as long, then 100 times?

Little's law: requests in the system = rate of answers x time each spends there. Load stays the same throughout, half
of what the server can do at first. Then the thread that executes the work gets a tenth, then a hundredth of its core,
then all of it again, as when a dependency or a noisy neighbour slows it down. One operation is 1 ms of work. With
`owner` nothing is refused; with `backpressure` 32 requests may wait.
"""

import time

from .lib import overload, plot, text
from .lib.context import MARGIN
from .lib.daemon import Daemon, Stats
from .lib.slower import slower

TITLE = "Little's law: the service slows down in mid-run"
SERVICE_NS = 1_000_000
RATE = 500
BOUND = 32
FACTORS = [1, 10, 100, 1]
SAMPLE_S = 0.2
SERIES = {"owner": {"backend": "owner"}, "backpressure": {"backend": "backpressure", "queue.bound": BOUND}}


def sample(stats, begin, samples):
    now = time.monotonic() - begin
    samples.append({"at_s": round(now, 3), "depth": stats.read()["queue"]["depth"]})


def run_phases(ctx, daemon, lengths, begin, samples):
    """Changes the speed of the owner at the end of each phase; samples the depth of its queue meanwhile."""
    stats = Stats(daemon)
    way = slower(daemon.thread("sluice-owner"), ctx.places.work)
    try:
        end = 0.0
        for factor, length in zip(FACTORS, lengths):
            way.times(factor)
            end += length
            while time.monotonic() - begin < end:
                sample(stats, begin, samples)
                time.sleep(max(0.0, min(SAMPLE_S, end - (time.monotonic() - begin))))
    finally:
        way.stop()
        stats.close()
    return way.how


def phases_of(lengths):
    at = 0.0
    for factor, length in zip(FACTORS, lengths):
        yield at, at + length, factor
        at += length


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def law(timeline, samples, bounded, lengths):
    """By phase, the second half of it. What an accepted request meets: with a queue that refuses, the queue and the
    one being executed (refusals wait for no work); without, all that was sent and not answered. The law: it will be
    there for that number / executed per second."""
    rows = []
    for begin, end, factor in phases_of(lengths):
        late = [t for t in timeline if (begin + end) / 2 < t["at_s"] <= end]
        seconds = sum(t["seconds"] for t in late)
        answers = sum(t["served"] + t["not_found"] for t in late)
        refused = sum(t["overloaded"] for t in late)
        if bounded:
            ahead = 1 + mean(s["depth"] for s in samples if (begin + end) / 2 < s["at_s"] <= end)
        else:
            ahead = mean(t["in_flight"] for t in late)
        seen = [t["accepted_ns"]["p50"] for t in late if t["accepted_ns"]["count"]]
        rows.append({"factor": factor, "answers_per_s": answers / seconds if seconds else None,
                     "refused_per_s": refused / seconds if seconds else None, "ahead": ahead,
                     "law_ns": 1e9 * ahead * seconds / answers if answers else None,
                     "p50_ns": sorted(seen)[len(seen) // 2] if seen else None})
    return rows


def measure(ctx):
    lengths = ctx.pick([2, 2, 3, 3], [8, 8, 12, 12])
    total, series, how = sum(lengths), {}, None
    for name, settings in SERIES.items():
        settings = {**settings, **overload.ROOM, "work.iterations": ctx.rounds(SERVICE_NS)}
        with Daemon(ctx, settings) as daemon:
            args = ["--connections", "64", "--keys", "500", "--fill", "--rate", str(RATE), "--warmup", "0s",
                    "--duration", f"{total}s", "--drain", "1s", "--csv-interval", "250ms"]
            started = ctx.start_tcp(daemon, args, "littles-law.json")
            time.sleep(500 * SERVICE_NS / 1e9 + 0.1)  # the fill: 500 puts of 1 ms
            samples = []
            how = run_phases(ctx, daemon, lengths, time.monotonic(), samples)
            run = ctx.finish_tcp(started, 2 + MARGIN, name)
        timeline = [{k: t[k] for k in ("at_s", "seconds", "served", "not_found", "overloaded", "in_flight",
                                       "accepted_ns")} for t in run["timeline"]]
        series[name] = {"samples": samples, "timeline": timeline, "law": law(timeline, samples, "queue.bound" in SERIES[name], lengths),
                        "unanswered": run["results"]["outcomes"]["unanswered"]}
    return {"series": series, "lengths": lengths, "how": how, "rate": RATE, "bound": BOUND,
            "service_ns": SERVICE_NS}


def boundaries(data):
    """Vertical lines and names of the phases."""
    lines = []
    for begin, end, factor in phases_of(data["lengths"]):
        lines.append(f"set arrow from {end:g}, graph 0 to {end:g}, graph 1 nohead lc rgb '#999999' dt 2")
        lines.append(f"set label '{factor} ×' at {(begin + end) / 2:g}, graph 0.95 center tc rgb '#555555'")
    return lines


def draw(data, out, stem):
    total, marks = sum(data["lengths"]), boundaries(data)
    panels = [plot.Panel("In the system: sent and not answered", "seconds", "requests", logy=True, xrange=(0, total),
                         yrange=(0.1, 100000), key=None, extra=marks),
              plot.Panel("Latency of accepted requests, by time of answer", "seconds", "p50 (ms)", logy=True,
                         xrange=(0, total), yrange=(0.1, 100000), key="on at graph 0.71, 0.25 right top", extra=marks)]
    for name, series in data["series"].items():
        flight = [(t["at_s"], max(t["in_flight"], 0.5)) for t in series["timeline"]]
        panels[0].add(name, flight, name, points_shown=False)
        latency = [(t["at_s"], t["accepted_ns"]["p50"] / 1e6 if t["accepted_ns"]["count"] else None)
                   for t in series["timeline"]]
        panels[1].add(name, latency, name, points_shown=False)
    depth = [(s["at_s"], max(s["depth"], 0.5)) for s in data["series"]["backpressure"]["samples"]]
    for panel, points in zip(panels, (depth, [])):
        panel.add(f"its queue, bound {data['bound']}", points, "extra", points_shown=False, dashed=True)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def table(data):
    rows = []
    for name, series in data["series"].items():
        for r in series["law"]:
            rows.append((name, f"{r['factor']} x", text.count(r["answers_per_s"]), text.count(r["refused_per_s"]),
                         text.count(r["ahead"]), text.duration(r["law_ns"]), text.duration(r["p50_ns"])))
    lead = f"Second half of each phase, in order; slowed down by: {data['how']}.\n\n"
    return lead + text.table(["backend", "an operation takes", "executed/s", "refused/s", "in the system to be executed",
                              "time by Little's law", "p50 of accepted"], rows)
