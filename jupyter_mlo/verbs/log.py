"""Show what stands in the ledger: one line an entry, newest last.

A line says index, time as its signer claims it, kind of statement, for whom it speaks, and
what it is about. --runs shows runs instead: who answers for each, under which mandate or session,
what for, the notebook that it wrote, and what became of it. Nothing here is checked: jupyter mlo
ledger verify does that.

Examples:
  jupyter mlo log --limit 20
  jupyter mlo log --mlo "Ada Sample" --activity training --since 7d
  jupyter mlo log --type seal --since 2026-11-01 --until 2026-11-30
  jupyter mlo log --runs --since 1d
  jupyter mlo log --follow
  jupyter mlo log --json | jq 'select(.predicate == "revocation")'
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput, MloError, NotFound
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.ledger.store import Entry, Filter, Ledger

#: Seconds between looks at a ledger that is followed.
_POLL = 0.5
#: Entries shown before a ledger is followed, unless ``--limit`` says otherwise.
_TAIL = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from jupyter_mlo.statements.predicates.types import ACTIVITIES

    parser.add_argument("--mlo", metavar="ID", help="of this MLO: its ID, or a name known here")
    parser.add_argument("--activity", choices=ACTIVITIES, metavar="A", help=", ".join(ACTIVITIES))
    parser.add_argument("--type", metavar="T", help="seal, provenance, delegation, … or a type URI")
    parser.add_argument("--since", metavar="WHEN", help="from this day, time or age (8h, 2d) on")
    parser.add_argument("--until", metavar="WHEN", help="up to this day, time or age, included")
    parser.add_argument("--limit", type=_count, metavar="N", help="the newest N only")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--follow", action="store_true", help="go on with what is appended")
    which.add_argument("--runs", action="store_true", help="runs, in a table")
    parser.add_argument("--json", action="store_true", help="as JSON Lines, one object an entry")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show the entries that are asked for."""
    from jupyter_mlo.ledger.store import open_ledger

    if arguments.runs:
        return _runs(arguments, context)
    wanted = _filter(arguments, context)
    show = _json_line if arguments.json else _text_line(context)
    try:
        with open_ledger(context.settings, create=arguments.follow) as ledger:
            next_index = _show(ledger, wanted, show, context)
            if arguments.follow:
                _follow(ledger, wanted, show, context, next_index)
    except NotFound as error:
        context.note(str(error))
    return 0


def _runs(arguments: argparse.Namespace, context: Context) -> int:
    """Show runs in a table, or as JSON Lines."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.verbs.log_runs import ran, table
    from jupyter_mlo.verbs.shown_people import names_here

    if arguments.type is not None:
        raise InvalidInput("--runs shows statements of one kind", hint="leave out --type")
    arguments.type = "provenance"
    try:
        with open_ledger(context.settings, create=False) as ledger:
            kinds: dict[str, str] = {}
            found = [
                one
                for entry in ledger.entries(_filter(arguments, context))
                if (one := ran(entry, ledger, kinds)) is not None
            ]
    except NotFound as error:
        context.note(str(error))
        return 0
    if arguments.json:
        for one in found:
            context.say(json.dumps(one.to_json()))
        return 0
    shown = {mlo: terminal_safe(name) for mlo, name in names_here(context.settings).items()}
    context.say(table(found, lambda text, limit: terminal_safe(text, limit=limit), shown))
    return 0


def _show(ledger: Ledger, wanted: Filter, show: Callable[[Entry], str], context: Context) -> int:
    """Show what matches; the index of the first entry that was not looked at."""
    size = ledger.size
    last = -1
    for entry in ledger.entries(wanted):
        context.say(show(entry))
        last = entry.index
    return max(size, last + 1)


def _follow(
    ledger: Ledger,
    wanted: Filter,
    show: Callable[[Entry], str],
    context: Context,
    next_index: int,
) -> None:
    from dataclasses import replace

    wanted = replace(wanted, newest=None)
    try:
        while True:
            time.sleep(_POLL)
            if ledger.size > next_index:
                next_index = _show(ledger, replace(wanted, first=next_index), show, context)
    except KeyboardInterrupt:
        return  # the way to end it


def _filter(arguments: argparse.Namespace, context: Context) -> Filter:
    from jupyter_mlo.ledger.store import Filter
    from jupyter_mlo.verbs.moments import parse_moment

    now = context.now()
    newest = _TAIL if arguments.follow and arguments.limit is None else arguments.limit
    return Filter(
        mlo=None if arguments.mlo is None else _mlo(arguments.mlo, context),
        activity=arguments.activity,
        predicate_type=None if arguments.type is None else _predicate_type(arguments.type),
        since=None if arguments.since is None else parse_moment(arguments.since, now),
        until=None if arguments.until is None else parse_moment(arguments.until, now, end=True),
        newest=newest,
    )


def _mlo(text: str, context: Context) -> str:
    from jupyter_mlo.identity.schemes import parse_id
    from jupyter_mlo.identity.store import IdentityStore

    store = IdentityStore(context.settings)
    try:
        return store.find(text).mlo
    except NotFound:
        try:
            return parse_id(text, schemes=context.settings.policy.schemes)
        except InvalidInput:
            if text.strip().lower().startswith("mlo:"):
                raise
    return store.find(text).mlo  # says whom it knows


def _predicate_type(text: str) -> str:
    from jupyter_mlo.statements.predicates import types

    named = {types.short_name(uri): uri for uri in _known_types()}
    uri = named.get(text.strip().lower(), text.strip())
    if "://" not in uri:
        raise InvalidInput(
            f"{text[:40]!r} is no kind of statement",
            hint=f"one of {', '.join(sorted(named))}, or a type URI",
        )
    return uri


def _known_types() -> list[str]:
    from jupyter_mlo.statements.predicates import types

    return [*types.BINDING, *types.RECORDING]


def _text_line(context: Context) -> Callable[[Entry], str]:
    """How an entry is shown to a person; all that others wrote is escaped."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.statements.predicates.types import short_name

    names = {one.mlo: one.label for one in IdentityStore(context.settings).all()}

    def line(entry: Entry) -> str:
        facts = entry.facts
        moment = entry.time
        when = "-" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%SZ")
        kind = terminal_safe(short_name(facts.predicate_type or "-"), limit=60)
        mlo = facts.mlo or "-"
        who = names.get(mlo) or terminal_safe(mlo, limit=60)
        about = terminal_safe(facts.subject or "-", limit=72)
        activity = f"  [{terminal_safe(facts.activity, limit=20)}]" if facts.activity else ""
        return f"{entry.index:>6}  {when:<20}  {kind:<11}  {who}  {about}{activity}"

    return line


def _json_line(entry: Entry) -> str:
    from jupyter_mlo.statements.predicates.types import short_name
    from jupyter_mlo.statements.times import to_text

    facts = entry.facts
    moment = entry.time
    return json.dumps(
        {
            "index": entry.index,
            "statementId": entry.statement_id,
            "time": None if moment is None else to_text(moment),
            "predicate": None if facts.predicate_type is None else short_name(facts.predicate_type),
            "predicateType": facts.predicate_type,
            "mlo": facts.mlo,
            "keyId": facts.key_id,
            "activity": facts.activity,
            "subject": _subject(entry),
        }
    )


def _subject(entry: Entry) -> Any:
    """The statement's subject as it stands there; None where the entry is damaged."""
    from jupyter_mlo.statements.strict_json import read_json

    try:
        return read_json(entry.envelope.payload)["subject"]
    except (MloError, LookupError, TypeError):
        return None


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than nothing")
    return number
