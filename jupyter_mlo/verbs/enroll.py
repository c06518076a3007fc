"""Make your MLO ID, profile and key on this machine; or hand over and take in enrolments.

Asks for name, e-mail (may stay empty) and a passphrase, twice. The passphrase encrypts
your key; nobody can recover it. Name and e-mail stay here and stand in no signed statement.

Your MLO ID is made for you. --id takes one that you have: an ORCID iD or SPIFFE ID (both count only
once a registrar enrolled your key for it), one of a scheme that your organisation declared, or
`did:key`, which is made of your key and can never have another. If you lost the key of an earlier
MLO ID, --succeeds says that this one takes its place; others see it as a claim.

To be enrolled by a registrar, send it what --export writes, and take in its answer with
--import. Neither is secret.

Examples:
  jupyter mlo enroll
  jupyter mlo enroll --name "Ada Sample" --email ada@example.org
  MLO_PASSPHRASE_FILE=/run/secrets/mlo jupyter mlo enroll --name nightly --kind service
  jupyter mlo enroll --id https://orcid.org/0000-0002-1825-0097
  jupyter mlo enroll --export ada.enrolment.jsonl
  jupyter mlo enroll --import ada.enrolment.registered.jsonl
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.sent_files import read_statements, write_new
from jupyter_mlo.verbs.unlocking import add_passphrase_options, new_passphrase

if TYPE_CHECKING:
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.statements.envelope import Envelope
    from jupyter_mlo.statements.predicates.identity import Kind
    from jupyter_mlo.statements.statement import Statement

#: How often somebody who is asked may mistype, before that is an error.
_TRIES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--name", metavar="NAME", help="what people call you")
    parser.add_argument("--email", metavar="ADDRESS", help="may be empty: --email ''")
    parser.add_argument(
        "--kind",
        choices=["person", "team", "service", "assistant"],
        default="person",
        help="what kind of MLO this is (default: person)",
    )
    parser.add_argument("--id", metavar="ID", help="an identifier that you have, or did:key")
    parser.add_argument(
        "--succeeds", metavar="MLO_ID", help="your earlier MLO ID, whose key is lost"
    )
    parser.add_argument(
        "--keyring", action="store_true", help="also keep the passphrase in the desktop's key ring"
    )
    add_passphrase_options(parser)
    exchange = parser.add_mutually_exclusive_group()
    exchange.add_argument(
        "--export", metavar="FILE", help="write your own enrolment, for a registrar (- for stdout)"
    )
    exchange.add_argument(
        "--import", dest="take_in", metavar="FILE", help="take in a registrar's answer"
    )
    parser.add_argument(
        "--of", metavar="WHO", help="with --export: which MLO, where several are enrolled here"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Enrol, export or import."""
    if arguments.take_in is not None:
        return _take_in(Path(arguments.take_in), context)
    if arguments.export is not None:
        return _export(arguments.export, arguments.of, context)
    if arguments.of is not None:
        raise InvalidInput("--of goes with --export", hint="jupyter mlo enroll --help")
    enrol(
        context,
        name=arguments.name,
        email=arguments.email,
        kind=arguments.kind,
        keyring=arguments.keyring,
        fd=arguments.passphrase_fd,
        identifier=arguments.id,
        succeeds=arguments.succeeds,
    )
    context.say("next: jupyter mlo login, or %mlo_login in a notebook")
    return 0


@dataclass(frozen=True)
class Enrolled:
    """A new MLO, and its own key while it is still unlocked."""

    identity: Identity
    key: SigningKey


def enrol(
    context: Context,
    *,
    name: str | None = None,
    suggested: str = "",
    email: str | None = None,
    kind: Kind = "person",
    keyring: bool = False,
    fd: int | None = None,
    identifier: str | None = None,
    succeeds: str | None = None,
) -> Enrolled:
    """Make an MLO, asking for what is missing, and tell what was made.

    Args:
        suggested: the name to take where the person just presses return.
        identifier: an MLO ID to take instead of a new native one; ``did:key`` for the key's.
        succeeds: the MLO ID in whose place this one stands.

    Raises:
        InvalidInput: a name, address or passphrase cannot be taken; nothing was made.
        Refused: an MLO of that name is enrolled here already.
        PassphraseUnavailable: there is no passphrase, and nobody to ask.
    """
    from jupyter_mlo.identity.profiles import check_name
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.home_notice import warn_of_home

    warn_of_home(context)
    name = check_name(name) if name is not None else _ask_name(context, suggested)
    _refuse_second(IdentityStore(context.settings).all(), name)
    return enrol_with(
        context,
        name=name,
        email=email if email is not None else _ask_email(context),
        passphrase=lambda: new_passphrase(context, fd, whose=name),
        kind=kind,
        keyring=keyring,
        identifier=identifier,
        succeeds=succeeds,
    )


