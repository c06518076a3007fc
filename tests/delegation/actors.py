"""People, registrars and the chains that they make; forgers sign here without any rule."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_mlo.delegation.chain import Attribution, KeyCache, attribute
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from jupyter_mlo.statements.subjects import key_subject, statement_subject
from jupyter_mlo.statements.times import to_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENROLLED = NOW - timedelta(hours=2)
LOGGED_IN = NOW - timedelta(hours=1)
RUN = {
    "id": "urn:uuid:11111111-1111-4111-8111-111111111111",
    "notebook": "urn:uuid:22222222-2222-4222-8222-222222222222",
}
HELPER = new_mlo_id()
CODE = "c" * 64
HEX = "a" * 64
SHORT = "b" * 43
NOBODY = Trust()


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def scope(**members: Any) -> dict[str, Any]:
    """A session's scope from an hour before to seven hours after :data:`NOW`."""
    return {
        "activities": "*",
        "models": "*",
        "predicates": "*",
        "code": "*",
        "parameters": "*",
        "uses": "*",
        "delegate": ["run"],
        "notBefore": to_text(NOW - hours(1)),
        "notAfter": to_text(NOW + hours(7)),
    } | members


def forge(
    predicate_type: str,
    subject: Sequence[Mapping[str, Any]],
    predicate: Mapping[str, Any],
    key: SigningKey,
) -> Envelope:
    """Sign whatever is said, right or wrong."""
    return sign(statement_json(predicate_type, subject, predicate), key)


@dataclass(frozen=True)
class Hand:
    """A key and the chain behind it."""

    mlo: str
    key: SigningKey = field(default_factory=SigningKey.generate)
    delegation: str | None = None
    chain: tuple[Envelope, ...] = ()

    def header(self, time: datetime = NOW, **members: Any) -> dict[str, Any]:
        return {
            "mlo": self.mlo,
            "keyId": self.key.key_id,
            "nonce": secrets.token_urlsafe(16),
            "time": to_text(time),
            "checkpoint": None,
            "delegation": self.delegation,
        } | members

    def enrols(self, other: Hand, time: datetime = ENROLLED, **members: Any) -> Envelope:
        """``other`` holds its key, says this hand; by itself where both are one."""
        head = self.header(time, mlo=other.mlo)
        said = {"kind": "person", "publicKey": other.key.public.to_text()} | members
        return forge(types.ENROLMENT, [key_subject(other.key.key_id)], head | said, self.key)

    def delegates(
        self,
        kind: str = "session",
        *,
        time: datetime = LOGGED_IN,
        key: SigningKey | None = None,
        subject: Sequence[Mapping[str, Any]] | None = None,
        header: Mapping[str, Any] | None = None,
        run: Mapping[str, str] | None = None,
        **limits: Any,
    ) -> Hand:
        """A further hand; everything about its delegation can be bent."""
        key = key or SigningKey.generate()
        said = {"kind": kind, "publicKey": key.public.to_text(), "scope": scope(**limits)}
        if run is not None or kind == "run":
            said["run"] = dict(run or RUN)
        if kind == "assistant":
            said["assistant"] = HELPER
        envelope = forge(
            types.DELEGATION,
            subject or [key_subject(key.key_id)],
            self.header(time) | said | dict(header or {}),
            self.key,
        )
        mlo = str((header or {}).get("mlo", self.mlo))
        return Hand(mlo, key, envelope.statement_id, (*self.chain, envelope))

    def revokes(
        self,
        what: str,
        *,
        reason: str = "ended",
        time: datetime = NOW,
        since: datetime | None = None,
        **members: Any,
    ) -> Envelope:
        by_key = what.startswith("sha256:")
        said: dict[str, Any] = {"reason": reason, "revokesKey" if by_key else "revokes": what}
        if since is not None:
            said["compromisedSince"] = to_text(since)
        subject = key_subject(what) if by_key else statement_subject(what)
        return forge(types.REVOCATION, [subject], self.header(time) | said | members, self.key)

    def says(
        self, predicate_type: str = types.EVIDENCE, time: datetime = NOW, **members: Any
    ) -> Envelope:
        """A statement of the given kind, with plausible content."""
        subject, said = CONTENTS[predicate_type]
        head = self.header(time)
        if predicate_type in types.STANDARD:
            head = {f"mlo_{'id' if name == 'mlo' else name}": v for name, v in head.items()}
        return forge(predicate_type, subject, head | said | members, self.key)


