"""Is what the daemon reports as latency what its clients see?

STATS beside the open-loop client, at loads below and above the peak: latency_ns.put (from arrival until the reply is
written, of executed requests) against what the client sees of them. Only PUT, and no filling before, so that both hold
the same requests. Shown beside it: queue.sojourn_ns, which ends when a request has been executed. Where they differ
and the client itself was late by more than may be, nothing can be told.
"""

from .lib import overload, text

TITLE = "Honest time: what the daemon says and what clients see"
SHARE, NS = 0.05, 50_000
FACTORS = [0.5, 0.8, 2, 10]
QUANTILES = {"p50": "p50", "p99": "p99", "p999": "p99_9"}
TABLE = ["load=factor:x", "percentile", "queue.sojourn_ns=sojourn:d", "latency_ns.put=said:d",
         "client=seen:d", "send lag=send_lag:d"]


def one(ctx, factor, peak, seconds):
    args = [*overload.keys(), "--mix", "put=100", *overload.open_loop(factor * peak, seconds, warmup=0)]
    run = ctx.tcp(overload.settings_of(ctx), args, seconds + 2, f"{factor:g} times the peak")
    said, sojourn = run["stats"]["latency_ns"]["put"], run["stats"]["queue"]["sojourn_ns"]
    seen, lag = run["results"]["latency_ns"]["accepted"], run["results"]["send_lag_ns"]
    tolerance, off = max(SHARE * seen["p99"], NS), abs(said["p99"] - seen["p99"])
    ctx.goal(f"{factor:g} x: p99", f"latency_ns.put {text.duration(said['p99'])}, the client sees "
             f"{text.duration(seen['p99'])} (p99 of its send lag {text.duration(lag['p99'])})", "within 5 % or 50 µs",
             True if off <= tolerance else None if lag["p99"] > tolerance else False)
    return [{"factor": factor, "percentile": point.replace("_", "."), "sojourn": sojourn[name], "said": said[name],
             "seen": seen[point], "send_lag": lag[point]} for name, point in QUANTILES.items()]


def measure(ctx):
    peak = overload.peak(ctx)
    return {"rows": [row for factor in FACTORS for row in one(ctx, factor, peak, ctx.pick(2.0, 8.0))], "peak_per_s": peak}
