"""Your own key: list, rotate, revoke, back up, restore, or add one for a second device.

`rotate` makes a new key, which the old one signs for, and revokes the old one as superseded: what
it signed stays valid, and its sessions and mandates end. `revoke` takes a key back: say why, and
with --reason compromised since when it may have been in other hands. What was logged before that
stays; what comes into the ledger later counts for 7 days, called late, and is only claimed after
that until you say it again with `jupyter mlo reaffirm`.

A second device has a key of its own. There: `key add MLO_ID --export FILE`; here: `key add --sign
FILE`; there: `key add --import` what that wrote. A key that is lost for good: make a new one in the
same way, and have your registrar rebind it (`jupyter mlo registrar enrol FILE --lost`); without a
registrar enrol anew with `jupyter mlo enroll --succeeds OLD_MLO_ID`.

Examples:
  jupyter mlo key list
  jupyter mlo key rotate
  jupyter mlo key revoke --reason compromised --compromised-since 2026-11-20
  jupyter mlo key backup ada.backup
  jupyter mlo key restore ada.backup
  jupyter mlo key add mlo:7K3D-9QXA-2MFB --export laptop.jsonl
  jupyter mlo key add --sign laptop.jsonl
  jupyter mlo key add --import laptop.signed.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.sent_files import refuse_existing
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock_with

if TYPE_CHECKING:
    from jupyter_mlo.identity.store import Identity, IdentityStore

#: The state of a key that nobody took back.
IN_FORCE = "in force"
REASONS = ("ended", "superseded", "left", "lost", "compromised")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="list|rotate|revoke|backup|restore|add"
    )
    listing = actions.add_parser("list", allow_abbrev=False, help="show your keys and their state")
    listing.add_argument("--json", action="store_true", help="as JSON")
    rotate = actions.add_parser(
        "rotate", allow_abbrev=False, help="a new key in place of the old one, signed by it"
    )
    rotate.add_argument("who", nargs="?", metavar="WHO", help="MLO ID, name or e-mail")
    rotate.add_argument(
        "--new-passphrase", action="store_true", help="ask for another passphrase for the new key"
    )
    add_passphrase_options(rotate)
    revoke = actions.add_parser("revoke", allow_abbrev=False, help="take a key back")
    revoke.add_argument("who", nargs="?", metavar="WHO", help="MLO ID, name or e-mail")
    revoke.add_argument("--reason", choices=REASONS, required=True, help="why")
    revoke.add_argument(
        "--compromised-since",
        metavar="TIME",
        help="since when others may have had it: a day, a time, or how long ago (2d)",
    )
    revoke.add_argument(
        "--key", metavar="KEY_FINGERPRINT", help="another key of yours, or a session's"
    )
    revoke.add_argument("--delegation", metavar="STATEMENT_ID", help="one session or grant only")
    add_passphrase_options(revoke)
    backup = actions.add_parser(
        "backup", allow_abbrev=False, help="write key, enrolments and profile, encrypted"
    )
    backup.add_argument("file", metavar="FILE")
    backup.add_argument("--of", dest="who", metavar="WHO", help="where several are enrolled here")
    add_passphrase_options(backup)
    restore = actions.add_parser(
        "restore", allow_abbrev=False, help="take an MLO out of a backup into this home"
    )
    restore.add_argument("file", metavar="FILE")
    add_passphrase_options(restore)
    add = actions.add_parser("add", allow_abbrev=False, help="a second device's key")
    add.add_argument("mlo", nargs="?", metavar="MLO_ID", help="with --export: whose key it will be")
    step = add.add_mutually_exclusive_group(required=True)
    step.add_argument("--export", metavar="FILE", help="on the second device: make a key")
    step.add_argument("--sign", metavar="FILE", help="on the first device: say that it is yours")
    step.add_argument("--import", dest="take_in", metavar="FILE", help="on the second: the answer")
    add.add_argument("--name", metavar="NAME", help="with --export: what people call you")
    add.add_argument("--kind", choices=["person", "team", "service", "assistant"], default="person")
    add.add_argument("--out", metavar="FILE", help="with --sign: where to write the answer")
    add_passphrase_options(add)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """One of the actions."""
    if arguments.action == "list":
        return _list(arguments.json, context)
    if arguments.action == "backup":
        return _backup(arguments, context)
    if arguments.action == "restore":
        return _restore(arguments, context)
    if arguments.action == "add":
        from jupyter_mlo.verbs.key_adding import add

        return add(arguments, context)
    from jupyter_mlo.verbs.key_ending import revoke, rotate

    return (rotate if arguments.action == "rotate" else revoke)(arguments, context)


def _list(as_json: bool, context: Context) -> int:
    from jupyter_mlo.identity.store import IdentityStore

    store = IdentityStore(context.settings)
    found = [row for identity in store.all() for row in keys_of(identity, context)]
    if as_json:
        context.say(json.dumps({"version": 1, "keys": found}, indent=2))
        return 0
    for row in found:
        # One that was revoked may be the one that was here before a rotation.
        elsewhere = not row["here"] and row["state"] == IN_FORCE
        here = ", on another device" if elsewhere else ""
        context.say(f"{row['mlo']}  {row['keyId']}  {row['state']}{here}")
    if not found:
        context.say("nobody is enrolled here: jupyter mlo enroll")
    for problem in store.problems():
        context.note(f"warning: {problem.message}")
    return 0


def keys_of(identity: Identity, context: Context) -> list[dict[str, Any]]:
    """The keys that are known here to be one MLO's, the one at hand first."""
    from jupyter_mlo.delegation.revocation import Links, Revocations
    from jupyter_mlo.delegation.succession import accepted
    from jupyter_mlo.identity.rotation import pending
    from jupyter_mlo.statements.predicates.identity import Revocation
    from jupyter_mlo.verbs.at_hand import at_hand

    here = at_hand(context.settings, context.now())
    try:
        pool = here.pool
        logged = here.ledger.logged(pool.dated()) if here.ledger is not None else {}
        revocations = Revocations(pool, here.trust, logged)
        keys = [identity.key_id]
        for other in sorted(pool.self_enrolments):
            mine = any(one.mlo == identity.mlo for one in pool.own_enrolments(other))
            if other not in keys and mine and accepted(pool, identity.mlo, keys[0], other):
                keys.append(other)
        rows = []
        for key_id in keys:
            state = IN_FORCE
            for said in revocations.concerning(Links(identity.mlo, key_id, (key_id,))):
                assert isinstance(said.predicate, Revocation)
                state = f"revoked {said.time} ({said.predicate.reason})"
            if key_id == identity.key_id and pending(identity) is not None:
                state = "its rotation was interrupted: jupyter mlo key rotate finishes it"
            at_home = key_id == identity.key_id
            rows.append({"mlo": identity.mlo, "keyId": key_id, "state": state, "here": at_home})
        return rows
    finally:
        here.close()


