"""Millions of sessions put in one go, then a tenth of them falling due in one second: does anybody notice?

A steady light load of 2,000 requests a second goes on all the time, with keys of its own. One connection puts all
sessions as fast as it is answered (32 bytes of key, 256 of value); puts some of them again, which costs the same but
for the growing; then a tenth more of them, so that all of these fall due in one second. The longest turn of the
threads is what STATS says of each phase. A turn includes what the system, and where there is one the host, keep a
thread from going on. So what is over the goals proves nothing (VOID) where a ready thread of the daemon was put off for
more than half of what is allowed; or where this machine alone keeps a program for so long that only touches and reads
as much memory, a piece at a time; or where the light load was not sent on time.
"""

import json
import signal
import subprocess
import time
from pathlib import Path

from .lib import due, overload, place, text
from .lib.context import MARGIN
from .lib.daemon import Daemon, Stats
from .lib.put_off import PutOff

TITLE = "Growth and mass expiry stall nobody"
RATE = 2000
KEY, VALUE = 32, b"x" * 256
SERIES = {"owner in place": ({"backend": "backpressure", "owner.placement": "loop"}, True),
          "owner thread": ({"backend": "backpressure", "owner.placement": "thread"}, False),
          "mutex, workers 0": ({"backend": "mutex", "mutex.workers": 0}, True)}
TURNS = {"net": "longest_turn_recent_ns", "worker": "longest_turn_recent_ns", "sweep": "longest_recent_ns"}
FORGOTTEN_S = 70.0  # what STATS calls recent is at most so long ago
SWEPT_S = 4.0       # after they fell due, the sweep is done with them
EARLY_S = 2.0
PUT_S = 30e-6       # for one session, on a slow machine
FILL_S = 30e-6
GOAL_TURN_NS = 1_000_000
GOAL_P99_9 = 2.0
LIGHT = ["--connections", "16", "--keys", "10k", "--ttl", "never", "--rate", str(RATE), "--spin", "10us",
         "--warmup", "0s", "--duration", "1h", "--drain", "1s"]


class Phases:
    """What the light load and the threads saw in each of the phases of one daemon."""

    def __init__(self, ctx, daemon, name):
        self.ctx, self.daemon, self.name = ctx, daemon, name
        self.stats, self.done = Stats(daemon), {}
        self.stats.read()  # the first one takes longer, once

    def _turns(self):
        seen = self.stats.read()
        return {room: seen[room][field] for room, field in TURNS.items() if room in seen}

    def run(self, phase, work, fill=False):
        light = self.ctx.start_tcp(self.daemon, LIGHT + ["--fill"] * fill, "light.json", wait=False)
        time.sleep(1.0)  # it has filled its few keys
        put_off, before, began = PutOff(self.daemon.pid).start(), self._turns(), time.monotonic()
        try:
            work()
        finally:
            put_off_ns = put_off.stop()
        seconds, after = time.monotonic() - began, self._turns()
        light[0].send_signal(signal.SIGINT)
        run = self.ctx.finish_tcp(light, MARGIN, f"{self.name}: {phase}")
        results = run["results"]
        latency = results["latency_ns"]["accepted"]
        self.done[phase] = {
            "seconds": round(seconds, 1), "p50": latency["p50"], "p99_9": latency["p99_9"], "max": latency["max"],
            "turns": {room: {"ns": ns, "exact": ns > before[room]} for room, ns in after.items()},
            "put_off_ns": put_off_ns, "send_lag_ns": results["send_lag_ns"],
            "late": bool(results["generator"]["reasons"]), "disturbance": run["disturbance"]}


def fill(ctx, daemon, sessions, within):
    """Over one connection, on the generator's core, with the CPU that the light load leaves."""
    command = [str(ctx.build / "sluice-bench"), *ctx.tcp_args(daemon, [
        "--keys", str(sessions), "--key-size", str(KEY), "--value", str(len(VALUE)), "--ttl", "never", "--fill",
        "--connections", "1", "--warmup", "0s", "--duration", "1ms"])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=within,
                          preexec_fn=place.dies_with_us(ctx.places.generator))
    if done.returncode != 0:
        raise RuntimeError(f"filling: {done.stderr.decode(errors='replace').strip()}")


def bare_stalls(ctx, size):
    """The longest that this machine keeps a program that only touches and reads memory of this size."""
    def run():
        program = ctx.work / "bare_stalls"
        subprocess.run(["cc", "-O2", "-o", program, Path(__file__).parent / "lib" / "bare_stalls.c"], check=True)
        done = subprocess.run([program, str(size), str(ctx.pick(3, 10))], capture_output=True, timeout=120, check=True,
                              preexec_fn=place.dies_with_us(ctx.places.work, first=True))
        return json.loads(done.stdout)
    return ctx.once("bare stalls", run)


