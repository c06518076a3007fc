"""Which role of key may sign which predicate, and which delegations it may issue.

The published table behind ``docs/formats.md``, "Predicates". An own key signs what binds
keys to MLOs, and no everyday records: those are signed by keys that end by themselves.
Ledger keys are Ed25519, sign checkpoints only, and so have no row. Part of every
signature's path in a kernel: imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from jupyter_mlo.statements.predicates import types


class Role(StrEnum):
    """What a key is, as its chain shows it; delegated ones are named as their delegation."""

    OWN = "own"
    REGISTRAR = "registrar"
    SESSION = "session"
    MANDATE = "mandate"
    ASSISTANT = "assistant"
    RUN = "run"


_ATTENDING = frozenset({Role.SESSION, Role.MANDATE, Role.ASSISTANT})
_RUNNING = _ATTENDING | {Role.RUN}

#: Predicate type URI → the roles that may sign it. What is not here counts under no key.
SIGNERS: Final[Mapping[str, frozenset[Role]]] = {
    types.ENROLMENT: frozenset({Role.OWN, Role.REGISTRAR}),
    types.DELEGATION: _ATTENDING | {Role.OWN},
    types.REVOCATION: frozenset({Role.OWN, Role.REGISTRAR}),
    types.AFFIRMATION: frozenset({Role.OWN}),
    types.MEMBERSHIP: frozenset({Role.OWN, Role.REGISTRAR}),
    types.ROLE: frozenset({Role.REGISTRAR}),
    types.RECORD: _ATTENDING,
    types.STAMP: _ATTENDING,
    types.SEAL: _ATTENDING,
    types.PROVENANCE: _ATTENDING,
    types.TEST_RESULT: _RUNNING,
    types.DATASET: _RUNNING,
    types.EVIDENCE: _RUNNING,
    types.ERASURE: frozenset({Role.OWN}),
}

#: Role → the kinds of delegation that it may issue, where its scope's ``delegate`` names them too.
ISSUES: Final[Mapping[Role, frozenset[Role]]] = {
    Role.OWN: frozenset({Role.SESSION, Role.MANDATE, Role.ASSISTANT, Role.RUN}),
    Role.SESSION: frozenset({Role.RUN}),
    Role.MANDATE: frozenset({Role.RUN}),
    Role.ASSISTANT: frozenset({Role.RUN}),
}


#: Activities that are a person's own, whatever a grant says.
PERSONS_OWN: Final = frozenset({"review", "deployment"})


#: What a seal says when somebody has judged the notebook.
JUDGED: Final = frozenset({"reviewed", "approved"})


def assistant_refusal(activity: object, meaning: object = None) -> str:
    """Why an assistant may not act for this, or seal so; empty where nothing speaks against it."""
    if meaning in JUDGED:
        return f"an assistant seals nothing as {meaning}: that is a person's own act"
    if activity not in PERSONS_OWN:
        return ""
    return f"an assistant does nothing for the activity {activity!r}: that is a person's own act"


def may_sign(role: Role, predicate_type: str) -> bool:
    """True when a key in ``role`` may sign statements of this predicate type at all."""
    return role in SIGNERS.get(predicate_type, ())


def may_issue(role: Role, kind: str) -> bool:
    """True when a key in ``role`` may issue delegations of ``kind`` at all."""
    return kind in ISSUES.get(role, ())


def signable(role: Role) -> frozenset[str]:
    """All predicate type URIs that a key in ``role`` may sign."""
    return frozenset(predicate for predicate, roles in SIGNERS.items() if role in roles)
