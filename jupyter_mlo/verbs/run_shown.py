"""How a batch gets on and what became of it: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.results import Result
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.shown_people import who

#: Seconds between two drawings.
_DRAW: Final = 0.1
#: Rows of running notebooks that are shown at once.
_ROWS: Final = 12
#: Remarks that are shown below the table.
_REMARKS: Final = 20


@contextlib.contextmanager
def shown(jobs: Sequence[Job], context: Context) -> Iterator[Any]:
    """What is told how the batch gets on."""
    if context.err.isatty() and os.environ.get("TERM") not in (None, "dumb"):
        live = Live(len(jobs), context)
        try:
            yield live
        finally:
            live.close()
    else:
        yield Lines(len(jobs), context)


class Lines:
    """A line for each run that ends."""

    def __init__(self, total: int, context: Context) -> None:
        self._total = total
        self._context = context
        self._ended = 0

    def begun(self, result: Result) -> None:
        """Said when it ends."""

    def moved(self, result: Result, done: int, cells: int) -> None:
        """Said when it ends."""

    def ended(self, result: Result) -> None:
        """One more."""
        self._ended += 1
        width = len(str(self._total))
        why = f": {terminal_safe(result.reason, limit=200)}" if result.reason else ""
        self._context.note(
            f"[{self._ended:>{width}}/{self._total}] {result.status:<11} {result.seconds:6.1f} s  "
            f"{_place(result)}{why}"
        )


class Live:
    """The runs that go on, drawn anew in place; what has ended moves up as a line."""

    def __init__(self, total: int, context: Context) -> None:
        self._total = total
        self._context = context
        self._going: dict[int, tuple[Result, int, int, float]] = {}
        self._ended: Counter[str] = Counter()
        self._drawn = 0
        self._next = 0.0
        self._began = time.monotonic()

    def begun(self, result: Result) -> None:
        """Its cells are being executed."""
        self._going[result.job.number] = (result, 0, 0, time.monotonic())
        self._draw()

    def moved(self, result: Result, done: int, cells: int) -> None:
        """So many cells are done."""
        held = self._going.get(result.job.number)
        if held is not None:
            self._going[result.job.number] = (result, done, cells, held[3])
            self._draw()

    def ended(self, result: Result) -> None:
        """It is no longer among those that go on."""
        self._going.pop(result.job.number, None)
        self._ended[result.status] += 1
        if not result.good:
            self._erase()
            self._write(f"{result.status}: {_place(result)}: {terminal_safe(result.reason)}\n")
        self._draw(at_once=True)

    def close(self) -> None:
        """Take it away: the result comes next."""
        self._erase()

    def _draw(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now < self._next:
            return
        self._next = now + _DRAW
        columns = shutil.get_terminal_size().columns - 1
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self._ended.items()))
        lines = [
            f"{sum(self._ended.values())} of {self._total} runs"
            + (f" ({counts})" if counts else "")
            + f", {now - self._began:.0f} s"
        ]
        going = sorted(self._going.items())
        for _, (result, done, cells, began) in going[:_ROWS]:
            bar = _bar(done, cells)
            lines.append(f"  {bar} {done:>4}/{cells:<4} {now - began:6.1f} s  {_place(result)}")
        if len(going) > _ROWS:
            lines.append(f"  and {len(going) - _ROWS} more")
        self._erase()
        self._write("".join(f"{line[:columns]}\n" for line in lines))
        self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self._context.err.write(text)
        self._context.err.flush()


def table(results: Sequence[Result], names: Mapping[str, str]) -> str:
    """All results, one a line, and a summary.

    Args:
        names: MLO ID → name, of those who are known here.
    """
    rows = [("run", "status", "seconds", "as", "output", "")]
    for result in results:
        rows.append(
            (
                str(result.job.number),
                result.status,
                f"{result.seconds:.1f}",
                terminal_safe(who(result.mlo, names), limit=60) if result.mlo else "-",
                _place(result),
                _remark(result),
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[5]])
        for row in rows
    ]
    counts = Counter(result.status for result in results)
    waiting = max((result.waiting for result in results), default=0)
    summary = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    lines = [line.rstrip() for line in lines]
    if waiting:
        summary += f"; {waiting} statements wait for the ledger (jupyter mlo status)"
    return "\n".join([*lines, *_remarks(results), "", summary])


def _remarks(results: Sequence[Result]) -> list[str]:
    """What is to be known besides, of some runs."""
    found = [
        f"run {result.job.number}: {terminal_safe(remark, limit=300)}"
        for result in results
        for remark in result.remarks
        if not result.reason or result.reason not in remark
    ]
    more = [f"and {len(found) - _REMARKS} more remarks: --json or --index"]
    return ["", *found[:_REMARKS], *(more if len(found) > _REMARKS else [])] if found else []


def _remark(result: Result) -> str:
    parts = [f"{name}={value:g}" for name, value in list(result.metrics.items())[:4]]
    if result.tested is not None:
        parts.append(result.tested)
    if len(result.attempts) > 1:
        parts.append(f"{len(result.attempts)} attempts")
    if result.reason:
        parts.append(terminal_safe(result.reason, limit=120))
    return " ".join(parts)


def _place(result: Result) -> str:
    return terminal_safe(result.job.target, limit=80)


def _bar(done: int, cells: int) -> str:
    full = round(10 * done / cells) if cells else 0
    return "[" + "#" * full + "." * (10 - full) + "]"