_EXECUTED = {
    "kernel": {"id": "k", "name": "python3"},
    "source": SHORT,
    "execution": {"id": "e" * 16, "count": 1},
    "started": to_text(NOW),
    "finished": to_text(NOW),
    "activity": "training",
    "model": "loan@3",
}
_RUN = {"activity": "training", "model": "loan@3", "run": RUN["id"]}
_STANDARD = {f"mlo_{name}": value for name, value in _RUN.items()}

CONTENTS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    types.EVIDENCE: (
        [{"digest": {"sha256": HEX}}],
        _RUN | {"name": "metrics", "metrics": {"auc": 1}},
    ),
    types.DATASET: (
        [{"digest": {"sha256": HEX}}],
        _RUN | {"name": "loans", "role": "input"},
    ),
    types.TEST_RESULT: (
        [{"digest": {"sha256": HEX}}],
        _STANDARD | {"result": "PASSED", "configuration": []},
    ),
    types.PROVENANCE: (
        [{"digest": {"mloNotebookV1": HEX}}],
        _STANDARD
        | {
            "buildDefinition": {"buildType": "x", "externalParameters": {}},
            "runDetails": {
                "builder": {"id": "x"},
                "metadata": {
                    "invocationId": "x",
                    "startedOn": to_text(NOW),
                    "finishedOn": to_text(NOW),
                },
            },
            "mlo_outcome": "succeeded",
        },
    ),
    types.STAMP: (
        [{"digest": {"mloCellV1": HEX}}],
        _EXECUTED
        | {"notebook": RUN["notebook"], "cell": {"id": "c", "position": 0}, "outputs": ["o" * 22]},
    ),
    types.RECORD: (
        [{"digest": {"mloSourceV1": HEX}}],
        _EXECUTED
        | {
            "request": "r",
            "part": 0,
            "status": "ok",
            "outputs": [],
            "updates": [],
            "clears": 0,
        },
    ),
    types.SEAL: (
        [{"digest": {"mloNotebookV1": HEX}}],
        {
            "notebook": RUN["notebook"],
            "meaning": "held",
            "cells": {"count": 1, "root": SHORT},
            "nbformat": "4.5",
        },
    ),
}


def person(mlo: str | None = None) -> Hand:
    """Somebody who has enrolled."""
    hand = Hand(mlo or new_mlo_id())
    return replace(hand, chain=(hand.enrols(hand),))


def pinned(*hands: Hand) -> Trust:
    """Trust that knows each of them by its own key."""
    return Trust(pins={hand.mlo: frozenset({hand.key.key_id}) for hand in hands})


def trusting(*registrars: Hand, pins: Trust = NOBODY) -> Trust:
    """Trust in registrars, and in the pins of another trust."""
    return replace(pins, registrars={hand.key.key_id: "registry" for hand in registrars})


def answered(
    envelope: Envelope,
    pool: Sequence[Envelope],
    trust: Trust = NOBODY,
    *,
    now: datetime = NOW,
    revocations: Revocations | None = None,
    cache: KeyCache | None = None,
) -> Attribution:
    """Who answers for a statement, with a pool of envelopes."""
    return attribute(
        read_statement(envelope),
        pool=Pool.of(pool),
        trust=trust,
        revocations=revocations,
        now=now,
        key_cache=cache,
    )
