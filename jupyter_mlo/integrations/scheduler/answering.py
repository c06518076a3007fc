"""Who answers for a job: the MLO that its maker is signed in as, under one of its mandates.

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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import Mandate
from jupyter_mlo.delegation.runner_key import read_mandate_here
from jupyter_mlo.delegation.scope import EVERYTHING
from jupyter_mlo.errors import InvalidInput, MloError, Refused
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.integrations.scheduler.eligible import Asker, Kept, eligible
from jupyter_mlo.runs.identity import Request

_TAG: Final = re.compile(r"\s*mandate\s*=\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_ID: Final = re.compile(r"[0-9a-f]{8,64}")
#: IDs of jobs and definitions, as the scheduler makes them.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Characters of a parameter that are read as a value; longer ones are text.
_LONGEST: Final = 10_000
NOBODY_SIGNED_IN: Final = "nobody was signed in as an MLO when this job was made"


@dataclass(frozen=True)
class Answerable:
    """Under which mandate a job runs; decided when it is made."""

    #: False: nobody answers for it, and it is said to be unattributed.
    somebody: bool = False
    #: Who made it: a user of a server that tells people apart; None on one that does not.
    owner: str | None = None
    #: Who answers for it: an MLO ID.
    mlo: str | None = None
    #: The mandate's ID.
    mandate: str | None = None

    def file(self, settings: Settings) -> str:
        """What ``MLO_MANDATE`` may name; raises :class:`Refused` where it is gone."""
        store = MandateStore(settings, self.owner)
        for one in store.all()[0]:
            if (one.mandate_id, one.mlo) == (self.mandate, self.mlo):
                return str(store.file_of(one))
        raise Refused(
            f"the mandate {str(self.mandate)[:12]} of {self.mlo} is not on this server any more",
            hint="create the job again, under another",
        )


NOBODY: Final = Answerable()


def answerables(
    settings: Settings, asker: Asker, tags: Sequence[str] | None, request: Request
) -> list[Answerable]:
    """Who may answer for a job, those to be tried first at the front; at least one.

    Args:
        tags: of the job; ``mandate=ID`` asks for that one of the asker's.
        request: what is about to be run.

    Raises:
        NotFound: the asker has no such mandate.
        Refused: there is none that covers it, or it is not theirs to use (:func:`eligible`).
    """
    wanted = wanted_mandate(tags)
    store = MandateStore(settings, asker.owner)
    kept = [
        Kept(one.mandate_id, one.mlo, _covers(settings, store, one, request.code))
        for one in store.all()[0]
    ]
    found = eligible(kept, asker, wanted)
    if found:
        return [Answerable(True, asker.owner, one.mlo, one.mandate) for one in found]
    if asker.mlo is not None:
        raise Refused(
            f"no mandate of {asker.mlo} on this server, with its key, covers this notebook "
            "as it is now",
            hint="make one in the panel MLO (Mandates, kept on this server), and create the job "
            "again",
        )
    return [Answerable(owner=asker.owner)]


def _covers(settings: Settings, store: MandateStore, mandate: Mandate, code: str) -> bool:
    if mandate.scope.code != EVERYTHING and code not in mandate.scope.code:
        return False
    try:
        read_mandate_here(settings, str(store.file_of(mandate)))
    except (MloError, OSError):
        return False
    return True


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
            found = Answerable(*(value[one.name] for one in fields(Answerable)))
            named = (found.mlo, found.mandate)
            kind = str if found.somebody is True else NoneType
            if (
                isinstance(found.somebody, bool)
                and isinstance(found.owner, str | None)
                and all(isinstance(one, kind) for one in named)
            ):
                return found
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
