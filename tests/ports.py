"""A port for a server that is started later, by another process, or not at all."""

from __future__ import annotations

import random
import socket

#: Below the ports that systems hand out by themselves (Linux from 32768), and above those of Ray's
#: workers: a port that was free stays free although other tests run at the same time.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of this machine where nothing listens."""
    while True:
        # Not the common generator: Hypothesis seeds it, the same in every process.
        port = random.SystemRandom().choice(PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
