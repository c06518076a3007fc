"""``mloCellV1``, ``mloSourceV1`` and ``mloOutputV1``: 32-byte values, forms in docs/formats.md."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook.canonical_cell import (
    CELL_TYPES,
    MAX_OUTPUTS,
    Undigestable,
    canonical_attachments,
    canonical_outputs,
    canonical_source,
    check_value,
    too_many_outputs,
)
from jupyter_mlo.notebook.canonical_text import value_json

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class CellDigests(NamedTuple):
    """The two digests of one cell, and how many outputs there are after merging streams."""

    cell: bytes
    source: bytes
    output_count: int


class CellContent(Protocol):
    """What of a cell the digest covers."""

    @property
    def kind(self) -> str:
        """``code``, ``markdown`` or ``raw``."""

    @property
    def source(self) -> str:
        """The source, lines joined."""

    @property
    def attachments(self) -> Any:
        """Attachments as in the file, or None."""

    @property
    def outputs(self) -> list[Any]:
        """Outputs as in the file."""


@lru_cache(maxsize=4096)
def short(digest: bytes) -> str:
    """base64url without padding: the form inside our own predicates."""
    return binascii.b2a_base64(digest, newline=False).translate(_URL_SAFE, b"=").decode()


def from_short(text: str) -> bytes:
    """The bytes that :func:`short` wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def source_digest(source: str) -> bytes:
    """``mloSourceV1`` of a cell's source, lines joined."""
    return hashlib.sha256(value_json(canonical_source(source))).digest()


def output_digest(output: Mapping[str, Any]) -> bytes:
    """``mloOutputV1`` of one output that stands alone; raises :class:`Undigestable`."""
    (digest,) = output_digests([output])
    return digest


def output_digests(outputs: Iterable[Any]) -> list[bytes]:
    """``mloOutputV1`` of each output, adjacent streams of one name counting as one."""
    return [hashlib.sha256(text).digest() for text in _output_texts(outputs)]


def json_digest(value: Any) -> bytes:
    """SHA-256 over any JSON value's canonical text; raises :class:`Undigestable`."""
    check_value(value)
    return hashlib.sha256(_text(value)).digest()


def cell_digest(cell: CellContent) -> bytes:
    """``mloCellV1``; raises :class:`Undigestable`."""
    return cell_digests(cell).cell


def cell_digests(cell: CellContent, *, checked: bool = False) -> CellDigests:
    """Both digests of a cell at once; raises :class:`Undigestable`.

    Args:
        cell: what is digested.
        checked: that neither names nor nesting are amiss is known already.
    """
    if cell.kind not in CELL_TYPES:
        raise Undigestable(f"the cell's type {cell.kind!r:.40} is unknown")
    source = value_json(canonical_source(cell.source))
    attachments = canonical_attachments(cell.attachments, checked=checked)
    whole = hashlib.sha256(b"{")
    if attachments:
        whole.update(b'"attachments":' + _text(attachments) + b",")
    whole.update(b'"cell_type":"%b"' % cell.kind.encode())
    count = 0
    if cell.kind == "code":
        before = b',"outputs":['
        for count, text in enumerate(_output_texts(cell.outputs, checked), 1):
            if count > MAX_OUTPUTS:
                raise too_many_outputs()
            whole.update(before)
            whole.update(text)
            before = b","
        whole.update(b"]" if count else before + b"]")
    whole.update(b',"source":%b}' % source)
    return CellDigests(whole.digest(), hashlib.sha256(source).digest(), count)


def _output_texts(outputs: Iterable[Any], checked: bool = False) -> Iterator[bytes]:
    return map(_text, canonical_outputs(outputs, checked=checked))


def _text(form: Any) -> bytes:
    try:
        return value_json(form)
    except StatementError as error:
        raise Undigestable(error.message.rpartition(": ")[2]) from None
