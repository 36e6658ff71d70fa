"""What do the policies do by themselves, without a network, a scheduler, or other people's work?

The daemon's own admission code under a virtual clock (`sluice-bench simulate`), between simulated clients and a
simulated backend that takes 250 µs per request: the same set-ups as in the experiments on the machine, 256 places,
queue.target 5 ms for reject and drop-oldest. Only the work takes time. The peak is what the backend could do if it
always had something to do; goodput is the part of its time in which it had. Fixed seeds: the figures are the same on
every machine.
"""

import statistics

from .lib import admission, plot, simulation, text
from .lib.context import SERVICE_NS
from .lib.simulation import p99_9, run, served, stream

TITLE = "The same policies, simulated"
SIMULATED = True
GOODPUT = {1.2: 0.99, 2: 0.99, 5: 0.97, 10: 0.95}
UNLOADED = 0.5
TAIL_ALIKE = 1.10
REFUSAL_NS = SERVICE_NS + 200_000
GREED = {"greedy": 1000, "network": "1ms"}
AWAY = ["250us", "500us", "1ms"]
AWAY_JUDGED = "500us"
PIECE_S = 0.005


# ---- goodput and tail ----

def series(ctx, policy, connections, exponential):
    """Long enough for a p99.9 of 100,000 accepted requests."""
    rows = {}
    for factor in (UNLOADED, *GOODPUT):
        seconds = ctx.pick(8, 32 / min(factor, 1)) * (3 if exponential else 1)
        r = run(ctx, policy, load=factor, connections=connections, duration=seconds, exponential=exponential or None)
        rows[factor] = {"goodput": r["busy"], "p99_9": p99_9(r)}
    return {"policy": policy, "connections": connections, "exponential": exponential, "rows": rows}


def judge_series(ctx, s):
    over = {f: r for f, r in s["rows"].items() if f in GOODPUT}
    name = f"{s['policy']}, {s['connections']} connections" + (", exponential service" if s["exponential"] else "")
    ctx.goal(f"{name}: goodput", ", ".join(f"{text.percent(r['goodput'])} at {f:g} x" for f, r in over.items()),
             ", ".join(f"{100 * GOODPUT[f]:.0f} %" for f in over),
             all(round(r["goodput"], 3) >= GOODPUT[f] for f, r in over.items()))
    if s["exponential"]:  # a queue of so many places is not one of so much time then
        return
    limit = admission.POLICIES[s["policy"]][1] + s["rows"][UNLOADED]["p99_9"] + SERVICE_NS
    ctx.goal(f"{name}: p99.9", ", ".join(f"{text.duration(r['p99_9'])} at {f:g} x" for f, r in over.items()),
             f"at most {text.duration(limit)}", all(r["p99_9"] <= limit for r in over.values()))
    tails = {f: r["p99_9"] for f, r in over.items() if f >= 2}
    ctx.goal(f"{name}: p99.9 at 5 and 10 x", f"{max(tails[5], tails[10]) / tails[2]:.2f} times that at 2 x",
             "not more than 10 % longer", max(tails[5], tails[10]) <= TAIL_ALIKE * tails[2])


def late_thread(ctx, policy, away):
    rows = {}
    for factor in (UNLOADED, 1.2, 2, 10):
        r = run(ctx, policy, load=factor, away=away, duration=ctx.pick(8, 32))
        rows[factor] = {"goodput": r["busy"], "p99_9": p99_9(r)}
    if away == AWAY_JUDGED:
        ctx.goal(f"{policy}, the I/O thread away for {away.replace('us', ' µs')} every 10 ms: goodput",
                 ", ".join(f"{text.percent(rows[f]['goodput'])} at {f:g} x" for f in rows if f > 1), "99 %, 99 %, 95 %",
                 all(rows[f]["goodput"] >= GOODPUT[f] for f in rows if f > 1))
    return {"policy": policy, "away": away, "rows": rows}


# ---- refusals, bursts, changes ----

def refusal(ctx, connections, overtake, away):
    r = run(ctx, "reject", load=10, connections=connections, overtake=overtake or None, away=away, duration=10)
    refused = stream(r, "normal")["measured"]["refused_ns"]
    if not away:
        how = "early" if overtake else "in order"
        ctx.goal(f"p99 of a refusal at 10 x, {connections} connections, {how}", text.duration(refused["p99"]),
                 f"at most {text.duration(REFUSAL_NS)}", refused["p99"] <= REFUSAL_NS)
    return {"connections": connections, "overtake": overtake, "away": away, "p50": refused["p50"],
            "p99": refused["p99"]}


