"""The schemes of MLO IDs, and the rule of each.

| scheme | form | counts |
|---|---|---|
| ``mlo:`` | native | under any key that is known for it |
| ``did:key:z…`` | did:key of a P-256 key | under that very key only |
| ``https://orcid.org/…`` | ORCID iD, with its check digit | only through a registrar |
| ``spiffe://…`` | SPIFFE ID | only through a registrar |
| declared | ``NAME:`` and what the organisation's pattern says | as native ones |

Sources: https://w3c-ccg.github.io/did-key-spec/ (multicodec p256-pub, 0x1200),
https://support.orcid.org (ISO 7064 MOD 11-2), SPIFFE-ID.md of https://github.com/spiffe/spiffe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from jupyter_mlo.config import LONGEST_DECLARED
from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.identity import base58
from jupyter_mlo.identity.ids import in_one_form, parse_mlo_id
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.identity.safe_text import terminal_safe

ORCID: Final = "https://orcid.org/"
SPIFFE: Final = "spiffe://"
DID_KEY: Final = "did:key:"
#: Multicodec p256-pub (0x1200) as an unsigned varint.
_P256 = b"\x80\x24"
_ORCID = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")
_SPIFFE = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]{1,255})(?P<path>(/[A-Za-z0-9._-]+)*)")
#: Schemes that mean something already, and are not declared anew.
TAKEN: Final = frozenset({"mlo", "did", "https", "http", "spiffe", "urn"})

Schemes = Mapping[str, str]


def did_key(key: PublicKey) -> str:
    """The did:key of a P-256 key: multicodec and compressed point in base58btc."""
    point = key.der[-65:]
    compressed = bytes([2 + (point[64] & 1)]) + point[1:33]
    return f"{DID_KEY}z{base58.encode(_P256 + compressed)}"


def flaw(mlo: str, schemes: Schemes) -> str:
    """Why ``mlo`` is no MLO ID in its one written form; empty where it is one."""
    scheme, _, rest = mlo.partition(":")
    if scheme == "mlo":
        # The check character is for whoever types one; the key decides whose it is.
        return "" if in_one_form(mlo) else "a native MLO ID looks like mlo:XXXX-XXXX-XXXX"
    if mlo.startswith(ORCID):
        return _orcid_flaw(mlo[len(ORCID) :])
    if scheme == "spiffe":
        return _spiffe_flaw(mlo)
    if mlo.startswith(DID_KEY):
        return _did_flaw(mlo)
    pattern = schemes.get(scheme)
    if pattern is None or scheme in TAKEN:
        return f"the scheme {scheme!r} is not declared here"
    if len(rest) > LONGEST_DECLARED:
        return f"behind its colon are more than {LONGEST_DECLARED} characters"
    if re.fullmatch(pattern, rest) is None:
        return f"it is not what {scheme}: is declared to look like here ({pattern})"
    return ""


def only_through_registrar(mlo: str) -> bool:
    """Whether nobody can hold this identifier by his own word: somebody else gave it to him."""
    return mlo.startswith((ORCID, SPIFFE))


def check_rules(mlo: str, key: PublicKey, *, enrolled: bool, schemes: Schemes | None) -> None:
    """Raise :class:`Refused` unless ``key`` may be an own key of ``mlo`` by its scheme's rule.

    Args:
        enrolled: a registrar that is trusted here enrolled it.
        schemes: what the organisation declares; None where rules are not asked for.
    """
    if schemes is None:
        return
    shown = terminal_safe(mlo, limit=120)
    if why := flaw(mlo, schemes):
        raise Refused(
            f"{shown} is no MLO ID here: {why}",
            hint="schemes of your own are declared in mlo.toml of the home: [identity.schemes]",
        )
    if mlo.startswith(DID_KEY) and mlo != did_key(key):
        raise Refused(
            f"{shown} is the did:key of another key than {key.key_id}",
            hint="a did:key is its key: it cannot be rotated, nor have a second one",
        )
    if only_through_registrar(mlo) and not enrolled:
        raise Refused(
            f"{shown} counts only through a registrar, and none that is trusted here enrolled "
            f"the key {key.key_id}",
            hint="anyone can write that identifier down. Its owner asks a registrar: jupyter mlo "
            "enroll --export; you trust that one: jupyter mlo trust add --registrar",
        )


def parse_id(text: str, known: tuple[str, ...] = (), schemes: Schemes | None = None) -> str:
    """The MLO ID that was typed, of any scheme, in its one written form.

    Raises:
        InvalidInput: it is none; the hint names the likely slip.
    """
    typed = text.strip()
    mlo = typed
    bare = re.sub(r"^(https?://)?(www\.)?orcid\.org/", "", typed, flags=re.IGNORECASE)
    if bare != typed or _ORCID.fullmatch(typed.upper()):
        mlo = ORCID + bare.upper()
    elif typed.lower().startswith("mlo:") or ":" not in typed:
        return parse_mlo_id(typed, known)
    if why := flaw(mlo, schemes or {}):
        raise InvalidInput(
            f"{terminal_safe(typed, limit=80)!r} is no MLO ID: {why}",
            hint="a native one looks like mlo:7K3D-9QXA-2MFB; others are https://orcid.org/…, "
            "spiffe://…, did:key:z…, and schemes declared in mlo.toml [identity.schemes]",
        )
    return mlo


def _orcid_flaw(digits: str) -> str:
    if not _ORCID.fullmatch(digits):
        return "an ORCID iD is four groups of four digits, the last of which may be X"
    total = 0
    for digit in digits.replace("-", "")[:15]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return "" if digits[-1] == ("X" if check == 10 else str(check)) else "its check digit is wrong"


def _spiffe_flaw(mlo: str) -> str:
    found = _SPIFFE.fullmatch(mlo)
    if len(mlo) > 2048 or found is None:
        return "a SPIFFE ID is spiffe://trust.domain/path, in its characters, at most 2048 bytes"
    if any(segment in (".", "..") for segment in found["path"].split("/")):
        return "a SPIFFE ID has no path segment . or .."
    return ""


def _did_flaw(mlo: str) -> str:
    try:
        if not mlo.startswith(f"{DID_KEY}z"):
            raise ValueError
        data = base58.decode(mlo[len(DID_KEY) + 1 :]) if len(mlo) < 100 else b""
    except ValueError:
        return "a did:key is did:key:z and base58btc"
    if not data.startswith(_P256) or len(data) != 35 or data[2] not in (2, 3):
        return "it is the did:key of a key that is not on P-256"
    return ""
