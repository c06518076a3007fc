"""A notebook as text, for ``git diff``, ``git log -p`` and ``git blame``.

One line above each cell says what its stamp proves, as this installation judges it. Git shows
nothing at all of a file whose text cannot be made, so there always is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.streams import terminal_text
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.shown_people import names_here, when, who

if TYPE_CHECKING:
    from jupyter_mlo.notebook.blame import Blamed
    from jupyter_mlo.notebook.cells import Cell
    from jupyter_mlo.notebook.verification import Examined

#: Bundles are shown in the first of these that they have; all else by size and digest.
_READABLE = ("text/plain", "text/markdown", "text/latex", "text/html")
_LONGEST = 20_000


def textconv(name: str, context: Context) -> int:
    """Print the notebook in a file; where it is none that can be read, the file as it is."""
    from jupyter_mlo.notebook.blame import blame
    from jupyter_mlo.verbs.judging import Judge

    path = Path(name)
    try:
        settings = load_settings()
        with Judge(settings, context.now()) as judge:
            examined = judge.examine(judge.read(path))
            lines = blame(examined)
        names = names_here(settings)
    except MloError as error:
        text = path.read_bytes().decode(errors="replace")
        shown = [f"[{_line(error.message.replace(name, 'the notebook'))}]"]
        shown += map(_line, text.splitlines())
    else:
        shown = list(_lines(examined, lines, names))
    # Past ``context.say``, which would write tabs out.
    print("\n".join(shown), file=context.out, flush=True)
    return 0


def _lines(examined: Examined, lines: list[Blamed], names: Mapping[str, str]) -> Iterator[str]:
    notebook = examined.notebook
    kernel = notebook.kernel_name or "no kernel named"
    yield _line(f"[notebook of format {notebook.nbformat}.{notebook.nbformat_minor}, {kernel}]")
    newest = examined.sealed.newest
    if newest is not None:
        yield _line(f"[sealed by {who(newest.claim.seal.mlo, names)}, {when(newest.time)}]")
    for blamed, present in zip(lines, examined.cells, strict=True):
        yield ""
        yield _line(_head(blamed, present.executed or present.carries_stamp, names))
        yield from _text(present.cell.source)
        yield from _outputs(present.cell)


def _head(blamed: Blamed, judged: bool, names: Mapping[str, str]) -> str:
    cell = blamed.cell
    parts = [f"{cell.kind or 'cell'}{f' {cell.id}' if cell.id else ''}"]
    if blamed.executed_by:
        parts += [f"executed by {who(blamed.executed_by, names)}", when(cell.started)]
        parts += [cell.activity or "", cell.model or ""]
    if judged:
        changed = f" ({' and '.join(cell.changed)})" if cell.changed else ""
        parts.append(f"{cell.verdict}{changed}")
    return f"[{', '.join(part for part in parts if part)}]"


def _outputs(cell: Cell) -> Iterator[str]:
    for output in cell.outputs:
        if not isinstance(output, Mapping):
            yield "[an output that is none]"
            continue
        kind = str(output.get("output_type", "output"))
        if kind == "stream":
            yield _line(f"[{output.get('name', 'stdout')}]")
            yield from _text(terminal_text(_joined(output.get("text", ""))))
        elif kind == "error":
            yield _line(f"[error] {output.get('ename', '')}: {output.get('evalue', '')}")
        else:
            yield from _bundle(kind, output.get("data"))


def _bundle(kind: str, data: object) -> Iterator[str]:
    bundle = data if isinstance(data, Mapping) else {}
    shown = next((mime for mime in _READABLE if mime in bundle), None)
    others = [
        f"{mime} {len(_joined(value))} characters {_digest(value)}"
        for mime, value in sorted(bundle.items())
        if mime != shown
    ]
    yield _line(f"[{kind}{': ' if others else ''}{'; '.join(others)}]")
    if shown is not None:
        yield from _text(_joined(bundle[shown]))


def _text(text: str) -> Iterator[str]:
    lines = text[:_LONGEST].split("\n")
    yield from map(_line, lines)
    if len(text) > _LONGEST:
        yield f"[… {len(text) - _LONGEST} characters more, {_digest(text)}]"


def _line(text: object) -> str:
    """A line with what would move the cursor written out; tabs stay."""
    return "\t".join(
        terminal_safe(part, limit=len(part) + 1) for part in str(text).rstrip("\r").split("\t")
    )


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else str(value)


def _digest(value: object) -> str:
    text = _joined(value).replace("\n", "")
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
