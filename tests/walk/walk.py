#!/usr/bin/env python3
"""How far a request walks through the daemon: calls, functions and files from its bytes to its reply.

    walk.py DAEMON        DAEMON: built with -O0 -finstrument-functions and tests/walk/entries.c (make walk)
    walk.py DAEMON -v     and every function of the walks, in the order in which they are entered first

Inline functions count. One connection, one request at a time, on an idle daemon; the figures are of one request in the
middle of many. Fails when a walk is longer than its limit: code that everybody has to walk through stays short.
"""

import collections
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 40

IN_PLACE = ("backend=backpressure", "owner.placement=loop", "threads=1")
OWNER_THREAD = ("backend=backpressure", "owner.placement=thread", "threads=1")
WALKS = (  # name, settings, request, beginning of its reply, limits: calls, functions, files
    ("GET, in place", IN_PLACE, b"GET key\r\n", b"VALUE", (200, 130, 35)),
    ("GET, owner thread", OWNER_THREAD, b"GET key\r\n", b"VALUE", None),
    ("PUT, in place", IN_PLACE, b"PUT key 1h value\r\n", b"OK", None),
    ("PUT of 100 KB, in place", IN_PLACE, b"PUT key 1h $100000\r\n" + b"v" * 100000 + b"\r\n", b"OK", None),
)


def converse(connection, request, expected):
    connection.sendall(request)
    reply = connection.recv(65536)
    if not reply.startswith(expected):
        sys.exit(f"walk: {request[:40]!r} was answered {reply[:80]!r}")


def count_entries(log):
    with open(log, "rb") as file:
        return struct.unpack("<Q", file.read(8))[0]


def record(daemon, settings, request, expected):
    """The addresses of the functions that ROUNDS requests enter, in order."""
    with tempfile.TemporaryDirectory() as folder:
        path, log = f"{folder}/socket", f"{folder}/entries"
        command = [daemon, "--set", f"listen.text=unix:{path}", "--set", "listen.resp=off", "--set", "listen.memcached=off"]
        for setting in settings:
            command += ["--set", setting]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, "WALK_FILE": log})
        for line in process.stdout:
            if b"msg=ready" in line:
                break
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            converse(connection, b"PUT key 1h value\r\n", b"OK")
            for _ in range(100):
                converse(connection, request, expected)
            before = count_entries(log)
            for _ in range(ROUNDS):
                converse(connection, request, expected)
            after = count_entries(log)
        process.terminate()
        process.stdout.read()
        process.wait()
        with open(log, "rb") as file:
            file.seek(8 + 8 * before)
            return struct.unpack(f"<{after - before}Q", file.read(8 * (after - before)))


def names_of(daemon, addresses):
    """address -> (function, file)"""
    wanted = sorted(set(addresses))
    text = subprocess.run(["addr2line", "-f", "-e", daemon], input="\n".join(map(hex, wanted)), text=True, check=True,
                          capture_output=True).stdout.splitlines()
    names = {}
    for address, function, place in zip(wanted, text[::2], text[1::2]):
        names[address] = function, re.sub(r"^.*?/?((proto|config|daemon)/[^:]*):.*$", r"\1", place)
    return names


def main():
    daemon, verbose = sys.argv[1], "-v" in sys.argv[2:]
    too_long = []
    print(f"{'one request, idle daemon':28}{'calls':>8}{'functions':>11}{'files':>7}{'file hops':>11}")
    for name, settings, request, expected, limits in WALKS:
        entered = record(daemon, settings, request, expected)
        names = names_of(daemon, entered)
        walk = [names[address] for address in entered]
        counts = collections.Counter(walk)
        often = {place for place, count in counts.items() if count >= ROUNDS // 2}  # not what happens now and then
        files = {file for _, file in often}
        hops = sum(a[1] != b[1] for a, b in zip(walk, walk[1:]))
        figures = (round(len(walk) / ROUNDS), len(often), len(files))
        print(f"{name:28}{figures[0]:8}{figures[1]:11}{figures[2]:7}{round(hops / ROUNDS):11}")
        if verbose:
            for function, file in dict.fromkeys(walk):
                print(f"    {counts[function, file] / ROUNDS:6.2f}  {function:32} {file}")
        if limits and any(figure > limit for figure, limit in zip(figures, limits)):
            too_long.append(f"{name}: at most {limits[0]} calls, {limits[1]} functions, {limits[2]} files")
    for line in too_long:
        print(f"walk: too long: {line}")
    sys.exit(bool(too_long))


main()
