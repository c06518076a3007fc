"""The two names for notebooks: :func:`current` says who acts, :func:`record` puts on record.

Both work in the kernel of a run (under its run delegation), interactively (under the session
of this account), and where nobody is logged in: then they say so, and the notebook goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError, Refused, escaped_lines
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.names import name_here
from jupyter_mlo.runs.recording import Recorded, Subjects, statements_of
from jupyter_mlo.runs.run_key import RunKey, read_run_key
from jupyter_mlo.runs.withheld import RUN_VARIABLE

#: What a path to a file or folder may be given as, and several of them.
Place = str | os.PathLike[str]
Places = Place | Sequence[Place] | Mapping[str, Place]

DEFAULT_ACTIVITY = "exploration"


@dataclass(frozen=True)
class Current:
    """Who acts here, and under what. False where nobody does; ``reason`` says why then."""

    #: MLO ID.
    mlo: str | None = None
    #: Name of the MLO, where it is known here.
    name: str | None = None
    #: Through what: ``run`` in the kernel of a run, ``session`` after a login.
    kind: str | None = None
    activity: str | None = None
    model: str | None = None
    #: ``urn:uuid:…`` of the run and of the notebook that it writes; None outside a run.
    run: str | None = None
    notebook: str | None = None
    #: When that ends (aware, UTC).
    expires: datetime | None = None
    reason: str = ""

    def __bool__(self) -> bool:
        return self.mlo is not None

    def __repr__(self) -> str:
        if self.mlo is None or self.expires is None:
            return f"<nobody: {self.reason}>"
        who = f"{terminal_safe(self.name, limit=60)} ({self.mlo})" if self.name else self.mlo
        what = f"{self.activity}, {self.model}" if self.model else str(self.activity)
        until = self.expires.astimezone().strftime("%Y-%m-%d %H:%M")
        return f"<{who} by {self.kind}: {what}, until {until}>"


def current() -> Current:
    """Who acts in this kernel or process, and under what.

    ``if jupyter_mlo.current(): …`` asks whether anybody does. Never raises because nobody is
    logged in, or because a login has ended.
    """
    try:
        settings = load_settings()
        hand = _hand(settings)
    except (MloError, OSError) as error:
        return Current(reason=error.message if isinstance(error, MloError) else str(error))
    if hand is None:
        return Current(reason="not logged in; %mlo_login, or jupyter mlo login, changes that")
    signer, key = hand
    run = signer.run or {}
    return Current(
        mlo=signer.mlo,
        name=key.name if key is not None else name_here(settings, signer.mlo),
        kind=signer.kind,
        activity=signer.activity or DEFAULT_ACTIVITY,
        model=signer.model,
        run=run.get("id"),
        notebook=run.get("notebook"),
        expires=signer.expires,
    )


def record(
    metrics: Mapping[str, Any] | None = None,
    *,
    thresholds: Mapping[str, Any] | None = None,
    data: Places | None = None,
    artifact: Places | None = None,
    name: str | None = None,
) -> Recorded:
    """Put metrics, data and artefacts on record, signed for whoever acts here.

    Args:
        metrics: finite numbers by name.
        thresholds: what metrics must reach: a number is a minimum, a text a comparison
            (``"<= 0.1"``). With thresholds the result is a test, ``PASSED`` or ``FAILED``,
            of ``artifact`` where one is given.
        data: files that were used: a path, a list of paths, or paths by name. A folder
            stands for the files in it; symbolic links are refused.
        artifact: files that were made or, with thresholds, tested; given like ``data``.
        name: what the numbers are called; the model's name by default.

    Returns:
        what was put on record, or false where nobody acts here (it says so on stderr).

    Raises:
        InvalidInput: a number is not finite, a file cannot be read, or nothing was given.
        Refused: nobody acts here although policy asks for somebody, or this lies outside
            what whoever acts may do.
    """
    subjects = Subjects.read(
        metrics=metrics, thresholds=thresholds, data=data, artifact=artifact, name=name
    )
    settings = load_settings()
    try:
        hand = _hand(settings)
        reason = "nobody is logged in (%mlo_login, or jupyter mlo login), and this is no run"
    except MloError as error:
        hand, reason = None, error.message
    if hand is None:
        if settings.policy.identity_required:
            raise Refused(
                f"nothing can be put on record: {reason}",
                hint="policy asks for an identity here: %mlo_login, or jupyter mlo login",
            )
        print(f"jupyter-mlo: not on record: {escaped_lines(reason)}", file=sys.stderr)
        return Recorded((), subjects.outcome, reason)
    signer, key = hand
    made = statements_of(
        subjects,
        signer,
        activity=signer.activity or DEFAULT_ACTIVITY,
        code=key.code if key is not None else None,
        now=datetime.now(UTC),
    )
    if key is not None:
        key.append([envelope for _, envelope in made])
        note = ""
    else:
        note = _publish(settings, signer, [envelope for _, envelope in made])
    kinds = tuple((kind, envelope.statement_id) for kind, envelope in made)
    return Recorded(kinds, subjects.outcome, note)


def _hand(settings: Settings) -> tuple[Signer, RunKey | None] | None:
    """Whoever signs here, and the run's key where this is the kernel of a run."""
    given = os.environ.get(RUN_VARIABLE)
    if given:
        key = read_run_key(Path(given))
        return key.signer, key
    signer = load_session(settings, datetime.now(UTC))
    return None if signer is None else (signer, None)


def _publish(settings: Settings, signer: Signer, made: Sequence[Any]) -> str:
    from jupyter_mlo.ledger.publish import publish

    published = publish(settings, [*signer.chain, *made])
    return f"waits for the ledger: {published.why}" if not published.count else ""
