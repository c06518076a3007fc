"""Write ``docs/commands.md`` from the parsers: ``python docs/make_commands.py``.

The page is made from the parsers' arguments, not from argparse's own text, which differs
between versions of Python.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from jupyter_mlo.verbs.overview import VERBS
from jupyter_mlo.verbs.parser import verb_parser

PAGE = Path(__file__).parent / "commands.md"
HEAD = """\
# Commands

Every verb is a command, `jupyter mlo VERB`. Most run in a notebook as well, as `%mlo VERB` with the
same arguments; those that say whom to trust do not. Exit status: 0 where what was asked holds, 1
where something does not, 2 where it could not be done or read.

This page is made from the parsers by `make docs`.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD, "| verb | | in a notebook |", "|---|---|---|"]
    for name, verb in VERBS.items():
        magic = f"`%mlo {name}`" if verb.magic else "–"
        lines.append(f"| [`{name}`](#{name}) | {verb.summary} | {magic} |")
    for name in VERBS:
        lines += ["", f"## {name}", "", *_parser(verb_parser(name), level=3)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _parser(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    if parser.description:
        yield from _description(parser.description)
    rows = [row for action in parser._actions if (row := _row(action))]
    if rows:
        yield from ["", "| argument | |", "|---|---|", *rows]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:  # without aliases
                child = action.choices[choice.metavar.split()[0] if choice.metavar else choice.dest]
                yield from ["", f"{'#' * level} {child.prog.removeprefix('jupyter mlo ')}"]
                summary = choice.help or ""
                yield from ["", f"{summary[:1].upper()}{summary[1:]}."]
                child.description = None  # the summary, and examples that the verb's text has
                yield from _parser(child, level + 1)


def _description(text: str) -> Iterator[str]:
    """Prose as it stands; indented lines (examples) as a block of code."""
    block: list[str] = []
    for line in [*text.strip().splitlines(), None]:
        if line is not None and (line.startswith("  ") or (block and not line.strip())):
            block.append(line)
            continue
        if block:
            while not block[-1].strip():
                block.pop()
            margin = min(len(row) - len(row.lstrip()) for row in block if row.strip())
            yield from ["", "```console", *(row[margin:] for row in block), "```", ""]
            block = []
        if line is not None:
            yield line


def _row(action: argparse.Action) -> str | None:
    hidden = isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    if hidden or action.help is argparse.SUPPRESS:
        return None
    shown = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    if isinstance(shown, tuple):
        shown = " ".join(shown)
    if action.nargs in ("*", "+"):
        shown += " …"
    takes_value = action.nargs != 0
    if action.option_strings:
        name = ", ".join(action.option_strings) + (f" {shown}" if takes_value else "")
    else:
        name = f"[{shown}]" if action.nargs in ("?", "*") else shown
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    cell = " ".join(text.split()).replace("|", "\\|")
    return f"| `{name.replace('|', chr(92) + '|')}` | {cell} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
