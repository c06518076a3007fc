"""Let a notebook run unattended on your behalf: that notebook as it is now, and nothing else.

`create` makes a key of its own for one notebook, an activity, models, parameters and some days,
signs it with your key, and writes it to a file. Whoever holds that file can run that notebook
in your name until the mandate ends or you revoke it. A changed notebook, a foreign parameter,
another activity or model is refused before the kernel starts.

--parameters names what a run may inject: `seed` with any value, `alpha=0.1` with that value
only (name it again for another). Without it nothing may be injected.

Examples:
  jupyter mlo mandate create train.ipynb --for 30d --activity training --model loan
  jupyter mlo mandate create train.ipynb --for 7d --activity training --parameters seed,alpha=0.1
  MLO_MANDATE=train.mandate papermill --engine mlo train.ipynb out.ipynb -p seed 7
  jupyter mlo mandate list
  jupyter mlo mandate show train.mandate
  jupyter mlo mandate revoke 4fd1c0 --reason ended
"""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.statements.envelope import Envelope

_REASONS = ("ended", "superseded", "left", "lost", "compromised")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|show|revoke")
    create = actions.add_parser("create", allow_abbrev=False, help="make a mandate for a notebook")
    create.add_argument("notebook", metavar="NOTEBOOK", help="the notebook, as it is to run")
    create.add_argument(
        "--for", dest="duration", required=True, metavar="TIME", help="how long: 12h, 30d"
    )
    create.add_argument(
        "--activity", action="append", metavar="ACTIVITY", help="training, validation, …"
    )
    create.add_argument("--model", action="append", metavar="MODEL", help="loan, or loan@3 only")
    create.add_argument(
        "--parameters", action="append", metavar="NAMES", help="a,b=1: what a run may inject"
    )
    create.add_argument("--out", metavar="FILE", help="where to write it (NOTEBOOK's name.mandate)")
    create.add_argument(
        "--as", dest="who", metavar="WHO", help="MLO ID or name, if not the only one"
    )
    add_passphrase_options(create)
    listing = actions.add_parser("list", allow_abbrev=False, help="show the mandates made here")
    listing.add_argument("--json", action="store_true", help="as JSON")
    show = actions.add_parser("show", allow_abbrev=False, help="say what one mandate permits")
    show.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    show.add_argument("--json", action="store_true", help="as JSON")
    revoke = actions.add_parser("revoke", allow_abbrev=False, help="end a mandate now")
    revoke.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    revoke.add_argument("--reason", choices=_REASONS, default="ended", help="ended is the default")
    revoke.add_argument(
        "--compromised-since",
        metavar="TIME",
        help="since when others may have had it: 2026-11-22T10:54:00Z",
    )
    add_passphrase_options(revoke)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Create, list, show or revoke."""
    if arguments.action == "create":
        return _create(arguments, context)
    if arguments.action == "list":
        return _list(arguments.json, context)
    if arguments.action == "show":
        return _show(arguments, context)
    return _revoke(arguments, context)


def _create(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.mandates import check_lasts, create_mandate
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.private_files import write_private
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.notebook.code import code_digest
    from jupyter_mlo.notebook.mandated import is_python
    from jupyter_mlo.notebook.reading import read_notebook
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.mandate_words import scope_lines
    from jupyter_mlo.verbs.parameters import parse_parameters
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    # What can be refused without the passphrase is refused before it is typed.
    lasts = parse_duration(arguments.duration)
    check_lasts(lasts)
    parameters = parse_parameters(arguments.parameters or [])
    notebook = Path(arguments.notebook)
    read = read_notebook(notebook)
    code = code_digest(read)
    if parameters not in ({}, "*") and not is_python(read.kernel_name):
        context.note(
            f"note: {notebook.name} is not for a Python kernel: whether a run kept to these "
            "parameters `verify` cannot read, and their cell will not be valid there"
        )
    out = _out(arguments.out, notebook)
    store = IdentityStore(context.settings)
    identity = _identity(arguments.who, store, context)
    activities, models = _acts(arguments, identity, context)
    now = context.now()
    terms: dict[str, Any] = {
        "code": code,
        "activities": activities,
        "models": models,
        "parameters": parameters,
        "now": now,
        "lasts": lasts,
    }
    context.note(f"{identity.label} lets whoever holds {out}")
    for line in scope_lines(**terms, notebook=notebook.name):
        context.note(f"  {line}")
    key = unlock(context, store, identity, arguments.passphrase_fd)
    own = Signer.own(identity.mlo, key, kept_enrolments(store, identity), last_checkpoint(context))
    file = create_mandate(own, notebook=notebook.name, **terms)
    # Kept here before it is handed out: what exists can be listed and revoked.
    mandate = MandateStore(context.settings).add(file)
    publish(context, mandate.chain)
    try:
        write_private(out, file.to_bytes(), replace=False)
    except OSError as error:
        raise MloError(
            f"{out} cannot be written: {error.strerror}; the mandate {mandate.mandate_id[:12]} "
            "was made and is of no use to anybody",
            hint="name another file with --out and make it again",
        ) from None
    context.say(f"made the mandate {mandate.mandate_id[:12]}")
    context.say(f"  file  {out}")
    context.say("        whoever can read it can run this notebook in your name: pass it on like")
    context.say("        a password, and let it be mode 0600 where it is used")
    context.say("next, there:")
    context.say(
        f"  MLO_MANDATE={shlex.quote(str(out))} papermill --engine mlo "
        f"{shlex.quote(str(notebook))} OUTPUT.ipynb"
    )
    context.say(f"to end it sooner: jupyter mlo mandate revoke {mandate.mandate_id[:12]}")
    return 0


def _out(out: str | None, notebook: Path) -> Path:
    path = Path(out) if out is not None else Path(f"{notebook.stem}.mandate")
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} exists already", hint="move it away, or name another: --out")
    return path


def _identity(who: str | None, store: IdentityStore, context: Context) -> Identity:
    """Who is named, else who is logged in, else the only one here."""
    from jupyter_mlo.verbs.choosing import choose

    if who is None and len(store.all()) > 1:
        session = _session(context)
        if session is not None:
            return store.find(session[0])
    return choose(store, who, option="--as WHO")


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
    from jupyter_mlo.delegation.sessions import DEFAULT_ACTIVITY, check_activity, check_model
    from jupyter_mlo.statements.predicates.types import ACTIVITIES

    session = _session(context)
    activities, models = arguments.activity or [], arguments.model or []
    if session is not None and session[0] == identity.mlo and session[1] != DEFAULT_ACTIVITY:
        # What somebody chose for the session; nobody chose the default.
        activities = activities or [one for one in session[1:2] if one]
        models = models or [one for one in session[2:3] if one]
    if not activities:
        raise InvalidInput(
            "the activity is missing", hint=f"--activity, one of: {', '.join(ACTIVITIES)}"
        )
    for activity in activities:
        check_activity(activity)
    for model in models:
        check_model(model)
    return list(dict.fromkeys(activities)), list(dict.fromkeys(models))


def _list(as_json: bool, context: Context) -> int:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.verbs.mandate_words import listed

    mandates, problems = MandateStore(context.settings).all()
    revoking = _ledgers_revocations(context) if mandates else []
    rows = [(one, _state(one, revoking, context)) for one in mandates]
    if as_json:
        found = [_as_json(one, state) for one, state in rows]
        context.say(json.dumps({"version": 1, "mandates": found}, indent=2))
    else:
        for one, state in rows:
            acts = listed(one.scope.activities)
            models = listed(one.scope.models)
            context.say(
                f"{one.mandate_id[:12]}  {state}  {acts}  {models}  "
                f"{terminal_safe(one.notebook, limit=60)}  {one.mlo}"
            )
        if not rows and not problems:
            context.say("no mandate was made in this home: jupyter mlo mandate create --help")
    for problem in problems:
        context.note(f"warning: {problem.message}")
    return 2 if problems else 0


def _show(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.verbs.mandate_words import mandate_lines

    mandate = _find(arguments.which, context)
    state = _state(mandate, _ledgers_revocations(context), context)
    if arguments.json:
        context.say(json.dumps({"version": 1, **_as_json(mandate, state)}, indent=2))
        return 0
    context.say(f"mandate {mandate.mandate_id}")
    context.say(f"  {state}")
    for line in mandate_lines(mandate):
        context.say(f"  {line}")
    return 0


def _revoke(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.revocation import make_revocation
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.key_ending import compromised_since
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    since = compromised_since(arguments, context)
    mandate = _find(arguments.which, context)
    kept = MandateStore(context.settings)
    if kept.revocation(mandate.mandate_id) is not None and since is None:
        context.say(f"{mandate.label} was revoked here already")
        return 0
    store = IdentityStore(context.settings)
    identity = store.find(mandate.mlo)
    key = unlock(context, store, identity, arguments.passphrase_fd)
    enrolments = kept_enrolments(store, identity)
    revocation = make_revocation(
        Signer.own(identity.mlo, key, enrolments, last_checkpoint(context)),
        now=context.now(),
        reason=arguments.reason,
        delegation=mandate.mandate_id,
        compromised_since=since,
    )
    # Kept here first: a run on this home refuses it from now on, ledger or not.
    kept.add_revocation(mandate.mandate_id, revocation)
    publish(context, [*mandate.chain, revocation])
    context.say(f"{mandate.label} is revoked")
    context.say("runs that see this home or its ledger are refused from now on; what it did before")
    context.say("stays on record")
    return 0


def _find(which: str, context: Context) -> Mandate:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.mandates import read_mandate

    path = Path(which)
    return read_mandate(path) if path.is_file() else MandateStore(context.settings).find(which)


def _ledgers_revocations(context: Context) -> list[Envelope]:
    """Revocations in the ledger; where it cannot be asked, that is said."""
    from jupyter_mlo.errors import NotFound
    from jupyter_mlo.ledger.store import Filter, open_ledger
    from jupyter_mlo.statements.predicates import types

    try:
        with open_ledger(context.settings, create=False, patience=2) as ledger:
            wanted = Filter(predicate_type=types.REVOCATION)
            return [entry.envelope for entry in ledger.entries(wanted)]
    except NotFound:
        return []
    except MloError as error:
        context.note(
            f"warning: the ledger could not be asked what was revoked: {error.message}; "
            "only revocations that were made in this home are known"
        )
        return []


def _state(mandate: Mandate, revoking: list[Envelope], context: Context) -> str:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.statements.times import to_text

    trust = TrustStore(context.settings).load()
    known = MandateStore(context.settings).revocations_for(mandate, trust, revoking)
    if known.concerning(mandate.links):
        return "revoked"
    permission = mandate.scope.permits(at=context.now())
    if permission.element == "notAfter":
        return f"ended {to_text(mandate.scope.not_after)}"
    if permission.element == "notBefore":
        return f"begins {to_text(mandate.scope.not_before)}"
    return f"in force until {to_text(mandate.scope.not_after)}"


def _as_json(mandate: Mandate, state: str) -> dict[str, Any]:
    return {
        "id": mandate.mandate_id,
        "mlo": mandate.mlo,
        "notebook": mandate.notebook,
        "state": state.split(" ", 1)[0] if not state.startswith("in force") else "in force",
        "scope": mandate.scope.to_json(),
    }
