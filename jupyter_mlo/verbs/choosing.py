"""Which MLO of this home is meant, where a verb may leave it out."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import NotFound
from jupyter_mlo.identity.profiles import KINDS

if TYPE_CHECKING:
    from jupyter_mlo.identity.store import Identity, IdentityStore

#: Kinds that act by themselves: teams do by members, assistants under a grant.
ACTING: Final = ("person", "service")


def choose(
    store: IdentityStore, who: str | None, *, option: str, kinds: Container[str] = KINDS
) -> Identity:
    """The MLO that ``who`` names, or the only one here.

    Args:
        option: how to name one, for the hint.
        kinds: those of which it can only be, where it is not named.

    Raises:
        NotFound: nobody is enrolled, nobody is called that, or there are several.
        KeyFileError: the only one here is damaged.
    """
    if who is not None:
        return store.find(who)
    found, problems = store.all(), store.problems()
    fit = [identity for identity in found if identity.kind in kinds]
    if not problems and (len(fit) == 1 or len(found) == 1):
        return (fit or found)[0]
    if not found:
        if problems:
            raise problems[0]
        raise NotFound("nobody is enrolled here", hint="jupyter mlo enroll")
    listed = "\n    ".join(identity.label for identity in fit or found)
    raise NotFound(
        f"{problems[0].message}, and no MLO was named"
        if problems
        else f"{len(fit or found)} MLOs are enrolled here, and none was named",
        hint=f"name one by name or MLO ID ({option}):\n    {listed}",
    )
