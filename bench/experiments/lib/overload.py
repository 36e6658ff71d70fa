"""What the experiments under offered load share: backends, policies, the peak, one point of load."""

import time

from . import text
from .context import CONNECTIONS, SERVICE_NS

# name: settings, and whether the I/O thread executes the work itself. In all, 64 requests may wait.
BOUND = 64
CONTENDERS = {
    "mutex": ({"backend": "mutex", "mutex.workers": 0}, True),
    "mutex, 4 workers": ({"backend": "mutex", "mutex.workers": 4, "queue.bound": BOUND}, False),
    "owner": ({"backend": "owner", "queue.bound": BOUND}, False),
    "backpressure": ({"backend": "backpressure", "queue.bound": BOUND}, False),
}
# Of the policies: 64 ms of work may wait, so that what ends the queue is time, where a policy knows of time.
PLACES = 256
TARGET_NS = 5_000_000
CODEL_INTERVAL_NS = 5_000_000  # so long a queue may stand before codel does something about it
# name: settings, the longest wait that the policy lets come about (None: none but the bound), the colour of its curve
POLICIES = {
    "wait": ({"queue.policy": "wait"}, None, "owner"),
    "reject": ({"queue.policy": "reject", "queue.target": "5ms"}, TARGET_NS, "backpressure"),
    "drop-oldest": ({"queue.policy": "drop-oldest", "queue.target": "5ms"}, TARGET_NS, "rwlock"),
    "codel": ({"queue.policy": "codel"}, CODEL_INTERVAL_NS + 2 * 8 * SERVICE_NS, "mutex"),
    "codel-rfc": ({"queue.policy": "codel-rfc"}, None, "mutex, 4 workers"),
    "adaptive": ({"queue.policy": "adaptive"}, 20 * SERVICE_NS, "extra"),
}
STYLES = {name: style for name, (_, _, style) in POLICIES.items()}
REFUSING = ["reject", "drop-oldest", "codel", "adaptive"]  # those that promise a tail
THREE = ["reject", "codel", "adaptive"]                     # one of each kind of these
GOODPUT = {1.2: 0.99, 2: 0.99, 5: 0.97, 10: 0.95}           # of the peak, that they promise
TAIL_ALIKE, UNLOADED = 1.10, 0.5
# Room for all that a connection may have in flight here, so that queue.bound alone decides.
ROOM = {"limits.output_soft": "256MiB", "limits.output_hard": "2GiB"}
# One class for all that does not name its own: a twentieth of DELETEs, critical by default, would be half of the peak at
# ten times the load, and go before all others.
LEAST = {"backend": "backpressure", "queue.bound": PLACES, "class.delete": "normal", **ROOM}
FILL_S = 1  # 1,000 puts of SERVICE_NS, and some
FILLED_S = 0.8


def settings_of(ctx, policy="reject", service_ns=SERVICE_NS, **more):
    return {**LEAST, **POLICIES[policy][0], "work.iterations": ctx.rounds(service_ns), **more}


def contender(ctx, name, **more):
    own, io_works = CONTENDERS[name]
    return {**own, **ROOM, "work.iterations": ctx.rounds(SERVICE_NS), **more}, io_works


def keys(connections=CONNECTIONS, count="1k"):
    return ["--connections", str(connections), "--keys", count, "--value", "256"]


def open_loop(rate, seconds, *, warmup=1.0, drain=1.0):
    """The generator shares a core with the I/O thread where there are only two, so it may not spin all the time."""
    return ["--rate", f"{rate:.0f}", "--spin", "50us" if rate < 6000 else "10us", "--warmup", f"{warmup}s",
            "--duration", f"{seconds}s", "--drain", f"{drain}s"]


def peak(ctx, connections=CONNECTIONS, places=None, settings=None, io_works=False, name="peak"):
    """Operations per second in a closed loop, where nothing is refused. The best of some runs, because others can
    only take from it."""
    settings = settings or settings_of(ctx, "wait", **{"queue.bound": 4 * PLACES})
    seconds = ctx.pick(1, 2)

    def measure():
        return max(ctx.tcp(settings, [*keys(connections), "--fill", "--warmup", "0.3", "--duration", f"{seconds}s"],
                           seconds + FILL_S, f"{name}, {connections} connections, run {i + 1}", io_works,
                           places)["results"]["rates"]["goodput_per_s"] for i in range(ctx.pick(2, 3)))
    return ctx.once(f"{name} {connections} {places}", measure, shared=True)


