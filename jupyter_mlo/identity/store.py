"""The MLOs of this home: one folder each, with key, profile and enrolments.

    identities/mlo-7K3D-9QXA-2MFB/     0700
        identity.json       MLO ID, kind, public key
        key.pem             the own key, encrypted; mode 0600 is demanded when it is used
        profile.json        personal data; may be edited or erased
        enrolments.jsonl    DSSE envelopes, one a line, kept as they were signed
        attempts.json       failed passphrases in a row, while there are any

All files are written with mode 0600, whole or not at all; a key is never overwritten.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from jupyter_mlo.config import Settings, open_plain
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, NotFound, StatementError
from jupyter_mlo.identity.attempts import attempt
from jupyter_mlo.identity.ids import in_one_form, is_native, one_slip_apart, parse_mlo_id
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.pbes2 import check_pem
from jupyter_mlo.identity.private_files import (
    locked,
    make_private_folder,
    read_private,
    sync_folder,
    write_private,
)
from jupyter_mlo.identity.profiles import KINDS, Profile, colour_of
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.identity.schemes import flaw, parse_id


@dataclass(frozen=True)
class Identity:
    """An MLO of this home, without its private key."""

    mlo: str
    kind: str
    profile: Profile
    public: PublicKey
    folder: Path
    #: What is wrong with its profile, which then is that of an MLO without a name.
    damage: MloError | None = None

    @property
    def key_id(self) -> str:
        """ID of the MLO's own key."""
        return self.public.key_id

    @property
    def key_file(self) -> Path:
        """The encrypted own key."""
        return self.folder / "key.pem"

    @property
    def label(self) -> str:
        """Name and MLO ID, safe to show."""
        if self.profile.name == self.mlo:  # erased, or damaged
            return self.mlo
        return f"{terminal_safe(self.profile.name, limit=60)} ({self.mlo})"


