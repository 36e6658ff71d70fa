#!/usr/bin/env python3
"""How much memory of the daemon does an idle connection take?

    bench/idle.py [--connections N]

For each protocol starts sluiced on a free port of 127.0.0.1, opens N connections (10,000), has each of them GET a
value of 100 KB once, lets all of them be idle until the allocator has given back what it no longer needs, and prints
the growth of resident memory per connection: of connections that have done nothing yet, and of these. What the kernel
holds for a socket is not in it. The programs are taken from BUILD_DIR (build).
"""

import argparse
import resource
import sys
import time

sys.dont_write_bytecode = True

from experiments.lib.context import Context  # noqa: E402
from experiments.lib.servers import Daemon  # noqa: E402

SIZE = 100_000
SPARE_FILES = 256
SETTLE_S = 12  # the allocator gives unused pages back within 5 s
PROTOCOLS = {
    "text": (b"PUT big never $%d\r\n%s\r\n", b"GET big\r\n"),
    "resp": (b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n%s\r\n", b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n"),
    "memcached": (b"set big 0 0 %d\r\n%s\r\n", b"get big\r\n"),
}


def measure(ctx, protocol, count):
    put, get = PROTOCOLS[protocol]

    def take(links):
        for link in links:
            link.sendall(get)
            left = SIZE
            while left > 0:
                left -= len(link.recv(1 << 17))
        time.sleep(SETTLE_S)
        return daemon.resident()
    settings = {"listen.text": "off", f"listen.{protocol}": "127.0.0.1:0", "limits.connections": count + 8}
    with Daemon(ctx, settings) as daemon:
        first = daemon.connect()
        first.sendall(put % (SIZE, b"x" * SIZE))
        first.recv(100)
        before = take([first])
        links = [daemon.connect() for _ in range(count)]
        fresh, used = take([]), take(links)
    print(f"{protocol}: {(fresh - before) / count:,.0f} bytes a connection that did nothing yet, "
          f"{(used - before) / count:,.0f} after a GET of {SIZE:,} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", metavar="N", type=int, default=10_000)
    count = parser.parse_args().connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + SPARE_FILES:
        sys.exit(f"{count:,} connections need {count + SPARE_FILES:,} open files; ulimit -Hn says {hard:,}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + SPARE_FILES), hard))
    with Context(full=False) as ctx:
        for protocol in PROTOCOLS:
            measure(ctx, protocol, count)


if __name__ == "__main__":
    main()
