"""Who answers for a job: the user of the server who made it, under one of their mandates.

What a client may send or change (tags, parameters, input) says only which mandate is wanted. Whose
mandates may be taken is the server's own knowledge: of the request that made the job, and for a
definition in a private file, never in the scheduler's database.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import Mandate
from jupyter_mlo.delegation.runner_key import read_mandate_here
from jupyter_mlo.delegation.scope import EVERYTHING
from jupyter_mlo.errors import InvalidInput, MloError, NotFound, Refused
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.identity import Request, act_for_nobody

_TAG: Final = re.compile(r"\s*mandate\s*=\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_ID: Final = re.compile(r"[0-9a-f]{8,64}")
#: IDs of jobs and definitions, as the scheduler makes them.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Characters of a parameter that are read as a value; longer ones are text.
_LONGEST: Final = 10_000
NOBODY_SIGNED_IN: Final = "nobody was signed in as an MLO when this job was made"
_MAKE_ONE: Final = (
    "make one in the panel MLO (Mandates, kept on this server), and create the job again; "
    "signed out, it would run for nobody"
)


@dataclass(frozen=True)
class Answerable:
    """Under whose mandates a job runs."""

    #: False: nobody answers for it, and it is said to be unattributed.
    somebody: bool = False
    #: A user of a server that tells people apart; None for the account's mandates.
    owner: str | None = None
    #: The mandate that was asked for; None for any of theirs that covers the run.
    mandate: str | None = None

    def files(self, settings: Settings, code: str) -> tuple[str, ...]:
        """What ``MLO_MANDATE`` may name for a notebook of that ``mloCodeV1`` (hex).

        Raises:
            Refused: there is none for it, as it is now, whose key is here.
        """
        store = MandateStore(settings, self.owner)
        found = _with_keys(settings, store, self.mandate)
        fitting = [one for one in found if one.scope.code == EVERYTHING or code in one.scope.code]
        if self.mandate is not None and found and not fitting:
            fitting = found  # the run is refused in its words
        if not fitting:
            raise Refused(
                "no mandate on this server, with its key, covers this notebook as it is now",
                hint=_MAKE_ONE,
            )
        return tuple(str(store.file_of(one)) for one in fitting)


NOBODY: Final = Answerable()


def _with_keys(settings: Settings, store: MandateStore, wanted: str | None) -> list[Mandate]:
    found, _ = store.all()
    if wanted is not None:
        found = [one for one in found if one.mandate_id == wanted]
    usable = []
    for one in found:
        with contextlib.suppress(MloError, OSError):
            read_mandate_here(settings, str(store.file_of(one)))
            usable.append(one)
    return usable


def answerable(
    settings: Settings,
    owner: str | None,
    tags: Sequence[str] | None,
    request: Request,
    *,
    here: bool,
) -> Answerable:
    """Who is to answer for a job.

    Args:
        owner: see :class:`Answerable`.
        tags: of the job; ``mandate=ID`` asks for that one of the owner's.
        request: what is about to be run.
        here: whether whoever makes the job is signed in as an MLO.

    Raises:
        NotFound: the owner has no such mandate.
        Refused: there is none that covers it, or policy asks for an identity.
    """
    wanted = wanted_mandate(tags)
    if wanted is not None:
        try:
            wanted = MandateStore(settings, owner).find(wanted).mandate_id
        except NotFound:
            raise NotFound(
                f"you have no mandate {terminal_safe(wanted, limit=80)} on this server",
                hint="the panel MLO lists yours",
            ) from None
        return Answerable(True, owner, wanted)
    somebody = Answerable(True, owner)
    try:
        somebody.files(settings, request.code)
    except Refused:
        if here:
            raise
        act_for_nobody(request, settings, NOBODY_SIGNED_IN)
        return NOBODY
    return somebody


def wanted_mandate(tags: Sequence[str] | None) -> str | None:
    """The ID in ``mandate=ID``, or its first eight digits or more; raises :class:`InvalidInput`."""
    named = [found[1].lower() for tag in tags or () if (found := _TAG.fullmatch(tag))]
    if not named:
        return None
    if len(named) > 1 or not _ID.fullmatch(named[0]):
        raise InvalidInput(
            "the job's tags name no mandate: " + terminal_safe(", ".join(named), limit=200),
            hint="one tag, mandate=ID, with at least the first eight digits of the ID",
        )
    return named[0]


def values(parameters: Mapping[str, str] | None) -> dict[str, Any]:
    """Parameters as the form sends them: Python literals, else text; never code."""
    return {name: _value(text) for name, text in (parameters or {}).items()}


def _value(text: str) -> Any:
    if len(text) > _LONGEST:
        return text
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return value if _plain(value) else text


def _plain(value: Any) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
        case list():
            return all(map(_plain, value))
        case dict():
            return all(isinstance(name, str) for name in value) and all(map(_plain, value.values()))
        case _:
            return False


class Definitions:
    """For whom job definitions run, in a private folder of the home."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.home / "scheduled"

    def put(self, definition: str, whose: Answerable) -> None:
        """Remember; raises :class:`OSError`."""
        write_private(self._file(definition), json.dumps({"version": 1, **asdict(whose)}).encode())

    def get(self, definition: str) -> Answerable:
        """Whose it is; :data:`NOBODY` for one that was made before this package was there.

        Raises:
            Refused: what is kept cannot be read.
        """
        try:
            value = json.loads(read_private(self._file(definition), what="job definition's owner"))
            found = Answerable(value["somebody"], value["owner"], value["mandate"])
            texts = (found.owner, found.mandate)
            if found.somebody is True and all(isinstance(one, str | None) for one in texts):
                return found
            if found == NOBODY:
                return NOBODY
        except FileNotFoundError:
            return NOBODY
        except (MloError, OSError, ValueError, LookupError, TypeError):
            pass
        raise Refused(
            "who answers for this job definition cannot be read",
            hint="delete the definition, and create it again",
        )

    def forget(self, definition: str) -> None:
        """It was deleted."""
        with contextlib.suppress(OSError, Refused):
            self._file(definition).unlink(missing_ok=True)

    def _file(self, definition: str) -> Path:
        if not _UUID.fullmatch(definition):
            raise Refused("that is no ID of a job definition", hint="the scheduler lists them")
        return self._root / f"{definition}.json"
