"""Profiles: what people should see of an MLO. Personal data: erasable, in no statement."""

from __future__ import annotations

import colorsys
import hashlib
import re
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.ids import parse_mlo_id
from jupyter_mlo.identity.safe_text import has_controls, terminal_safe

#: Kinds of MLO (DESIGN: "Words").
KINDS: Final = ("person", "team", "service", "assistant")


class Profile(BaseModel):
    """``profile.json``: name, e-mail, avatar colour and linked identifiers of one MLO."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    email: Annotated[str, StringConstraints(max_length=254)] = ""
    #: ``#rrggbb``.
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")] = "#888888"
    #: Identifiers elsewhere, such as ``https://orcid.org/…``: for show, never as proof.
    links: list[Annotated[str, StringConstraints(pattern=r"^https://\S+$", max_length=2048)]] = []
    #: The passphrase was stored in the desktop's key ring when the key was made.
    keyring: bool = False

    @classmethod
    def from_json(cls, data: bytes) -> Profile:
        """Read ``profile.json``; raises :class:`InvalidInput` naming the first wrong member."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise InvalidInput(
                f"profile.json is not well-formed: {place}: {first['msg']}",
                hint="mend it, or replace it by a file with a name: "
                '{"version": 1, "name": "…"}; it holds nothing that is needed to sign',
            ) from None


def check_name(text: str) -> str:
    """A name as typed, trimmed and in Unicode's composed form; raises :class:`InvalidInput`."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name:
        raise InvalidInput("a name is empty", hint='say who you are: --name "Ada Sample"')
    if len(name) > 200:
        raise InvalidInput("a name is longer than 200 characters", hint="use a shorter one")
    if has_controls(name):
        raise InvalidInput(
            f"the name {terminal_safe(name)} holds control characters",
            hint="type it anew; pasted text may hold invisible ones",
        )
    try:
        parse_mlo_id(name)
    except InvalidInput:
        return name
    raise InvalidInput(
        f"the name {name} reads as an MLO ID", hint="use a name that people call the MLO by"
    )


def check_email(text: str) -> str:
    """An e-mail address as typed, or nothing; raises :class:`InvalidInput` if surely none."""
    email = text.strip()
    if email and (
        has_controls(email) or len(email) > 254 or not re.fullmatch(r"[^\s@]+@[^\s@]+", email)
    ):
        raise InvalidInput(
            f"{terminal_safe(email, limit=80)} is not an e-mail address",
            hint="it looks like ada@example.org; leave it empty to have none",
        )
    return email


def colour_of(mlo: str) -> str:
    """A colour for the avatar of ``mlo``: the same everywhere, readable on white and on black."""
    hue = int.from_bytes(hashlib.sha256(mlo.encode()).digest()[:2], "big") / 0x10000
    parts = colorsys.hls_to_rgb(hue, 0.45, 0.6)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
