"""What an experiment is given: the programs, short or full, and ways to run and record them."""

import json
import os
import subprocess
import time
from pathlib import Path

from . import place
from .daemon import Daemon

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
    def __init__(self, build, full, work, *, soak=None, kept=None, shared=None):
        """`soak`: seconds of the long run, if asked for; `kept`: a file where finished parts of an experiment are
        kept, so that it can be resumed; `shared`: a dictionary of parts that later experiments need again."""
        self.build = Path(build).resolve()
        self.full = full
        self.work = Path(work)
        self.places = place.Places()
        self.runs = []
        self.goals = []
        self.soak = soak
        self.kept = kept
        self._shared = {} if shared is None else shared
        self._parts = json.loads(kept.read_text()) if kept and kept.exists() else {}
        self.patience = PATIENCE
        self._ns_per_round = None
        for name in ("sluiced", "sluice-bench"):
            if not os.access(self.build / name, os.X_OK):
                raise Failed(f"{self.build / name} is not there; run make first, or set BUILD_DIR")

    def pick(self, short, full):
        return full if self.full else short

    def say(self, text):
        print(f"    {text}", flush=True)

    # ---- goals, and parts that are measured once ----

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

    # ---- calibration ----

    def rounds(self, service_ns):
        """work.iterations that take service_ns on this machine, by CPU time, so that noise hardly matters."""
        if self._ns_per_round is None:
            self._ns_per_round = self.once("ns per round", self._calibrate, shared=True)
        return max(1, round(service_ns / self._ns_per_round))

    def _calibrate(self):
        times = []
        for _ in range(3):
            run = self.store(["--backend", "mutex", "--workers", "1", "--keys", "100", "--work",
                              str(CALIBRATION_ROUNDS), "--duration", "0.3"], 1, "calibration", tries=1, record=False)
            times.append(run["results"][0]["cpu_ns_per_op"])
        return min(times) / CALIBRATION_ROUNDS

    # ---- running ----

    def store(self, args, seconds, label, tries=None, record=True):
        """sluice-bench store; `seconds` is how long it should take."""
        def attempt():
            seen = place.Disturbance().start()
            result = self._bench(["store", *args], seconds, self.work / "run.json")
            result["disturbance"] = seen.stop()
            return result
        return self._quietest(attempt, label, tries, record)

    def tcp(self, settings, args, seconds, label, io_works=False, prepare=None, places=None):
        """A fresh daemon, its table filled, then sluice-bench tcp on it; prepare(daemon) is called in between."""
        def attempt():
            with Daemon(self, settings, io_works, places) as daemon:
                if prepare:
                    prepare(daemon)
                seen = place.Disturbance(daemon.pid).start()
                result = self._bench(self.tcp_args(daemon, args), seconds, self.work / "run.json", pinned=True)
                result["disturbance"] = seen.stop()
                result["daemon"] = daemon.command[1:]
                result["stats"] = daemon.stats()
            return result
        return self._quietest(attempt, label, 1 if seconds > LONG else None, True)

    @staticmethod
    def tcp_args(daemon, args):
        return ["tcp", "--host", "127.0.0.1", "--port", str(daemon.port), "--server-pid", str(daemon.pid),
                "--quiet", *args]

    def start_tcp(self, daemon, args, name, wait=True, first=True):
        """The same without waiting; the answer is for finish_tcp. `daemon`: whatever has port and pid; first=False: it
        only gets the CPU that others leave."""
        if wait:
            self._wait_for_quiet()
        path = self.work / name
        path.unlink(missing_ok=True)
        command = [str(self.build / "sluice-bench"), *self.tcp_args(daemon, args), "--json", str(path)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE,
                                   preexec_fn=place.dies_with_us(self.places.generator, first, is_light(args)))
        return process, path, place.Disturbance(daemon.pid).start()

    def finish_tcp(self, started, within, label):
        process, path, seen = started
        try:
            _, errors = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"{label}: sluice-bench did not end in time") from None
        if process.returncode != 0:
            raise Failed(f"{label}: {errors.decode(errors='replace').strip()}")
        result = json.loads(path.read_text())
        result["disturbance"] = seen.stop()
        self.record(label, result)
        self._tell(label, result)
        return result

    def record(self, label, result):
        self.runs.append({"label": label, **result})

    def _bench(self, args, seconds, path, pinned=False):
        command = [str(self.build / "sluice-bench"), *args, "--json", str(path)]
        path.unlink(missing_ok=True)
        core = self.places.generator if pinned else None
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds + MARGIN,
                                  preexec_fn=place.dies_with_us(core, True, pinned and is_light(args)))
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end in time: {' '.join(command)}") from None
        if done.returncode != 0 or not path.exists():
            raise Failed(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
        return json.loads(path.read_text())

    def _wait_for_quiet(self):
        """In the full set, gives others a while to come to an end; in all no more than PATIENCE."""
        while self.full and self.patience > 0:
            seen = place.Disturbance().start()
            time.sleep(0.25)
            self.patience -= 0.25
            if sum(seen.stop().values()) <= QUIET:
                return

    def _quietest(self, attempt, label, tries, record):
        """In the full set, a short run that others disturbed is repeated once; the quieter one counts."""
        best = None
        for _ in range(tries or self.pick(1, 2)):
            self._wait_for_quiet()
            result = attempt()
            if best is None or disturbed_by(result) < disturbed_by(best):
                best = result
            if disturbed_by(best) <= QUIET:
                break
        if record:
            self.record(label, best)
            self._tell(label, best)
        return best

    def _tell(self, label, result):
        noise = disturbed_by(result)
        self.say(label + (f"  (disturbed: others used {noise:.2f} cores)" if noise > QUIET else ""))


def is_light(args):
    """May the generator run whenever it wants to? Where it shares a core with the I/O thread, a heavy load that did
    would leave that no time."""
    return "--rate" in args and "--step" not in args and float(args[args.index("--rate") + 1]) < LIGHT


def disturbed_by(result):
    seen = result["disturbance"]
    return seen["others_cores"] + seen["stolen_cores"]