def burst(ctx, policy):
    normal, back = p99_9(run(ctx, policy, load=0.5, duration=32)), []
    for seed in range(1, ctx.pick(3, 11)):
        r = run(ctx, policy, load=0.5, burst=10, duration=4, pieces=PIECE_S, seed=seed)
        after = [p for p in r["pieces"] if p["at_s"] > 3 + PIECE_S / 2 and p["served"]]
        first = next(p["at_s"] for p in after if p["longest_ns"] <= normal)
        back.append(round(first - 3, 4))
    ctx.goal(f"{policy}: p99.9 back to normal ({text.duration(normal)}) after a burst",
             f"{1000 * statistics.median(back):.0f} ms, median of {len(back)} bursts, {1000 * max(back):.0f} ms at most",
             "20 ms", statistics.median(back) <= 0.020)
    return {"policy": policy, "normal_ns": normal, "back_s": back}


def slower(ctx):
    """1.2 times the peak; from the middle on requests take four times as long. From 200 ms later on:"""
    def one(policy, **options):
        r = run(ctx, policy, load=1.2, slower=4, duration=8, **{"from": 4.2}, **options)
        return {"executed_per_s": r["goodput_per_s"], "p99_9": p99_9(r)}
    rows = {f"bound {n}": one("reject", bound=n, target="0") for n in (4, 8, 16, 32, 64)}
    best = max(r["executed_per_s"] for r in rows.values())
    for policy in ("adaptive", "reject", "codel"):
        rows[policy] = row = one(policy)
        ctx.goal(f"{policy}: executed from 200 ms after the service became 4 times slower",
                 f"{row['executed_per_s']:,.0f}/s; best fixed bound {best:,.0f}/s", "within 5 %",
                 row["executed_per_s"] >= 0.95 * best)
    return rows


def retries(ctx, policy):
    normal = p99_9(run(ctx, policy, load=0.7, duration=32))
    r = run(ctx, policy, load=0.7, retries=3, stall=5, duration=20, pieces="50ms")
    bad = [p["at_s"] for p in r["pieces"] if p["at_s"] > 15.01 and (p["refused"] or p["longest_ns"] > 2 * normal)]
    after = round(max(bad, default=15.0) - 15, 3)
    ctx.goal(f"{policy}: careless retries, normal after a stall of 5 s", f"{after * 1000:.0f} ms", "1 s", after <= 1)
    return {"policy": policy, "normal_after_s": after, "lost": stream(r, "normal")["all"]["lost"]}


# ---- who ----

def greedy(ctx, policy):
    seconds = ctx.pick(8, 60)
    alone = p99_9(run(ctx, policy, load=0.5, connections=99, duration=seconds))
    r = run(ctx, policy, load=0.5, connections=99, duration=seconds, **GREED)
    polite = stream(r, "normal")["all"]
    row = {"policy": policy, "alone": alone, "beside": p99_9(r), "refused": polite["overloaded"],
           "sent": polite["sent"], "goodput": r["busy"]}
    ctx.goal(f"{policy}: p99.9 of the polite beside a greedy one",
             f"{text.duration(row['beside'])}, alone {text.duration(alone)}", "at most 1.5 times",
             row["beside"] <= 1.5 * alone)
    ctx.goal(f"{policy}: polite requests refused", f"{row['refused']:,} of {row['sent']:,}", "none",
             row["refused"] == 0)
    r = run(ctx, policy, load=0.5, connections=99, duration=seconds, greedy_critical=True, **GREED)
    return {**row, "beside_critical": served(r)}


def critical(ctx, policy, threads):
    r = run(ctx, policy, load=10, critical=0.5, threads=threads, duration=ctx.pick(8, 30))
    share = served(r, "critical")
    ctx.goal(f"{policy}, {threads} I/O thread{'s' * (threads > 1)}: critical requests served at 10 x",
             text.percent(share, 3), "99.9 %", share >= 0.999)
    return {"policy": policy, "threads": threads, "served": share, "p99_9": p99_9(r, "critical"), "goodput": r["busy"]}


def deadlines(ctx, name, **options):
    r = run(ctx, "reject", target="0", deadline="20ms", duration=20, **options)
    n = stream(r, "normal")
    share = r["wasted_percent"] / 100
    ctx.goal(f"{name}: backend's time on expired requests", text.percent(share, 4), "under 0.1 %", share < 0.001)
    return {"name": name, "late": n["all"]["late"], "sent": n["all"]["sent"], "expired": r["expired"],
            "goodput": r["busy"], "p99_9": n["measured"]["latency_ns"]["p99_9"]}


