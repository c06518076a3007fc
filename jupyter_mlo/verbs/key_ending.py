"""``key rotate`` and ``key revoke``: how an MLO's own key comes to its end."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import new_passphrase, unlock, unlock_with

if TYPE_CHECKING:
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore

#: How the state of a key begins that was taken back.
_REVOKED = "revoked"


def rotate(arguments: argparse.Namespace, context: Context) -> int:
    """A new key; one that was begun and interrupted is finished instead."""
    from jupyter_mlo.identity import rotation
    from jupyter_mlo.identity.schemes import DID_KEY
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose

    store = IdentityStore(context.settings)
    identity = choose(store, arguments.who, option="key rotate WHO")
    if rotation.pending(identity) is not None:
        context.note("a rotation was interrupted; it is finished now")
        return _finish(identity, context)
    if identity.mlo.startswith(DID_KEY):
        raise Refused(
            f"{identity.mlo} is its key, and cannot be given another",
            hint="enrol anew: jupyter mlo enroll --succeeds " + identity.mlo,
        )
    refuse_ended(identity, context)
    old, passphrase = unlock_with(context, store, identity, arguments.passphrase_fd)
    if arguments.new_passphrase:
        passphrase = new_passphrase(context, None, whose="the new key")
    _begin(store, identity, old, passphrase, context)
    return _finish(store.find(identity.mlo), context)


def _begin(
    store: IdentityStore, identity: Identity, old: SigningKey, passphrase: str, context: Context
) -> None:
    """Everything that the rotation needs, on disk and signed."""
    from jupyter_mlo.delegation.enrolment import enrol_oneself, kept_enrolments, vouch
    from jupyter_mlo.delegation.revocation import make_revocation
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity import rotation
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.verbs.publishing import last_checkpoint

    now, checkpoint = context.now(), last_checkpoint(context)
    mlo, kind, new = identity.mlo, identity.kind, SigningKey.generate()
    before = kept_enrolments(store, identity)
    enrolments = [
        enrol_oneself(mlo, kind, new, now=now, checkpoint=checkpoint),
        vouch(mlo, kind, old, new.public, now=now, checkpoint=checkpoint),
        vouch(mlo, kind, new, old.public, now=now, checkpoint=checkpoint),
    ]
    superseded = make_revocation(
        Signer.own(mlo, old, before, checkpoint), now=now, reason="superseded", key_id=old.key_id
    )
    kept = [envelope.to_bytes() for envelope in (*enrolments, *before)]
    # The old key's own enrolment first: what it vouches for comes after it, and its end last.
    statements = [envelope.to_bytes() for envelope in (*before, *enrolments, superseded)]
    rotation.begin(identity, new, passphrase, enrolments=kept, statements=statements)


def renew(store: IdentityStore, identity: Identity, passphrase: str, context: Context) -> Identity:
    """A new key in place of one that was revoked, which is kept beside it; nothing vouches for it.

    Interrupted, it is finished as a rotation is.
    """
    from jupyter_mlo.delegation.enrolment import enrol_oneself, kept_enrolments
    from jupyter_mlo.identity import rotation
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.verbs.publishing import last_checkpoint

    new, before = SigningKey.generate(), kept_enrolments(store, identity)
    own = enrol_oneself(
        identity.mlo, identity.kind, new, now=context.now(), checkpoint=last_checkpoint(context)
    )
    kept = rotation.keep_aside(identity)
    rotation.begin(
        identity,
        new,
        passphrase,
        enrolments=[envelope.to_bytes() for envelope in (own, *before)],
        statements=[own.to_bytes()],
    )
    renewed = _complete(identity, context)
    if kept is not None:
        context.say(f"the revoked key is kept in {kept}")
    return renewed


def _finish(identity: Identity, context: Context) -> int:
    now_known = _complete(identity, context)
    context.say(f"{now_known.label} has a new key")
    context.say(f"  key fingerprint  {now_known.key_id}")
    context.say("What the old key signed stays valid. Its mandates ended: make them anew (mandate")
    context.say("list). Others know the new key by the old one; a registrar enrols it anew:")
    context.say("jupyter mlo enroll --export FILE. Make a new backup: jupyter mlo key backup FILE")
    return 0


def _complete(identity: Identity, context: Context) -> Identity:
    """Publish what ``next/`` holds, and let it take the old key's place; the MLO as it is then."""
    from jupyter_mlo.delegation.sessions import end_session
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity import rotation
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.statements.envelope import Envelope
    from jupyter_mlo.verbs.publishing import publish

    publish(context, [Envelope.from_bytes(line) for line in rotation.pending(identity) or []])
    if _session_of(identity, context):
        end_session(context.settings)
        context.say("the session of the old key has ended: jupyter mlo login")
    rotation.finish(identity)
    now_known = IdentityStore(context.settings).find(identity.mlo)
    TrustStore(context.settings).add_also(identity.mlo, now_known.key_id)
    return now_known


