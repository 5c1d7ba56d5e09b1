"""Ports for servers that a test starts, and may stop and start again on the same port."""

import itertools
import os
import socket

# Below those from which the system takes a port for whoever calls out: one of them could else be gone when a server
# comes back to it. Above those that browsers refuse.
FIRST, LAST = 12_000, 32_000

_numbers = itertools.count(os.getpid() * 97)


def free_port() -> int:
    """A port that nobody listens on and that this process gave to nobody else; each process begins elsewhere."""
    for number in itertools.islice(_numbers, LAST - FIRST):
        port = FIRST + number % (LAST - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")