def _backup(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.identity.private_files import write_private
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose

    path = Path(arguments.file)
    refuse_existing(path)
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}", hint="make it, or name another")
    store = IdentityStore(context.settings)
    identity = choose(store, arguments.who, option="--of WHO")
    _, passphrase = unlock_with(context, store, identity, arguments.passphrase_fd)
    write_private(path, back_up(store, identity, passphrase), replace=False)
    context.say(f"wrote {path}: key, enrolments and profile of {identity.label}")
    context.say("It is encrypted with the passphrase that was just used, and opens with no other.")
    return 0


def back_up(store: IdentityStore, identity: Identity, passphrase: str) -> bytes:
    """The content of an MLO's back-up, encrypted with its passphrase, which opened its key."""
    from jupyter_mlo.identity.backup import Backup, seal_backup

    backup = Backup(
        identity.mlo,
        identity.kind,
        identity.public,
        identity.profile,
        store.key_pem(identity),
        store.enrolments(identity),
    )
    return seal_backup(backup, passphrase)


def backup_name(identity: Identity) -> str:
    """A name for that file, in which nothing is that a file system may not hold."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in identity.mlo)[:80] + ".backup"


def _restore(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.backup import open_backup
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.home_notice import warn_of_home
    from jupyter_mlo.verbs.sent_files import read_file
    from jupyter_mlo.verbs.unlocking import given_passphrase

    warn_of_home(context)
    trust = TrustStore(context.settings)
    trust.load()  # damaged: say so before anything is made
    content = read_file(Path(arguments.file))
    passphrase = given_passphrase(context, arguments.passphrase_fd, question="passphrase")
    backup = open_backup(content, passphrase)
    identity = IdentityStore(context.settings).keep(
        backup.mlo,
        backup.kind,
        backup.public,
        backup.profile,
        backup.key_pem,
        backup.enrolments,
    )
    trust.add_also(identity.mlo, identity.key_id)
    context.say(f"restored {identity.label}")
    context.say(f"  key fingerprint  {identity.key_id}")
    context.say(f"  kept in          {identity.folder}")
    return 0
