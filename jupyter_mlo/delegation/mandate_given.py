"""What somebody gave as a mandate, in ``MLO_MANDATE`` or by an option: a file, or its content.

Content comes through the secret stores of CI systems and clusters, some of which quote it, mark
it, or write base64 without its end. What is neither is not shown in any message: it is most likely
content that was cut, and a private key is in there.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Final

from jupyter_mlo.errors import KeyFileError

#: The mark that some editors begin a text with.
_MARK: Final = "\ufeff"
#: No path that is worth being shown is longer.
_LONGEST: Final = 512
_NAME: Final = re.compile(r"[^\"'{}\0-\x1f\x7f]+")
#: Letters of both cases and digits, in one piece: more likely base64 than the name of a folder.
_LIKE_A_KEY: Final = re.compile(
    r"(?=[^/.]*[a-z])(?=[^/.]*[A-Z])(?=[^/.]*[0-9])[A-Za-z0-9+=_-]{24,}"
)
_WHAT: Final = (
    "MLO_MANDATE names the file that jupyter mlo mandate create wrote, or holds its content"
)


def content_or_path(given: str | Path) -> bytes | Path:
    """The content of a mandate's file, where that was given (JSON, or base64 of it), or its path.

    White space and quotation marks around it count for nothing.

    Raises:
        KeyFileError: it is neither; nothing of it is in the message.
    """
    if isinstance(given, Path):
        return Path(os.path.expanduser(given))
    text = _bare(given)
    if not text:
        raise KeyFileError(
            "the mandate that was given is empty",
            hint=f"{_WHAT}; to run without a mandate, unset it",
        )
    if text.startswith("{"):
        return text.encode("utf-8", "surrogateescape")
    path = os.path.expanduser(text)
    if not os.path.lexists(path):
        content = _from_base64(text)
        if content is not None:
            return content
        if not _may_be_shown(text):
            raise KeyFileError(
                f"the mandate that was given is no file, and no mandate ({len(text)} characters, "
                "not shown: a key may be among them)",
                hint=f"{_WHAT}: all of it, as it is or as base64",
            )
    return Path(path)


def missing(path: Path) -> KeyFileError:
    """The error of a file that is not there."""
    return KeyFileError(f"the mandate file {path} does not exist", hint=_WHAT)


def _bare(given: str) -> str:
    text = given.strip().lstrip(_MARK).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _from_base64(text: str) -> bytes | None:
    """What base64 stands for, of either alphabet, whole or without its padding."""
    letters = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        content = base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    content = content.removeprefix(_MARK.encode()).lstrip()
    return content if content.startswith(b"{") else None


def _may_be_shown(text: str) -> bool:
    fits = len(text) <= _LONGEST and _NAME.fullmatch(text)
    return bool(fits) and not any(map(_LIKE_A_KEY.search, text.split("/")))
