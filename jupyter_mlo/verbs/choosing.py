"""Which MLO of this home is meant, where a verb may leave it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlo.errors import NotFound

if TYPE_CHECKING:
    from jupyter_mlo.identity.store import Identity, IdentityStore


def choose(store: IdentityStore, who: str | None, *, option: str) -> Identity:
    """The MLO that ``who`` names, or the only one here.

    Args:
        option: how to name one, for the hint.

    Raises:
        NotFound: nobody is enrolled, nobody is called that, or there are several.
        KeyFileError: the only one here is damaged.
    """
    if who is not None:
        return store.find(who)
    found, problems = store.all(), store.problems()
    if len(found) == 1 and not problems:
        return found[0]
    if not found:
        if problems:
            raise problems[0]
        raise NotFound("nobody is enrolled here", hint="jupyter mlo enroll")
    listed = "\n    ".join(identity.label for identity in found)
    raise NotFound(
        f"{problems[0].message}, and no MLO was named"
        if problems
        else f"{len(found)} MLOs are enrolled here, and none was named",
        hint=f"name one by name or MLO ID ({option}):\n    {listed}",
    )
