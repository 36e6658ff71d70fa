"""What do the policies do by themselves, without a network, a scheduler, or other people's work?

The daemon's own admission code under a virtual clock (`sluice-bench simulate`), between simulated clients and a
simulated backend that takes 250 µs per request: the same set-ups as in the experiments on the machine, 256 places,
queue.target 5 ms for reject and drop-oldest. Only the work takes time. The peak is what the backend could do if it
always had something to do; goodput is the part of its time in which it had. Fixed seeds: the figures are the same on
every machine.
"""

import json
import subprocess
from statistics import median

from .lib import overload, plot, text
from .lib.context import SERVICE_NS, Failed

TITLE = "The same policies, simulated"
SIMULATED = True
REFUSAL_NS = SERVICE_NS + 200_000
GREED = {"greedy": 1000, "network": "1ms"}
AWAY = ["250us", "500us", "1ms"]
AWAY_JUDGED = "500us"
PIECE_S = 0.005


# ---- runs ----

def run(ctx, policy, **options):
    """The results, with a stream of requests each for normal, critical and greedy ones, as far as there are any.
    options: those of the command, by name with _ for -; True for a flag, None leaves one out."""
    options = {"bound": overload.PLACES, "target": overload.POLICIES[policy][0].get("queue.target"),
               "service": f"{SERVICE_NS}ns", **options}
    command = [str(ctx.build / "sluice-bench"), "simulate", "--policy", policy, "--json", "-"]
    for name, value in options.items():
        command += [] if value is None else [f"--{name.replace('_', '-')}"] + [str(value)] * (value is not True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    results = json.loads(done.stdout)["results"]
    for n in (stream["all"] for stream in results["streams"]):
        if n["sent"] != n["served"] + n["overloaded"] + n["late"]:
            raise Failed(f"{' '.join(command)}: not every request was answered once")
    return results


def stream(results, name="normal"):
    return next(s for s in results["streams"] if s["name"] == name)


def p99_9(results, name="normal"):
    return stream(results, name)["measured"]["latency_ns"]["p99_9"]


def served(results, name="normal"):
    """The part of what was sent that was executed."""
    n = stream(results, name)["all"]
    return n["served"] / n["sent"]


def units(text_of_time):
    return text_of_time.replace("us", " µs").replace("ms", " ms")


# ---- goodput and tail ----

def loads(ctx, policy, factors, seconds, **options):
    """{load: goodput and p99.9}"""
    results = {f: run(ctx, policy, load=f, duration=seconds(f), **options) for f in factors}
    return {f: {"share": round(r["busy"], 3), "p99_9": p99_9(r)} for f, r in results.items()}


def series(ctx, policy, connections, exponential):
    """Long enough for a p99.9 of 100,000 accepted requests."""
    rows = loads(ctx, policy, (overload.UNLOADED, *overload.GOODPUT), lambda f: ctx.pick(8, 32 / min(f, 1)) * (3 if exponential else 1),
                 connections=connections, exponential=exponential or None)
    name = f"{policy}, {connections} connections" + ", exponential service" * exponential
    overload.judge(ctx, policy, name, rows, tail=not exponential)
    if not exponential:  # a queue of so many places is not one of so much time then
        worst = max(rows[5]["p99_9"], rows[10]["p99_9"]) / rows[2]["p99_9"]
        ctx.goal(f"{name}: p99.9 at 5 and 10 x", f"{worst:.2f} times that at 2 x", "not more than 10 % longer",
                 worst <= overload.TAIL_ALIKE)
    return {"policy": policy, "connections": connections, "service": "exponential" if exponential else "constant",
            "rows": rows}


def late_thread(ctx, policy, away):
    rows = loads(ctx, policy, (overload.UNLOADED, 1.2, 2, 10), lambda _: ctx.pick(8, 32), away=away)
    if away == AWAY_JUDGED:
        overload.judge(ctx, policy, f"{policy}, the I/O thread away for {units(away)} every 10 ms", rows, tail=False)
    return {"policy": policy, "away": units(away), "rows": rows}


# ---- refusals, bursts, changes ----

def refusal(ctx, connections, away):
    row = {"connections": connections, "away": units(away or "never")}
    for how, overtake in (("in order", None), ("early", True)):
        r = run(ctx, "reject", load=10, connections=connections, overtake=overtake, away=away, duration=10)
        row[how] = stream(r)["measured"]["refused_ns"]
        if not away:
            ctx.goal(f"p99 of a refusal at 10 x, {connections} connections, {how}", text.duration(row[how]["p99"]),
                     f"at most {text.duration(REFUSAL_NS)}", row[how]["p99"] <= REFUSAL_NS)
    return row


def burst(ctx, policy):
    normal, back = p99_9(run(ctx, policy, load=0.5, duration=32)), []
    for seed in range(1, ctx.pick(3, 11)):
        r = run(ctx, policy, load=0.5, burst=10, duration=4, pieces=PIECE_S, seed=seed)
        after = [p for p in r["pieces"] if p["at_s"] > 3 + PIECE_S / 2 and p["served"]]
        back.append(round(next(p["at_s"] for p in after if p["longest_ns"] <= normal) - 3, 4))
    ctx.goal(f"{policy}: p99.9 back to normal ({text.duration(normal)}) after a burst",
             f"{1000 * median(back):.0f} ms, median of {len(back)} bursts, {1000 * max(back):.0f} ms at most", "20 ms",
             median(back) <= 0.020)
    return {"policy": policy, "normal_ns": normal, "back_s": back}


def slower(ctx):
    """1.2 times the peak; from the middle on requests take four times as long. From 200 ms later on:"""
    def one(name, policy, **options):
        r = run(ctx, policy, load=1.2, slower=4, duration=8, **{"from": 4.2}, **options)
        return {"queue": name, "executed_per_s": r["goodput_per_s"], "p99_9": p99_9(r)}
    rows = [one(f"bound {n}", "reject", bound=n, target="0") for n in (4, 8, 16, 32, 64)]
    best = max(r["executed_per_s"] for r in rows)
    for policy in ("adaptive", "reject", "codel"):
        rows.append(row := one(policy, policy))
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
    return {"policy": policy, "normal_after_s": after, "lost": stream(r)["all"]["lost"]}


# ---- who ----

def greedy(ctx, policy):
    common = {"load": 0.5, "connections": 99, "duration": ctx.pick(8, 60)}
    alone, r = p99_9(run(ctx, policy, **common)), run(ctx, policy, **common, **GREED)
    polite, beside = stream(r)["all"], p99_9(r)
    ctx.goal(f"{policy}: p99.9 of the polite beside a greedy one",
             f"{text.duration(beside)}, alone {text.duration(alone)}", "at most 1.5 times", beside <= 1.5 * alone)
    ctx.goal(f"{policy}: polite requests refused", f"{polite['overloaded']:,} of {polite['sent']:,}", "none",
             polite["overloaded"] == 0)
    return {"policy": policy, "alone": alone, "beside": beside, "refused": polite["overloaded"],
            "beside_critical": served(run(ctx, policy, **common, **GREED, greedy_critical=True))}


def critical(ctx, policy, threads):
    r = run(ctx, policy, load=10, critical=0.5, threads=threads, duration=ctx.pick(8, 30))
    share = served(r, "critical")
    ctx.goal(f"{policy}, {threads} I/O thread{'s' * (threads > 1)}: critical requests served at 10 x",
             text.percent(share, 3), "99.9 %", share >= 0.999)
    return {"policy": policy, "threads": threads, "served": share, "p99_9": p99_9(r, "critical"), "goodput": r["busy"]}


def deadlines(ctx, name, **options):
    r = run(ctx, "reject", target="0", deadline="20ms", duration=20, **options)
    share = r["wasted_percent"] / 100
    ctx.goal(f"{name}: backend's time on expired requests", text.percent(share, 4), "under 0.1 %", share < 0.001)
    return {"name": name, "share": share, "expired": r["expired"], "goodput": r["busy"], "p99_9": p99_9(r)}


def soak(ctx):
    seconds = ctx.pick(30, 600)
    n = stream(run(ctx, "reject", load=10, deadline="4ms", duration=seconds))["all"]
    ctx.goal(f"{seconds} s at 10 x: sent = executed + OVERLOADED + LATE",
             f"{n['sent']:,} = {n['served']:,} + {n['overloaded']:,} + {n['late']:,}", "exactly",
             n["sent"] == n["served"] + n["overloaded"] + n["late"])


def measure(ctx):
    policies = overload.REFUSING
    data = {
        "series": [series(ctx, p, n, e) for e in (False, True) for n in (64, 1000) for p in policies],
        "late": [late_thread(ctx, p, away) for away in AWAY for p in policies],
        "refusals": [refusal(ctx, n, away) for away in (None, "250us") for n in (64, 1000, 4000)],
        "bursts": [burst(ctx, p) for p in policies],
        "greedy": [greedy(ctx, p) for p in policies],
        "critical": [critical(ctx, p, n) for n in (1, 8) for p in policies],
        "deadlines": [deadlines(ctx, "2 x", load=2), deadlines(ctx, "10 x", load=10),
                      deadlines(ctx, "2 x, then 4 times slower", load=2, slower=4)],
        "slower": slower(ctx),
        "retries": [retries(ctx, p) for p in policies],
    }
    soak(ctx)
    return data


def draw(data):
    panels = plot.by_load("Goodput, simulated", "the peak", "executed (% of the peak)", "p99.9 (ms)", (0, 10), logy=False)
    rows = [{"policy": s["policy"], "load": float(load), **row} for s in data["series"] for load, row in s["rows"].items()
            if s["connections"] == 64 and s["service"] == "constant"]
    return plot.curves(panels, rows, overload.STYLES, "load", ("share", 0.01), ("p99_9", 1e6), series="policy")


def cells(rows):
    """A column per load."""
    def of(load):
        return lambda row: f"{text.percent(row['rows'][load]['share'])}, {text.duration(row['rows'][load]['p99_9'])}"
    return [(f"{float(load):g} x", of(load)) for load in rows[0]["rows"]]


def table(data):
    return "\n".join([
        text.table(data["series"], "policy:`", "connections", "service", *cells(data["series"])),
        "The I/O thread is kept from its core, every 10 ms and for an exponentially distributed time:\n",
        text.table(data["late"], "policy:`", "away, mean=away", *cells(data["late"])),
        "Refusals at ten times the load, answered in the order of requests, and early:\n",
        text.table(data["refusals"], "connections", "I/O thread away, mean=away", "in order: p50=in order.p50:d",
                   "p99=in order.p99:d", "early: p50=early.p50:d", "p99=early.p99:d"),
        "99 polite connections, half of the peak together, and a greedy one; and one that calls all it sends critical:\n",
        text.table(data["greedy"], "policy:`", "polite alone: p99.9=alone:d", "beside the greedy one=beside:d",
                   "refused:n", "served beside a greedy critical one=beside_critical:p"),
        "The service becomes four times slower; from 200 ms later on:\n",
        text.table(data["slower"], "queue", "executed/s=executed_per_s:n", "p99.9=p99_9:d")])
