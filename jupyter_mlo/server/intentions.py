"""How people mean their next save of a notebook: they say it of what they were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.notebook.present import present_cells, shown_digest
from jupyter_mlo.notebook.reading import notebook_from_json

if TYPE_CHECKING:
    from jupyter_mlo.server.people import Person

#: How long what a person means to say waits for their save.
INTENDED = timedelta(minutes=1)
#: Intentions that wait at once.
_MOST = 1_000


@dataclass(frozen=True)
class _Intention:
    """How somebody means their next save, of what, and until when."""

    person: Person
    meaning: str
    shown: str
    until: datetime


class Intentions:
    """Those that wait for a save."""

    def __init__(self) -> None:
        #: User and path → how their next save is meant.
        self._waiting: dict[tuple[str, str], _Intention] = {}

    def add(self, person: Person, path: str, meaning: str, shown: str, now: datetime) -> int:
        """From now on; for how many seconds."""
        if len(self._waiting) >= _MOST:
            self._waiting.pop(next(iter(self._waiting)))
        self._waiting[_name(person), path] = _Intention(person, meaning, shown, now + INTENDED)
        return int(INTENDED.total_seconds())

    def take(
        self, person: Person | None, path: str, value: Mapping[str, Any], now: datetime
    ) -> tuple[Person | None, str]:
        """Who seals, and what they mean: in the background, whoever has just said that they do."""
        for (username, where), intention in list(self._waiting.items()):
            if now >= intention.until:
                del self._waiting[username, where]
            elif where == path and (person is None or _name(person) == username):
                del self._waiting[username, where]
                notebook = notebook_from_json(value)
                if shown_digest(notebook, present_cells(notebook)) == intention.shown:
                    return intention.person, intention.meaning
        return person, "held"


def _name(person: Person) -> str:
    """Under which a person's next save is waited for; anonymous users are all the account."""
    return "" if person.shared else person.username
