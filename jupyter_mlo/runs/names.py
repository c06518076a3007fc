"""The name of an MLO of this home, read without what checks whole identities.

Shown beside the MLO ID in one line of a run and by ``current()``; nothing depends on it.
"""

from __future__ import annotations

import json

from jupyter_mlo.config import Settings, open_plain


def name_here(settings: Settings, mlo: str) -> str | None:
    """The name in the MLO's profile; None where it is not one of this home, or has none."""
    # The folder's name is IdentityStore's rule; a test holds the two together.
    path = settings.identities / mlo.replace(":", "-") / "profile.json"
    try:
        with open_plain(path) as file:
            value = json.loads(file.read(1 << 20))
        name = value["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) and name else None
