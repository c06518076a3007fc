"""``jupyter nbconvert --to mlo-html``: a page that says of each cell who executed it.

What is shown is what this installation judges when the page is made, and says so. What cells show
is cleaned unless asked otherwise (``--MloHTMLExporter.sanitize_html=False``): what runs scripts
could write its own verdict.
"""

from __future__ import annotations

import contextlib
import copy
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.widgetsdatatypefilter import WIDGET_STATE_MIMETYPE
from nbconvert.utils.exceptions import ConversionException
from traitlets import Bool, default

from jupyter_mlo.cli.clean_html import clean
from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.blame import Blamed, blame
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.verbs.judging import Judge
from jupyter_mlo.verbs.shown_people import names_here, when, who
from jupyter_mlo.words import count_of

#: Verdict → how it is marked: an icon and a tone, beside the word itself.
_MARKS: Final = {
    Verdict.VERIFIED: ("✓", "good"),
    Verdict.STRIPPED: ("✂", "fine"),
    Verdict.CHANGED: ("✎", "bad"),
    Verdict.INVALID: ("✗", "bad"),
    Verdict.UNSEALED: ("○", "warn"),
    Verdict.UNSTAMPED: ("○", "warn"),
    Verdict.UNATTRIBUTED: ("?", "warn"),
}
#: Member of a cell's metadata, in memory only.
_SHOWN: Final = "mlo_shown"
_DEMANDS: Final = Demands()
_PREFERRED: Final = [
    "text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg",
    "text/plain", "application/vnd.jupyter.widget-view+json", "application/javascript",
    "text/vnd.mermaid",
]  # fmt: skip


