"""Digesting cells that are too long to be decoded at once, from their JSON text.

Gives what :func:`jupyter_mlo.notebook.digests.cell_digests` gives for the same cell, and
holds no more of it at a time than a window of a long string or list. The two are held
against each other in the tests.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import ATTACHMENTS_LEVEL, Undigestable
from jupyter_mlo.notebook.cell_parts import find_cell_parts
from jupyter_mlo.notebook.digests import CellDigests
from jupyter_mlo.notebook.long_outputs import (
    Form,
    LongOutputs,
    without_space_at_end,
    write_bundle,
    write_text,
)
from jupyter_mlo.notebook.part_writer import PartWriter, inspect, object_members
from jupyter_mlo.notebook.parts import Part, members

#: Members that say what a cell is, and bytes up to which each of them is read.
HEAD = ("cell_type", "id", "metadata", "execution_count")
MAX_HEAD = 1 << 23


class LongCell:
    """One cell's text, split into members; each is decoded only when it is needed.

    Raises:
        Undigestable: the text is not one object.
    """

    def __init__(self, part: Part) -> None:
        if part.first != b"{":
            raise Undigestable("it is not an object")
        if part.found is None:
            find_cell_parts(part)
        self.members = members(part)

    def value(self, member: str, default: Any = None) -> Any:
        """One of the cell's members, decoded."""
        part = self.members.get(member)
        return default if part is None else raw_json.decode_part(part, ATTACHMENTS_LEVEL)

    def head(self) -> dict[str, Any]:
        """The members that say what the cell is; raises :class:`Undigestable` if they are long."""
        for name in HEAD:
            if name in self.members and len(self.members[name]) > MAX_HEAD:
                raise Undigestable(f"its {name} is longer than {MAX_HEAD} bytes")
        return {name: self.value(name) for name in HEAD}

    def digests(self, kind: str) -> tuple[CellDigests, tuple[tuple[int, Any], ...]]:
        """Its digests; and of each output that has ``metadata.mlo`` its place and that value.

        Args:
            kind: the cell's type, known to be one of the three.
        """
        writer, others = PartWriter(), dict(self.members)
        source = others.pop("source", None)
        sources: list[bytes] = []
        attachments = object_members(others.pop("attachments", None), "attachments")
        outputs = LongOutputs(writer, others.pop("outputs", None) if kind == "code" else None)
        for ignored in others.keys() - HEAD:  # that has been decoded
            inspect(others[ignored], ATTACHMENTS_LEVEL)
        form: Form = {
            "cell_type": partial(writer.json, kind),
            "source": lambda: sources.append(
                writer.digest_of(
                    partial(write_text, writer, source, "the source", without_space_at_end)
                )
            ),
        }
        if kind == "code":
            form["outputs"] = outputs.write
        if attachments:
            bundles = {
                name: partial(_write_attachment, writer, part) for name, part in attachments.items()
            }
            form["attachments"] = partial(writer.object, bundles)
        digest = writer.digest_of(partial(writer.object, form))
        return CellDigests(digest, sources[0], outputs.count), tuple(outputs.marks)

    def output_digests(self) -> list[bytes]:
        """The digest of each output."""
        outputs = LongOutputs(PartWriter(), self.members.get("outputs"), each=True)
        outputs.write()
        return outputs.digests


def _write_attachment(writer: PartWriter, part: Part) -> None:
    if part.first != b"{":
        raise Undigestable("an attachment is not an object")
    write_bundle(writer, part, ATTACHMENTS_LEVEL + 1, "an attachment")
