"""Kernels of the fork server: how they begin and end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from jupyter_mlo.runs.batch.kernels import Kernels, Specs
from jupyter_mlo.runs.withheld import kernel_environment


def test_kernels_end_by_themselves(tmp_path: Path) -> None:
    """ipykernel's threads wait for each other at its end, now and then for seconds."""

    async def exit_codes() -> list[int | None]:
        async with Kernels(Specs()) as kernels:
            env = kernel_environment(os.environ)
            found = []
            for _ in range(4):
                started = [await kernels.start("python3", env, tmp_path) for _ in range(4)]
                for kernel in started:
                    await kernel.ready(60.0)
                processes = [kernel.manager.provisioner.process for kernel in started]
                for kernel in started:
                    await kernel.end()
                found += [process.poll() for process in processes]
            return found

    assert asyncio.run(exit_codes()) == [0] * 16  # no signal was needed
