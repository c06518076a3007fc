"""Whose mandates may answer for a job: a rule, which reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mlo.errors import NotFound, Refused
from jupyter_mlo.identity.safe_text import terminal_safe


@dataclass(frozen=True)
class Asker:
    """Who makes a job, as the server knows them."""

    #: A user of a server that tells people apart; None where one token is everybody's.
    owner: str | None
    #: The MLO ID that they are signed in as; None where they are not.
    mlo: str | None

    def is_maker(self, owner: str | None, mlo: str | None) -> bool:
        """Whether they made what is kept for this user and this MLO.

        A user who is signed out is still that user; where nobody knows users, only the MLO tells.
        """
        if owner != self.owner:
            return False
        return mlo == self.mlo or (owner is not None and None in (mlo, self.mlo))


@dataclass(frozen=True)
class Kept:
    """A mandate in the asker's place."""

    mandate: str
    mlo: str
    #: It permits the notebook's code, and its key is here.
    covers: bool


def eligible(kept: Sequence[Kept], asker: Asker, wanted: str | None) -> list[Kept]:
    """Mandates under which a job may be made, all of one MLO; none: nobody answers for it.

    Args:
        wanted: the ID that was asked for, or its beginning.

    Raises:
        NotFound: there is none such.
        Refused: it is another MLO's, or nobody can tell whose the job would be.
    """
    if asker.owner is None and asker.mlo is None:
        if wanted is None:
            return []
        raise Refused(
            "nobody is signed in, and this server does not tell its users apart: a mandate is "
            "used by the MLO whose it is",
            hint="sign in in the panel MLO",
        )
    if wanted is not None:
        return [_named(kept, asker, wanted)]
    fitting = [one for one in kept if one.covers and asker.mlo in (None, one.mlo)]
    mlos = sorted({one.mlo for one in fitting})
    if len(mlos) > 1:
        raise Refused(
            "mandates of several MLOs cover this notebook: " + ", ".join(mlos),
            hint="sign in in the panel MLO, or give the job the tag mandate=ID",
        )
    return fitting


def _named(kept: Sequence[Kept], asker: Asker, wanted: str) -> Kept:
    found = [one for one in kept if one.mandate.startswith(wanted)]
    shown = terminal_safe(wanted, limit=80)
    if len(found) > 1:
        raise NotFound(f"{len(found)} of your mandates begin with {shown}", hint="type more")
    if not found:
        raise NotFound(
            f"you have no mandate {shown} on this server", hint="the panel MLO lists yours"
        )
    if asker.mlo not in (None, found[0].mlo):
        raise Refused(
            f"the mandate {shown} is that of {found[0].mlo}, and {asker.mlo} is signed in",
            hint="name one of your own, or sign in as whose it is",
        )
    return found[0]
