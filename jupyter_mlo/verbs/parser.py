"""The one argument parser, of which ``jupyter mlo`` and ``%mlo`` are two users.

Only the module of the verb that is asked for is imported: ``--help`` stays fast however
many verbs there are.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import NoReturn, cast

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs.context import Context


@dataclass(frozen=True)
class Verb:
    """A verb's module below ``jupyter_mlo.verbs``, its summary, and whether ``%mlo`` has it."""

    module: str
    summary: str
    magic: bool = True


#: In the order in which help lists them.
VERBS: dict[str, Verb] = {
    "demo": Verb("demo", "run the whole story in a throw-away folder", magic=False),
    "enroll": Verb("enroll", "make your MLO ID, profile and key"),
    "login": Verb("login", "open a session: from now on what you run is attributed to you"),
    "logout": Verb("logout", "end the session"),
    "status": Verb(
        "status", "who you are here, under what, for how long; and what needs attention"
    ),
    "activity": Verb("activity", "say what you are doing, and on which model"),
    "seal": Verb("seal", "write the stamps that records vouch for, and seal a notebook"),
    "verify": Verb("verify", "check who ran which cell and whether anything was changed since"),
    "blame": Verb("blame", "show who executed each cell, when, and who sealed it first"),
    "recover": Verb("recover", "rebuild the notebook of a papermill run that was killed"),
    "mandate": Verb("mandate", "let a notebook run unattended on your behalf"),
    "log": Verb("log", "show what stands in the ledger"),
    "ledger": Verb("ledger", "verify the ledger; show or sign its checkpoint"),
    "trust": Verb("trust", "say which keys and registrars you trust", magic=False),
    "registrar": Verb("registrar", "enrol others with a key that they trust", magic=False),
}


class Parser(argparse.ArgumentParser):
    """Raises :class:`InvalidInput` with the usage instead of exiting the process."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(
            f"{self.prog}: {message}", hint=f"{self.format_usage().strip()}\n  {self.prog} --help"
        )


def verb_module(name: str) -> ModuleType:
    """The module behind verb ``name`` (which must be in :data:`VERBS`)."""
    return importlib.import_module(f"jupyter_mlo.verbs.{VERBS[name].module}")


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
    return parser


def overview(*, prog: str = "jupyter mlo", magic: bool = False) -> str:
    """The text of ``--help``: every verb with its summary."""
    names = [name for name, verb in VERBS.items() if verb.magic or not magic]
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {VERBS[name].summary}" for name in names]
    return "\n".join(
        [
            f"usage: {prog} VERB [ARGUMENT …]",
            "",
            "Who answers for a model that came out of a notebook: attributed, sealed, provable.",
            "",
            *lines,
            "",
            f"{prog} VERB --help explains a verb and shows examples.",
            "",
        ]
    )


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