def enrol_with(
    context: Context,
    *,
    name: str,
    email: str,
    passphrase: Callable[[], str],
    kind: Kind = "person",
    keyring: bool = False,
    identifier: str | None = None,
    succeeds: str | None = None,
) -> Enrolled:
    """Make an MLO of what was typed, and tell what was made.

    Args:
        passphrase: asked last, when nothing else stands in the way.

    Raises:
        InvalidInput: a name, address or passphrase cannot be taken; nothing was made.
        Refused: an MLO of that name is enrolled here already.
    """
    from jupyter_mlo.delegation.enrolment import enrol_oneself
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.passphrase import store_in_keyring
    from jupyter_mlo.identity.profiles import Profile, check_email, check_name
    from jupyter_mlo.identity.schemes import only_through_registrar, parse_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    store, trust = IdentityStore(context.settings), TrustStore(context.settings)
    trust.load()  # damaged: say so before anything is made
    name, email = check_name(name), check_email(email)
    _refuse_second(store.all(), name)
    key = SigningKey.generate()
    mlo = _identifier(identifier, key, context)
    earlier = (
        None if succeeds is None else parse_id(succeeds, schemes=context.settings.policy.schemes)
    )
    secret = passphrase()
    if keyring:
        store_in_keyring(mlo, secret)
    envelope = enrol_oneself(
        mlo,
        kind,
        key,
        now=context.now(),
        checkpoint=last_checkpoint(context),
        succeeds=earlier,
    )
    profile = Profile(name=name, email=email, keyring=keyring)
    identity = store.create(profile, kind, key, secret, envelope.to_bytes(), mlo=mlo)
    trust.add_also(mlo, key.key_id, kind if kind != "person" else None)
    context.say(f"enrolled {identity.label}")
    context.say(f"  MLO ID           {mlo}")
    context.say(f"  key fingerprint  {key.key_id}")
    context.say(f"  kept in          {identity.folder}")
    if earlier is not None:
        context.say(f"  claimed successor of {earlier}")
    context.say("  Back it up: jupyter mlo key backup FILE. Without key or passphrase nothing can")
    context.say("  be signed again.")
    if only_through_registrar(mlo):
        context.say("  It counts nowhere until a registrar has enrolled your key for it:")
        context.say("    jupyter mlo enroll --export FILE")
    else:
        context.say("  Others get to know your key with:")
        said = "" if kind == "person" else f" --kind {kind}"
        context.say(f"    jupyter mlo trust add {mlo} {key.key_id}{said}")
    publish(context, [envelope])
    return Enrolled(identity, key)


def _identifier(text: str | None, key: SigningKey, context: Context) -> str:
    from jupyter_mlo.identity.ids import new_mlo_id
    from jupyter_mlo.identity.schemes import did_key, parse_id

    if text is None:
        return new_mlo_id()
    if text.strip() == "did:key":
        return did_key(key.public)
    mlo = parse_id(text, schemes=context.settings.policy.schemes)
    if mlo.startswith(("mlo:", "did:")):
        raise InvalidInput(
            f"{mlo} is not chosen: a native MLO ID is drawn at random, a did:key is its key",
            hint="leave --id out, or --id did:key; for a further key of yours: jupyter mlo key add",
        )
    return mlo


def _ask_name(context: Context, suggested: str) -> str:
    from jupyter_mlo.identity.profiles import check_name

    for _ in range(_TRIES):
        typed = context.ask.text("your name", default=suggested)
        try:
            return check_name(typed)
        except InvalidInput as error:
            context.note(f"{error.message}; once more:")
    return check_name(context.ask.text("your name", default=suggested))


def _ask_email(context: Context) -> str:
    from jupyter_mlo.identity.profiles import check_email

    for _ in range(_TRIES):
        try:
            typed = context.ask.text("your e-mail (may stay empty)")
        except InvalidInput:  # nobody to ask, and none is needed
            return ""
        try:
            return check_email(typed)
        except InvalidInput as error:
            context.note(f"{error.message}; once more, or nothing:")
    return ""


