"""What verifying a ledger finds: every fault, with the table and row where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from jupyter_mlo.ledger.merkle import EMPTY_ROOT

#: Faults named one by one; of more only the number is said.
_NAMED: Final = 1000


@dataclass(frozen=True)
class Fault:
    """One thing that does not hold: where (table and row), and what differs."""

    where: str
    what: str
    #: The entry concerned, where it is one.
    index: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class LedgerReport:
    """What verifying found. ``holds`` only if nothing differs."""

    origin: str
    size: int = 0
    #: The root computed from the leaves, which the newest checkpoint must name.
    root: bytes = EMPTY_ROOT
    checkpoints: int = 0
    #: Entries whose contents are rightly gone.
    erased: int = 0
    faults: list[Fault] = field(default_factory=list)
    #: Faults beyond those that are named.
    more: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.faults

    def add(self, where: str, what: str, index: int | None = None) -> None:
        """Name a fault, or count it."""
        if len(self.faults) < _NAMED:
            self.faults.append(Fault(where, what, index))
        else:
            self.more += 1
