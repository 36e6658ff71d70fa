#!/usr/bin/env python3
"""Runs the tests of one build folder and sums them up.

    BUILD_DIR=build tests/run.py [-k WORD] [--only unit|blackbox|adversary|clients] [--long] [UNIT_TEST_BINARY...]

Every unit test binary and every file of black-box tests is one job; a few jobs run at a time. The tests with other
people's clients (tests/clients) run only when asked for, as they need a lot installed. What fails is
printed in full. The last line is "N passed, N failed" (", N skipped" if any were), the exit status 1 if
anything failed or nothing ran.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLACKBOX, ADVERSARY, CLIENTS = ROOT / "tests/blackbox", ROOT / "tests/adversary", ROOT / "tests/clients"
UNIT_TIMEOUT, PYTEST_TIMEOUT, LONG_TIMEOUT = 240, 900, 7200
# These take longest, so they start first.
SLOW_FIRST = ("test_transcripts", "test_model", "test_scale", "test_overload")
# These measure memory and crowds of connections: each with the machine to itself, at the end.
ALONE = ()


class Result:
    """What one job came to; output is only kept when something failed."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.output, self.skips, self.seconds = "", [], 0.0


def run_bounded(command, timeout, env):
    """Output, exit status (None: it took too long and was ended, with all it had started)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               env=env, cwd=ROOT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = None
    return output.decode("utf-8", "backslashreplace"), status


def run_unit(binary, env):
    """A cmocka program, speaking TAP. A test of its plan that it never reported counts as failed."""
    result = Result(f"unit {Path(binary).name}")
    output, status = run_bounded([str(Path(binary).resolve())], UNIT_TIMEOUT, env)
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", output, re.M))
    for outcome, rest in re.findall(r"^(ok|not ok) \d+(.*)$", output, re.M):
        if re.search(r"#\s*SKIP", rest, re.I):
            result.skipped += 1
            result.skips.append(rest.partition("SKIP")[2].strip() or rest.strip())
        elif outcome == "ok":
            result.passed += 1
        else:
            result.failed += 1
    result.failed += max(0, planned - result.passed - result.failed - result.skipped)
    how = "took too long" if status is None else f"exit status {status}"
    if status != 0 and result.failed == 0:
        result.failed = 1
    if result.passed + result.failed + result.skipped == 0:
        result.failed, how = 1, "reported no test"
    if result.failed:
        result.output = f"{output}\n({how})"
    return result


def run_pytest(path, env, keyword, long):
    """One file of tests in Python, read from its junit report."""
    result = Result(f"{path.parent.name} {path.name}")
    with tempfile.TemporaryDirectory(prefix="sluice-run-") as folder:
        report = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-rs",
                   f"--junit-xml={report}", f"--basetemp={folder}/tmp", str(path)]
        if keyword:
            command += ["-k", keyword]
        if long:
            command.append("--long")
        output, status = run_bounded(command, LONG_TIMEOUT if long else PYTEST_TIMEOUT, env)
        if report.exists():
            read_junit(report, result)
    if status == 5 and keyword:  # no test of this file has the word
        return result
    if status != 0 and result.failed == 0:
        result.failed = 1
    if result.failed:
        result.output = output + ("\n(took too long)" if status is None else "")
    return result


def read_junit(report, result):
    for case in ET.parse(report).iter("testcase"):
        children = {child.tag: child for child in case}
        if "failure" in children or "error" in children:
            result.failed += 1
        elif "skipped" in children:
            result.skipped += 1
            result.skips.append(f"{case.get('name')}: {children['skipped'].get('message')}")
        else:
            result.passed += 1


def environment(build):
    env = dict(os.environ, BUILD_DIR=str(build), CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONDONTWRITEBYTECODE="1")
    # The first report ends the process with a status that is not 0.
    env["ASAN_OPTIONS"] = "halt_on_error=1:detect_leaks=1:" + env.get("ASAN_OPTIONS", "")
    env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:" + env.get("UBSAN_OPTIONS", "")
    env["TSAN_OPTIONS"] = "halt_on_error=1:second_deadlock_stack=1:" + env.get("TSAN_OPTIONS", "")
    return env


def make_jobs(args, env):
    """(function, arguments) of every job, the long ones first, and those that want to be alone."""
    together, alone = [], []
    folders = {None: (BLACKBOX, ADVERSARY), "blackbox": (BLACKBOX,), "adversary": (ADVERSARY,), "clients": (CLIENTS,)}
    files = [path for folder in folders.get(args.only, ()) for path in folder.glob("test_*.py")]
    for path in sorted(files, key=lambda f: (f.stem not in SLOW_FIRST, f.stem)):
        long = args.long and path.parent == ADVERSARY
        (alone if path.stem in ALONE else together).append((run_pytest, path, env, args.k, long))
    if args.only in (None, "unit"):
        for binary in args.binaries:
            if not args.k or args.k in Path(binary).name:
                together.append((run_unit, binary, env))
    return together, alone


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="WORD", help="unit tests of that name; pytest's -k for the others")
    parser.add_argument("--only", choices=("unit", "blackbox", "adversary", "clients"))
    parser.add_argument("--long", action="store_true", help="the tests of tests/adversary by many more seeds")
    parser.add_argument("-j", type=int, default=max(2, min(4, os.cpu_count() or 2)), help="jobs at a time")
    parser.add_argument("binaries", nargs="*", help="unit tests")
    args = parser.parse_args()
    env = environment(Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve())
    results, lock = [], threading.Lock()

    def run(job):
        begin = time.monotonic()
        result = job[0](*job[1:])
        result.seconds = time.monotonic() - begin
        with lock:
            results.append(result)
            if result.passed + result.failed + result.skipped:
                counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
                print(f"{result.name:34} {counts:40} {result.seconds:6.1f} s", flush=True)

    together, alone = make_jobs(args, env)
    for jobs, workers in ((together, args.j), (alone, 1)):
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, jobs))

    for result in results:
        for skip in result.skips:
            print(f"skipped: {result.name}: {skip}")
    for result in results:
        if result.failed:
            print(f"\n===== {result.name}: {result.failed} failed =====\n{result.output}")
    passed, failed, skipped = (sum(getattr(r, what) for r in results) for what in ("passed", "failed", "skipped"))
    if passed + failed + skipped == 0:
        print("no test ran")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or passed + skipped == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