class MloHTMLExporter(HTMLExporter):
    """JupyterLab's page, with who executed each cell, when, and the verdict."""

    export_from_notebook = "HTML, with who executed each cell"

    sanitize_html = Bool(
        True, help="Clean HTML in cells, and leave scripts out: they could forge a verdict."
    ).tag(config=True)

    @default("template_name")
    def _template_name_default(self) -> str:
        return "mlo"

    @default("extra_template_basedirs")
    def _default_extra_template_basedirs(self) -> list[str]:
        return [str(Path(__file__).with_name("templates"))]

    @property
    def default_config(self) -> Any:
        """Of several forms of an output one that needs no script, where there is one."""
        from traitlets.config import Config

        chosen = super().default_config.copy()
        chosen.merge(Config({"NbConvertBase": {"display_data_priority": _PREFERRED}}))
        return chosen

    def default_filters(self) -> Any:
        """Cleaning is done once, over the whole of what a cell becomes."""
        others: Any = super().default_filters
        yield from others()
        if self.sanitize_html:
            yield "clean_html", _as_it_is
        yield "mlo_clean", clean if self.sanitize_html else _as_it_is

    def from_notebook_node(
        self, nb: Any, resources: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        """The page of a notebook in memory, judged as it is before anything prepares it."""
        nb = copy.deepcopy(nb)
        resources = copy.deepcopy(resources) if resources is not None else {}
        resources["mlo"] = {"mark": secrets.token_hex(4), "page": _judge(nb)}
        _leave_out_broken_widgets(nb)
        with _said_clearly():
            return super().from_notebook_node(nb, resources, **options)

    def from_file(
        self, file_stream: Any, resources: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        """The page of a notebook in a file, as :meth:`from_notebook_node` makes it."""
        with _said_clearly():
            return super().from_file(file_stream, resources, **options)

    def _preprocess(self, nb: Any, resources: Any) -> Any:
        """What preprocessors make of a cell was not judged; where it differs, that is said."""
        prepare: Any = super()._preprocess
        nb, resources = prepare(nb, resources)
        for at, cell in enumerate(nb.cells):
            shown = cell.metadata.get(_SHOWN)
            if shown is None:
                cell.metadata[_SHOWN] = _shown("?", "warn", "not judged", ["made for this page"])
            elif _digest(at, cell) != shown["digest"]:
                was = shown["verdict"]
                parts = [f"in the notebook: {was}", *shown["parts"]]
                cell.metadata[_SHOWN] = _shown("✎", "warn", "not judged as it is shown", parts)
        return nb, resources


@contextlib.contextmanager
def _said_clearly() -> Iterator[None]:
    """Say in a sentence what cannot be made a page, where nbconvert would show its insides.

    Raises:
        ConversionException: it cannot be, and this is not nbconvert's command, which ends then.
    """
    try:
        yield
    except ConversionException:
        raise
    except Exception as error:
        if os.environ.get("MLO_DEBUG"):
            raise
        why = terminal_safe(f"{type(error).__name__}: {error}".partition("\n")[0], limit=300)
        hint = "is it a notebook? jupyter mlo verify says; MLO_DEBUG=1 shows where it happened"
        text = f"nbconvert cannot make a page of this notebook: {why}\n  hint: {hint}"
        from nbconvert.nbconvertapp import NbConvertApp  # which imports all exporters

        if NbConvertApp.initialized():
            NbConvertApp.instance().log.error(text)
            raise SystemExit(1) from None
        raise ConversionException(text) from None


def _leave_out_broken_widgets(nb: Any) -> None:
    """Widget state that no front end could restore: nbconvert stops at it."""
    widgets = nb.metadata.get("widgets")
    if widgets is None:
        return
    kept = widgets.get(WIDGET_STATE_MIMETYPE) if isinstance(widgets, dict) else None
    if not isinstance(kept, dict) or not isinstance(kept.get("state"), dict):
        del nb.metadata["widgets"]


def _as_it_is(text: Any) -> str:
    return text.decode() if isinstance(text, bytes) else str(text)


def _judge(nb: Any) -> dict[str, Any]:
    """What the page says at its top; each cell is given what is said of it."""
    now = datetime.now(UTC)
    made = f"judged {now:%Y-%m-%d %H:%M} UTC, by whom and what is trusted where this page was made"
    try:
        settings = load_settings()
        with Judge(settings, now) as judge:
            examined = judge.examine(notebook_from_json(nb))
            found = judge.report(examined)
        names = names_here(settings)
        lines = blame(examined)
    except MloError as error:
        for at, cell in enumerate(nb.cells):
            cell.metadata[_SHOWN] = _shown("?", "warn", "not judged", [], _digest(at, cell))
        return _page("?", "warn", "not judged", [error.message, made])
    for at, (cell, line) in enumerate(zip(nb.cells, lines, strict=True)):
        icon, tone = _MARKS[line.cell.verdict]
        cell.metadata[_SHOWN] = _shown(
            icon, tone, str(line.cell.verdict), _parts(line, names), _digest(at, cell)
        )
    if found.nothing_executed and found.holds(_DEMANDS):
        return _page("○", "fine", "nothing was executed", [made])
    holds = found.holds(_DEMANDS)
    icon, tone, verdict = ("✓", "good", "holds") if holds else ("✗", "bad", "does not hold")
    return _page(icon, tone, f"This notebook {verdict}", [*_summary(found, names), made])


def _summary(found: NotebookReport, names: dict[str, str]) -> list[str]:
    seal = found.seal
    if seal.mlo is not None:
        meaning = "" if seal.meaning == "held" else f" as {seal.meaning}"
        lines = [f"sealed{meaning} by {who(seal.mlo, names)}, {when(seal.time)}, {seal.assurance}"]
    else:
        lines = [f"no seal that counts: {seal.reason}"]
    lines += [f"changed since the seal: {change}" for change in seal.changes]
    counts = found.counts()
    cells = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    lines.append(f"{count_of(len(found.cells), 'cell')}: {', '.join(cells)}")
    lines += [f"altered: {problem}" for problem in found.problems]
    lines += [f"not certain: {problem}" for problem in found.unread]
    for mlo, key in found.unknown_keys():
        ended = f", and was {found.revoked[key]}" if key in found.revoked else ""
        lines.append(f"{mlo} signs with {key}, which is unknown here{ended}")
    checkpoint = found.checkpoint
    lines.append(
        f"as of checkpoint {checkpoint['size']} of {checkpoint['origin']}"
        if checkpoint
        else "no ledger was asked: whether a newer seal or a revocation exists is not known"
    )
    return lines


def _parts(line: Blamed, names: dict[str, str]) -> list[str]:
    """What stands beside the verdict."""
    cell = line.cell
    parts = [f"changed: {', '.join(cell.changed)}"] if cell.changed else []
    if line.executed_by is not None:
        parts += [f"executed by {who(line.executed_by, names)}", when(cell.started)]
        parts += [part for part in (cell.activity, cell.model) if part]
    elif cell.kind == "code" and cell.verdict is Verdict.VERIFIED:
        parts.append("no execution is known")
    if cell.assurance is not None:
        parts.append(str(cell.assurance))
    if cell.reason:
        parts.append(cell.reason)
    return parts


def _shown(
    icon: str, tone: str, verdict: str, parts: list[str], digest: str = ""
) -> dict[str, Any]:
    safe = [terminal_safe(part, limit=400) for part in parts]
    return {"icon": icon, "tone": tone, "verdict": verdict, "parts": safe, "digest": digest}


def _page(icon: str, tone: str, verdict: str, lines: list[str]) -> dict[str, Any]:
    safe = [terminal_safe(line, limit=400) for line in lines[:40]]
    if lines[40:]:
        safe.append(f"… and {len(lines) - 40} more: jupyter mlo verify")
    return {"icon": icon, "tone": tone, "verdict": verdict, "lines": safe}


def _digest(at: int, value: Any) -> str:
    """By which it is known whether a cell is shown as it was judged."""
    cell = Cell(at, value)
    return cell.undigestable or cell.digests.cell.hex()
