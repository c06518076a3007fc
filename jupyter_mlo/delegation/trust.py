"""Whom this installation trusts: pinned keys and registrars, by its own decision only.

``trust.json`` in the home is the only source. Nothing that comes with a notebook, a
bundle or a ledger is ever added to it by itself.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jupyter_mlo.config import GRACE, Settings, open_plain
from jupyter_mlo.errors import InvalidInput, NotFound, Refused
from jupyter_mlo.identity.private_files import locked, write_private
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.predicates.common import KeyId, MloId
from jupyter_mlo.statements.predicates.identity import Kind

#: Nanoseconds within which some file system may give two writes one time.
_COARSE = 3 * 10**9


@dataclass(frozen=True)
class Trust:
    """Pins and registrars, as the rules use them."""

    #: MLO ID → IDs of the keys that are known to be that MLO's.
    pins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Key ID of a registrar → what it is called here.
    registrars: Mapping[str, str] = field(default_factory=dict)
    #: How late a statement may be logged after its key ended (policy ``time.grace``).
    grace: timedelta = GRACE
    #: Further schemes of MLO IDs that the organisation declares: scheme → pattern of the rest;
    #: None where it is not asked whose ID may be whose, only whether signatures and chains hold.
    schemes: Mapping[str, str] | None = field(default_factory=dict)
    #: Origin of a ledger → the key (vkey) that checks its checkpoints, of ledgers kept elsewhere.
    ledgers: Mapping[str, str] = field(default_factory=dict)
    #: Name of a witness → its key (vkey of type 0x04).
    witnesses: Mapping[str, str] = field(default_factory=dict)
    #: How many of them have to cosign a checkpoint; 0 where nobody is asked for.
    quorum: int = 0
    #: Key ID → what it is called here, of those who may have ledger entries erased.
    privacy: Mapping[str, str] = field(default_factory=dict)
    #: MLO ID → the kind that it is known to be of, where whoever pinned it said so.
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    def pin(
        self, mlo: str, key_id: str, *, kind: Kind | None = None, replacing: bool = False
    ) -> Trust:
        """This trust, with ``key_id`` known as ``mlo``'s.

        Args:
            kind: what ``mlo`` is; what was said of that before stays where None.

        Raises:
            Refused: another key or kind is pinned for ``mlo``, and it is not to be replaced.
        """
        pinned = self.pins.get(mlo, frozenset())
        if pinned and key_id not in pinned and not replacing:
            raise Refused(
                f"{mlo} is pinned here with another key: {', '.join(sorted(pinned))}",
                hint="a second key is how an impostor would look. Ask that MLO, by another way "
                "than the one this key came by; if it is theirs, add --replace",
            )
        known = self.kinds.get(mlo)
        if kind is not None and known not in (None, kind) and not replacing:
            raise Refused(
                f"{mlo} is pinned here as a {known}, not as a {kind}",
                hint="a team that is taken for a person would answer alone. Ask whoever holds its "
                "key; if it is so, add --replace",
            )
        keys = frozenset({key_id}) if replacing else pinned | {key_id}
        return replace(self, pins={**self.pins, mlo: keys}, kinds=self._kinds(mlo, kind))

    def pin_also(self, mlo: str, key_id: str, kind: Kind | None = None) -> Trust:
        """This trust, with one more key of ``mlo``: for whoever holds one that is pinned."""
        keys = self.pins.get(mlo, frozenset()) | {key_id}
        return replace(self, pins={**self.pins, mlo: keys}, kinds=self._kinds(mlo, kind))

    def _kinds(self, mlo: str, kind: Kind | None) -> Mapping[str, Kind]:
        return self.kinds if kind is None else {**self.kinds, mlo: kind}

    def unpin(self, mlo: str, key_id: str | None = None) -> Trust:
        """This trust without ``mlo``'s key, or without all of them; raises :class:`NotFound`."""
        pinned = self.pins.get(mlo, frozenset())
        going = pinned if key_id is None else pinned & {key_id}
        if not going:
            what = mlo if key_id is None else f"the key {key_id} of {mlo}"
            raise NotFound(f"{what} is not pinned here", hint="jupyter mlo trust list")
        pins = {**self.pins, mlo: pinned - going}
        kinds = {name: kind for name, kind in self.kinds.items() if pins.get(name)}
        return replace(self, pins={name: keys for name, keys in pins.items() if keys}, kinds=kinds)

    def trust_registrar(self, key_id: str, name: str) -> Trust:
        """This trust, with a registrar; one that is trusted already gets the new name."""
        return replace(self, registrars={**self.registrars, key_id: name})

    def distrust_registrar(self, key_id: str) -> Trust:
        """This trust without a registrar; raises :class:`NotFound`."""
        if key_id not in self.registrars:
            raise NotFound(f"{key_id} is no registrar here", hint="jupyter mlo trust list")
        rest = {known: name for known, name in self.registrars.items() if known != key_id}
        return replace(self, registrars=rest)


