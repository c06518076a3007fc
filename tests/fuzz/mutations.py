"""Documents spoiled at random: in their bytes, and in the values of their JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

#: Bytes that mean something to one of the forms.
TOKENS = [
    b"", b"\x00", b"\n", b"\n\n", b"\r", b" ", b"=", b"+", b"/", b"-", b"_", b'"', b"{", b"}", b"[",
    b"]", b",", b":", b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\xc3\x28", b"\xe2\x80\x94 ", b"NaN",
    b"-0", b"1e999", b"9" * 400, b"0", b"18446744073709551616", b"null", b"true", b"[[[[" * 30,
    "é\u202e\u2028😀".encode(), b"A" * 5000, b"--", b"old 1", b"index -1", b"extra ",
]  # fmt: skip
#: Values that readers of JSON do not expect.
ODD: list[Any] = [
    None, True, False, 0, -1, 2**53, 2**64, -(2**70), 1.5, 1e308, "", "x", "*", "\x00", "\x1b[2J",
    "\u202e", "mlo:", "sha256:", "9999-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "é" * 300, [], {},
    [[]], [None], {"": None}, {"$mlo": "NaN"}, ["a", 1, {}], "A" * 43, "A" * 44, "a" * 64,
    "urn:uuid:", "PRIVATE+KEY+", "AAAA====", "=", {"version": 10**30}, [{}] * 50,
]  # fmt: skip


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice([_spoiled_bytes, _spoiled_bytes, _spoiled_json])(data, chance)
    return data


def _spoiled_bytes(data: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice([0, 1, 1, 2, 8, 60, 10_000]))
    new = chance.choice(
        [chance.choice(TOKENS), bytes([chance.randrange(256)]), data[start:end] * 2, b""]
    )
    return data[:start] + new + data[end:]


def _spoiled_json(data: bytes, chance: random.Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _spoiled_bytes(data, chance)
    return json.dumps(odd(value, chance)).encode()


def odd(value: Any, chance: random.Random) -> Any:
    """A copy with one value that is another, is not there, or has another name."""
    places = list(_places(value))
    if not places:
        return chance.choice(ODD)
    value = copy.deepcopy(value)
    path = chance.choice(places)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    act = chance.randrange(4)
    if act == 0:
        del holder[last]
    elif act == 1 and isinstance(holder, dict):
        holder[chance.choice(["", "x", str(last) + "x", "$mlo", "__proto__"])] = holder[last]
    elif act == 2:
        holder[last] = [holder[last]] * chance.randint(0, 3)
    else:
        holder[last] = copy.deepcopy(chance.choice(ODD))
    return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        members = enumerate(value)
    for name, member in members:
        yield (*path, name)
        yield from _places(member, (*path, name))