def _refuse_second(identities: list[Identity], name: str) -> None:
    for identity in identities:
        if identity.profile.name.casefold() == name.casefold():
            raise Refused(
                f"{identity.label} is enrolled here already",
                hint=f"jupyter mlo login {identity.mlo}; for a second MLO take another name",
            )


def _export(target: str, who: str | None, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments, to_lines
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose

    store = IdentityStore(context.settings)
    identity = choose(store, who, option="--of WHO")
    content = to_lines(kept_enrolments(store, identity)[:1])
    if target == "-":
        context.say(content.decode().rstrip("\n"))
        return 0
    write_new(Path(target), content)
    context.say(f"wrote {target}: the enrolment of {identity.label}")
    context.say(f"  key fingerprint  {identity.key_id}")
    context.say("Send it to a registrar, and say the fingerprint by another way.")
    return 0


def _take_in(path: Path, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import registrations_in
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.statements.predicates import types
    from jupyter_mlo.verbs.publishing import publish

    store = IdentityStore(context.settings)
    here = {(identity.mlo, identity.key_id): identity for identity in store.all()}
    held = read_statements(path)
    # A registrar's answer may say as well that a lost key ended: that is for the ledger.
    ended = [one for one in held if types.REVOCATION.encode() in one.payload]
    found = registrations_in(one for one in held if one not in ended)
    mine = [one for one in found if (one.mlo, one.key_id) in here]
    if not mine and (lost := _lost_here(ended, held, store)):
        publish(context, held)
        return _say_lost(lost, context)
    if not mine:
        named = ", ".join(f"{one.mlo} with key {one.key_id}" for one in found[:3])
        raise InvalidInput(
            f"{path} enrols {named or 'nobody'}, which is not enrolled in this home",
            hint="import a registrar's answer where the key is: jupyter mlo status",
        )
    trusted = TrustStore(context.settings).load().registrars
    for registration in mine:
        identity = here[registration.mlo, registration.key_id]
        for envelope in registration.envelopes:
            store.add_enrolment(identity, envelope.to_bytes())
        publish(context, [*registration.envelopes, *ended])
        registrar = registration.registrar_key_id
        context.say(f"{identity.label} is enrolled by the registrar {registrar}")
        if registrar not in trusted:
            context.say("It is not trusted here. If it is your organisation's, and the fingerprint")
            context.say("is what it tells you by another way:")
            context.say(f"  jupyter mlo trust add --registrar {registrar}")
    return 0


def _lost_here(
    ended: list[Envelope], held: list[Envelope], store: IdentityStore
) -> list[tuple[Identity, Statement]]:
    """The MLOs of this home whose key a registrar's answer takes back, its signature checked."""
    from jupyter_mlo.delegation.enrolment import claims_in
    from jupyter_mlo.delegation.pool import names_key
    from jupyter_mlo.errors import StatementError
    from jupyter_mlo.statements.statement import read_statement

    here = {(identity.mlo, identity.key_id): identity for identity in store.all()}
    keys = {claim.key.key_id: claim.key for claim in claims_in(held)}
    found = []
    for envelope in ended:
        said = read_statement(envelope)
        for (mlo, key_id), identity in here.items():
            if said.mlo == mlo and names_key(said, key_id):
                if said.key_id not in keys:
                    raise StatementError(
                        f"the key that revokes the one of {identity.label} is not in the file",
                        hint="ask the registrar for the whole file that `registrar enrol` wrote",
                    )
                envelope.check_signature(keys[said.key_id])
                found.append((identity, said))
    return found


def _say_lost(lost: list[tuple[Identity, Statement]], context: Context) -> int:
    from jupyter_mlo.verbs.key_ending import has_ended, way_back

    for identity, said in lost:
        context.say(f"{identity.label}: the registrar {said.key_id} says that the key here is lost")
        context.say(f"  key fingerprint  {identity.key_id}")
        if has_ended(identity, context):
            context.say(f"It signs nothing from now on that counts. {way_back(identity.mlo)}")
        else:
            context.say("That counts here only where the registrar is trusted, which enrolled it:")
            context.say(f"  jupyter mlo trust add --registrar {said.key_id}")
    return 0
