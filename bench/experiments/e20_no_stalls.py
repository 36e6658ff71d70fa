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
import sys
import threading
import time
from pathlib import Path

from .lib import overload, place, text
from .lib.servers import Daemon, Stats, put_sessions

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
SAMPLE_S = 0.01
PUT_S = 30e-6       # for one session, on a slow machine
FILL_S = 30e-6
GOAL_TURN_NS = 1_000_000
GOAL_P99_9 = 2.0
LIGHT = ["--connections", "16", "--keys", "10k", "--ttl", "never", "--rate", str(RATE), "--spin", "10us",
         "--warmup", "0s", "--duration", "1h", "--drain", "1s"]


class PutOff:
    """How long the system keeps the daemon's threads from running while they are ready to, from its making to stop(): by
    the kernel's count of what each has waited for a processor, looked at every 10 ms, the most within one such piece,
    where what ended in it counts whole."""

    def __init__(self, pid):
        self.longest_ns, self._ended = 0, threading.Event()
        paths = [Path(f"/proc/{pid}/task/{tid}/schedstat") for tid, comm in place.threads(pid) if comm.startswith("sluice-")]
        self._files = [path.open() for path in paths if path.exists()]
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _waited_ns(self):
        for file in self._files:
            file.seek(0)
        return [int(file.read().split()[1]) for file in self._files]

    def _watch(self):
        before = self._waited_ns()
        while not self._ended.wait(SAMPLE_S):
            after = self._waited_ns()
            self.longest_ns = max([self.longest_ns, *(b - a for a, b in zip(before, after))])
            before = after

    def stop(self):
        """Nanoseconds; None where the kernel does not count."""
        self._ended.set()
        self._thread.join()
        for file in self._files:
            file.close()
        return self.longest_ns if self._files else None


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
        light = self.ctx.start(self.daemon, LIGHT + ["--fill"] * fill, "light.json")
        time.sleep(1.0)  # it has filled its few keys
        put_off, before, began = PutOff(self.daemon.pid), self._turns(), time.monotonic()
        try:
            work()
        finally:
            put_off_ns = put_off.stop()
        seconds, after = time.monotonic() - began, self._turns()
        light[0].send_signal(signal.SIGINT)
        row = overload.row(self.ctx.finish(light, 1, f"{self.name}: {phase}"))
        self.done[phase] = {"backend": self.name, "phase": phase, "seconds": f"{seconds:.1f} s", "put_off_ns": put_off_ns,
                            "turns": {room: {"ns": ns, "exact": ns > before[room]} for room, ns in after.items()},
                            "longest_ns": max(after.values()), **row}


def fill(ctx, daemon, sessions, within):
    """Over one connection, on the generator's core, with the CPU that the light load leaves."""
    ctx.quietly(daemon, ["--keys", str(sessions), "--key-size", str(KEY), "--value", str(len(VALUE)), "--ttl", "never",
                         "--fill", "--connections", "1", "--warmup", "0s", "--duration", "1ms"], within, "filling")


def bare_stalls(ctx, size):
    """The longest that this machine keeps a program that only touches and reads memory of this size."""
    program = Path(__file__).parent / "lib" / "bare_stalls.py"
    done = subprocess.run([sys.executable, program, str(size), str(ctx.pick(3, 10))], capture_output=True, timeout=120,
                          check=True, preexec_fn=place.dies_with_us(ctx.places.work, first=True))
    return json.loads(done.stdout)


def attempt(ctx, name, sessions):
    settings, io_works = SERIES[name]
    falling = sessions // 10
    with Daemon(ctx, {**settings, **overload.ROOM}, io_works) as daemon:
        phases = Phases(ctx, daemon, name)
        phases.run("quiet", lambda: time.sleep(ctx.pick(4, 20)), fill=True)
        time.sleep(ctx.pick(0, FORGOTTEN_S))
        phases.run("growing", lambda: fill(ctx, daemon, sessions - falling, sessions * FILL_S))
        phases.run("the same again", lambda: fill(ctx, daemon, min(sessions // 4, 1_000_000), 60))
        resident = daemon.resident()
        at = time.monotonic() + falling * PUT_S + EARLY_S + ctx.pick(0, FORGOTTEN_S)
        put_sessions(daemon, falling, at, VALUE, EARLY_S)
        time.sleep(max(0.0, at - EARLY_S - time.monotonic()))
        phases.run("falling due", lambda: time.sleep(EARLY_S + 1 + SWEPT_S))
        with phases.stats as stats:
            expired = stats.read()["sessions"]["expired"]
    if expired < falling:
        raise RuntimeError(f"{name}: only {expired:,} of {falling:,} sessions expired")
    return {"phases": phases.done, "resident": resident}


def measure(ctx):
    sessions = ctx.pick(1_000_000, 10_000_000)
    series = {name: ctx.once(name, lambda name=name: attempt(ctx, name, sessions)) for name in SERIES}
    bare = ctx.once("bare stalls", lambda: bare_stalls(ctx, max(s["resident"] for s in series.values())))
    data = {"sessions": sessions, "series": series, "bare": bare}
    for name in SERIES:
        judge(ctx, data, name, series[name]["phases"])
    return data


def unless_void(data, reached, *phases, load=False):
    """True; or False where a miss says something of the daemon, None where it does not."""
    kept = max(data["bare"]["touch_ns"], data["bare"]["read_ns"], *(phase["put_off_ns"] or 0 for phase in phases))
    void = kept > GOAL_TURN_NS / 2 or (load and any(phase["spoiled"] for phase in phases))
    return True if reached else None if void else False


def judge(ctx, data, name, phases):
    for what in ("growing", "falling due"):
        ns = phases[what]["longest_ns"]
        ctx.goal(f"{name}, {what}: longest turn", text.duration(ns), f"at most {text.duration(GOAL_TURN_NS)}",
                 unless_void(data, ns <= GOAL_TURN_NS, phases[what]))
    for what, base in (("growing", "the same again"), ("falling due", "quiet")):
        ratio = phases[what]["p99_9"] / phases[base]["p99_9"]
        ctx.goal(f"{name}, {what}: p99.9 of the light load", f"{ratio:.2f} times that when {base}",
                 f"at most {GOAL_P99_9:g} times",
                 unless_void(data, ratio <= GOAL_P99_9, phases[what], phases[base], load=True))


def turn_of(room):
    def cell(phase):
        turn = phase["turns"].get(room)
        return ("" if turn["exact"] else "≤ ") + text.duration(turn["ns"]) if turn else "-"
    return cell


def table(data):
    rows = [phase for series in data["series"].values() for phase in series["phases"].values()]
    bare = {what: text.duration(ns) for what, ns in data["bare"].items()}
    return text.table(rows, "backend", "phase", "took=seconds", "p50:d", "p99.9=p99_9:d", "longest=max:d",
                      "sent late (p99)=send_lag_p99:d", ("turn of the I/O thread", turn_of("net")),
                      ("of the owner", turn_of("worker")), ("of the sweep", turn_of("sweep")),
                      "put off by the system=put_off_ns:d") + (
        f"\n{data['sessions']:,} sessions. ≤: no longer than in the phases before. Put off: the most that one of the "
        "daemon's threads, ready to run, waited for a processor within 10 ms. What this machine does to a program that "
        f"touches as much memory for the first time, 8 pages in a piece: {bare['touch_ns']} at most (in CPU time "
        f"{bare['touch_cpu_ns']}); that reads 128 bytes of it: {bare['read_ns']} ({bare['read_cpu_ns']}).\n")