class _Stored(BaseModel):
    """``trust.json``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = 1
    pins: dict[MloId, list[KeyId]] = {}
    kinds: dict[MloId, Kind] = {}
    registrars: dict[KeyId, str] = {}
    ledgers: dict[str, str] = {}
    witnesses: dict[str, str] = {}
    quorum: Annotated[int, Field(ge=0, le=100)] = 0
    privacy: dict[KeyId, str] = {}


class TrustStore:
    """Reads and writes ``settings.trust_file``."""

    def __init__(self, settings: Settings) -> None:
        self._path: Path = settings.trust_file
        self._policy = settings.policy
        #: What the file was when it was read last, and what stood in it.
        self._last: tuple[tuple[int, ...], Trust] | None = None

    def load_again(self) -> Trust:
        """:meth:`load`, for whoever asks over and over: a file that nobody wrote is not read again.

        Every write has another time of change, which nobody can set. Of one that is younger than a
        clock's coarsest step, another may follow within that step: it is read each time.

        Raises:
            InvalidInput: as :meth:`load`.
        """
        try:
            found = os.stat(self._path)
        except OSError:
            return self.load()
        state = (
            *(found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_size),
            *(found.st_mtime_ns, found.st_ctime_ns),
        )
        if self._last is not None and self._last[0] == state:
            return self._last[1]
        trust = self.load()
        settled = time.time_ns() - found.st_ctime_ns > _COARSE
        self._last = (state, trust) if settled else None
        return trust

    def load(self) -> Trust:
        """What is trusted here; nothing where nothing was ever said.

        Raises:
            InvalidInput: the file is damaged, or others can write it. It is never taken as
                empty then: that would turn conflicts into mere strangers.
        """
        try:
            with open_plain(self._path) as file:
                status = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            return self._with_policy(Trust())
        except OSError as error:
            raise InvalidInput(
                f"{self._path} cannot be read: {error.strerror}",
                hint=f"see who may read it: ls -l {shlex.quote(str(self._path))}",
            ) from None
        if status.st_uid not in (os.geteuid(), 0):
            raise InvalidInput(
                f"{self._path} belongs to user {status.st_uid}, who can change whom you trust",
                hint="move it away, look at what stands in it, and add what you trust anew",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InvalidInput(
                f"{self._path} can be written by others (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"chmod 600 {shlex.quote(str(self._path))}; then see what stands in it: "
                "jupyter mlo trust list",
            )
        try:
            stored = _Stored.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = terminal_safe(".".join(map(str, first["loc"]))) or "the file"
            raise InvalidInput(
                f"{self._path} is damaged: {place}: {first['msg']}",
                hint="restore it from a backup, or move it away and add what you trust anew",
            ) from None
        return self._with_policy(
            Trust(
                pins={mlo: frozenset(keys) for mlo, keys in stored.pins.items() if keys},
                kinds=stored.kinds,
                registrars=stored.registrars,
                ledgers=stored.ledgers,
                witnesses=stored.witnesses,
                quorum=stored.quorum,
                privacy=stored.privacy,
            )
        )

    def _with_policy(self, trust: Trust) -> Trust:
        return replace(trust, grace=self._policy.grace, schemes=self._policy.schemes)

    def save(self, trust: Trust) -> None:
        """Keep ``trust`` in place of what was there. To change it, hold :meth:`lock`."""
        stored = _Stored(
            pins={mlo: sorted(keys) for mlo, keys in sorted(trust.pins.items())},
            kinds=dict(sorted(trust.kinds.items())),
            registrars=dict(sorted(trust.registrars.items())),
            ledgers=dict(sorted(trust.ledgers.items())),
            witnesses=dict(sorted(trust.witnesses.items())),
            quorum=trust.quorum,
            privacy=dict(sorted(trust.privacy.items())),
        )
        # What is not used is left out, so that releases that do not know it read the file.
        unused = {
            name
            for name in ("kinds", "ledgers", "witnesses", "quorum", "privacy")
            if not getattr(stored, name)
        }
        text = stored.model_dump_json(indent=2, exclude=unused)
        write_private(self._path, text.encode() + b"\n")

    def add(
        self, mlo: str, key_id: str, *, kind: Kind | None = None, replacing: bool = False
    ) -> Trust:
        """:meth:`Trust.pin`, and keep it."""
        with self.lock():
            trust = self.load().pin(mlo, key_id, kind=kind, replacing=replacing)
            self.save(trust)
        return trust

    def add_also(self, mlo: str, key_id: str, kind: Kind | None = None) -> Trust:
        """:meth:`Trust.pin_also`, and keep it."""
        with self.lock():
            trust = self.load().pin_also(mlo, key_id, kind)
            self.save(trust)
        return trust

    def add_registrar(self, key_id: str, name: str) -> Trust:
        """:meth:`Trust.trust_registrar`, and keep it."""
        with self.lock():
            trust = self.load().trust_registrar(key_id, name)
            self.save(trust)
        return trust

    def remove(self, mlo: str, key_id: str | None = None) -> Trust:
        """:meth:`Trust.unpin`, and keep it."""
        with self.lock():
            trust = self.load().unpin(mlo, key_id)
            self.save(trust)
        return trust

    def remove_registrar(self, key_id: str) -> Trust:
        """:meth:`Trust.distrust_registrar`, and keep it."""
        with self.lock():
            trust = self.load().distrust_registrar(key_id)
            self.save(trust)
        return trust

    def change(self, changed: Callable[[Trust], Trust]) -> Trust:
        """Keep what ``changed`` makes of what is trusted here."""
        with self.lock():
            trust = changed(self.load())
            self.save(trust)
        return trust

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from changing trust meanwhile."""
        return locked(self._path.with_suffix(".lock"))
