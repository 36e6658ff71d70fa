"""Is what the daemon reports as latency what its clients see?

STATS beside the open-loop client, at loads below and above the peak: latency_ns.put (from arrival until the reply is
written, of executed requests) against what the client sees of them. Only PUT, and no filling before, so that both hold
the same requests. Shown beside it: queue.sojourn_ns, which ends when a request has been executed. Where they differ
and the client itself was late by more than may be, nothing can be told.
"""

from .lib import admission, text

TITLE = "Honest time: what the daemon says and what clients see"
SHARE, NS = 0.05, 50_000
FACTORS = [0.5, 0.8, 2, 10]
QUANTILES = {"p50": "p50", "p99": "p99", "p999": "p99_9"}


def one(ctx, factor, peak, seconds):
    label = f"{factor:g} times the peak"

    def run():
        args = [*admission.load(), "--mix", "put=100", *admission.open_loop(factor * peak, seconds, warmup=0)]
        result = ctx.tcp(admission.settings_of(ctx, "reject"), args, seconds + 2, label)
        stats, r = result["stats"], result["results"]
        return {"factor": factor, "said": stats["latency_ns"]["put"], "sojourn": stats["queue"]["sojourn_ns"],
                "seen": r["latency_ns"]["accepted"], "send_lag": r["send_lag_ns"],
                "refused_said": stats["latency_ns"]["refused"], "refused_seen": r["latency_ns"]["refused"]}
    return ctx.once(label, run)


def measure(ctx):
    peak, rows = admission.peak(ctx), []
    for factor in FACTORS:
        row = one(ctx, factor, peak, ctx.pick(2.0, 8.0))
        rows.append(row)
        said, seen = row["said"]["p99"], row["seen"]["p99"]
        tolerance = max(SHARE * seen, NS)
        near = True if abs(said - seen) <= tolerance else None if row["send_lag"]["p99"] > tolerance else False
        ctx.goal(f"{factor:g} x: p99",
                 f"latency_ns.put {text.duration(said)}, the client sees {text.duration(seen)} "
                 f"(p99 of its send lag {text.duration(row['send_lag']['p99'])})",
                 "within 5 % or 50 µs", near)
    return {"rows": rows, "peak_per_s": peak}


def draw(data, out, stem):
    del data, out, stem
    return []


def table(data):
    rows = []
    for r in data["rows"]:
        for said, seen in QUANTILES.items():
            rows.append((f"{r['factor']:g} x", seen.replace("_", "."), text.duration(r["sojourn"][said]),
                         text.duration(r["said"][said]), text.duration(r["seen"][seen]),
                         text.duration(r["send_lag"][seen])))
    return text.table(["load", "percentile", "queue.sojourn_ns", "latency_ns.put", "client", "send lag"], rows)
