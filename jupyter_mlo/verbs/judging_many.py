"""Judging many notebook files: on all cores where that saves time, saying how far it is."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.judging import Judge, Judged, judge_here, start_judging
from jupyter_mlo.verbs.progress import progress

#: Below these a second process costs more time than it saves.
_MANY_FILES: Final = 8
_MANY_BYTES: Final = 4_000_000


def judged_in_order(paths: Sequence[Path], context: Context) -> Iterator[tuple[Path, Judged]]:
    """The report on each notebook, in order.

    How many are done is said on the way; not while what came of one is being written.
    """
    threads = threading.active_count() > 1  # a bar has one of its own, which holds no lock of ours
    with progress("verifying", "notebooks", context) as moved:
        for done, each in enumerate(_judged(paths, context, threads)):
            moved(done, len(paths))
            yield each


def _judged(
    paths: Sequence[Path], context: Context, threads: bool
) -> Iterator[tuple[Path, Judged]]:
    cores = os.cpu_count() or 1
    # A kernel's main module is not ours to start again.
    if context.in_kernel or cores < 2 or not _worth_processes(paths):
        with Judge(context.settings, context.now()) as judge:
            yield from zip(paths, map(judge, paths), strict=True)
        return
    # Whoever forks beside other threads may inherit a lock for ever.
    method = "fork" if sys.platform == "linux" and not threads else "spawn"
    with ProcessPoolExecutor(
        min(cores, len(paths)),
        multiprocessing.get_context(method),
        initializer=start_judging,
        initargs=(context.settings, context.now()),
    ) as pool:
        yield from zip(paths, pool.map(judge_here, paths), strict=True)


def _worth_processes(paths: Sequence[Path]) -> bool:
    if len(paths) < 2:
        return False
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return len(paths) >= _MANY_FILES or total >= _MANY_BYTES
