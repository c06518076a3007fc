"""``key add``: a second device's key, in three steps between the two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, NotFound, Refused
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.sent_files import read_statements, refuse_existing, write_new
from jupyter_mlo.verbs.unlocking import new_passphrase, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.enrolment import Claim
    from jupyter_mlo.identity.keys import PublicKey
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.statements.envelope import Envelope


def add(arguments: argparse.Namespace, context: Context) -> int:
    """Export, sign or import."""
    if arguments.export is not None:
        return _export(arguments, context)
    if arguments.mlo is not None:
        raise InvalidInput("MLO_ID goes with --export", hint="jupyter mlo key --help")
    return (_sign if arguments.sign is not None else _take_in)(arguments, context)


def _export(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import enrol_oneself, kept_enrolments, to_lines
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.profiles import Profile, check_name
    from jupyter_mlo.identity.schemes import DID_KEY, parse_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.home_notice import warn_of_home
    from jupyter_mlo.verbs.key_ending import renew
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    if arguments.mlo is None:
        raise InvalidInput("whose key it will be was not said", hint="key add MLO_ID --export FILE")
    mlo = parse_id(arguments.mlo, schemes=context.settings.policy.schemes)
    if mlo.startswith(DID_KEY):
        raise InvalidInput(f"{mlo} is its key, and has no second one", hint="jupyter mlo enroll")
    file = Path(arguments.export)
    refuse_existing(file)
    warn_of_home(context)
    trust = TrustStore(context.settings)
    trust.load()
    store = IdentityStore(context.settings)
    ended = _ended(mlo, store, context)
    if ended is not None:
        passphrase = new_passphrase(
            context, arguments.passphrase_fd, whose=f"{ended.label}'s new key"
        )
        identity = renew(store, ended, passphrase, context)
        envelope = kept_enrolments(store, identity)[0]
    else:
        asked = arguments.name if arguments.name is not None else context.ask.text("your name")
        name = check_name(asked)
        key = SigningKey.generate()
        passphrase = new_passphrase(context, arguments.passphrase_fd, whose=f"{name}'s key here")
        envelope = enrol_oneself(
            mlo, arguments.kind, key, now=context.now(), checkpoint=last_checkpoint(context)
        )
        identity = store.create(
            Profile(name=name), arguments.kind, key, passphrase, envelope.to_bytes(), mlo=mlo
        )
        trust.add_also(mlo, key.key_id)
    write_new(file, to_lines([envelope]))
    publish(context, [envelope])
    context.say(f"made a key for {identity.label}")
    context.say(f"  key fingerprint  {identity.key_id}")
    context.say(f"next, on a device that has a key of {mlo} already:")
    context.say(f"  jupyter mlo key add --sign {file}")
    context.say(
        "or, if there is none any more, at your registrar (which leaves --lost out where it"
    )
    context.say("has not enrolled you before):")
    context.say(f"  jupyter mlo registrar enrol {file} --lost")
    return 0


def _ended(mlo: str, store: IdentityStore, context: Context) -> Identity | None:
    """The MLO of this home whose key was revoked, so that a new one may take its place."""
    from jupyter_mlo.verbs.key_ending import has_ended

    for identity in store.all():
        if identity.mlo == mlo:
            if has_ended(identity, context):
                return identity
            raise Refused(
                f"{identity.label} has a key here already, which is in force",
                hint="a second key is made on another device, or with another MLO_HOME; for a "
                "new one in its place: jupyter mlo key rotate",
            )
    return None


def _sign(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments, to_lines
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import publish

    file = Path(arguments.sign)
    answer = Path(arguments.out) if arguments.out else file.with_name(f"{file.stem}.signed.jsonl")
    refuse_existing(answer, hint="move it away, or name another: --out")
    store = IdentityStore(context.settings)
    claim = _one_claim(file)
    try:
        identity = store.find(claim.mlo)
    except NotFound:
        raise NotFound(
            f"the key in {file} is to be one of {claim.mlo}, which has no key here",
            hint="sign it on a device that has one",
        ) from None
    if claim.key.key_id == identity.key_id or claim.kind != identity.kind:
        raise InvalidInput(
            f"{file} holds the key that is here, or calls {claim.mlo} a {claim.kind}",
            hint="the file is made on the second device: jupyter mlo key add MLO_ID --export FILE",
        )
    context.note(f"a second key for {identity.label}")
    context.note(f"  key fingerprint  {claim.key.key_id}")
    context.note("Compare it with what the second device shows: whoever holds it will be you.")
    said = _vouched(identity, claim.key, store, arguments, context)
    before = kept_enrolments(store, identity)
    write_new(answer, to_lines([*before, claim.envelope, said]))
    for envelope in (claim.envelope, said):
        store.add_enrolment(identity, envelope.to_bytes())
    publish(context, [*before, claim.envelope, said])
    context.say(f"{identity.label} has a second key: {claim.key.key_id}")
    context.say(f"  answer           {answer}")
    context.say(f"next, on the second device: jupyter mlo key add --import {answer}")
    return 0


def _take_in(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import vouches_in
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import publish

    path = Path(arguments.take_in)
    envelopes = read_statements(path)
    store = IdentityStore(context.settings)
    here = {(identity.mlo, identity.key_id): identity for identity in store.all()}
    found = [one for one in vouches_in(envelopes) if (one.mlo, one.key_id) in here]
    if not found:
        raise InvalidInput(
            f"{path} vouches for no key of this home",
            hint="it is written on the first device: jupyter mlo key add --sign FILE",
        )
    vouching = found[-1]
    identity = here[vouching.mlo, vouching.key_id]
    first = vouching.signer
    context.note(f"{identity.label} has a key on another device")
    context.note(f"  key fingerprint  {first.key_id}")
    context.note("Compare it with what that device shows: from here on it is known as yours.")
    back = _vouched(identity, first, store, arguments, context)
    kept = [one for one in envelopes if one.key_id != identity.key_id]
    for envelope in (*kept, back):
        store.add_enrolment(identity, envelope.to_bytes())
    publish(context, [*envelopes, back])
    context.say(f"{identity.label}: both devices' keys now vouch for each other")
    return 0


def _vouched(
    identity: Identity,
    other: PublicKey,
    store: IdentityStore,
    arguments: argparse.Namespace,
    context: Context,
) -> Envelope:
    """The word of an MLO's key here that another key is its too; asks for the passphrase."""
    from jupyter_mlo.delegation.enrolment import vouch
    from jupyter_mlo.verbs.publishing import last_checkpoint

    key = unlock(context, store, identity, arguments.passphrase_fd)
    checkpoint = last_checkpoint(context)
    return vouch(identity.mlo, identity.kind, key, other, now=context.now(), checkpoint=checkpoint)


def _one_claim(file: Path) -> Claim:
    from jupyter_mlo.delegation.enrolment import claims_in

    claims = claims_in(read_statements(file))
    if len(claims) != 1:
        raise InvalidInput(
            f"{file} holds {len(claims)} keys that enrol themselves, not one",
            hint="the file is made on the second device: jupyter mlo key add MLO_ID --export FILE",
        )
    return claims[0]
