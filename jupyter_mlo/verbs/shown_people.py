"""Who and when, as a person reads it: names of the MLOs enrolled here, times to the minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from jupyter_mlo.config import Settings


def names_here(settings: Settings) -> dict[str, str]:
    """MLO ID → name, of everybody enrolled in this home who has one."""
    if not settings.identities.is_dir():
        return {}
    from jupyter_mlo.identity.store import IdentityStore

    everybody = IdentityStore(settings).all()
    return {one.mlo: one.profile.name for one in everybody if one.profile.name != one.mlo}


def who(mlo: str, names: Mapping[str, str]) -> str:
    """``Ada Sample (mlo:…)``, or the ID alone."""
    name = names.get(mlo)
    return f"{name} ({mlo})" if name else mlo


def with_names(text: str, names: Mapping[str, str]) -> str:
    """``text`` with the names of the MLOs that it names by their IDs."""
    for mlo in names:
        text = text.replace(mlo, who(mlo, names))
    return text


def unknown_keys(
    keys: Iterable[tuple[str, str]], revoked: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[str]:
    """What to do about keys that are not known here, a line each.

    Args:
        keys: MLO and key ID.
        revoked: key ID → by whom and when it was revoked.
        names: MLO ID → name, where one is known here.
    """
    for mlo, key_id in keys:
        signs = f"unknown key: {who(mlo, names)} signs here with {key_id}"
        if why := revoked.get(key_id):
            yield f"{signs}, which was {why}"
        else:
            yield (
                f"{signs}; ask them whether it is theirs, then: "
                f"jupyter mlo trust add {mlo} {key_id}"
            )


def minute(time: datetime) -> str:
    """A moment (aware, UTC), to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def when(time: str | None) -> str:
    """``2026-11-22T12:00:10.000Z`` → ``2026-11-22 12:00 UTC``."""
    return f"{time[:10]} {time[11:16]} UTC" if time else "-"
