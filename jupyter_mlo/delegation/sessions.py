"""Sessions: one login serves the kernels, the server and the commands of one OS account.

A session is a fresh key to which the MLO's own key delegates for some hours. It lies in
the Jupyter runtime directory with mode 0600: whoever can read that file can record in
the MLO's name until the session ends (see the threat model). Read in kernels: imports
nothing heavy.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, SessionError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import locked, read_private, write_private
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import from_text, to_text

if TYPE_CHECKING:
    from jupyter_mlo.identity.store import Identity

DEFAULT_DURATION: Final = timedelta(hours=8)
#: What somebody does who has not said what (DESIGN: "Words").
DEFAULT_ACTIVITY: Final = "exploration"
#: A session is for a person at work; what runs longer runs under a mandate.
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=24)

_LOG_IN: Final = "jupyter mlo login, or %mlo_login in a notebook"


def make_session(
    identity: Identity,
    own_key: SigningKey,
    *,
    now: datetime,
    duration: timedelta = DEFAULT_DURATION,
    activity: str | None = DEFAULT_ACTIVITY,
    model: str | None = None,
    enrolments: Sequence[Envelope],
    checkpoint: Mapping[str, Any] | None = None,
    team: str | None = None,
) -> Signer:
    """Delegate from ``own_key`` to a new key; keeping it is the caller's part.

    The last envelope of the result's chain is the delegation; publishing it is the caller's
    part as well.

    Args:
        team: the MLO ID of a team to act for; ``enrolments`` then hold the membership.

    Raises:
        InvalidInput: ``duration``, ``activity`` or ``model`` is not permitted.
    """
    check_duration(duration)
    check_activity(activity)
    check_model(model)
    key = SigningKey.generate()
    start, end = to_text(now), to_text(now + duration)
    scope = {
        "activities": "*",
        "models": "*",
        "predicates": sorted(types.RECORDING),
        "code": "*",
        "parameters": "*",
        "uses": "*",
        "delegate": ["run"],
        "notBefore": start,
        "notAfter": end,
    }
    delegation = Signer.own(identity.mlo, own_key, enrolments, checkpoint).sign(
        types.DELEGATION,
        [key_subject(key.key_id)],
        {"kind": "session", "publicKey": key.public.to_text(), "scope": scope}
        | ({} if team is None else {"onBehalfOf": team}),
        now,
    )
    return Signer(
        mlo=identity.mlo,
        key=key,
        delegation=delegation.statement_id,
        chain=(*enrolments, delegation),
        kind="session",
        scope_json=scope,
        activity=activity or DEFAULT_ACTIVITY,
        model=model,
        expires=from_text(end),
        checkpoint=checkpoint,
    )


def open_session(
    settings: Settings, identity: Identity, own_key: SigningKey, **options: Any
) -> Signer:
    """:func:`make_session`, kept as this account's session in place of another.

    Raises:
        InvalidInput: see :func:`make_session`.
        OSError: the session's file cannot be written.
    """
    signer = make_session(identity, own_key, **options)
    keep_session(settings, signer)
    return signer


def keep_session(settings: Settings, signer: Signer) -> None:
    """Make this the session of this account; raises :class:`OSError`."""
    with _lock(settings):
        _write(settings, signer)


def open_granted(settings: Settings, granted: Signer, now: datetime) -> None:
    """Keep what a person granted an assistant as this account's session.

    Raises:
        SessionError: it has ended, or is no grant.
    """
    if granted.kind != "assistant":
        raise SessionError(
            f"this is a {granted.kind}, not a grant", hint="a person makes one: jupyter mlo grant"
        )
    if now > granted.expires:
        raise SessionError(
            f"the grant ended at {to_text(granted.expires)}",
            hint="ask who granted it for a new one: jupyter mlo grant --help",
        )
    keep_session(settings, granted)


def load_session(settings: Settings, now: datetime) -> Signer | None:
    """The session of this account for this home; None where nobody is logged in.

    Raises:
        SessionError: there is one that has ended, is damaged, or that others could read.
    """
    path = settings.session_file
    try:
        content = read_private(path, what="session file")
    except FileNotFoundError:
        return None
    except KeyFileError as error:
        raise SessionError(error.message, hint=error.hint) from None
    try:
        signer = Signer.from_json(read_json(content))
        if signer.kind not in ("session", "assistant") or signer.scope is None:
            raise KeyFileError(f"it holds a {signer.kind}")
    except MloError as error:
        raise SessionError(
            f"the session file {path} is damaged: {error.message}",
            hint=f"it holds nothing that is needed; log in again: {_LOG_IN}",
        ) from None
    who = terminal_safe(signer.mlo, limit=60)
    if now > signer.expires:
        raise SessionError(
            f"the session of {who} ended at {to_text(signer.expires)}",
            hint=f"log in again: {_LOG_IN}",
        )
    if not signer.scope.permits(at=now):
        raise SessionError(
            f"the session of {who} begins at {to_text(signer.scope.not_before)}, "
            f"and the clock says {to_text(now)}",
            hint=f"the clock was set back: correct it, or log in again: {_LOG_IN}",
        )
    return signer


def end_session(settings: Settings) -> bool:
    """Remove the session; the result says whether there was one.

    Its key is overwritten before the file is removed, so that it is not left behind in a
    free block where the file system writes in place.
    """
    path = settings.session_file
    if not os.path.lexists(path):
        return False
    with _lock(settings):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            pass  # a link, or not writable: removed all the same
        else:
            with contextlib.suppress(OSError), os.fdopen(descriptor, "r+b", buffering=0) as file:
                file.write(b"\0" * os.fstat(descriptor).st_size)
                os.fsync(descriptor)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    return True


def set_activity(
    settings: Settings, activity: str | None, model: str | None, *, now: datetime
) -> Signer:
    """Say what the session is for from now on; the result is the session as it is then.

    Raises:
        SessionError: nobody is logged in, or the session cannot be used.
        InvalidInput: there is no such activity, ``model`` is no ``name`` or ``name@version``, or
            the session covers them not.
    """
    check_activity(activity)
    check_model(model)
    with _lock(settings):
        signer = load_session(settings, now)
        if signer is None:
            raise SessionError("nobody is logged in here", hint=_LOG_IN)
        signer = turned_to(signer, activity, model)
        _write(settings, signer)
    return signer


def turned_to(signer: Signer, activity: str | None, model: str | None) -> Signer:
    """The session for another activity and model; raises :class:`InvalidInput` beyond its scope."""
    chosen = activity or DEFAULT_ACTIVITY
    permission = signer.permits(chosen, model)
    if not permission:
        raise InvalidInput(
            f"this session does not cover that: {permission.reason}",
            hint="choose what it covers, or have a wider grant made",
        )
    return signer.acting(chosen, model)


def check_duration(duration: timedelta) -> None:
    """Raise :class:`InvalidInput` unless it lies between :data:`SHORTEST` and :data:`LONGEST`."""
    if not SHORTEST <= duration <= LONGEST:
        raise InvalidInput(
            f"a session so {'short' if duration < SHORTEST else 'long'} is not opened: it "
            "lasts from 1 minute to 24 hours",
            hint="at least --for 1m"
            if duration < SHORTEST
            else "log in again tomorrow; for what runs unattended: jupyter mlo mandate create",
        )


def check_activity(activity: str | None) -> None:
    """Raise :class:`InvalidInput`, listing the activities, unless it is one or None."""
    if activity is not None and activity not in types.ACTIVITIES:
        import difflib

        near = difflib.get_close_matches(activity.lower(), types.ACTIVITIES, n=1)
        raise InvalidInput(
            f"there is no activity {terminal_safe(activity, limit=60)!r}",
            hint=f"{f'did you mean {near[0]}? ' if near else ''}one of: "
            f"{', '.join(types.ACTIVITIES)}",
        )


def check_model(model: str | None) -> None:
    """Raise :class:`InvalidInput` unless it is ``name``, ``name@version`` or None."""
    if model is None:
        return
    from pydantic import TypeAdapter, ValidationError

    from jupyter_mlo.statements.predicates.common import ModelName

    try:
        TypeAdapter(ModelName).validate_python(model)
    except ValidationError:
        raise InvalidInput(
            f"{terminal_safe(model, limit=60)!r} is not the name of a model",
            hint="a model is name or name@version, such as loan or loan@3: "
            "letters, digits and . _ / - in the name",
        ) from None


@contextlib.contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    with locked(settings.session_file.with_suffix(".lock")):
        yield


def _write(settings: Settings, signer: Signer) -> None:
    write_private(settings.session_file, json.dumps(signer.to_json()).encode())
