"""The hand that signs: a key, for whom it acts, under which delegation, within which scope.

Sessions, mandates and runs are each read into one :class:`Signer`, and so is an MLO's own
key while it is unlocked. A signer refuses what a verifier would refuse, so that nobody
finds out later. Signs in kernels: imports nothing heavy.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal, cast

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.delegation.roles import Role, assistant_refusal, may_issue, may_sign
from jupyter_mlo.delegation.scope import PERMITTED, Permission, Scope
from jupyter_mlo.errors import KeyFileError, MloError, Refused
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, statement_json
from jupyter_mlo.statements.envelope import sign as sign_statement
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.times import from_text, to_text

SignerKind = Literal["own", "session", "mandate", "assistant", "run"]
#: An own key ends by revocation, not by time.
NEVER: Final = datetime.max.replace(tzinfo=UTC)

_MEMBERS: Final = frozenset(
    {
        "version",
        "mlo",
        "kind",
        "key",
        "delegation",
        "chain",
        "scope",
        "activity",
        "model",
        "expires",
        "checkpoint",
        "run",
    }
)


@dataclass(frozen=True, eq=False)
class Signer:
    """Signs statements for ``mlo``.

    ``chain`` holds what a verifier needs, enrolments first, then delegations from the own
    key's down to the one that ``delegation`` names. ``scope_json`` is the effective scope
    (the intersection along the chain); an own key has none, the role table bounds it.
    """

    mlo: str
    key: SigningKey
    delegation: str | None
    chain: tuple[Envelope, ...]
    kind: SignerKind
    scope_json: Mapping[str, Any]
    #: What new statements say by default; None where nothing was chosen.
    activity: str | None
    model: str | None
    expires: datetime
    #: ``{origin, size, root}`` of the last ledger checkpoint seen, quoted in every statement.
    checkpoint: Mapping[str, Any] | None = None
    #: ``{id, notebook}``: the one run that a ``run`` key is for.
    run: Mapping[str, str] | None = None
    _permitted: set[tuple[str, Any, Any]] = field(default_factory=set, init=False, repr=False)

    @classmethod
    def own(
        cls,
        mlo: str,
        key: SigningKey,
        enrolments: Sequence[Envelope] = (),
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Signer:
        """The MLO's own key, unlocked."""
        return cls(mlo, key, None, tuple(enrolments), "own", {}, None, None, NEVER, checkpoint)

    @cached_property
    def scope(self) -> Scope | None:
        """The effective scope, read; None for an own key."""
        return None if self.kind == "own" else Scope.from_json(self.scope_json)

    @cached_property
    def named(self) -> Mapping[str, str]:
        """Who its delegation names beside the MLO: ``assistant``, and a team ``onBehalfOf``."""
        if self.delegation is None:
            return {}
        said = read_json(self.chain[-1].payload)["predicate"]
        return {name: said[name] for name in ("assistant", "onBehalfOf") if said.get(name)}

    @cached_property
    def actor(self) -> Actor:
        """Whom its statements name, by all delegations in the chain."""
        named: dict[str, str | None] = {}
        for one in self.chain:
            if types.DELEGATION.encode() in one.payload:
                said = read_json(one.payload)["predicate"]
                for name in ("assistant", "onBehalfOf"):
                    named[name] = said.get(name) or named.get(name)
        return Actor(self.mlo, named.get("assistant"), named.get("onBehalfOf"))

    @property
    def assisting(self) -> bool:
        """Whether an assistant acts: its grant is somewhere in the chain."""
        return self.actor.assistant is not None

    def permits(self, activity: str, model: str | None) -> Permission:
        """Whether this key may act for an activity and a model at all."""
        if self.assisting and (why := assistant_refusal(activity)):
            return Permission("activities", why)
        return (
            PERMITTED if self.scope is None else self.scope.permits(activity=activity, model=model)
        )

    def acting(self, activity: str | None, model: str | None) -> Signer:
        """This signer with another default activity and model."""
        return replace(self, activity=activity, model=model)

    def quoting(self, checkpoint: Mapping[str, Any] | None) -> Signer:
        """This signer with a newer checkpoint to quote."""
        return replace(self, checkpoint=checkpoint)

    def header(self, now: datetime) -> dict[str, Any]:
        """The members with which each predicate of our own begins, with a fresh nonce."""
        return {
            "mlo": self.mlo,
            "keyId": self.key.key_id,
            "nonce": secrets.token_urlsafe(16),
            "time": to_text(now),
            "checkpoint": self.checkpoint,
            "delegation": self.delegation,
        }

    def standard_header(self, now: datetime) -> dict[str, Any]:
        """The same for a predicate whose specification is not ours."""
        own = self.header(now)
        own["id"] = own.pop("mlo")
        return {f"mlo_{name}": value for name, value in own.items()}

    def sign(
        self,
        predicate_type: str,
        subject: Sequence[Mapping[str, Any]],
        predicate: Mapping[str, Any],
        now: datetime,
    ) -> Envelope:
        """Sign one statement; the header is added, or kept where ``predicate`` has it already.

        Raises:
            Refused: the statement lies outside what this key may sign, now or at all.
        """
        standard = predicate_type in types.STANDARD
        header = self.standard_header(now) if standard else self.header(now)
        body = {**header, **predicate}
        for name in (
            ("mlo_id", "mlo_keyId", "mlo_delegation")
            if standard
            else (
                "mlo",
                "keyId",
                "delegation",
            )
        ):
            if body[name] != header[name]:
                raise ValueError(f"the predicate's {name} is not this signer's")
        self.check(predicate_type, body, now)
        return sign_statement(statement_json(predicate_type, subject, body), self.key)

    def check(self, predicate_type: str, predicate: Mapping[str, Any], now: datetime) -> None:
        """Raise :class:`Refused`, naming what refuses, unless this key may sign that ``now``.

        A record counts by when its cell ``started``, so that a cell which outlives its
        session is still recorded.
        """
        if predicate_type == types.RECORD:
            now = from_text(predicate["started"])
        scope = self.scope
        if scope is not None and not (scope.not_before <= now <= scope.not_after):
            self._require(scope.permits(at=now), predicate_type)
        prefix = "mlo_" if predicate_type in types.STANDARD else ""
        act = (
            predicate_type,
            predicate.get(f"{prefix}activity"),
            predicate.get(f"{prefix}model"),
        )
        if predicate_type == types.DELEGATION:
            self._check_delegation(predicate["kind"])
            return
        if self.assisting and (why := assistant_refusal(act[1], predicate.get("meaning"))):
            self._require(Permission("activities", why), predicate_type)
        if act not in self._permitted:
            if not may_sign(Role(self.kind), predicate_type):
                raise Refused(
                    f"a key of role {self.kind!r} may not sign {types.short_name(predicate_type)} "
                    "statements",
                    hint="docs/formats.md, 'Predicates', says which key may sign what",
                )
            if scope is not None:
                self._require(
                    scope.permits(predicate=act[0], activity=act[1], model=act[2]), predicate_type
                )
            self._permitted.add(act)
        if self.run is not None:
            self._check_run(predicate, self.run, prefix)

    def _check_delegation(self, kind: str) -> None:
        if not may_issue(Role(self.kind), kind):
            raise Refused(
                f"a key of role {self.kind!r} may not issue a delegation of kind {kind!r}",
                hint="docs/formats.md, 'Predicates', says which key may sign what",
            )
        if self.scope is not None:
            self._require(self.scope.permits(delegate=kind), types.DELEGATION)

    def _check_run(self, predicate: Mapping[str, Any], run: Mapping[str, str], prefix: str) -> None:
        named, notebook = predicate.get(f"{prefix}run"), predicate.get("notebook")
        if named != run["id"] or notebook not in (None, run["notebook"]):
            raise Refused(
                f"this key is for the run {run['id']} only, not for {named or 'none at all'}",
                hint="each run has a key of its own; use the one that this run was given",
            )

    def _require(self, permission: Permission, predicate_type: str) -> None:
        if not permission:
            raise Refused(
                f"the {self.kind} of {self.mlo} may not sign this "
                f"{types.short_name(predicate_type)}: {permission.reason} ({permission.element})",
                hint="log in again, or make a mandate that permits it"
                if permission.element in ("notBefore", "notAfter")
                else "act within its scope, or have a wider one made",
            )

    def to_json(self) -> dict[str, Any]:
        """Everything, the private key included: for files of mode 0600 only."""
        return {
            "version": 1,
            "mlo": self.mlo,
            "kind": self.kind,
            "key": base64.b64encode(self.key.to_pkcs8()).decode(),
            "delegation": self.delegation,
            "chain": [envelope.to_json() for envelope in self.chain],
            "scope": dict(self.scope_json),
            "activity": self.activity,
            "model": self.model,
            "expires": to_text(self.expires),
            "checkpoint": None if self.checkpoint is None else dict(self.checkpoint),
            "run": None if self.run is None else dict(self.run),
        }

    @classmethod
    def from_json(cls, value: object) -> Signer:
        """Read what :meth:`to_json` wrote for a delegated key.

        Raises:
            KeyFileError: a member is missing, unknown or of the wrong type, or the private
                key is not the one that the last delegation of the chain names.
        """
        if not isinstance(value, Mapping) or set(value) != _MEMBERS:
            raise _broken("its members are not those of a signer")
        if value["version"] != 1:
            raise _broken(f"its version is {value['version']!r}, and this release reads 1")
        texts = ("mlo", "kind", "key", "delegation", "expires")
        for name in texts:
            if not isinstance(value[name], str):
                raise _broken(f"its {name} is not a string")
        for name in ("activity", "model"):
            if not isinstance(value[name], str | None):
                raise _broken(f"its {name} is neither a string nor null")
        for name in ("checkpoint", "run"):
            if not isinstance(value[name], Mapping | None):
                raise _broken(f"its {name} is neither an object nor null")
        if value["kind"] not in ("session", "mandate", "assistant", "run"):
            raise _broken(f"its kind is {value['kind']!r}")
        if not isinstance(value["chain"], list):
            raise _broken("its chain is not a list")
        try:
            signer = cls(
                mlo=value["mlo"],
                key=SigningKey.from_pkcs8(base64.b64decode(value["key"], validate=True)),
                delegation=value["delegation"],
                chain=tuple(map(Envelope.from_json, value["chain"])),
                kind=cast(SignerKind, value["kind"]),
                scope_json=value["scope"],
                activity=value["activity"],
                model=value["model"],
                expires=from_text(value["expires"]),
                checkpoint=value["checkpoint"],
                run=value["run"],
            )
            Scope.from_json(signer.scope_json)
        except (binascii.Error, ValueError):
            raise _broken("its key is not base64") from None
        except KeyFileError:
            raise
        except MloError as error:
            raise _broken(error.message) from None
        signer._match_chain()
        return signer

    def _match_chain(self) -> None:
        last = self.chain[-1] if self.chain else None
        if last is None or last.statement_id != self.delegation:
            raise _broken("its chain does not end in its delegation")
        try:
            named = read_json(last.payload)["predicate"]["publicKey"]
        except (MloError, LookupError, TypeError):
            named = None
        if named != self.key.public.to_text():
            raise _broken("its private key is not the one that its delegation names")


def _broken(why: str) -> KeyFileError:
    return KeyFileError(
        f"a signer's file cannot be used: {why}",
        hint="it was damaged or made by another release; log in again, or make the mandate anew",
    )
