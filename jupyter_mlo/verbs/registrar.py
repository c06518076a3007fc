"""Enrol others with a key that they trust, and give each person one opaque handle.

`init` makes the registrar of this home, once. `enrol` takes the file that a person made with
`jupyter mlo enroll --export`, or an MLO of this home, signs an enrolment, and writes the
answer beside that file; the person takes it in with `jupyter mlo enroll --import`.

Before you enrol, compare the key fingerprint that is shown with what the person tells you by
another way. One person keeps one handle: for a second key or MLO ID of someone whom you have
enrolled, say so with --handle-of. Someone who lost a key makes another for the same MLO ID (`key
add MLO_ID --export`); --lost enrols that one for the same person, and revokes the lost one.

`revoke` takes back whom you enrolled: someone who left, or a key that is in other hands. `role`
gives an MLO a role in the organisation, `member` says who may act for a team; both take back, too.

Examples:
  jupyter mlo registrar init --name "Bank, model risk"
  jupyter mlo registrar enrol ada.enrolment.jsonl
  jupyter mlo registrar enrol ada-laptop.jsonl --handle-of mlo:7K3D-9QXA-2MFB
  jupyter mlo registrar enrol ada-again.jsonl --lost
  jupyter mlo registrar revoke mlo:7K3D-9QXA-2MFB --reason left
  jupyter mlo registrar role grant mlo:7K3D-9QXA-2MFB validator --for 52w
  jupyter mlo registrar role remove mlo:7K3D-9QXA-2MFB validator
  jupyter mlo registrar member add mlo:HCYH-72B8-4V3D mlo:7K3D-9QXA-2MFB --out ada.jsonl
  jupyter mlo registrar member remove mlo:HCYH-72B8-4V3D mlo:7K3D-9QXA-2MFB
  jupyter mlo registrar list
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs import registrar_acts, registrar_gifts
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.key import REASONS
from jupyter_mlo.verbs.sent_files import refuse_existing
from jupyter_mlo.verbs.unlocking import add_passphrase_options, new_passphrase, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.enrolment import Claim
    from jupyter_mlo.delegation.registrar import Registrar
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.statements.envelope import Envelope


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="init|enrol|revoke|role|member|list"
    )
    init = actions.add_parser("init", allow_abbrev=False, help="make the registrar of this home")
    init.add_argument("--name", metavar="NAME", help="what people call this registrar")
    add_passphrase_options(init)
    enrol = actions.add_parser("enrol", allow_abbrev=False, help="enrol an MLO", aliases=["enroll"])
    enrol.add_argument("who", metavar="FILE_OR_MLO", help="an exported enrolment, or an MLO here")
    enrol.add_argument(
        "--handle-of", metavar="WHO", help="the same person as this MLO ID, fingerprint or handle"
    )
    enrol.add_argument(
        "--lost", action="store_true", help="the person's other keys are lost: revoke them"
    )
    enrol.add_argument("--out", metavar="FILE", help="where to write the answer")
    add_passphrase_options(enrol)
    revoke = actions.add_parser("revoke", allow_abbrev=False, help="take back whom you enrolled")
    revoke.add_argument("who", metavar="MLO_OR_KEY", help="an MLO with all its keys, or one key")
    revoke.add_argument("--reason", choices=REASONS, required=True, help="why")
    revoke.add_argument(
        "--compromised-since",
        metavar="TIME",
        help="since when others may have had it: a day, a time, or how long ago (2d)",
    )
    add_passphrase_options(revoke)
    registrar_gifts.configure(actions)
    listing = actions.add_parser(
        "list", allow_abbrev=False, help="show whom this registrar has enrolled"
    )
    listing.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """What the registrar is to do."""
    if arguments.action == "init":
        return _init(arguments, context)
    if arguments.action == "list":
        return _list(arguments.json, context)
    if arguments.action in ("role", "member"):
        return registrar_gifts.run(arguments, context)
    if arguments.action == "revoke":
        return registrar_acts.revoke(arguments, context)
    return _enrol(arguments, context)


def _init(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.registrar import Registrar
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.profiles import check_name
    from jupyter_mlo.verbs.home_notice import warn_of_home
    from jupyter_mlo.verbs.publishing import publish

    warn_of_home(context)
    Registrar.refuse_second(context.settings)
    trust = TrustStore(context.settings)
    trust.load()  # damaged: say so before anything is made
    asked = arguments.name if arguments.name is not None else context.ask.text("registrar's name")
    name = check_name(asked)
    passphrase = new_passphrase(context, arguments.passphrase_fd, whose=f"the registrar {name}")
    registrar = Registrar.create(context.settings, name, passphrase, now=context.now())
    # As `enroll` pins its own key: whom this registrar enrols or revokes is so here, too.
    trust.add_registrar(registrar.identity.key_id, name)
    publish(context, [registrar.own_enrolment])
    context.say(f"made the registrar {registrar.identity.label}")
    context.say(f"  key fingerprint  {registrar.identity.key_id}")
    context.say(f"  kept in          {registrar.identity.folder}")
    context.say("It is trusted in this home. Next, for everyone else who is to trust it:")
    context.say(f"  jupyter mlo trust add --registrar {registrar.identity.key_id}")
    context.say("and for everyone who is to be enrolled: jupyter mlo enroll --export FILE")
    return 0


def _enrol(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import registrations_in
    from jupyter_mlo.delegation.registrar import Registrar
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.identity.schemes import flaw
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    registrar = Registrar.open(context.settings)
    store = IdentityStore(context.settings)
    file = Path(arguments.who)
    claim, here = _claim(arguments.who, store)
    same_as = claim.mlo if arguments.lost else _person(arguments.handle_of, registrar)
    if why := flaw(claim.mlo, context.settings.policy.schemes):
        raise InvalidInput(
            f"{terminal_safe(claim.mlo, limit=80)} is no MLO ID here: {why}",
            hint="schemes of your own are declared in mlo.toml of the home: [identity.schemes]",
        )
    answer = _answer_path(arguments.out, file, here)
    # What cannot be done is refused before the passphrase is asked.
    registrar.check(claim, same_as=same_as)
    context.note(f"{here.label if here else claim.mlo} ({claim.kind})")
    context.note(f"  key fingerprint  {claim.key.key_id}")
    key = unlock(context, registrar.store, registrar.identity, arguments.passphrase_fd)
    envelopes = registrar.enrol(
        claim,
        key,
        now=context.now(),
        same_as=same_as,
        checkpoint=last_checkpoint(context),
    )
    (registration,) = registrations_in(envelopes)
    gone = [
        member.key_id
        for member in registrar.roster().members
        if arguments.lost and member.mlo == claim.mlo and member.key_id != claim.key.key_id
    ]
    lost = [
        registrar.revoke(
            claim.mlo,
            key_id,
            key,
            reason="lost",
            now=context.now(),
            checkpoint=last_checkpoint(context),
        )
        for key_id in gone
    ]
    publish(context, [claim.envelope, *envelopes, *lost])
    who = here.label if here else claim.mlo
    context.say(f"{registrar.identity.label} enrolled {who}")
    context.say(f"  person handle    {terminal_safe(registration.handle or '')}")
    if lost:
        context.say(f"  {len(lost)} lost keys of {claim.mlo} are revoked")
        for line in registrar_acts.still_good(claim.mlo, gone, claim.key.key_id, context):
            context.say(f"  {line}")
    if here is not None:
        _keep(store, here, envelopes)
        context.say(f"  kept in          {here.folder}")
    if answer is not None:
        from jupyter_mlo.delegation.enrolment import to_lines
        from jupyter_mlo.verbs.sent_files import write_new

        write_new(answer, to_lines([*envelopes, *lost]))
        context.say(f"  answer           {answer}")
        context.say(f"next: send it back; it is taken in with jupyter mlo enroll --import {answer}")
    return 0


def _keep(store: IdentityStore, identity: Identity, envelopes: tuple[Envelope, ...]) -> None:
    for envelope in envelopes:
        store.add_enrolment(identity, envelope.to_bytes())


def _person(text: str | None, registrar: Registrar) -> str | None:
    """Who was named, an MLO ID in its one form; a mistyped one is said to be mistyped."""
    from jupyter_mlo.identity.ids import one_slip_apart, parse_mlo_id
    from jupyter_mlo.identity.schemes import parse_id

    if text is None:
        return None
    known = [member.mlo for member in registrar.roster().members]
    if text.lower().startswith("mlo:") or one_slip_apart(text, known):
        return parse_mlo_id(text, known)
    try:
        return parse_id(text, schemes=registrar.settings.policy.schemes)
    except InvalidInput:
        return text.strip()


def _claim(who: str, store: IdentityStore) -> tuple[Claim, Identity | None]:
    """The enrolment that is asked for, and the MLO of this home that it is for, if it is here."""
    from jupyter_mlo.delegation.enrolment import (
        claims_in,
        kept_enrolments,
        read_claim,
    )
    from jupyter_mlo.errors import NotFound
    from jupyter_mlo.verbs.sent_files import read_statements

    if not Path(who).is_file():
        try:
            identity = store.find(who)
        except (NotFound, InvalidInput) as error:
            raise NotFound(
                f"there is no file of that name, and {error.message}",
                hint=f"{error.hint}; a file is made with: jupyter mlo enroll --export FILE",
            ) from None
        return read_claim(kept_enrolments(store, identity)[0]), identity
    envelopes = read_statements(Path(who))
    claims = claims_in(envelopes)
    if len(claims) != 1:
        if len(envelopes) == 1:
            read_claim(envelopes[0])  # says what is wrong with it
        raise InvalidInput(
            f"{who} holds {len(claims)} people's own enrolments, not one",
            hint="one file a person, as jupyter mlo enroll --export writes it",
        )
    claim = claims[0]
    here = [i for i in store.all() if (i.mlo, i.key_id) == (claim.mlo, claim.key.key_id)]
    return claim, here[0] if here else None


def _answer_path(out: str | None, file: Path, here: Identity | None) -> Path | None:
    """Where the answer goes; None where it goes nowhere but into this home."""
    if out is None and not file.is_file():
        return None
    answer = Path(out) if out is not None else file.with_name(f"{file.stem}.registered.jsonl")
    refuse_existing(answer, hint="move it away, or name another: --out")
    if not answer.parent.is_dir():
        raise MloError(
            f"there is no folder {answer.parent}", hint="make it, or name another: --out"
        )
    return answer


def _list(as_json: bool, context: Context) -> int:
    from jupyter_mlo.delegation.registrar import Registrar

    registrar = Registrar.open(context.settings)
    members = registrar.roster().members
    ended = registrar_acts.revoked(members, context)
    if as_json:
        people = [
            {
                "handle": member.handle,
                "mlo": member.mlo,
                "keyId": member.key_id,
                "revoked": ended.get((member.mlo, member.key_id)),
            }
            for member in members
        ]
        key_id = registrar.identity.key_id
        context.say(json.dumps({"version": 1, "keyId": key_id, "members": people}, indent=2))
        return 0
    context.say(f"{registrar.identity.label}")
    context.say(f"  key fingerprint  {registrar.identity.key_id}")
    for member in sorted(members, key=lambda one: (one.handle, one.mlo)):
        when = ended.get((member.mlo, member.key_id))
        state = f"  revoked {when}" if when else ""
        context.say(f"{member.handle}  {member.mlo}  {member.key_id}{state}")
    if not members:
        context.say("nobody is enrolled yet")
    return 0