def soak(ctx):
    seconds = ctx.pick(30, 600)
    r = run(ctx, "reject", load=10, deadline="4ms", duration=seconds)
    n = stream(r, "normal")["all"]
    ctx.goal(f"{seconds} s at 10 x: sent = executed + OVERLOADED + LATE",
             f"{n['sent']:,} = {n['served']:,} + {n['overloaded']:,} + {n['late']:,}", "exactly",
             n["sent"] == n["served"] + n["overloaded"] + n["late"])


def measure(ctx):
    data = {"series": [], "slower": {}}
    for exponential in (False, True):
        for connections in (64, 1000):
            for policy in simulation.POLICIES:
                data["series"].append(series(ctx, policy, connections, exponential))
                judge_series(ctx, data["series"][-1])
    data["late"] = [late_thread(ctx, policy, away) for away in AWAY for policy in simulation.POLICIES]
    data["refusals"] = [refusal(ctx, n, early, away) for away in (None, "250us") for early in (False, True)
                        for n in (64, 1000, 4000)]
    data["bursts"] = [burst(ctx, policy) for policy in simulation.POLICIES]
    data["greedy"] = [greedy(ctx, policy) for policy in simulation.POLICIES]
    data["critical"] = [critical(ctx, policy, n) for n in (1, 8) for policy in simulation.POLICIES]
    data["deadlines"] = [deadlines(ctx, "2 x", load=2), deadlines(ctx, "10 x", load=10),
                         deadlines(ctx, "2 x, then 4 times slower", load=2, slower=4)]
    data["slower"] = slower(ctx)
    data["retries"] = [retries(ctx, policy) for policy in simulation.POLICIES]
    soak(ctx)
    return data


# ---- telling ----

def draw(data, out, stem):
    common = {"logx": True, "xtics": "0.5, 1.2, 2, 5, 10", "xrange": (0.45, 11)}
    panels = [plot.Panel("Goodput, simulated", "offered load (times the peak)", "executed (% of the peak)",
                         yrange=(0, 120), key="bottom right", **common),
              plot.Panel("Latency of accepted requests", "offered load (times the peak)", "p99.9 (ms)",
                         yrange=(0, 10), key=None, **common)]
    for s in data["series"]:
        if s["connections"] == 64 and not s["exponential"]:
            style, rows = admission.POLICIES[s["policy"]][2], {float(f): r for f, r in s["rows"].items()}
            panels[0].add(s["policy"], [(f, 100 * r["goodput"]) for f, r in rows.items()], style)
            panels[1].add(s["policy"], [(f, r["p99_9"] / 1e6) for f, r in rows.items()], style)
    path = out / f"{stem}.svg"
    return [path] if plot.draw(path, TITLE, panels) else []


def cells(rows):
    return [f"{text.percent(r['goodput'])}, {text.duration(r['p99_9'])}" for r in rows.values()]


def table(data):
    parts = [text.table(["policy", "connections", "service", *(f"{f:g} x" for f in (UNLOADED, *GOODPUT))],
                        [(f"`{s['policy']}`", s["connections"], "exponential" if s["exponential"] else "constant",
                          *cells(s["rows"])) for s in data["series"]])]
    parts.append("The I/O thread is kept from its core, every 10 ms and for an exponentially distributed time:\n\n"
                 + text.table(["policy", "away, mean", "0.5 x", "1.2 x", "2 x", "10 x"],
                              [(f"`{s['policy']}`", s["away"].replace("us", " µs").replace("ms", " ms"),
                                *cells(s["rows"])) for s in data["late"]]))
    parts.append("Refusals at ten times the load, answered in the order of requests, and early:\n\n"
                 + text.table(["connections", "I/O thread away, mean", "in order: p50", "p99", "early: p50", "p99"],
                              refusal_rows(data["refusals"])))
    parts.append("99 polite connections, half of the peak together, and a greedy one; and one that calls all it sends "
                 "critical:\n\n"
                 + text.table(["policy", "polite alone: p99.9", "beside the greedy one", "refused",
                               "served beside a greedy critical one"],
                              [(f"`{r['policy']}`", text.duration(r["alone"]), text.duration(r["beside"]),
                                text.count(r["refused"]), text.percent(r["beside_critical"])) for r in data["greedy"]]))
    parts.append("The service becomes four times slower; from 200 ms later on:\n\n"
                 + text.table(["queue", "executed/s", "p99.9"],
                              [(name, text.count(r["executed_per_s"]), text.duration(r["p99_9"]))
                               for name, r in data["slower"].items()]))
    return "\n".join(parts)


def refusal_rows(rows):
    found = {(r["connections"], r["away"], r["overtake"]): r for r in rows}
    return [(n, away.replace("us", " µs") if away else "never", *(text.duration(found[n, away, early][q])
                                                                  for early in (False, True) for q in ("p50", "p99")))
            for n, away, early in found if not early]
