#!/usr/bin/env python3
"""Tells of a result that `sluice-bench tcp --json FILE` has written in other forms.

    bench/show.py FILE csv              its time line, a row per interval
    bench/show.py FILE hgrm [refused]   the distribution of the latencies of executed (refused) requests in microseconds,
                                        for HdrHistogram's plotters; the run needs --distributions
    bench/show.py FILE ratio OTHER      its figures in ratio to those of OTHER, for example of null-server
"""

import json
import sys
from functools import reduce
from pathlib import Path

LATENCIES = [(kind, point) for kind, points in (("accepted", "p50 p99 p99_9 max"), ("refused", "p50 p99 max"),
                                                ("send_lag", "p99")) for point in points.split()]
RATIOS = ("rates.goodput_per_s", "server.cpu_ns_per_answer", "latency_ns.accepted.p50", "latency_ns.accepted.p99",
          "latency_ns.accepted.p99_9", "latency_ns.accepted.max")


def csv(result):
    rows = result["timeline"]
    plain = [name for name in rows[0] if not name.endswith("_ns")] if rows else []
    yield ",".join(plain + [f"{kind}_{point}_ns" for kind, point in LATENCIES])
    for row in rows:
        yield ",".join(str(cell) for cell in [row[name] for name in plain]
                       + [row[f"{kind}_ns"][point] for kind, point in LATENCIES])


def hgrm(result, which="accepted"):
    if "distributions_ns" not in result["results"]:
        sys.exit("the result holds no distribution: run sluice-bench tcp with --distributions")
    pairs = [(ns / 1e3, n) for ns, n in result["results"]["distributions_ns"][which]]
    total, seen = sum(n for _, n in pairs), 0
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n"
    for value, n in pairs:
        seen += n
        rest = f" {total / (total - seen):14.2f}" if seen < total else ""
        yield f"{value:12.3f} {seen / total:2.12f} {seen:10d}{rest}"
    mean = sum(value * n for value, n in pairs) / max(total, 1)
    deviation = (sum(n * (value - mean) ** 2 for value, n in pairs) / max(total, 1)) ** 0.5
    yield f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]"
    yield f"#[Max     = {pairs[-1][0] if pairs else 0:12.3f}, Total count    = {total:12d}]"


def ratio(result, other):
    then = read(other)
    for path in RATIOS:
        a, b = (reduce(lambda at, name: (at or {}).get(name), path.split("."), r["results"]) for r in (result, then))
        if a is not None and b:
            yield f"{path:28} {a / b:8.3f}"


def read(path):
    result = json.loads(Path(path).read_text())
    if result.get("tool") != "sluice-bench" or result.get("kind") != "tcp":
        sys.exit(f"{path}: expected what sluice-bench tcp --json wrote")
    return result


def main():
    forms = {"csv": csv, "hgrm": hgrm, "ratio": ratio}
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in forms or (sys.argv[2] == "ratio") != (sys.argv[3:] != []) \
            and sys.argv[2:] != ["hgrm", "refused"]:
        sys.exit(__doc__)
    print("\n".join(forms[sys.argv[2]](read(sys.argv[1]), *sys.argv[3:])))


if __name__ == "__main__":
    main()
