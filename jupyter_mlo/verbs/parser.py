"""The one argument parser, of which ``jupyter mlo`` and ``%mlo`` are two users.

Only the module of the verb that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NoReturn, cast

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.overview import VERBS, overview


class Parser(argparse.ArgumentParser):
    """Raises :class:`InvalidInput` with the usage instead of exiting the process."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(
            f"{self.prog}: {message}", hint=f"{self.format_usage().strip()}\n  {self.prog} --help"
        )


def verb_module(name: str) -> ModuleType:
    """The module behind verb ``name`` (which must be in ``VERBS``)."""
    return importlib.import_module(f"jupyter_mlo.verbs.{name}")


def verb_parser(name: str, *, prog: str = "jupyter mlo") -> argparse.ArgumentParser:
    """The parser of one verb: its description and examples come from its module's docstring."""
    module = verb_module(name)
    parser = Parser(
        prog=f"{prog} {name}",
        description=(module.__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser)
    _describe_actions(parser, parser.description or "")
    return parser


def _describe_actions(parser: argparse.ArgumentParser, text: str) -> None:
    """Give the help of each action (``mandate create``) the verb's examples that use it."""
    for group in parser._actions:
        if not isinstance(group, argparse._SubParsersAction):
            continue
        for choice in group._choices_actions:  # without aliases
            name = choice.dest.split()[0]
            child = group.choices[name]
            command = re.compile(rf"^ .*\bjupyter mlo \w+ {name}\b.*(?:\\\n.*)*$", re.MULTILINE)
            examples = [match[0] for match in command.finditer(text)]
            summary = choice.help or ""
            child.description = "\n".join(
                [f"{summary[:1].upper()}{summary[1:]}.", "", "Examples:", *examples]
            )
            child.formatter_class = argparse.RawDescriptionHelpFormatter


def run_verb(
    argv: Sequence[str], context: Context, *, prog: str = "jupyter mlo", magic: bool = False
) -> int:
    """Parse ``argv`` and run its verb; the result is the exit status.

    Raises:
        MloError: whatever the verb refuses; the caller shows it, once.
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        context.say(overview(prog=prog, magic=magic).rstrip())
        return 0
    name = argv[0]
    verb = VERBS.get(name)
    if verb is None or (magic and not verb.magic):
        raise _unknown(name, prog, magic)
    parser = verb_parser(name, prog=prog)
    try:
        arguments = parser.parse_args(argv[1:])
    except SystemExit as stop:  # --help has printed its text
        return int(stop.code or 0)
    run = cast(Callable[[argparse.Namespace, Context], int], verb_module(name).run)
    try:
        return run(arguments, context)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.strerror is None:
            raise
        # Full disks and closed folders are nobody's fault in here; MLO_DEBUG shows the cause.
        where = f"{error.filename}: " if error.filename is not None else ""
        raise MloError(
            f"{prog} {name}: {where}{error.strerror}",
            hint="see whether there is room, and who may write there (df -h, ls -ld)",
        ) from error


def _unknown(name: str, prog: str, magic: bool) -> InvalidInput:
    import difflib

    names = [known for known, verb in VERBS.items() if verb.magic or not magic]
    if name in VERBS:
        return InvalidInput(
            f"{prog} {name} handles keys or other people's trust and is not run in a kernel",
            hint=f"run it in a terminal: jupyter mlo {name}",
        )
    near = difflib.get_close_matches(name, names, n=1)
    did_you_mean = f"did you mean {prog} {near[0]}? " if near else ""
    return InvalidInput(
        f"{prog} has no verb {name!r}", hint=f"{did_you_mean}{prog} --help lists them all"
    )
