"""How long the whole story takes: ``jupyter mlo demo``, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure


def measure() -> Iterator[Figure]:
    """One demo, from the command to its end; it is long enough to need no second one."""
    with tempfile.TemporaryDirectory() as place:
        command = [str(Path(sys.executable).with_name("jupyter")), "mlo", "demo", "--dir", "demo"]
        began = time.perf_counter()
        subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=600)
        yield Figure("jupyter mlo demo", time.perf_counter() - began, "s", at_most=60)
