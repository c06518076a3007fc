"""What of a cell and of its outputs is digested, in the one form that all front ends keep.

The forms are those of docs/formats.md, "Cell", "Source" and "Output". Here they are values;
:mod:`jupyter_mlo.notebook.digests` writes them as RFC 8785 JSON and hashes that.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.canonical_text import MARK
from jupyter_mlo.notebook.streams import terminal_text

#: Levels of non-empty lists and objects in a cell, the cell itself being the first.
MAX_DEPTH = 128
#: Outputs of one cell, adjacent streams of one name being one.
MAX_OUTPUTS = 100_000
#: Members of one object.
MAX_MEMBERS = 100_000
#: Levels at which attachments and a cell's outputs stand.
ATTACHMENTS_LEVEL, OUTPUT_LEVEL = 2, 3
#: Members of an output that say nothing about what it shows.
IGNORED = frozenset({"execution_count", "transient"})
CELL_TYPES = frozenset({"code", "markdown", "raw"})

#: White space that does not count at the end of a source.
SOURCE_SPACE = " \t\n"
#: Types of output that hold a MIME bundle.
DISPLAYED = frozenset({"display_data", "execute_result"})
#: What stands for each member of an error that is not there.
ERROR_MEMBERS: Mapping[str, Any] = {
    "ename": "",
    "evalue": "",
    "output_type": "error",
    "traceback": [],
}

_SCALARS = frozenset({str, int, float, bool, type(None)})
_BINARY = re.compile(
    r"(?:image|audio|video|font)/(?!.*\+xml$)|application/(?:pdf|octet-stream)$", re.DOTALL
)


class Undigestable(NotebookError):
    """A cell has no digest, because two readers may see two different things in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, hint="open the notebook in Jupyter, mend the cell and save it")
        self.reason = reason


def joined(value: object, what: str) -> str:
    """Text that may be split into lines, as one string."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        with contextlib.suppress(TypeError):
            return "".join(value)
    raise Undigestable(f"{what} is neither a string nor a list of strings")


def canonical_source(source: str) -> str:
    """A cell's source without the white space at its end, which tools take away and put there."""
    return source.rstrip(SOURCE_SPACE)


def canonical_outputs(
    outputs: Iterable[Any], *, checked: bool = False, first: int = 0
) -> list[dict[str, Any]]:
    """The canonical forms of a cell's outputs, adjacent streams of one name merged.

    Args:
        outputs: as in the file.
        checked: that :func:`check_value` would pass is known already.
        first: the place of the first one in its cell, for messages.
    """
    forms: list[dict[str, Any]] = []
    texts: list[str] = []
    for position, output in enumerate(outputs, first):
        what = f"output {position}"
        if not isinstance(output, Mapping):
            raise Undigestable(f"{what} is not an object")
        if not checked:
            check_value(output, OUTPUT_LEVEL)
        if output.get("output_type") != "stream":
            _end_stream(forms, texts)
            forms.append(_canonical_other(output, what))
            continue
        name, text = _stream(output, what)
        if not texts or forms[-1]["name"] != name:
            _end_stream(forms, texts)
            forms.append({"name": name, "output_type": "stream"})
        texts.append(text)
    _end_stream(forms, texts)
    return forms


