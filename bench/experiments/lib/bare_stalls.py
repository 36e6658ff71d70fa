"""How long does this machine alone keep a program?

    bare_stalls.py BYTES SECONDS

Touches so much memory for the first time, then reads bytes of it at random for some seconds, in pieces as small as what
a server does in a turn, and prints the longest of each as JSON: by the clock, and by the CPU time that the system
charged. A virtual machine may well need milliseconds for what takes microseconds elsewhere, where the host has to find
memory or to follow the page tables.
"""

import gc
import json
import mmap
import random
import sys
import time

PIECE, PAGE = 8, 4096  # pages touched in one piece: more than 50 sessions
READS = 128            # in one piece: two for each of 64 sessions


def longest(pieces):
    """The longest that a piece took, by the clock and in CPU time."""
    wall = cpu = 0
    for piece in pieces:
        at, used = time.monotonic_ns(), time.thread_time_ns()
        piece()
        used = time.thread_time_ns() - used
        wall, cpu = max(wall, time.monotonic_ns() - at), max(cpu, used)
    return wall, cpu


def main():
    size, seconds = int(sys.argv[1]), float(sys.argv[2])
    memory = mmap.mmap(-1, size)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    gc.disable()

    def touch(at):
        for page in range(PIECE):
            memory[at + page * PAGE] = 1

    def look(until):
        while time.monotonic() < until:
            places = [random.randrange(size) for _ in range(READS)]
            yield lambda: [memory[at] for at in places]
    touched = longest(lambda at=at: touch(at) for at in range(0, size - PIECE * PAGE + 1, PIECE * PAGE))
    read = longest(look(time.monotonic() + seconds))
    print(json.dumps(dict(zip(("touch_ns", "touch_cpu_ns", "read_ns", "read_cpu_ns"), touched + read))))


if __name__ == "__main__":
    main()
