"""The environment with which this process was started, as the kernel of Linux still shows it.

``/proc/PID/environ`` is a window into the process's memory: what stood there at the start
stays to be read by every process of the same account, whatever has become of ``os.environ``.
Nothing but the values that are named is overwritten, in this process alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

#: Larger blocks are not looked at (bytes); Linux itself allows 128 KiB to each variable.
_LARGEST: Final = 8 << 20


def wipe(is_secret: Callable[[str], bool]) -> None:
    """Overwrite with zeros the values of secret variables; nothing where that is not possible.

    Whatever has taken them from ``os.environ`` holds copies, which stay as they are.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])  # env_start, env_end: 50 and 51 in proc(5)
        if not 0 < end - start <= _LARGEST:
            return
        # Through the file, not by address: what is not mapped is an error and no crash.
        descriptor = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    except (OSError, ValueError, IndexError):
        return  # no Linux, or it is not permitted here
    try:
        at = start
        for entry in os.pread(descriptor, end - start, start).split(b"\0"):
            name, equals, value = entry.partition(b"=")
            if equals and value and is_secret(os.fsdecode(name)):
                os.pwrite(descriptor, bytes(len(value)), at + len(name) + 1)
            at += len(entry) + 1
    except OSError:
        return
    finally:
        os.close(descriptor)