def canonical_output(output: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of one output that stands alone."""
    return canonical_outputs([output])[0]


def canonical_attachments(attachments: object, *, checked: bool = False) -> dict[str, Any]:
    """The canonical form of a cell's attachments; empty where the cell's form has none."""
    if attachments is None:
        return {}
    if not isinstance(attachments, Mapping):
        raise Undigestable("attachments is not an object")
    form = {}
    for name, bundle in attachments.items():
        if not isinstance(bundle, Mapping):
            raise Undigestable("an attachment is not an object")
        form[name] = canonical_bundle(bundle)
    if not checked:
        check_value(form, ATTACHMENTS_LEVEL)
    return form


def canonical_bundle(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """A MIME bundle: lines joined as nbformat does, base64 without white space."""
    form = {}
    for mime, value in bundle.items():
        if isinstance(value, list) and not is_json_mime(mime) and set(map(type, value)) <= {str}:
            value = "".join(value)
        if isinstance(value, str) and is_binary_mime(mime):
            value = without_space(value)
        form[mime] = value
    return form


def without_space(text: str) -> str:
    """Base64 without the white space that tools put in and take out."""
    text = text.rstrip(" \t\n\r")  # where it mostly stands
    for space in " \t\n\r":
        if space in text:
            text = text.replace(space, "")
    return text


def is_json_mime(mime: str) -> bool:
    """Whether values of this MIME type are JSON data, in which lists are data."""
    return mime == "application/json" or (
        mime.startswith("application/") and mime.endswith("+json")
    )


def is_binary_mime(mime: str) -> bool:
    """Whether values of this MIME type are base64, in which white space means nothing."""
    return _BINARY.match(mime) is not None


def check_value(value: Any, level: int = 1) -> None:
    """Raise :class:`Undigestable` for what makes JSON data ambiguous or too deep.

    Args:
        value: any JSON value.
        level: its nesting in the cell.
    """
    if not value:
        return
    if isinstance(value, Mapping):
        if level > MAX_DEPTH:
            raise too_deep()
        if len(value) > MAX_MEMBERS:
            raise too_many_members()
        for name, member in value.items():
            check_name(name)
            if type(member) is not str:
                check_value(member, level + 1)
    elif isinstance(value, (list, tuple)):
        if level > MAX_DEPTH:
            raise too_deep()
        if not set(map(type, value)) <= _SCALARS:
            for member in value:
                if type(member) not in _SCALARS:
                    check_value(member, level + 1)


def check_name(name: object) -> None:
    """Raise :class:`Undigestable` for the name of a member that a digest cannot cover."""
    if name == MARK:
        raise holds_mark()
    if not isinstance(name, str):
        raise Undigestable("it holds a member whose name is not a string")


def holds_mark() -> Undigestable:
    """Real data look like what stands for odd values."""
    return Undigestable(f"it holds a member named {MARK}")


def too_many_members() -> Undigestable:
    """An object has more members than any that people make."""
    return Undigestable(f"it holds an object of more than {MAX_MEMBERS} members")


def too_many_outputs() -> Undigestable:
    """A cell has more outputs than any that people make."""
    return Undigestable(f"it has more than {MAX_OUTPUTS} outputs")


def too_deep() -> Undigestable:
    """It is nested too deeply."""
    return Undigestable(f"it is nested deeper than {MAX_DEPTH} levels")


def _stream(output: Mapping[str, Any], what: str) -> tuple[str, str]:
    name = output.get("name", "stdout")
    if not isinstance(name, str):
        raise Undigestable(f"{what}: the stream's name is not a string")
    return name, joined(output.get("text", ""), f"{what}: the stream's text")


def _end_stream(forms: Sequence[dict[str, Any]], texts: list[str]) -> None:
    if texts:
        forms[-1]["text"] = terminal_text("".join(texts))
        texts.clear()


def _canonical_other(output: Mapping[str, Any], what: str) -> dict[str, Any]:
    kind = output.get("output_type")
    form: dict[str, Any]
    if not isinstance(kind, str):
        raise Undigestable(f"{what} has no output_type")
    if kind in DISPLAYED:
        form = {
            "data": canonical_bundle(_object(output, "data", what)),
            "metadata": _object(output, "metadata", what),
            "output_type": kind,
        }
    elif kind == "error":
        form = {name: output.get(name, default) for name, default in ERROR_MEMBERS.items()}
    else:
        form = {name: value for name, value in output.items() if name not in IGNORED}
        if "text" in form:
            form["text"] = joined(form["text"], f"{what}: text")
    metadata = form.get("metadata")
    if isinstance(metadata, Mapping) and "mlo" in metadata:
        form["metadata"] = {name: value for name, value in metadata.items() if name != "mlo"}
    return form


def _object(output: Mapping[str, Any], member: str, what: str) -> Mapping[str, Any]:
    value = output.get(member)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Undigestable(f"{what}: {member} is not an object")
    return value
