"""The results of a batch as one HTML page: who, what, metrics, verdict. Everything is escaped."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.writing import write_atomically
from jupyter_mlo.runs.account import shown_place
from jupyter_mlo.runs.batch.results import Result, shown_parameters

_STYLE: Final = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem }
th, td { border-bottom: 1px solid #ccc }
th { position: sticky; top: 0; background: #f2f2f2 }
.good { color: #14612b } .bad { color: #a3121f }
code { font-size: 12px; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #161616 } th { background: #262626 }
  .good { color: #7fd498 } .bad { color: #ff8f98 } a { color: #8ab4ff }
}
"""
_COLUMNS: Final = (
    *("Run", "Outcome", "Verdict", "Who", "What", "Parameters", "Metrics", "Seconds", "Remarks"),
)


@dataclass(frozen=True)
class OutputVerdict:
    """What verifying an output has found, in a few words."""

    holds: bool
    words: str


def write_index(
    path: Path,
    results: Sequence[Result],
    verdicts: Mapping[int, OutputVerdict],
    names: Mapping[str, str],
    now: datetime,
) -> None:
    """Write the page, whole or not at all; raises :class:`NotebookError`.

    Args:
        verdicts: number of a job → what verifying its output has found.
        names: MLO ID → name, of those who are known here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = index(results, verdicts, names, now, path.parent)
    write_atomically(path, [text.encode("utf-8", "backslashreplace")])


def index(
    results: Sequence[Result],
    verdicts: Mapping[int, OutputVerdict],
    names: Mapping[str, str],
    now: datetime,
    folder: Path,
) -> str:
    """The page; links to outputs are relative to ``folder``."""
    counts = Counter(result.status for result in results)
    summary = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    head = "".join(f"<th scope=col>{column}" for column in _COLUMNS)
    rows = "\n".join(
        _row(result, verdicts.get(result.job.number), names, folder) for result in results
    )
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
        "<meta http-equiv=Content-Security-Policy "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Runs of {now:%Y-%m-%d %H:%M} UTC</title>\n<style>{_STYLE}</style>\n"
        f"<h1>Runs of {now:%Y-%m-%d %H:%M} UTC</h1>\n<p>{_text(summary)}. The verdict is what "
        "<code>jupyter mlo verify</code> found as this page was written; whoever it is for asks "
        "it again.</p>\n"
        f"<table><thead><tr>{head}</thead><tbody>\n{rows}\n</tbody></table>\n</html>\n"
    )


def _row(
    result: Result, verdict: OutputVerdict | None, names: Mapping[str, str], folder: Path
) -> str:
    cells = (
        str(result.job.number),
        _outcome(result),
        _marked(verdict.words, verdict.holds) if verdict else "-",
        _who(result, names),
        _what(result, folder),
        _pairs(shown_parameters(result.job.parameters)),
        _pairs(result.metrics),
        f"{result.seconds:.1f}",
        "<br>".join(map(_text, result.remarks)),
    )
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells)


def _outcome(result: Result) -> str:
    words: list[str] = [result.status]
    if result.tested is not None:
        words.append(f"tests {result.tested}")
    if result.status != "kept" and result.attempts:
        words.append("sealed" if result.sealed else "not sealed")
    if result.waiting:
        words.append("waits for the ledger")
    why = f"<br>{_text(result.reason)}" if result.reason else ""
    return _marked(", ".join(words), result.good and result.tested != "FAILED") + why


def _marked(words: str, good: bool) -> str:
    return f"<span class={'good' if good else 'bad'}>{_text(words)}</span>"


def _who(result: Result, names: Mapping[str, str]) -> str:
    if result.mlo is None:
        return "nobody" if result.via else "-"
    name = names.get(result.mlo)
    shown = f"{_text(name)}<br>" if name else ""
    what = ", ".join(each for each in (result.activity, result.model or "") if each)
    return f"{shown}<code>{_text(result.mlo)}</code><br>{_text(result.via)}: {_text(what)}"


def _what(result: Result, folder: Path) -> str:
    source = shown_place(result.job.source) or "-"
    target = shown_place(result.job.target) or "-"
    link = f"<code>{_text(target)}</code>"
    if "://" not in result.job.target:
        path = os.path.relpath(result.job.target, folder)
        link = f'<a href="{html.escape(quote(os.fsencode(path)), quote=True)}">{link}</a>'
    runs = "".join(f"<br><code>{_text(each.run_id)}</code>" for each in result.attempts)
    return f"{link}<br>of <code>{_text(source)}</code>{runs}"


def _pairs(values: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"{_text(str(name))} = {_text(f'{value:g}' if isinstance(value, float) else str(value))}"
        for name, value in values.items()
    )


def _text(text: str) -> str:
    return html.escape(terminal_safe(text, limit=500), quote=True)
