"""Completion of verbs, options, activities and known MLOs behind our magics."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.statements.predicates.types import ACTIVITIES

#: Magics that are verbs of their own.
VERB_OF = {"mlo_login": "login", "mlo_logout": "logout", "mlo_status": "status"}


def matcher(settings: Settings) -> Any:
    """A matcher for ``IPCompleter.custom_matchers``."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def mlo_matcher(context: Any) -> dict[str, Any]:
        line = context.line_with_cursor[: context.cursor_position]
        words = line.split()
        nothing: dict[str, Any] = {"completions": [], "suppress": False}
        if not words or words[0].lstrip("%") not in {"mlo", *VERB_OF} or line == words[0]:
            return nothing
        current = "" if line[-1].isspace() else words.pop()
        try:
            found = sorted(
                word for word in candidates(words, current, settings) if word.startswith(current)
            )
        except (MloError, OSError, ImportError):
            return nothing
        completions = [SimpleCompletion(word, type="mlo") for word in found]
        # What we know nothing about, files for one, is left to the others.
        return {
            "completions": completions,
            "suppress": bool(found),
            "matched_fragment": current,
            "ordered": True,
        }

    return mlo_matcher


def candidates(words: Sequence[str], current: str, settings: Settings) -> Iterable[str]:
    """Everything that may follow ``words``, whatever ``current`` begins with."""
    from jupyter_mlo.verbs.overview import VERBS
    from jupyter_mlo.verbs.parser import verb_parser

    magic, *rest = words
    verb = VERB_OF.get(magic.lstrip("%"))
    if verb is None:
        if not rest:
            return [name for name, known in VERBS.items() if known.magic]
        verb, *rest = rest
    known = VERBS.get(verb)
    if known is None or not known.magic:
        return []
    if rest and rest[-1] == "--activity":
        return ACTIVITIES
    parser = verb_parser(verb, prog="%mlo")
    inner = _inner_parsers(parser)
    if inner and not rest and not current.startswith("-"):
        return inner
    if inner and rest and rest[0] in inner:
        parser, rest = inner[rest[0]], rest[1:]
    if current.startswith("-"):
        return _options(parser)
    if rest:
        return _choices(parser, rest[-1])
    if verb == "activity":
        return ACTIVITIES
    return _known_mlos(settings) if verb == "login" else []


# argparse has no public way to ask a parser what it takes; `_actions` has been there for ever.
def _inner_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [
        option
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    ]


def _choices(parser: argparse.ArgumentParser, option: str) -> Iterable[str]:
    for action in parser._actions:
        if option in action.option_strings:
            return list(map(str, action.choices or []))
    return []


def _known_mlos(settings: Settings) -> list[str]:
    from jupyter_mlo.identity.store import IdentityStore

    names = []
    for identity in IdentityStore(settings).all():
        names += [identity.mlo, identity.profile.name]
    return [name for name in names if name.split() == [name]]
