"""Saying how far something has come, beside the result and only where it takes long."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from jupyter_mlo.verbs.context import Context

#: Seconds before a terminal shows anything, and between lines elsewhere.
_DELAY: Final = 1.0
_LINES: Final = 5.0


@contextlib.contextmanager
def progress(
    what: str, unit: str, context: Context, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """Where to tell how many of how many are done: a bar on a terminal, else a line now and then.

    Args:
        what: is being done; ``unit``: to how many of what, in the plural.
        clock: seconds; only differences count.
    """
    if context.err.isatty():
        from tqdm import tqdm

        with tqdm(desc=what, unit=f" {unit}", file=context.err, leave=False, delay=_DELAY) as bar:

            def move(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield move
        return
    last = clock()

    def say(done: int, total: int) -> None:
        nonlocal last
        if done < total and clock() - last >= _LINES:
            last = clock()
            context.note(f"{what}: {done} of {total} {unit}")

    yield say
