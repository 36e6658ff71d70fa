"""What the experiments on queue.policy share: the policies as they are measured, the peak, one point of load."""

from . import overload
from .context import SERVICE_NS

BOUND = 256          # 64 ms of work: what ends the queue is time, where a policy knows of time
TARGET_NS = 5_000_000
CODEL_INTERVAL_NS = 5_000_000  # so long a queue may stand before codel does something about it
# One class for all that does not name its own: a twentieth of DELETEs, critical by default, would be half of the peak at
# ten times the load, and go before all others.
LEAST = {"backend": "backpressure", "queue.bound": BOUND, "class.delete": "normal"}
# name: settings, the longest wait that the policy lets come about (None: none but the bound), the colour of its curve
POLICIES = {
    "wait": ({"queue.policy": "wait"}, None, "owner"),
    "reject": ({"queue.policy": "reject", "queue.target": "5ms"}, TARGET_NS, "backpressure"),
    "drop-oldest": ({"queue.policy": "drop-oldest", "queue.target": "5ms"}, TARGET_NS, "rwlock"),
    "codel": ({"queue.policy": "codel"}, CODEL_INTERVAL_NS + 2 * 8 * SERVICE_NS, "mutex"),
    "codel-rfc": ({"queue.policy": "codel-rfc"}, None, "mutex, 4 workers"),
    "adaptive": ({"queue.policy": "adaptive"}, 20 * SERVICE_NS, "extra"),
}
REFUSING = ["reject", "drop-oldest", "codel", "adaptive"]  # those that promise a tail


def settings_of(ctx, policy="reject", service_ns=SERVICE_NS, **more):
    return {**LEAST, **POLICIES[policy][0], **overload.ROOM, "work.iterations": ctx.rounds(service_ns), **more}


def load(connections=64, keys="1k"):
    return ["--connections", str(connections), "--keys", keys, "--value", "256"]


def peak(ctx, connections=64, places=None, service_ns=SERVICE_NS):
    """Operations per second in a closed loop, where nothing is refused. The best of some runs, because others can
    only take from it."""
    def measure():
        seconds, best = ctx.pick(1, 2), 0.0
        for i in range(ctx.pick(2, 3)):
            run = ctx.tcp(settings_of(ctx, "wait", service_ns, **{"queue.bound": 4 * BOUND}),
                          [*load(connections), "--fill", "--warmup", "0.3", "--duration", f"{seconds}s"],
                          seconds + overload.FILL_SECONDS, f"peak, {connections} connections, run {i + 1}",
                          places=places)
            best = max(best, run["results"]["rates"]["goodput_per_s"])
        return best
    return ctx.once(f"peak {connections} {places} {service_ns}", measure, shared=True)


def open_loop(rate, seconds, *, warmup=1.0, drain=1.0):
    return ["--rate", f"{rate:.0f}", "--spin", overload.spin(rate), "--warmup", f"{warmup}s", "--duration",
            f"{seconds}s", "--drain", f"{drain}s"]


def point(ctx, policy, rate, seconds, *, connections=64, label, places=None, extra=(), warmup=1.0, **more):
    """One open-loop run, kept. Returns a row of what matters."""
    def measure():
        args = [*load(connections), "--fill", *open_loop(rate, seconds, warmup=warmup), *extra]
        run = ctx.tcp(settings_of(ctx, policy, **more), args, seconds + warmup + 1 + overload.FILL_SECONDS, label,
                      places=places)
        stats = run["stats"]
        return {**overload.row(run, rate), "late": run["results"]["outcomes"]["late"],
                "refused_count": run["results"]["latency_ns"]["refused"]["count"],
                "queue": {k: stats["queue"][k] for k in ("late", "expired", "stale", "supplanted", "max", "cost_ns")},
                "owner_queue_batch": stats["queue"]["batch"]}
    return ctx.once(label, measure)


def io_seconds(row):
    """CPU that the I/O threads used, in cores."""
    return sum(cores for name, cores in (row["server_cores"] or {}).items() if name.startswith("sluice-io"))


def is_void(row):
    return bool(row["spoiled"])


def seconds_for(ctx, accepted_per_s, most=30.0):
    """Long enough for a p99.9 of 100,000 accepted requests."""
    return min(round(1.03e5 / accepted_per_s, 1), most) if ctx.full else 2.0
