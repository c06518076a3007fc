"""Making mandates: new ones, renewed ones, and the parts of one that is divided."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate, MandateFile
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.store import Identity, IdentityStore


def create(arguments: argparse.Namespace, context: Context) -> int:
    """Make a mandate for one notebook, several, or those of a folder."""
    from jupyter_mlo.delegation.runner_key import read_runner_key
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.notebook.mandated import is_python
    from jupyter_mlo.notebook.reading import read_notebook
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.mandate_acts import Terms, check_length, code_of, made
    from jupyter_mlo.verbs.mandate_words import scope_lines
    from jupyter_mlo.verbs.parameters import parse_parameters

    # What can be refused without the passphrase is refused before it is typed.
    lasts = parse_duration(arguments.duration)
    check_length(lasts, arguments.uses)
    parameters = parse_parameters(arguments.parameters or [])
    to = None if arguments.to is None else read_runner_key(arguments.to)
    paths = _notebooks(arguments.notebook)
    read = [read_notebook(path) for path in paths]
    codes = [code_of(path.name, one) for path, one in zip(paths, read, strict=True)]
    odd = [
        path.name
        for path, one in zip(paths, read, strict=True)
        if parameters not in ({}, "*") and not is_python(one.kernel_name)
    ]
    if odd:
        context.note(
            f"note: {odd[0]} is not for a Python kernel: whether a run kept to these "
            "parameters `verify` cannot read, and their cell will not be valid there"
        )
    out = _free(arguments.out, Path(arguments.notebook[0]).resolve().stem)
    store = IdentityStore(context.settings)
    identity = _identity(arguments.who, store, context)
    activities, models = _acts(arguments, identity, context)
    terms = Terms(
        notebook=_called(arguments.notebook, paths),
        code=codes,
        activities=activities,
        models=models,
        parameters=parameters,
        lasts=lasts,
        uses=arguments.uses,
        to=to,
    )
    now = context.now()
    holder = f"whoever holds {out}" if to is None else f"the runner {to.key_id}"
    context.note(f"{identity.label} lets {holder}")
    for line in scope_lines(**terms.scope(now), notebook=terms.notebook):
        context.note(f"  {line}")
    own = _own(store, identity, arguments.passphrase_fd, context)
    mandate = _hand_out(made(own, terms, now, context), out, context)
    context.say(f"made the mandate {mandate.mandate_id[:12]}")
    _say_file(mandate, out, context)
    context.say("next, there:")
    context.say(
        f"  MLO_MANDATE={shlex.quote(str(out))} papermill --engine mlo "
        f"{shlex.quote(str(paths[0]))} OUTPUT.ipynb"
    )
    context.say(f"to end it sooner: jupyter mlo mandate revoke {mandate.mandate_id[:12]}")
    return 0


def renew_mandate(arguments: argparse.Namespace, context: Context) -> int:
    """The same scope again, with a new end; the old one goes on until its own."""
    from jupyter_mlo.delegation.runner_key import read_runner_key
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.mandate_acts import check_length, check_renewable, made_anew
    from jupyter_mlo.verbs.mandate_words import renewal_lines
    from jupyter_mlo.verbs.mandates_here import found_mandate, state_of

    lasts = parse_duration(arguments.duration)
    check_length(lasts, None)
    old = found_mandate(arguments.which, context)
    check_renewable(old, state_of(old, context))
    to = read_runner_key(arguments.to) if arguments.to else old.link.key if old.runner else None
    out = _free(arguments.out, f"{_stem(old)}-renewed")
    store = IdentityStore(context.settings)
    identity = store.find(old.mlo)
    context.note(f"{identity.label} renews:")
    for line in renewal_lines(old, now=context.now(), lasts=lasts):
        context.note(f"  {line}")
    own = _own(store, identity, arguments.passphrase_fd, context)
    mandate = _hand_out(made_anew(own, old, lasts, to, context), out, context)
    context.say(f"made the mandate {mandate.mandate_id[:12]} in place of {old.mandate_id[:12]}")
    _say_file(mandate, out, context)
    return 0


def split(arguments: argparse.Namespace, context: Context) -> int:
    """Narrower mandates that together permit what one did, which ends."""
    from jupyter_mlo.delegation.mandate_changes import divide, divided
    from jupyter_mlo.delegation.runner_key import read_runner_key
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.mandate_acts import end
    from jupyter_mlo.verbs.mandates_here import found_mandate, state_of

    old = found_mandate(arguments.which, context)
    if not (state := state_of(old, context)).startswith("in force"):
        raise InvalidInput(f"{old.label} is not in force: {state}", hint="have a new one made")
    keys = [read_runner_key(given) for given in arguments.to or []]
    if keys and len(keys) != arguments.parts:
        raise InvalidInput(
            f"{len(keys)} runners for {arguments.parts} parts", hint="--to once for each part"
        )
    parts = partial(divided, old.scope, arguments.by, arguments.parts)
    parts(_spent(old, context))
    prefix = arguments.out or _stem(old)
    outs = [_free(f"{prefix}-{at}.mandate", "") for at in range(1, arguments.parts + 1)]
    store = IdentityStore(context.settings)
    identity = store.find(old.mlo)
    context.note(f"{identity.label} divides {old.label} by {arguments.by}, and ends it")
    own = _own(store, identity, arguments.passphrase_fd, context)
    now = context.now()
    # Ended before its uses are counted: nobody reserves one in between. Killed here, less is
    # permitted than before, and never more.
    end(own, old, context, reason="superseded")
    scopes = parts(_spent(old, context))
    files = divide(own, old, scopes, now=now, to=keys or [None] * arguments.parts)
    for file, out in zip(files, outs, strict=True):
        mandate = _hand_out(file, out, context)
        context.say(f"made the mandate {mandate.mandate_id[:12]}")
        _say_file(mandate, out, context)
    context.say(f"{old.label} is revoked: these stand in its place")
    return 0


def _spent(mandate: Mandate, context: Context) -> int:
    """How many of its uses are gone; 0 where it has no limit."""
    from jupyter_mlo.verbs.mandates_here import used_here

    used = used_here(mandate, context)
    if used is None and mandate.scope.uses != "*":
        raise InvalidInput(
            "how many of its uses are spent cannot be seen here",
            hint=f"split it where the ledger {mandate.counted_in} is",
        )
    return len(used or [])


def _own(store: IdentityStore, identity: Identity, fd: int | None, context: Context) -> Signer:
    from jupyter_mlo.verbs.key_ending import refuse_ended
    from jupyter_mlo.verbs.mandate_acts import own_signer

    refuse_ended(identity, context)
    return own_signer(store, identity, unlock(context, store, identity, fd), context)


def _stem(mandate: Mandate) -> str:
    """What files of mandates for the same notebooks begin with."""
    found = re.match(r"[\w-][\w.-]*", mandate.notebook)
    return Path(found[0]).stem if found else "mandate"


def _hand_out(file: MandateFile, out: Path, context: Context) -> Mandate:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.identity.private_files import write_private
    from jupyter_mlo.verbs.mandate_acts import keep

    mandate = keep(file, MandateStore(context.settings), context)
    try:
        write_private(out, file.to_bytes(), replace=False)
    except OSError as error:
        raise MloError(
            f"{out} cannot be written: {error.strerror}; the mandate {mandate.mandate_id[:12]} "
            "was made and is of no use to anybody",
            hint="name another file with --out and make it again",
        ) from None
    return mandate


def _say_file(mandate: Mandate, out: Path, context: Context) -> None:
    context.say(f"  file  {out}")
    if mandate.runner:
        context.say(f"        it holds no secret, and counts only with {mandate.link.key.key_id}")
        return
    context.say("        whoever can read it can run this notebook in your name: pass it on like")
    context.say("        a password, and let it be mode 0600 where it is used")


def _notebooks(given: Sequence[str]) -> list[Path]:
    """The notebooks that were named, and those in folders that were, in order."""
    from jupyter_mlo.verbs.mandate_acts import check_count

    found: dict[Path, None] = {}
    for text in given:
        path = Path(text)
        if not path.is_dir():
            found[path] = None
            continue
        inside = [
            one
            for one in sorted(path.rglob("*.ipynb"))
            if ".ipynb_checkpoints" not in one.parts and one.is_file()
        ]
        if not inside:
            raise InvalidInput(f"there is no notebook in {path}", hint="name one")
        found.update(dict.fromkeys(inside))
    check_count(len(found))
    return list(found)


def _called(given: Sequence[str], paths: Sequence[Path]) -> str:
    from jupyter_mlo.verbs.mandate_acts import called

    if len(given) == 1 and list(paths) == [Path(given[0])]:
        return paths[0].name
    names = [f"{Path(text).name}/" if Path(text).is_dir() else Path(text).name for text in given]
    return called(names, len(paths))


def _free(out: str | None, stem: str) -> Path:
    path = Path(out) if out is not None else Path(f"{stem}.mandate")
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} exists already", hint="move it away, or name another: --out")
    return path


def _identity(who: str | None, store: IdentityStore, context: Context) -> Identity:
    """Who is named, else who is logged in, else the only one here."""
    from jupyter_mlo.verbs.choosing import ACTING, choose

    if who is None and len(store.all()) > 1:
        session = _session(context)
        if session is not None:
            return store.find(session[0])
    return choose(store, who, option="--as WHO", kinds=ACTING)


def _session(context: Context) -> tuple[str, str | None, str | None] | None:
    """MLO ID, activity and model of the session, where there is one that can be used."""
    from jupyter_mlo.delegation.sessions import load_session

    try:
        session = load_session(context.settings, context.now())
    except MloError:
        return None
    return None if session is None else (session.mlo, session.activity, session.model)


def _acts(
    arguments: argparse.Namespace, identity: Identity, context: Context
) -> tuple[list[str], list[str]]:
    from jupyter_mlo.delegation.sessions import DEFAULT_ACTIVITY

    session = _session(context)
    activities, models = arguments.activity or [], arguments.model or []
    if session is not None and session[0] == identity.mlo and session[1] != DEFAULT_ACTIVITY:
        # What somebody chose for the session; nobody chose the default.
        activities = activities or [one for one in session[1:2] if one]
        models = models or [one for one in session[2:3] if one]
    return activities, models