def attempt(ctx, name, sessions):
    settings, io_works = SERIES[name]
    falling = sessions // 10
    with Daemon(ctx, {**settings, **overload.ROOM}, io_works) as daemon:
        phases = Phases(ctx, daemon, name)
        phases.run("quiet", lambda: time.sleep(ctx.pick(4, 20)), fill=True)
        time.sleep(ctx.pick(0, FORGOTTEN_S))
        phases.run("growing", lambda: fill(ctx, daemon, sessions - falling, MARGIN + sessions * FILL_S))
        phases.run("the same again", lambda: fill(ctx, daemon, min(sessions // 4, 1_000_000), MARGIN + 60))
        resident = daemon.resident()
        at = time.monotonic() + falling * PUT_S + EARLY_S + ctx.pick(0, FORGOTTEN_S)
        due.put_sessions(daemon, falling, at, VALUE, EARLY_S)
        time.sleep(max(0.0, at - EARLY_S - time.monotonic()))
        phases.run("falling due", lambda: time.sleep(EARLY_S + 1 + SWEPT_S))
        seen = phases.stats.read()
        phases.stats.close()
    return {"phases": phases.done, "resident": resident, "expired": seen["sessions"]["expired"], "falling": falling}


def measure(ctx):
    sessions, series = ctx.pick(1_000_000, 10_000_000), {}
    for name in SERIES:
        series[name] = ctx.once(name, lambda name=name: attempt(ctx, name, sessions))
    bare = bare_stalls(ctx, max(s["resident"] for s in series.values()))
    data = {"sessions": sessions, "series": series, "bare": bare}
    judge(ctx, data)
    return data


def longest_turn(phase):
    return max(t["ns"] for t in phase["turns"].values())


def unless_void(data, reached, *phases, load=False):
    """True; or False where a miss says something of the daemon, None where it does not."""
    alone = max(data["bare"]["touch_ns"], data["bare"]["read_ns"])
    kept = max(alone, *(phase["put_off_ns"] or 0 for phase in phases))
    void = kept > GOAL_TURN_NS / 2 or (load and any(phase["late"] for phase in phases))
    return True if reached else None if void else False


def judge(ctx, data):
    for name, series in data["series"].items():
        phases = series["phases"]
        if series["expired"] < series["falling"]:
            raise RuntimeError(f"{name}: only {series['expired']:,} of {series['falling']:,} sessions expired")
        for what in ("growing", "falling due"):
            ns = longest_turn(phases[what])
            ctx.goal(f"{name}, {what}: longest turn", text.duration(ns), f"at most {text.duration(GOAL_TURN_NS)}",
                     unless_void(data, ns <= GOAL_TURN_NS, phases[what]))
        for what, base in (("growing", "the same again"), ("falling due", "quiet")):
            ratio = phases[what]["p99_9"] / phases[base]["p99_9"]
            ctx.goal(f"{name}, {what}: p99.9 of the light load", f"{ratio:.2f} times that when {base}",
                     f"at most {GOAL_P99_9:g} times",
                     unless_void(data, ratio <= GOAL_P99_9, phases[what], phases[base], load=True))


def turn_text(phase, room):
    turn = phase["turns"].get(room)
    return ("" if turn["exact"] else "≤ ") + text.duration(turn["ns"]) if turn else "-"


def table(data):
    header = ["backend", "phase", "took", "p50", "p99.9", "longest", "sent late (p99)", "turn of the I/O thread",
              "of the owner", "of the sweep", "put off by the system"]
    rows = []
    for name, series in data["series"].items():
        for what, phase in series["phases"].items():
            rows.append((name, what, f"{phase['seconds']:g} s", text.duration(phase["p50"]),
                         text.duration(phase["p99_9"]), text.duration(phase["max"]),
                         text.duration(phase["send_lag_ns"]["p99"]), *(turn_text(phase, room) for room in TURNS),
                         text.duration(phase["put_off_ns"])))
    bare = {what: text.duration(ns) for what, ns in data["bare"].items()}
    return text.table(header, rows) + (
        f"\n{data['sessions']:,} sessions. ≤: no longer than in the phases before. Put off: the most that one of the "
        "daemon's threads, ready to run, waited for a processor within 10 ms. What this machine does to a program that "
        f"touches as much memory for the first time, 8 pages in a piece: {bare['touch_ns']} at most (in CPU time "
        f"{bare['touch_cpu_ns']}); that reads 128 bytes of it: {bare['read_ns']} ({bare['read_cpu_ns']}).\n")
