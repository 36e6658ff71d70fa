"""What happens to queue and latency when every operation suddenly takes 10 times as long, then 100 times?

Little's law: requests in the system = rate of answers x time each spends there. Load stays the same throughout, half
of what the server can do at first. Then the thread that executes the work gets a tenth, then a hundredth of its core,
then all of it again, as when a dependency or a noisy neighbour slows it down. One operation is 1 ms of work. With
`owner` nothing is refused; with `backpressure` 32 requests may wait.
"""

import time
from statistics import mean, median

from .lib import overload, plot, text
from .lib.servers import Stats, samples
from .lib.slower import slower

TITLE = "Little's law: the service slows down in mid-run"
SERVICE_NS = 1_000_000
RATE = 500
BOUND = 32
FACTORS = [1, 10, 100, 1]
SAMPLE_S = 0.2
SERIES = {"owner": {"backend": "owner"}, "backpressure": {"backend": "backpressure", "queue.bound": BOUND}}


def run_phases(daemon, lengths):
    """Changes the speed of the owner at the end of each phase; samples the depth of its queue meanwhile."""
    time.sleep(500 * SERVICE_NS / 1e9 + 0.1)  # the fill: 500 puts of 1 ms
    way, seen = slower(daemon), []
    with Stats(daemon) as stats:
        try:
            for begin, end, factor in phases_of(lengths):
                way.times(factor)
                seen += [{**s, "at_s": begin + s["at_s"]} for s in samples(
                    end - begin, SAMPLE_S, lambda: {"depth": stats.read()["queue"]["depth"]})]
        finally:
            way.stop()
    return {"samples": seen, "how": way.how}


def phases_of(lengths):
    at = 0.0
    for factor, length in zip(FACTORS, lengths):
        yield at, at + length, factor
        at += length


def law(timeline, queue, bounded, lengths):
    """By phase, the second half of it. What an accepted request meets: with a queue that refuses, the queue and the
    one being executed (refusals wait for no work); without, all that was sent and not answered. The law: it will be
    there for that number / executed per second."""
    rows = []
    for begin, end, factor in phases_of(lengths):
        late = [t for t in timeline if (begin + end) / 2 < t["at_s"] <= end]
        seconds, executed = sum(t["seconds"] for t in late), sum(t["executed"] for t in late)
        depths = [s["depth"] for s in queue if (begin + end) / 2 < s["at_s"] <= end]
        ahead = 1 + mean(depths or [0]) if bounded else mean([t["in_flight"] for t in late] or [0])
        seen = [t["p50"] for t in late if t["count"]]
        rows.append({"factor": factor, "answers_per_s": executed / seconds if seconds else None,
                     "refused_per_s": sum(t["refused"] for t in late) / seconds if seconds else None, "ahead": ahead,
                     "law_ns": 1e9 * ahead * seconds / executed if executed else None,
                     "p50_ns": median(seen) if seen else None})
    return rows


def measure(ctx):
    lengths, series, how = ctx.pick([2, 2, 3, 3], [8, 8, 12, 12]), {}, None
    for name, settings in SERIES.items():
        args = ["--connections", "64", "--keys", "500", "--fill", "--rate", str(RATE), "--warmup", "0s", "--duration",
                f"{sum(lengths)}s", "--drain", "1s", "--csv-interval", "250ms"]
        run = ctx.tcp({**settings, **overload.ROOM, "work.iterations": ctx.rounds(SERVICE_NS)}, args, sum(lengths) + 2,
                      name, meanwhile=lambda daemon: run_phases(daemon, lengths))
        timeline, seen, how = overload.pieces(run), run["meanwhile"]["samples"], run["meanwhile"]["how"]
        series[name] = {"samples": seen, "timeline": timeline, "law": law(timeline, seen, "queue.bound" in settings, lengths)}
    return {"series": series, "lengths": lengths, "how": how, "rate": RATE, "bound": BOUND, "service_ns": SERVICE_NS}


def boundaries(data):
    """Vertical lines and names of the phases."""
    for begin, end, factor in phases_of(data["lengths"]):
        yield f"set arrow from {end:g}, graph 0 to {end:g}, graph 1 nohead lc rgb '#999999' dt 2"
        yield f"set label '{factor} ×' at {(begin + end) / 2:g}, graph 0.95 center tc rgb '#555555'"


def draw(data):
    common = {"logy": True, "xrange": (0, sum(data["lengths"])), "yrange": (0.1, 100000), "extra": [*boundaries(data)]}
    panels = [plot.Panel("In the system: sent and not answered", "seconds", "requests", key=None, **common),
              plot.Panel("Latency of accepted requests, by time of answer", "seconds", "p50 (ms)",
                         key="on at graph 0.71, 0.25 right top", **common)]
    for name, series in data["series"].items():
        panels[0].add(name, [(t["at_s"], max(t["in_flight"], 0.5)) for t in series["timeline"]], name)
        panels[1].add(name, [(t["at_s"], t["p50"] / 1e6) for t in series["timeline"] if t["count"]], name)
    depth = [(s["at_s"], max(s["depth"], 0.5)) for s in data["series"]["backpressure"]["samples"]]
    for panel, points in zip(panels, (depth, [])):
        panel.add(f"its queue, bound {data['bound']}", points, "extra", dashed=True)
    return panels


def table(data):
    rows = [{"name": name, **row} for name, series in data["series"].items() for row in series["law"]]
    return f"Second half of each phase, in order; slowed down by: {data['how']}.\n\n" + text.table(
        rows, "backend=name", "an operation takes=factor:x", "executed/s=answers_per_s:n", "refused/s=refused_per_s:n",
        "in the system to be executed=ahead:n", "time by Little's law=law_ns:d", "p50 of accepted=p50_ns:d")