def point(ctx, settings, peak, factor, seconds, label, *, connections=CONNECTIONS, warmup=1.0, extra=(), **how):
    """One open-loop run at so many times the peak. Returns a row of what matters."""
    args = [*keys(connections), "--fill", *open_loop(factor * peak, seconds, warmup=warmup), *extra]
    seen = row(ctx.tcp(settings, args, seconds + warmup + 1 + FILL_S, label, **how))
    return {"connections": connections, "factor": factor, "share": seen["goodput_per_s"] / peak, **seen}


def beside(ctx, args, seconds, label, first=True):
    """For Context.tcp: another load, as soon as the table is full and the warm-up has begun."""
    def load(daemon):
        time.sleep(FILLED_S)
        return row(ctx.load(daemon, args, seconds, label, first))
    return load


def row(run):
    r = run["results"]
    accepted, refused, outcomes = r["latency_ns"]["accepted"], r["latency_ns"]["refused"], r["outcomes"]
    seconds = [s["accepted_ns"]["p50"] for s in run["timeline"] if s["accepted_ns"]["count"]] or [None]
    return {
        "offered_per_s": r["rates"]["offered_per_s"], "goodput_per_s": r["rates"]["goodput_per_s"],
        "refused_per_s": r["rates"]["refused_per_s"], "sent": r["sent"], "accepted": accepted["count"],
        "refused": outcomes["overloaded"], "refused_share": outcomes["overloaded"] / max(r["sent"], 1),
        "served_share": accepted["count"] / max(r["sent"], 1), "unanswered": outcomes["unanswered"],
        "late": outcomes["late"], "p50": accepted["p50"], "p99": accepted["p99"], "p99_9": accepted["p99_9"],
        "max": accepted["max"], "refused_p50": refused["p50"], "refused_p99": refused["p99"], "first_p50": seconds[0],
        "last_p50": seconds[-1], "spoiled": r["generator"]["reasons"], "send_lag_p99": r["send_lag_ns"]["p99"],
        "server_cores": {t["name"]: round(t["cpu_ns"] / 1e9 / r["server"]["seconds"], 3)
                         for t in r["server"]["threads"] if t["cpu_ns"] > 1e6} if r.get("server") else None,
        "expired": run["stats"]["queue"]["expired"] if "stats" in run else None,
    }


def told(rows, field, form):
    return ", ".join(f"{form(r[field])} at {f:g} x" for f, r in rows.items())


def judge(ctx, policy, name, rows, tail=True):
    """What a policy promises of {load: row}, the part of the peak that is executed and, with `tail`, the p99.9."""
    over = {f: r for f, r in rows.items() if f in GOODPUT}
    ctx.goal(f"{name}: goodput", told(over, "share", text.percent), ", ".join(f"{100 * GOODPUT[f]:.0f} %" for f in over),
             all(r["share"] >= GOODPUT[f] for f, r in over.items()))
    limit = POLICIES[policy][1] + rows[UNLOADED]["p99_9"] + SERVICE_NS  # such operations are executed one at a time
    if tail:
        ctx.goal(f"{name}: p99.9", told(over, "p99_9", text.duration), f"at most {text.duration(limit)}",
                 all(r["p99_9"] <= limit for r in over.values()))


def pieces(run):
    """The time line, of accepted requests."""
    return [{"at_s": t["at_s"], "seconds": t["seconds"], "executed": t["served"] + t["not_found"],
             "refused": t["overloaded"], "in_flight": t["in_flight"], **t["accepted_ns"]} for t in run["timeline"]]


def io_seconds(row):
    """CPU that the I/O threads used, in cores."""
    return sum(cores for name, cores in (row["server_cores"] or {}).items() if name.startswith("sluice-io"))


def seconds_for(ctx, accepted_per_s, most=30.0):
    """Long enough for a p99.9 of 100,000 accepted requests."""
    return min(round(1.03e5 / accepted_per_s, 1), most) if ctx.full else 2.0