class _Stored(BaseModel):
    """``identity.json``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = 1
    mlo: str
    kind: Literal["person", "team", "service", "assistant"]
    publicKey: str


class IdentityStore:
    """Reads and writes the folders below ``settings.identities``."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.identities
        self._schemes = settings.policy.schemes

    def create(
        self,
        profile: Profile,
        kind: str,
        key: SigningKey,
        passphrase: str,
        enrolment_bytes: bytes,
        *,
        mlo: str,
    ) -> Identity:
        """Keep a new MLO: all of its files, or none.

        Args:
            kind: one of :data:`~jupyter_mlo.identity.profiles.KINDS`.
            enrolment_bytes: the self-signed enrolment's envelope, without line ends.
            mlo: the MLO ID that the enrolment binds to ``key``.

        Raises:
            KeyFileError: this MLO has a key here already; it was left as it is.
        """
        if kind not in KINDS or flaw(mlo, self._schemes):
            raise ValueError(f"{kind!r} is no kind of MLO, or {mlo!r} no MLO ID")
        return self.keep(mlo, kind, key.public, profile, key.encrypt(passphrase), [enrolment_bytes])

    def keep(
        self,
        mlo: str,
        kind: str,
        public: PublicKey,
        profile: Profile,
        key_pem: bytes,
        enrolments: Sequence[bytes],
    ) -> Identity:
        """Keep an MLO whose key file is encrypted already: all of its files, or none.

        Raises:
            KeyFileError: this MLO has a key here already; it was left as it is.
        """
        make_private_folder(self._root)
        folder = self._folder(mlo)
        if folder.exists():
            raise _exists(mlo, folder)
        if profile.colour == Profile.model_fields["colour"].default:
            profile = profile.model_copy(update={"colour": colour_of(mlo)})
        unfinished = self._root / f".new-{secrets.token_hex(6)}"
        unfinished.mkdir(mode=0o700)
        try:
            write_private(unfinished / "key.pem", key_pem, replace=False)
            write_private(unfinished / "identity.json", stored_identity(mlo, kind, public))
            write_private(unfinished / "profile.json", _json(profile))
            write_private(unfinished / "enrolments.jsonl", b"".join(map(_line, enrolments)))
            try:
                os.rename(unfinished, folder)  # fails where the folder has something in it
            except OSError:
                raise _exists(mlo, folder) from None
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync_folder(self._root)
        return self._read(folder)

    def all(self) -> list[Identity]:
        """Every MLO of this home that can be read, by name; see :meth:`problems` for the others."""
        return self._survey()[0]

    def problems(self) -> list[MloError]:
        """What is wrong with the folders that :meth:`all` leaves out."""
        return self._survey()[1]

    def find(self, text: str) -> Identity:
        """The MLO that ``text`` names by MLO ID, name or e-mail address.

        Raises:
            InvalidInput: ``text`` is a mistyped MLO ID.
            NotFound: nobody here, or more than one, is meant.
            KeyFileError: the named MLO's folder is damaged.
        """
        found, problems = self._survey()
        known = [identity.mlo for identity in found]
        wanted = " ".join(text.split()).casefold()
        named = [
            identity
            for identity in found
            if wanted
            and wanted in (_folded(identity.profile.name), _folded(identity.profile.email))
        ]
        if len(named) == 1:
            return named[0]
        if named:
            raise NotFound(
                f"{len(named)} MLOs here are called {terminal_safe(text, limit=60)}",
                hint=f"name one by its MLO ID: {', '.join(i.mlo for i in named)}",
            )
        if text.strip().lower().startswith("mlo:") or one_slip_apart(text, known):
            mlo = parse_mlo_id(text, known)
        else:
            try:
                mlo = parse_id(text, schemes=self._schemes)
            except InvalidInput:
                raise _unknown(text, found, problems) from None
        folder = self._folder(mlo)
        if not folder.is_dir():
            raise _unknown(mlo, found, problems)
        return self._read(folder)

    def unlock(self, identity: Identity, passphrase: str, now: datetime) -> SigningKey:
        """The own key of ``identity``.

        Args:
            now: aware, UTC; measures the delay after failed attempts.

        Raises:
            KeyFileError: the key file is missing, damaged, another's, or not private.
            WrongPassphrase: it is another passphrase, or too early to try again.
        """
        pem = self.key_pem(identity)
        with attempt(identity.folder, identity.label, now):
            key = SigningKey.decrypt(pem, passphrase)
        if key.key_id != identity.key_id:
            raise KeyFileError(
                f"{identity.key_file} holds another key than {identity.mlo} was enrolled with",
                hint="if a rotation was interrupted, finish it: jupyter mlo key rotate; else "
                "restore the folder from a backup, key.pem and identity.json together",
            )
        return key

    def key_pem(self, identity: Identity) -> bytes:
        """The encrypted key file, checked as far as one can without the passphrase.

        Raises:
            KeyFileError: it is missing, damaged, another's, or not private.
        """
        try:
            pem = read_private(identity.key_file, what="key file")
        except FileNotFoundError:
            raise KeyFileError(
                f"the key file {identity.key_file} of {identity.label} is missing",
                hint="restore it from a backup; without it a new key has to be enrolled",
            ) from None
        try:
            check_pem(pem)
        except KeyFileError as error:
            raise KeyFileError(
                error.message.replace("the key file", f"the key file {identity.key_file}", 1),
                hint=error.hint,
            ) from None
        return pem

    def enrolments(self, identity: Identity) -> list[bytes]:
        """The raw envelopes of ``identity``, its own enrolment first, as they were signed."""
        try:
            with open_plain(identity.folder / "enrolments.jsonl") as file:
                content = file.read()
        except FileNotFoundError:
            raise KeyFileError(
                f"{identity.folder / 'enrolments.jsonl'} is missing",
                hint="restore it from a backup; it is not secret",
            ) from None
        return [line for line in content.split(b"\n") if line.strip()]

    def add_enrolment(self, identity: Identity, envelope: bytes) -> None:
        """Keep a further enrolment (a registrar's); one that is there already is left alone."""
        with locked(identity.folder / ".enrolments.lock"):
            lines = self.enrolments(identity)
            if envelope not in lines:
                content = b"".join(map(_line, [*lines, envelope]))
                write_private(identity.folder / "enrolments.jsonl", content)

    def _folder(self, mlo: str) -> Path:
        if in_one_form(mlo):
            return self._root / mlo.replace(":", "-")
        return self._root / f"id-{hashlib.sha256(mlo.encode()).hexdigest()[:32]}"

    def _survey(self) -> tuple[list[Identity], list[MloError]]:
        found: list[Identity] = []
        problems: list[MloError] = []
        try:
            folders = sorted(self._root.iterdir())
        except FileNotFoundError:
            folders = []
        for folder in folders:
            if not folder.name.startswith(("mlo-", "id-")) or not folder.is_dir():
                continue
            try:
                found.append(self._read(folder))
            except MloError as error:
                problems.append(error)
        found.sort(key=lambda identity: (identity.profile.name.casefold(), identity.mlo))
        return found, problems

    def _read(self, folder: Path) -> Identity:
        path = folder / "identity.json"
        try:
            with open_plain(path) as file:
                stored = _Stored.model_validate_json(file.read())
            public = PublicKey.from_text(stored.publicKey)
        except (OSError, ValidationError, StatementError) as error:
            why = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise KeyFileError(
                f"{path} {why}", hint="restore it from a backup; it is not secret"
            ) from None
        foreign = folder.name.startswith("id-")
        if self._folder(stored.mlo) != folder or not (foreign or is_native(stored.mlo)):
            raise KeyFileError(
                f"{path} says that it belongs to {terminal_safe(stored.mlo, limit=60)}",
                hint="give the folder its own name back, or restore it from a backup",
            )
        profile, problem = _profile(folder / "profile.json", stored.mlo)
        return Identity(stored.mlo, stored.kind, profile, public, folder, problem)


