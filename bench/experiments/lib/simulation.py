"""Runs of sluice-bench simulate: the daemon's admission code under a virtual clock."""

import json
import subprocess

from . import overload
from .context import SERVICE_NS, Failed


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
