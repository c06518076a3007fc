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
from jupyter_mlo.notebook.digests import CellDigests
from jupyter_mlo.notebook.long_outputs import Form, LongOutputs, write_bundle, write_text
from jupyter_mlo.notebook.part_writer import PartWriter


class LongCell:
    """One cell's text, split into members; each is decoded only when it is needed.

    Args:
        text: the cell's JSON text.
        found: what :func:`raw_json.survey` counted in it.

    Raises:
        Undigestable: the text is not one object.
    """

    def __init__(self, text: memoryview, found: raw_json.Survey) -> None:
        if bytes(text[:1]) != b"{":
            raise Undigestable("it is not an object")
        self._text = text
        self._survey = found
        self._writer = PartWriter(sparse=found.sparse)
        self.members = self._writer.members_of(text, "it")

    def value(self, member: str, default: Any = None) -> Any:
        """One of the cell's members, decoded."""
        part = self.members.get(member)
        return default if part is None else raw_json.decode(bytes(part), ATTACHMENTS_LEVEL)

    def digests(self, kind: str) -> tuple[CellDigests, tuple[tuple[int, Any], ...]]:
        """All digests; and of each output that has ``metadata.mlo`` its place and that value.

        To be called once.

        Args:
            kind: the cell's type, known to be one of the three.
        """
        writer, members = self._writer, dict(self.members)
        source = members.pop("source", None)
        sources: list[bytes] = []
        attachments = members.pop("attachments", None)
        outputs = LongOutputs(writer, members.pop("outputs", None) if kind == "code" else None)
        writer.skip(members.values())
        form: Form = {
            "cell_type": partial(writer.json, kind, ATTACHMENTS_LEVEL),
            "source": lambda: sources.append(
                writer.digest_of(partial(write_text, writer, source, "the source"))
            ),
        }
        if kind == "code":
            form["outputs"] = outputs.write
        if attachments is not None and (bundles := writer.members_of(attachments, "attachments")):
            form["attachments"] = lambda: writer.object(
                {
                    name: partial(
                        write_bundle, writer, part, ATTACHMENTS_LEVEL + 1, "an attachment"
                    )
                    for name, part in bundles.items()
                }
            )
        digest = writer.digest_of(lambda: writer.object(form))
        if self._survey.escapes or writer.meter.colons != self._survey.colons:
            raw_json.refuse_twin_names(self._text)
        return CellDigests(digest, sources[0], tuple(outputs.digests)), tuple(outputs.marks)
