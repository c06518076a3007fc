"""All parts of a long cell in one pass: its members, its outputs, and their MIME bundles."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from jupyter_mlo.notebook import raw_json, scanning
from jupyter_mlo.notebook.parts import REFUSALS, Part
from jupyter_mlo.notebook.pictures import begins_with_picture
from jupyter_mlo.notebook.scanning import NotJson

Raw = msgspec.Raw
_NOTHING = Raw(b"")
_SIGN = re.compile(rb"[ \t\n\r]*+([,\]}])[ \t\n\r]*+")


class _Output(msgspec.Struct, forbid_unknown_fields=True):
    output_type: Raw
    data: dict[str, Raw] | None = None
    metadata: Raw = _NOTHING
    execution_count: Raw = _NOTHING
    name: Raw = _NOTHING
    text: Raw = _NOTHING
    ename: Raw = _NOTHING
    evalue: Raw = _NOTHING
    traceback: Raw = _NOTHING
    transient: Raw = _NOTHING


class _Cell(msgspec.Struct, forbid_unknown_fields=True):
    cell_type: Raw
    outputs: list[_Output] | None = None
    source: Raw = _NOTHING
    metadata: Raw = _NOTHING
    attachments: Raw = _NOTHING
    execution_count: Raw = _NOTHING
    id: Raw = _NOTHING


_decode = msgspec.json.Decoder(_Cell).decode


def find_cell_parts(part: Part) -> bool:
    """Note in ``part`` and in its outputs where their members stand.

    Returns:
        False where anything about the cell is out of the ordinary; nothing is noted then.
    """
    if not part.has_few_members():
        return False
    try:
        found = _walk(part, part.start, _decode(part.view))
    except (*REFUSALS, NotJson):
        return False
    if found.end != part.end:
        return False
    part.found, part.sound = found.found, True
    return True


def look_into(part: Part) -> bool:
    """Whether a cell is one JSON value; notes the parts of long ones on the way."""
    long = len(part) > raw_json.SMALL and not begins_with_picture(part)
    return (long and part.has_long_members() and find_cell_parts(part)) or part.is_sound()


def _walk(whole: Part, start: int, value: Any) -> Part:
    """The part that begins at ``start`` and has the lengths that msgspec found.

    Raises:
        NotJson: the lengths lead to something else than the text has.
    """
    if isinstance(value, Raw):
        part = whole.inner(start, start + len(value))
    else:
        found, end = (_walk_list if isinstance(value, list) else _walk_object)(whole, start, value)
        part = whole.inner(start, end)
        part.found = found
    part.sound = True  # msgspec has been through it
    return part


def _walk_list(whole: Part, start: int, values: list[Any]) -> tuple[list[Part], int]:
    position = scanning.after_space(whole.data, start + 1, whole.end)
    found: list[Part] = []
    sign, end = b",", position
    if not values:
        sign, end, _ = _sign(whole, position)
    for value in values:
        if sign != b",":
            break
        found.append(_walk(whole, position, value))
        sign, end, position = _sign(whole, found[-1].end)
    if sign != b"]" or len(found) != len(values):
        raise NotJson
    return found, end


def _walk_object(whole: Part, start: int, value: Any) -> tuple[dict[str, Part], int]:
    position = scanning.after_space(whole.data, start + 1, whole.end)
    found: dict[str, Part] = {}
    sign, end = b",", position
    if value == {}:
        sign, end, _ = _sign(whole, position)
    while sign == b",":
        name, position = scanning.key(whole.data, position, whole.end)
        member = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if member is None or name in found:
            raise NotJson
        found[name] = _walk(whole, position, member)
        sign, end, position = _sign(whole, found[name].end)
    if sign != b"}" or (isinstance(value, dict) and len(found) != len(value)):
        raise NotJson
    return found, end


def _sign(whole: Part, position: int) -> tuple[bytes, int, int]:
    """The comma or bracket at ``position``, where it ends, and where the space behind it ends."""
    found = _SIGN.match(whole.data, position, whole.end)
    if found is None:
        raise NotJson
    return found[1], found.end(1), found.end()
