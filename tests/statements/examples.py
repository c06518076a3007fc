"""One whole example of every predicate, as a signer would write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject, mlo_subject

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MLO = "mlo:7K3D-9QXA-2MFB"
TIME = "2026-11-22T12:00:00.000Z"
LATER = "2026-11-22T20:00:00.000Z"
HEX = "a" * 64
SHORT = "b" * 43
RUN = "urn:uuid:11111111-1111-4111-8111-111111111111"
NOTEBOOK = "urn:uuid:22222222-2222-4222-8222-222222222222"
KEY = SigningKey.generate()
OTHER = SigningKey.generate()

HEADER = {
    "mlo": MLO,
    "keyId": KEY.key_id,
    "nonce": "n" * 22,
    "time": TIME,
    "checkpoint": {"origin": "ledger.example", "size": 7, "root": "A" * 43 + "="},
    "delegation": HEX,
}
STANDARD_HEADER = {
    f"mlo_{'id' if name == 'mlo' else name}": value for name, value in HEADER.items()
} | {"mlo_activity": "training", "mlo_model": "loan@3", "mlo_run": RUN}

SCOPE = {
    "activities": ["training"],
    "models": ["loan"],
    "predicates": "*",
    "code": [HEX],
    "parameters": {"alpha": ["1", "2"], "seed": "*"},
    "notBefore": TIME,
    "notAfter": LATER,
    "uses": 3,
    "delegate": ["run"],
}
_EXECUTED = {
    "kernel": {"id": "k1", "name": "python3"},
    "source": SHORT,
    "execution": {"id": "e" * 16, "count": 4},
    "started": TIME,
    "finished": TIME,
    "activity": "training",
    "model": "loan",
}

#: Predicate type → (subject, predicate).
EXAMPLES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    types.ENROLMENT: (
        [key_subject(OTHER.key_id)],
        HEADER | {"kind": "person", "publicKey": OTHER.public.to_text(), "handle": "h" * 22},
    ),
    types.DELEGATION: (
        [key_subject(OTHER.key_id)],
        HEADER
        | {
            "kind": "run",
            "publicKey": OTHER.public.to_text(),
            "scope": SCOPE,
            "run": {"id": RUN, "notebook": NOTEBOOK},
        },
    ),
    types.REVOCATION: (
        [{"name": HEX, "digest": {"mloStatementV1": HEX}}],
        HEADER | {"revokes": HEX, "reason": "compromised", "compromisedSince": TIME},
    ),
    types.AFFIRMATION: ([{"name": HEX, "digest": {"mloStatementV1": HEX}}], HEADER),
    types.MEMBERSHIP: (
        [mlo_subject("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169")],
        HEADER
        | {
            "member": "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
            "notAfter": LATER,
        },
    ),
    types.ROLE: ([mlo_subject(MLO)], HEADER | {"role": "validator", "notAfter": LATER}),
    types.RECORD: (
        [{"digest": {"mloSourceV1": HEX}}],
        HEADER
        | _EXECUTED
        | {
            "request": "r1",
            "part": 0,
            "cell": "c1",
            "status": "ok",
            "outputs": [{"output": SHORT, "display": SHORT}],
            "updates": [{"display": SHORT, "output": SHORT}],
            "clears": 1,
        },
    ),
    types.STAMP: (
        [{"digest": {"mloCellV1": HEX}}],
        HEADER
        | _EXECUTED
        | {
            "notebook": NOTEBOOK,
            "cell": {"id": "c1", "position": 2},
            "outputs": {"count": 40, "root": SHORT},
            "records": [SHORT],
            "updatedBy": ["u" * 16],
        },
    ),
    types.SEAL: (
        [{"name": NOTEBOOK, "digest": {"mloNotebookV1": HEX}}],
        HEADER
        | {
            "notebook": NOTEBOOK,
            "parent": RUN,
            "meaning": "held",
            "cells": {"count": 3, "root": SHORT},
            "nbformat": "4.5",
            "kernelspec": "python3",
            "widgets": SHORT,
            "previous": HEX,
            "older": {"count": 2, "root": SHORT},
        },
    ),
    types.DATASET: (
        [{"name": "loans.csv", "digest": {"sha256": HEX}}],
        HEADER
        | {
            "name": "loans",
            "role": "input",
            "activity": "training",
            "model": "loan",
            "run": RUN,
        },
    ),
    types.EVIDENCE: (
        [{"name": NOTEBOOK, "digest": {"mloCodeV1": HEX}}],
        HEADER
        | {
            "name": "metrics",
            "activity": "training",
            "model": "loan",
            "run": RUN,
            "metrics": {"auc": 0.75, "n": 3},
        },
    ),
    types.ERASURE: (
        [{"name": "ledger.example#4", "digest": {"mloLeafV1": HEX}}],
        HEADER
        | {
            "origin": "ledger.example",
            "entries": [{"index": 4, "leaf": HEX, "predicateType": types.EVIDENCE}],
            "reason": "request",
        },
    ),
    types.PROVENANCE: (
        [{"name": NOTEBOOK, "digest": {"mloNotebookV1": HEX}}],
        STANDARD_HEADER
        | {
            "buildDefinition": {
                "buildType": "https://jupyter-mlo.github.io/notebook-run/v1",
                "externalParameters": {"alpha": 0.5},
                "internalParameters": {},
                "resolvedDependencies": [{"uri": "file:in.ipynb", "digest": {"mloCodeV1": HEX}}],
            },
            "runDetails": {
                "builder": {"id": "https://jupyter-mlo.github.io/engine", "version": {"a": "1"}},
                "metadata": {"invocationId": RUN, "startedOn": TIME, "finishedOn": TIME},
                "byproducts": [],
            },
            "mlo_outcome": "succeeded",
        },
    ),
    types.TEST_RESULT: (
        [{"name": "model.skops", "digest": {"sha256": HEX}}],
        STANDARD_HEADER
        | {
            "result": "PASSED",
            "configuration": [{"name": "thresholds", "digest": {"sha256": HEX}}],
            "passedTests": ["auc"],
            "mlo_metrics": {"auc": 0.75},
            "mlo_thresholds": {"auc": 0.7},
        },
    ),
}


def signed(predicate_type: str, changes: dict[str, Any] | None = None, **top: Any) -> Envelope:
    """The example of a predicate, signed by :data:`KEY`; ``changes`` go into the predicate."""
    subject, predicate = EXAMPLES[predicate_type]
    statement = statement_json(predicate_type, subject, predicate | (changes or {}))
    return sign(statement | top, KEY)
