"""A notebook's metadata from its text; widget state can be as large as all outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import Undigestable
from jupyter_mlo.notebook.digests import json_digest
from jupyter_mlo.notebook.part_writer import PartWriter
from jupyter_mlo.notebook.parts import Part, members

#: Widget state is digested piece by piece; no other member is read if it is longer.
MAX_MEMBER = 1 << 23
#: Metadata up to this length are decoded at once; of longer ones all but long members.
SMALL_METADATA = 1 << 22


#: Nesting of the metadata's members, the first of their own (docs/formats.md, "Widget state").
_LEVEL = 1


class Metadata(Mapping[str, Any]):
    """Metadata of which long members are decoded each time they are asked for."""

    def __init__(self, members: Mapping[str, Any], long: Mapping[str, Part]) -> None:
        self._members = members
        self._long = long
        self._digests = {name: _digest(part) for name, part in long.items()}

    def __getitem__(self, name: str) -> Any:
        if name in self._long:
            return raw_json.decode_part(self._long[name], _LEVEL)
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._members
        yield from self._long

    def __len__(self) -> int:
        return len(self._members) + len(self._long)

    def digest(self, name: str) -> bytes | None:
        """SHA-256 over a member's canonical text; None where it is missing or null."""
        value = self._members.get(name)
        return self._digests.get(name) if value is None else json_digest(value)


def read_metadata(part: Part | None) -> Mapping[str, Any]:
    """The metadata in a part of a notebook's text.

    Raises:
        Undigestable: they are ambiguous, or not an object.
    """
    if part is None or part.first != b"{":
        raise Undigestable("its metadata are not an object")
    if len(part) <= SMALL_METADATA:
        value: dict[str, Any] = raw_json.decode_part(part, _LEVEL - 1)
        return value
    found = members(part)
    for name, each in found.items():
        if name != "widgets" and len(each) > MAX_MEMBER:
            raise Undigestable(f"metadata.{name:.40} is longer than {MAX_MEMBER} bytes")
    long = {name: each for name, each in found.items() if len(each) > SMALL_METADATA}
    return Metadata(
        {name: raw_json.decode_part(found[name], _LEVEL) for name in found.keys() - long.keys()},
        long,
    )


def _digest(part: Part) -> bytes:
    """A long member's digest; making it finds out whether anything is amiss."""
    writer = PartWriter()
    return writer.digest_of(partial(writer.value, part, _LEVEL))
