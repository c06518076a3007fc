"""Uses that were set aside on this machine, for runs that start while the ledger is away.

A lease is made of uses that stand in the ledger already: run delegations, each with the key of
its run. Taking one is making the file that says so, so no two processes take the same; one that
was taken and came to nothing stays spent. That file stays, without the key: a use that is put back
by hand is not taken again here. In a copy of the whole home it can be, and the ledger then shows
two runs that ended under one use (``uses.py``).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.private_files import read_private, sync_folder, write_private
from jupyter_mlo.statements.strict_json import read_json

_FREE: Final = ".json"
_TAKEN: Final = ".taken"


class LeaseStore:
    """The uses that are kept in this home."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.leases

    def put(self, mandate_id: str, leaves: Sequence[Signer]) -> None:
        """Keep uses whose delegations the ledger has."""
        for leaf in leaves:
            path = self._root / mandate_id / f"{leaf.delegation}{_FREE}"
            write_private(path, json.dumps(leaf.to_json()).encode())

    def left(self, mandate_id: str, now: datetime) -> list[Signer]:
        """The uses that can still be taken, those that end first at the front."""
        found = (self._read(path) for path in self._free(mandate_id))
        held = [leaf for leaf in found if leaf is not None and leaf.expires > now]
        return sorted(held, key=lambda leaf: leaf.expires)

    def take(self, mandate_id: str, now: datetime) -> Signer | None:
        """One use, that nobody else has from now on; None where there is none."""
        for leaf in self.left(mandate_id, now):
            path = self._root / mandate_id / f"{leaf.delegation}{_FREE}"
            try:
                with path.with_suffix(_TAKEN).open("x"):
                    pass
            except FileExistsError:
                continue  # another process was quicker
            sync_folder(path.parent)
            with contextlib.suppress(OSError):
                path.unlink()
            return leaf
        return None

    def _free(self, mandate_id: str) -> list[Path]:
        found = sorted((self._root / mandate_id).glob(f"*{_FREE}"))
        return [path for path in found if not path.with_suffix(_TAKEN).exists()]

    def _read(self, path: Path) -> Signer | None:
        try:
            leaf = Signer.from_json(read_json(read_private(path, what="leased use")))
        except (OSError, MloError):
            return None  # taken meanwhile, or of no use
        return leaf if leaf.kind == "run" and path.stem == leaf.delegation else None
