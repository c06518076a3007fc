"""Native MLO IDs: ``mlo:XXXX-XXXX-XXXC``.

Eleven random characters of Crockford's base-32 alphabet (55 bits) and an ISO 7064
MOD 37,36 check character, which finds every single wrong character and nearly every
swap of two neighbours. Read aloud or copied by hand, ``I`` and ``L`` count as ``1`` and
``O`` as ``0`` (https://www.crockford.com/base32.html).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from jupyter_mlo.errors import InvalidInput

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SCHEME = "mlo:"
_NATIVE = re.compile(rf"mlo:[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
_MISREAD = str.maketrans("ILO", "110")
#: White space and what keyboards and word processors make of a dash.
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")


def new_mlo_id() -> str:
    """A new random MLO ID."""
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(11))
        check = _check_character(body)
        # MOD 37,36 also yields I, L, O and U, which are left out or read as digits.
        if check in ALPHABET:
            return _format(body + check)


def in_one_form(text: str) -> bool:
    """Whether ``text`` is written as a native MLO ID is; its check character is not asked."""
    return bool(_NATIVE.fullmatch(text))


def is_native(text: str) -> bool:
    """Whether ``text`` is a native MLO ID in its one written form, check character included."""
    return in_one_form(text) and _holds(_characters(text))


def parse_mlo_id(text: str, known: Iterable[str] = ()) -> str:
    """The MLO ID that was typed, in its one written form.

    Case, dashes and the leading ``mlo:`` may be left as they come.

    Args:
        known: MLO IDs known here; the hint names the one that a single slip explains.

    Raises:
        InvalidInput: it is no native MLO ID, or its check character is wrong.
    """
    characters = _characters(text)
    shown = text.strip()[:80]
    foreign = sorted({c for c in characters if c not in ALPHABET})
    if re.match(r"\s*(did|https?|spiffe|urn):", text, re.IGNORECASE):
        raise InvalidInput(
            f"{shown!r} is not a native MLO ID",
            hint="a native one looks like mlo:7K3D-9QXA-2MFB",
        )
    if len(characters) != 12 or foreign:
        why = (
            f"it has {len(characters)} characters, not 12"
            if len(characters) != 12
            else f"{', '.join(map(repr, foreign))} cannot stand in one"
        )
        raise InvalidInput(f"{shown!r} is not an MLO ID: {why}", hint=_hint(characters, known))
    if not _holds(characters):
        raise InvalidInput(
            f"{_format(characters)} is mistyped: its check character does not match",
            hint=_hint(characters, known),
        )
    return _format(characters)


def one_slip_apart(text: str, known: Iterable[str]) -> list[str]:
    """Those of ``known`` that one wrong, missing, extra or swapped character explains."""
    characters = _characters(text)
    return [mlo for mlo in known if _one_slip(characters, _characters(mlo))]


def _hint(characters: str, known: Iterable[str]) -> str:
    near = one_slip_apart(characters, known)
    if near:
        return f"did you mean {' or '.join(near)}? one slip of the keyboard explains it"
    return "compare it with the original, character by character; it looks like mlo:7K3D-9QXA-2MFB"


def _characters(text: str) -> str:
    """What was typed without scheme and separators, in upper case, misreadings undone."""
    bare = _SEPARATORS.sub("", text)
    if bare[: len(_SCHEME)].lower() == _SCHEME:
        bare = bare[len(_SCHEME) :]
    # str.upper() would turn a dotless i into an I and ß into SS.
    upper = "".join(c.upper() if c.isascii() else c for c in bare)
    return upper.translate(_MISREAD)


def _format(characters: str) -> str:
    return f"{_SCHEME}{characters[:4]}-{characters[4:8]}-{characters[8:]}"


def _holds(characters: str) -> bool:
    return _check_character(characters[:-1]) == characters[-1]


def _check_character(body: str) -> str:
    # Imported here: it costs 50 ms, and most commands never type an MLO ID.
    from stdnum.iso7064 import mod_37_36

    return str(mod_37_36.calc_check_digit(body))


def _one_slip(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
    differing = [i for i in range(len(a)) if a[i] != b[i]]
    if len(differing) == 1:
        return True
    if len(differing) != 2:
        return False
    i, j = differing
    return j == i + 1 and a[i] == b[j] and a[j] == b[i]
