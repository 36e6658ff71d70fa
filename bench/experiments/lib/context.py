"""What an experiment is given: the programs, short or full, and ways to run and record them."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from . import place
from .servers import Daemon

ROOT = Path(__file__).resolve().parents[3]
SERVICE_NS = 250_000   # one operation in the experiments over TCP
CONNECTIONS = 64
QUIET = 0.10           # cores that others may use during a run before it counts as disturbed
PATIENCE = 60.0        # seconds to wait for a quiet machine, per experiment
LONG = 15              # seconds from which on a run is not repeated
LIGHT = 6000           # requests a second
MARGIN = 20            # seconds that a run may take longer than planned before it is ended
CALIBRATION_ROUNDS = 100_000


class Failed(Exception):
    """A program that an experiment needs did not do its job."""


class Context:
    def __init__(self, full, *, soak=None, kept=None, shared=None):
        """For a `with` block. `soak`: seconds of the long run, if asked for; `kept`: a file of finished runs, from which an
        experiment can be resumed; `shared`: a dictionary of results that later experiments need again."""
        self.full, self.soak, self.kept = full, soak, kept
        self.build = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
        self.places, self.patience = place.Places(), PATIENCE
        self.runs, self.goals = [], []
        self._shared = {} if shared is None else shared
        self._parts = json.loads(kept.read_text()) if kept and kept.exists() else {}
        for name in ("sluiced", "sluice-bench"):
            if not os.access(self.build / name, os.X_OK):
                raise Failed(f"{self.build / name} is not there; run make first, or set BUILD_DIR")

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-bench-")
        self.work = Path(self._folder.name)
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def pick(self, short, full):
        return full if self.full else short

    def say(self, text):
        print(f"    {text}", flush=True)

    def goal(self, what, value, wanted, reached):
        """`reached`: True, False, or None where that cannot be told."""
        verdict = {True: "PASS", False: "MISS", None: "VOID"}[reached]
        self.goals.append({"what": what, "value": value, "goal": wanted, "verdict": verdict})
        self.say(f"{verdict} {what}: {value} (goal: {wanted})")

    def once(self, label, measure, shared=False):
        """What measure() returns; from the file of finished parts if it is there already. `shared`: or from an
        experiment before this one."""
        if label not in self._parts:
            self._parts[label] = self._shared[label] if shared and label in self._shared else measure()
            if shared:
                self._shared[label] = self._parts[label]
            if self.kept:
                self.kept.write_text(json.dumps(self._parts))
        return self._parts[label]

    def rounds(self, service_ns):
        """work.iterations that take service_ns on this machine, by CPU time, so that noise hardly matters."""
        def calibrate():
            return min(self.store(f"calibration {i + 1}", 0.3, "mutex", 1, "--keys", 100, "--work", CALIBRATION_ROUNDS)
                       ["cpu_ns_per_op"] for i in range(3)) / CALIBRATION_ROUNDS
        return max(1, round(service_ns / self.once("ns per round", calibrate, shared=True)))

    # ---- running ----

    def store(self, label, seconds, backend, workers, *more, repeat=1):
        """sluice-bench store, one kind of run, of so many seconds. Returns its result."""
        args = ["store", "--backend", backend, "--workers", workers, "--duration", seconds, "--repeat", repeat, *more]
        run = self._quietest(lambda: self._wait(self._start(map(str, args), "run.json"), seconds * repeat, label), label)
        return run["results"][0]

    def stores(self, series, counts, seconds, repeat=1, threads=True):
        """The same for each of the series, which are name: (style, backend, *further options), and number of callers, with
        or without a thread for each of them. Returns rows."""
        rows = []
        for name, workers in ((name, workers) for name in series for workers in counts):
            _, backend, *more = series[name]
            result = self.store(f"{name}, {workers} callers", seconds, backend, workers, *more,
                                *["--threads", workers] * threads, repeat=repeat)
            rows.append({"series": name, "workers": workers, "ops_per_s": result["served_per_s"],
                         "ns_per_op": result["ns_per_served"], "switches_per_op": result["voluntary_switches_per_op"],
                         "refused": result["operations"]["refused"] / max(result["operations"]["sent"], 1),
                         "ordinary": result["ordinary_latency_ns"], **result["latency_ns"]})
        return rows

    def tcp(self, settings, args, seconds, label, io_works=False, places=None, prepare=None, meanwhile=None, tries=None):
        """A fresh daemon, and sluice-bench tcp on it. prepare(daemon) is called before, meanwhile(daemon) when that has
        been started, and what it returns is the result's "meanwhile"; such a run is repeated only where `tries` says."""
        def attempt():
            with Daemon(self, settings, io_works, places) as daemon:
                if prepare:
                    prepare(daemon)
                started = self.start(daemon, args, "run.json")
                seen = meanwhile(daemon) if meanwhile else None
                result = self._wait(started, seconds, label)
                return {**result, "daemon": daemon.arguments, "stats": daemon.stats(), "meanwhile": seen}
        return self._quietest(attempt, label, tries or (1 if seconds > LONG or meanwhile else None))

    def load(self, server, args, seconds, label, first=True):
        """sluice-bench tcp on a server that runs already."""
        return self._told(label, self.quietly(server, args, seconds, label, first))

    def quietly(self, server, args, seconds, label, first=False):
        """The same without a word, and without a place among the runs."""
        return self._wait(self.start(server, args, "load.json", first), seconds, label)

    def start(self, server, args, name="load.json", first=True):
        """The same without waiting; the answer is for finish(). first=False: it only gets the CPU that others leave."""
        return self._start(["tcp", "--host", "127.0.0.1", "--port", str(server.port), "--server-pid", str(server.pid),
                            "--quiet", *args], name, server.pid, self.places.generator, first, is_light(args))

    def finish(self, started, seconds, label):
        return self._told(label, self._wait(started, seconds, label))

    def _start(self, args, name, pid=None, *where):
        path = self.work / name
        path.unlink(missing_ok=True)
        process = subprocess.Popen([str(self.build / "sluice-bench"), *args, "--json", str(path)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=place.dies_with_us(*(where or (None, True))))
        return process, path, place.disturbance(pid)

    @staticmethod
    def _wait(started, seconds, label):
        process, path, seen = started
        try:
            _, errors = process.communicate(timeout=seconds + MARGIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"{label}: sluice-bench did not end in time") from None
        if process.returncode != 0:
            raise Failed(f"{label}: {errors.decode(errors='replace').strip()}")
        return {**json.loads(path.read_text()), "disturbance": seen()}

    def _wait_for_quiet(self):
        """In the full set, gives others a while to come to an end; in all no more than PATIENCE."""
        while self.full and self.patience > 0:
            seen = place.disturbance()
            time.sleep(0.25)
            self.patience -= 0.25
            if sum(seen().values()) <= QUIET:
                return

    def _quietest(self, attempt, label, tries=None):
        """In the full set, a short run that others disturbed is repeated once; the quieter one counts."""
        def measure():
            best = None
            for _ in range(tries or self.pick(1, 2)):
                self._wait_for_quiet()
                result = attempt()
                if best is None or disturbed_by(result) < disturbed_by(best):
                    best = result
                if disturbed_by(best) <= QUIET:
                    break
            return best
        return self._told(label, self.once(f"run: {label}", measure))

    def _told(self, label, result):
        self.runs.append({"label": label, **result})
        noise = disturbed_by(result)
        self.say(label + (f"  (disturbed: others used {noise:.2f} cores)" if noise > QUIET else ""))
        return result


def is_light(args):
    """May the generator run whenever it wants to? Where it shares a core with the I/O thread, a heavy load that did
    would leave that no time."""
    return "--rate" in args and "--step" not in args and float(args[args.index("--rate") + 1]) < LIGHT


def disturbed_by(result):
    return sum(result["disturbance"].values())