def _profile(path: Path, mlo: str) -> tuple[Profile, MloError | None]:
    """The profile of ``mlo``; without one that can be read it goes on under its ID alone."""
    damage: MloError | None = None
    try:
        with open_plain(path) as file:
            return Profile.from_json(file.read()), None
    except FileNotFoundError:
        pass  # erased
    except InvalidInput as error:
        damage = InvalidInput(
            f"{path} is damaged, so {mlo} goes without a name: {error.message}", hint=error.hint
        )
    except OSError as error:
        damage = InvalidInput(
            f"{path} cannot be read, so {mlo} goes without a name: {error.strerror}",
            hint="mend or remove it; it holds nothing that is needed to sign",
        )
    return Profile(name=mlo, colour=colour_of(mlo)), damage


def stored_identity(mlo: str, kind: str, public: PublicKey) -> bytes:
    """The content of ``identity.json``."""
    value = {"mlo": mlo, "kind": kind, "publicKey": public.to_text()}
    return _json(_Stored.model_validate(value))


def _unknown(text: str, found: Sequence[Identity], problems: Sequence[MloError]) -> NotFound:
    shown = terminal_safe(text, limit=60)
    problems = [*problems, *(one.damage for one in found if one.damage is not None)]
    if not found and not problems:
        return NotFound(
            f"nobody is enrolled here, so {shown} is unknown", hint="jupyter mlo enroll"
        )
    labels = {_folded(identity.profile.name): identity.label for identity in found}
    near = difflib.get_close_matches(_folded(text), labels, n=3)
    if near:
        hint = f"did you mean {' or '.join(labels[name] for name in near)}?"
    else:
        hint = f"known here: {', '.join(identity.label for identity in found) or 'nobody'}"
    if problems:
        hint += f"; could not be read: {'; '.join(problem.message for problem in problems)}"
    return NotFound(f"there is no MLO {shown} in this home", hint=hint)


def _exists(mlo: str, folder: Path) -> KeyFileError:
    return KeyFileError(
        f"{mlo} has a key in {folder} already; it was left as it is",
        hint="move that folder away first, if it is really to be replaced",
    )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _line(envelope: bytes) -> bytes:
    if b"\n" in envelope:
        raise ValueError("an envelope is kept on one line")
    return envelope + b"\n"


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(indent=2).encode() + b"\n"
