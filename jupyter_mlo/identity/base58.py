"""Base58 in Bitcoin's alphabet, as multibase's ``z`` has it (draft-msporny-base58-03)."""

from __future__ import annotations

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def encode(data: bytes) -> str:
    """Leading zero bytes become leading ones (``1``)."""
    number = int.from_bytes(data, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def decode(text: str) -> bytes:
    """What :func:`encode` was given; raises :class:`ValueError` for other characters."""
    number = 0
    for character in text:
        if character not in _VALUES:
            raise ValueError(f"{character!r} is no base58 digit")
        number = number * 58 + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