def revoke(arguments: argparse.Namespace, context: Context) -> int:
    """Take back this MLO's key here, another one of its keys, or one delegation."""
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.revocation import make_revocation
    from jupyter_mlo.delegation.sessions import end_session
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.keys import parse_key_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    since = compromised_since(arguments, context)
    if arguments.key is not None and arguments.delegation is not None:
        raise InvalidInput("--key and --delegation were both given", hint="name one of them")
    store = IdentityStore(context.settings)
    identity = choose(store, arguments.who, option="key revoke WHO")
    key_id = parse_key_id(arguments.key) if arguments.key is not None else identity.key_id
    delegation = _delegation(arguments.delegation)
    what = f"delegation {delegation}" if delegation else f"key {key_id}"
    context.note(f"{identity.label} takes back the {what}: {arguments.reason}")
    if since is not None:
        context.note(f"  compromised since {arguments.compromised_since}")
    refuse_ended(identity, context)
    key = unlock(context, store, identity, arguments.passphrase_fd)
    enrolments = kept_enrolments(store, identity)
    revocation = make_revocation(
        Signer.own(identity.mlo, key, enrolments, last_checkpoint(context)),
        now=context.now(),
        reason=arguments.reason,
        delegation=delegation,
        key_id=None if delegation else key_id,
        compromised_since=since,
    )
    publish(context, [*enrolments, revocation])
    ended = delegation is None and key_id == identity.key_id
    if _session_of(identity, context, key_id, delegation) or ended:
        end_session(context.settings)
    context.say(f"the {what} is revoked")
    if ended:
        context.say(f"It signs nothing from now on that counts. {way_back(identity.mlo)}")
    return 0


def way_back(mlo: str) -> str:
    """What an MLO does whose key was revoked, in words."""
    from jupyter_mlo.identity.schemes import DID_KEY

    anew = f"jupyter mlo enroll --succeeds {mlo} (with another name)"
    if mlo.startswith(DID_KEY):
        return f"For a new one: {anew}"
    return (
        f"For a new one here: jupyter mlo key add {mlo} --export FILE, which another device of "
        f"yours signs or your registrar enrols; without either: {anew}"
    )


def compromised_since(arguments: argparse.Namespace, context: Context) -> datetime | None:
    """The moment that was typed, which goes with ``--reason compromised`` and with no other."""
    from jupyter_mlo.verbs.moments import parse_moment

    if (arguments.compromised_since is None) == (arguments.reason == "compromised"):
        raise InvalidInput(
            "--compromised-since goes with --reason compromised, and that with it",
            hint="what is proven to be older than that moment stays valid",
        )
    if arguments.compromised_since is None:
        return None
    return parse_moment(arguments.compromised_since, context.now())


def _delegation(text: str | None) -> str | None:
    import re

    if text is None or re.fullmatch(r"[0-9a-f]{64}", text):
        return text
    raise InvalidInput(
        "--delegation takes a whole statement ID, 64 hexadecimal digits",
        hint="jupyter mlo log, jupyter mlo status --json",
    )


def refuse_ended(identity: Identity, context: Context) -> None:
    """Say that the key here was revoked already, before its passphrase is asked for nothing."""
    state = _state(identity, context)
    if state.startswith(_REVOKED):
        raise Refused(
            f"the key {identity.key_id} of {identity.label} was {state}",
            hint=f"it signs nothing that counts. {way_back(identity.mlo)}",
        )


def has_ended(identity: Identity, context: Context) -> bool:
    """Whether the key here was revoked, by whoever may."""
    return _state(identity, context).startswith(_REVOKED)


def _state(identity: Identity, context: Context) -> str:
    from jupyter_mlo.verbs.key import keys_of

    return str(keys_of(identity, context)[0]["state"])


def _session_of(
    identity: Identity, context: Context, key_id: str = "", delegation: str | None = None
) -> bool:
    """Whether the session here is the MLO's; or that key's, or that delegation's, where named."""
    from jupyter_mlo.delegation.sessions import load_session
    from jupyter_mlo.errors import SessionError

    try:
        signer = load_session(context.settings, context.now())
    except SessionError:
        return False
    if signer is None or signer.mlo != identity.mlo:
        return False
    if delegation is not None:
        return signer.delegation == delegation
    return not key_id or signer.key.key_id == key_id
