"""The key of a home as a runner: mandates are made over to it, so that nothing secret travels.

The runner makes it once and gives its public half to whoever makes mandates for it. It opens
nothing by itself.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_given import content_or_path
from jupyter_mlo.delegation.mandates import Mandate, read_any
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.private_files import mounted_for_group, read_private, write_private

_FILE: Final = "key"
#: A public key as text is 124 characters.
_LONGEST: Final = 4096


def runner_key(settings: Settings) -> SigningKey | None:
    """The key of this home; None where it has none yet.

    Raises:
        KeyFileError: it is damaged, or others could read it.
    """
    path = settings.runner / _FILE
    try:
        text = read_private(path, what="runner's key").strip()
        return SigningKey.from_pkcs8(base64.b64decode(text, validate=True))
    except FileNotFoundError:
        return None
    except (binascii.Error, ValueError):
        raise KeyFileError(
            f"the runner's key {path} is damaged",
            hint="move it away and make a new one: jupyter mlo mandate key; mandates that were "
            "made over to it have to be made anew",
        ) from None


def make_runner_key(settings: Settings) -> SigningKey:
    """The key of this home, made now where it has none."""
    known = runner_key(settings)
    if known is not None:
        return known
    key = SigningKey.generate()
    with contextlib.suppress(FileExistsError):  # another process was quicker: its key it is
        write_private(
            settings.runner / _FILE, base64.b64encode(key.to_pkcs8()) + b"\n", replace=False
        )
    made = runner_key(settings)
    assert made is not None
    return made


def read_runner_key(given: str) -> PublicKey:
    """A runner's public key, as ``jupyter mlo mandate key`` prints it, or a file that holds it.

    Raises:
        InvalidInput: it is neither.
    """
    text = given.strip()
    path = Path(text)
    with contextlib.suppress(OSError, ValueError):
        if path.is_file():
            text = path.read_bytes()[:_LONGEST].decode("ascii", "replace")
    try:
        return runner_key_from_text(text)
    except InvalidInput:
        raise InvalidInput(
            f"{given[:80]!r} is no runner's public key, and no file that holds one",
            hint="on the runner: jupyter mlo mandate key; then --to THAT_TEXT, or a file with it",
        ) from None


def runner_key_from_text(text: str) -> PublicKey:
    """A runner's public key; looks at no file. Raises :class:`InvalidInput`."""
    try:
        return PublicKey.from_text(text.strip())
    except MloError:
        raise InvalidInput(
            "that is no runner's public key", hint="on the runner: jupyter mlo mandate key"
        ) from None


def read_mandate_here(settings: Settings, value: str | Path) -> Mandate:
    """A mandate that can be used here: its key is in it, or is the runner's of this home.

    Raises:
        KeyFileError: as :func:`~jupyter_mlo.delegation.mandates.read_any`; or its key is not here.
    """
    mandate = read_any(value)
    if mandate.key is not None:
        return replace(mandate, notes=_notes(value))
    key = runner_key(settings)
    if key is None or key.key_id != mandate.link.key.key_id:
        raise KeyFileError(
            f"{mandate.label} is for the key {mandate.link.key.key_id}, which is not here"
            + (f": this runner's is {key.key_id}" if key is not None else ""),
            hint="use it on the runner that it was made for, or have one made for this one: "
            "jupyter mlo mandate key; or name the file that holds the mandate's own key",
        )
    return replace(mandate, key=key)


def _notes(value: str | Path) -> tuple[str, ...]:
    path = content_or_path(value)
    if isinstance(path, bytes):
        return ()
    try:
        group = mounted_for_group(path)
    except OSError:
        return ()
    if group is None:
        return ()
    return (f"the mandate is a file that root mounted for the group {group}: all in it can use it",)
