"""Ports for servers that tests start."""

from __future__ import annotations

import secrets
import socket


def free_port() -> int:
    """A TCP port of this machine that nobody listens at now.

    Below those that systems give to whoever asks for any (Linux: from 32768 on): kernels and
    clients take them all the time, between this look and the server's start.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
