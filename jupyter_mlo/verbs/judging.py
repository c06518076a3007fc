"""Judging notebook files with what is at hand: in this process, or in several."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.notebook.reading import Notebook
from jupyter_mlo.notebook.reports import NotebookReport
from jupyter_mlo.notebook.verification import Examined, examine, report
from jupyter_mlo.verbs.at_hand import AtHand, at_hand
from jupyter_mlo.verbs.older_formats import read_any_format


@dataclass(frozen=True)
class Judged:
    """The report on a notebook, or why there is none."""

    report: NotebookReport | None
    error: str = ""
    hint: str = ""
    #: What of this installation could not be asked; the report's ``unread`` among it.
    problems: tuple[str, ...] = ()


class Judge:
    """Verifies files; looks once at what this installation has at hand."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._now = now
        self._here: AtHand | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._here is not None:
            self._here.close()

    @property
    def here(self) -> AtHand:
        """What is at hand; raises :class:`MloError` where the trust file is damaged."""
        if self._here is None:
            self._here = at_hand(self._settings, self._now)
        return self._here

    def __call__(self, path: Path) -> Judged:
        """The report on one file."""
        here = self.here
        try:
            found = self.report(self.examine(self.read(path)))
        except MloError as error:
            return Judged(None, error.message, error.hint, here.said)
        except Exception as error:  # a fault of ours in one file leaves the others their verdicts
            if os.environ.get("MLO_DEBUG"):
                raise
            what = f"verifying failed in a way that it should not: {type(error).__name__}: {error}"
            return Judged(None, what, "MLO_DEBUG=1 shows where, for a report", here.said)
        return Judged(found, problems=here.said)

    def report(self, examined: Examined) -> NotebookReport:
        """The verdicts on a notebook that was examined, and what could not be asked for them."""
        found = report(examined)
        revoked = {
            key_id: why
            for mlo, key_id in found.unknown_keys()
            if (why := self.here.revoked(mlo, key_id))
        }
        return replace(found, unread=tuple(self.here.problems), revoked=revoked)

    def read(self, source: Path | bytes) -> Notebook:
        """A notebook of any format, to be examined."""
        return read_any_format(source)

    def examine(self, notebook: Notebook) -> Examined:
        """Everything that verdicts on a notebook rest on."""
        here = self.here
        pool, records = here.for_notebook(notebook)
        return examine(
            notebook,
            pool=pool,
            trust=here.trust,
            now=self._now,
            records=records,
            ledger=here.ledger,
            workers=2,
        )


_judge: Judge | None = None


def start_judging(settings: Settings, now: datetime) -> None:
    """Begin in a new process."""
    global _judge
    _judge = Judge(settings, now)


def judge_here(path: Path) -> Judged:
    """Judge one file in a process that :func:`start_judging` has begun in."""
    assert _judge is not None
    return _judge(path)
