"""What the experiments under offered load share: the contenders, their capacity, one point of load."""

from .context import CONNECTIONS, SERVICE_NS

BOUND = 64
# name: settings, and whether the I/O thread executes the work itself. In all, 64 requests may wait.
CONTENDERS = {
    "mutex": ({"backend": "mutex", "mutex.workers": 0}, True),
    "mutex, 4 workers": ({"backend": "mutex", "mutex.workers": 4, "queue.bound": BOUND}, False),
    "owner": ({"backend": "owner", "queue.bound": BOUND}, False),
    "backpressure": ({"backend": "backpressure", "queue.bound": BOUND}, False),
}
# Room for all that a connection may have in flight here, so that queue.bound alone decides.
ROOM = {"limits.output_soft": "256MiB", "limits.output_hard": "2GiB"}
LOAD = ["--connections", str(CONNECTIONS), "--keys", "1k", "--value", "256", "--fill"]
FILL_SECONDS = 1  # 1,000 puts of SERVICE_NS, and some


def settings_of(ctx, name, service_ns=SERVICE_NS, **more):
    own, io_works = CONTENDERS[name]
    return {**own, **ROOM, "work.iterations": ctx.rounds(service_ns), **more}, io_works


def capacity(ctx, name, **more):
    """Operations per second in a closed loop, where nothing is refused: 64 connections, one request each. The best of
    some runs, because others can only take from it."""
    settings, io_works = settings_of(ctx, name, **more)
    seconds, best = ctx.pick(1, 3), 0.0
    for i in range(ctx.pick(2, 4)):
        run = ctx.tcp(settings, [*LOAD, "--warmup", "0.3", "--duration", f"{seconds}s"], seconds + FILL_SECONDS,
                      f"{name}: capacity, run {i + 1}", io_works)
        best = max(best, run["results"]["rates"]["goodput_per_s"])
    return best


def spin(rate):
    """How long the generator watches the clock before it sends. It shares a core with the I/O thread where there are
    only two, so it may not spin all the time."""
    return "50us" if rate < 6000 else "10us"


def point(ctx, name, rate, seconds, *, warmup=1.0, drain=1.0, label="", **more):
    """One open-loop run. Returns a row of what matters."""
    settings, io_works = settings_of(ctx, name, **more)
    args = [*LOAD, "--rate", f"{rate:.0f}", "--spin", spin(rate), "--warmup", f"{warmup}s", "--duration",
            f"{seconds}s", "--drain", f"{drain}s"]
    run = ctx.tcp(settings, args, seconds + warmup + drain + FILL_SECONDS, label or f"{name}: {rate:,.0f}/s", io_works)
    return row(run, rate)


def row(run, rate):
    r = run["results"]
    accepted, refused, outcomes = r["latency_ns"]["accepted"], r["latency_ns"]["refused"], r["outcomes"]
    seconds = [s for s in run["timeline"] if s["accepted_ns"]["count"]]
    return {
        "rate": rate, "offered_per_s": r["rates"]["offered_per_s"], "goodput_per_s": r["rates"]["goodput_per_s"],
        "refused_per_s": r["rates"]["refused_per_s"], "sent": r["sent"], "accepted": accepted["count"],
        "refused": outcomes["overloaded"], "unanswered": outcomes["unanswered"], "accounted": r["accounted"],
        "p50": accepted["p50"], "p99": accepted["p99"], "p99_9": accepted["p99_9"], "max": accepted["max"],
        "refused_p50": refused["p50"], "refused_p99": refused["p99"],
        "first_p50": seconds[0]["accepted_ns"]["p50"] if seconds else None,
        "last_p50": seconds[-1]["accepted_ns"]["p50"] if seconds else None,
        "in_flight_at_end": run["timeline"][-1]["in_flight"] if run["timeline"] else None,
        "spoiled": r["generator"]["reasons"], "send_lag_p99": r["send_lag_ns"]["p99"],
        "server_cores": {t["name"]: round(t["cpu_ns"] / 1e9 / r["server"]["seconds"], 3)
                         for t in r["server"]["threads"] if t["cpu_ns"] > 1e6} if r.get("server") else None,
        "disturbance": run["disturbance"],
    }
