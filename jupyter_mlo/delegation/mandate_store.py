"""Where a home keeps the mandates that were made in it: public parts, and keys that stay here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandates import Mandate, MandateFile, read_content, verified
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.envelope import Envelope


class MandateStore:
    """The public parts of the mandates that were made in this home, and their revocations.

    Args:
        owner: a user of a server that tells people apart: whose place it is. None: the account's.
    """

    def __init__(self, settings: Settings, owner: str | None = None) -> None:
        self._root = settings.mandates if owner is None else settings.mandates_of(owner)

    def add(self, file: MandateFile) -> Mandate:
        """Keep the public part."""
        mandate = verified(file, "the new mandate")
        write_private(self._root / f"{mandate.mandate_id}.json", file.without_key().to_bytes())
        return mandate

    def add_whole(self, file: MandateFile) -> Mandate:
        """Keep it with its key, for jobs of this machine."""
        mandate = self.add(file)
        write_private(self._whole(mandate.mandate_id), file.to_bytes())
        return mandate

    def has_key(self, mandate: Mandate) -> bool:
        """Whether its own key is kept here."""
        return self._whole(mandate.mandate_id).is_file()

    def file_of(self, mandate: Mandate) -> Path:
        """What ``MLO_MANDATE`` may name here: whole, else the public part, for a runner's key."""
        whole = self._whole(mandate.mandate_id)
        return whole if whole.is_file() else whole.with_suffix(".json")

    def add_revocation(self, mandate_id: str, revocation: Envelope) -> None:
        """Keep what revokes a mandate, so that it is known here without the ledger."""
        write_private(self._root / f"{mandate_id}.revocation", revocation.to_bytes())

    def all(self) -> tuple[list[Mandate], list[MloError]]:
        """Every mandate made here, those that end first at the top; and what cannot be read."""
        found: list[Mandate] = []
        problems: list[MloError] = []
        for path in sorted(self._root.glob("*.json")):
            try:
                found.append(read_content(read_private(path, what="mandate"), str(path)))
            except MloError as error:
                problems.append(error)
        found.sort(key=lambda mandate: (mandate.scope.not_after, mandate.mandate_id))
        return found, problems

    def find(self, text: str) -> Mandate:
        """The mandate whose ID begins with ``text``; raises :class:`NotFound`."""
        found, problems = self.all()
        named = [one for one in found if text and one.mandate_id.startswith(text.lower())]
        if len(named) == 1:
            return named[0]
        shown = terminal_safe(text, limit=80)
        if named:
            ids = ", ".join(one.mandate_id[:16] for one in named)
            raise NotFound(f"{len(named)} mandates begin with {shown}: {ids}", hint="type more")
        hint = "jupyter mlo mandate list"
        if problems:
            hint += f"; could not be read: {'; '.join(one.message for one in problems)}"
        raise NotFound(f"no mandate {shown} was made in this home", hint=hint)

    def revocation(self, mandate_id: str) -> Envelope | None:
        """What revokes a mandate, where that was done here."""
        try:
            content = read_private(self._root / f"{mandate_id}.revocation", what="revocation")
        except FileNotFoundError:
            return None
        return Envelope.from_bytes(content)

    def _whole(self, mandate_id: str) -> Path:
        return self._root / f"{mandate_id}.mandate"

    def revocations_for(
        self,
        mandate: Mandate,
        trust: Trust,
        more: Iterable[Envelope] = (),
        enrolments: Iterable[Envelope] = (),
    ) -> Revocations:
        """What is known here that may end ``mandate``.

        Args:
            more: revocations from the ledger.
            enrolments: from the ledger: without them nobody knows that a registrar enrolled the
                MLO, and so may dismiss it.
        """
        own = self.revocation(mandate.mandate_id)
        # A ledger may hold thousands of revocations, and one of them at most is meant.
        named = naming(mandate, more)
        said = [*mandate.chain, *([own] if own else []), *named, *(enrolments if named else ())]
        return Revocations(Pool.of(said), trust)


def naming(mandate: Mandate, revocations: Iterable[Envelope]) -> list[Envelope]:
    """Those that name a key or a statement of a mandate's chain, whoever signed them."""
    links = mandate.links
    names = [name.encode() for name in (*links.key_ids, *links.statement_ids)]
    return [one for one in revocations if any(name in one.payload for name in names)]
