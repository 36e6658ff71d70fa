"""Is what the daemon reports as latency what its clients see?

STATS beside the open-loop client, at loads below and above the peak. Below, latency_ns.put (from arrival to reply)
against the client's executed requests; above, where that holds refusals too, queue.sojourn_ns (executed requests, from
arrival until they are executed). Only PUT, and no filling before, so that both hold the same requests.
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
        said = stats["latency_ns"]["put"] if factor < 1 else stats["queue"]["sojourn_ns"]
        return {"factor": factor, "what": "latency_ns.put" if factor < 1 else "queue.sojourn_ns", "said": said,
                "seen": r["latency_ns"]["accepted"],
                "send_lag": r["send_lag_ns"]}
    return ctx.once(label, run)


def measure(ctx):
    peak, rows = admission.peak(ctx), []
    for factor in FACTORS:
        row = one(ctx, factor, peak, ctx.pick(2.0, 8.0))
        rows.append(row)
        said, seen = row["said"]["p99"], row["seen"]["p99"]
        near = abs(said - seen) <= max(SHARE * seen, NS)
        ctx.goal(f"{factor:g} x: p99",
                 f"{row['what']} {text.duration(said)}, the client sees {text.duration(seen)} "
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
            rows.append((f"{r['factor']:g} x", seen.replace("_", "."), r["what"], text.duration(r["said"][said]),
                         text.duration(r["seen"][seen]),
                         text.duration(r["send_lag"][seen])))
    return text.table(["load", "percentile", "in STATS", "daemon", "client", "send lag"], rows)
