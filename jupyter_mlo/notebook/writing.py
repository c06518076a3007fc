"""Writing notebooks as nbformat lays them out, whole or not at all.

nbformat writes indented text in Python and takes a third of a second for 20 MB. Here every
cell is encoded by the compact encoder and then laid out, which gives the same bytes; what the
faster way cannot lay out (NaN, infinities) goes nbformat's way.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.statements.canonical import is_plain

#: Members that live only in memory: nbformat takes them out when it writes.
_TRANSIENT = ("orig_nbformat", "orig_nbformat_minor", "signature")
_SPLIT_MIMES = frozenset({"application/javascript", "image/svg+xml"})


def notebook_chunks(notebook: Mapping[str, Any]) -> Iterator[bytes]:
    """The bytes that ``nbformat.write`` writes for a notebook in memory, cell by cell."""
    return joined_chunks(notebook, (cell_bytes(cell) for cell in notebook["cells"]))


def joined_chunks(notebook: Mapping[str, Any], cells: Iterable[bytes]) -> Iterator[bytes]:
    """The same from cells that :func:`cell_bytes` has written already.

    Args:
        notebook: all members of the notebook; its ``cells`` are not looked at.
        cells: what :func:`cell_bytes` gave for each, in order.
    """
    before = b"{\n "
    for name in sorted({*notebook, "cells"}):
        yield before + b'"%b": ' % name.encode()
        before = b",\n "
        if name == "cells":
            yield from _cells_chunks(cells)
        elif name == "metadata":
            metadata = {
                key: value for key, value in notebook[name].items() if key not in _TRANSIENT
            }
            yield laid_out(metadata, " ")
        else:
            yield laid_out(notebook[name], " ")
    yield b"\n}\n"


def cell_bytes(cell: Mapping[str, Any]) -> bytes:
    """One cell as it stands in the file, from its opening brace to its closing one."""
    split = dict(cell)
    split["source"] = _lines(cell.get("source", ""))
    if "trusted" in cell.get("metadata", {}):
        split["metadata"] = {k: v for k, v in cell["metadata"].items() if k != "trusted"}
    if cell.get("attachments"):
        split["attachments"] = {
            name: _split_bundle(bundle) for name, bundle in cell["attachments"].items()
        }
    if cell.get("cell_type") == "code":
        split["outputs"] = [_split_output(output) for output in cell.get("outputs", [])]
    return laid_out(split, "  ")


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Replace the file at ``path`` by ``chunks``: durable on return, and whole at any moment.

    The new file keeps mode and, where it may, owner of the old one. A symbolic link stays
    one: what it points to is replaced.

    Raises:
        NotebookError: the folder cannot be written, or the disk is full; nothing has changed.
    """
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp"
        )
        with open(handle, "wb") as file:
            _keep_mode(handle, target)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        raise NotebookError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="the file is as it was; make room or get the right to write in its folder",
        ) from None
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _cells_chunks(cells: Iterable[bytes]) -> Iterator[bytes]:
    before = b"[\n  "
    for cell in cells:
        yield before
        yield cell
        before = b",\n  "
    yield b"[]" if before.startswith(b"[") else b"\n ]"


def laid_out(value: Any, indent: str, unit: int | str = 1, *, sort: bool = True) -> bytes:
    """JSON text in nbformat's layout.

    Args:
        value: the value.
        indent: white space before the line in which the text begins; further lines get it too.
        unit: columns, or tabs, by which each level is indented.
        sort: whether members are sorted by name.
    """
    try:
        text = msgspec.json.format(_compact(value, sort), indent=_columns(unit))
    except (msgspec.MsgspecError, _NoColumns):
        text = json.dumps(
            value, ensure_ascii=False, sort_keys=sort, indent=unit, default=_ascii
        ).encode("utf-8", "backslashreplace")
    return text.replace(b"\n", b"\n" + indent.encode()) if indent else text


class _NoColumns(Exception):
    """Tabs are laid out by Python's encoder."""


def _columns(unit: int | str) -> int:
    if isinstance(unit, str):
        raise _NoColumns
    return unit


def _compact(value: Any, sort: bool) -> bytes:
    if is_plain(value):
        with contextlib.suppress(UnicodeEncodeError):
            return msgspec.json.encode(value, order="sorted" if sort else None)
    return json.dumps(
        value, ensure_ascii=False, sort_keys=sort, separators=(",", ":"), default=_ascii
    ).encode("utf-8", "backslashreplace")


def _ascii(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    raise NotebookError(f"a notebook cannot hold a value of type {type(value).__name__}")


def _split_output(output: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = output.get("output_type")
    if kind in ("execute_result", "display_data") and "data" in output:
        return {**output, "data": _split_bundle(output["data"])}
    if kind == "stream" and "text" in output:
        return {**output, "text": _lines(output["text"])}
    return output


def _split_bundle(bundle: Mapping[str, Any]) -> dict[str, Any]:
    return {
        mime: _lines(value) if mime.startswith("text/") or mime in _SPLIT_MIMES else value
        for mime, value in bundle.items()
    }


def _lines(text: Any) -> Any:
    return text.splitlines(True) if isinstance(text, str) else text


def _keep_mode(handle: int, target: Path) -> None:
    try:
        before = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):
            os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
