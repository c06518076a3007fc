"""A whole chain as version 1 signs it, kept: every later release must still attribute it.

``MLO_UPDATE_GOLDEN=1 pytest tests/delegation/test_golden.py`` writes it anew. Once released,
it is not written anew: what was signed stays signed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject, statement_subject
from tests.delegation.actors import CONTENTS, NOW, RUN, answered, pinned, trusting
from tests.delegation.actors import Hand as Anybody

FILE = Path(__file__).parent / "vectors" / "chain-v1.json"
ADA, REGISTRAR = "mlo:7K3D-9QXA-2MFB", "mlo:4F1S-8Z0C-P6W3"
TIME, END = "2026-11-22T11:00:00.000Z", "2026-11-22T19:00:00.000Z"
SCOPE = {
    "activities": ["training"],
    "models": ["loan"],
    "predicates": sorted(types.RECORDING),
    "code": "*",
    "parameters": {"alpha": ["0.1"], "seed": "*"},
    "uses": "*",
    "delegate": ["run"],
    "notBefore": TIME,
    "notAfter": END,
}


def key(number: int) -> SigningKey:
    """A key that everybody knows: for vectors only."""
    return SigningKey(ec.derive_private_key(number, ec.SECP256R1()))


OWN, REGISTRARS, SESSIONS, RUNS = map(key, (101, 102, 103, 104))


def chain() -> dict[str, tuple[dict[str, Any], SigningKey]]:
    """Name → statement and its signer, in the order in which they are signed."""
    signed: dict[str, tuple[dict[str, Any], SigningKey]] = {}
    ids: dict[str, str] = {}

    def add(
        name: str,
        signer: SigningKey,
        predicate_type: str,
        subject: list[dict[str, Any]],
        members: Mapping[str, Any],
        under: str | None = None,
        mlo: str = ADA,
    ) -> None:
        header = {
            "mlo": mlo,
            "keyId": signer.key_id,
            "nonce": f"nonce-{len(signed):016d}",
            "time": TIME,
            "checkpoint": {"origin": "ledger.example/v1", "size": 4, "root": "A" * 43 + "="},
            "delegation": None if under is None else ids[under],
        }
        statement = statement_json(predicate_type, subject, header | dict(members))
        ids[name] = sign(statement, signer).statement_id
        signed[name] = (statement, signer)

    def enrolment(of: SigningKey, kind: str, **members: Any) -> tuple[Any, Any]:
        return [key_subject(of.key_id)], {
            "kind": kind,
            "publicKey": of.public.to_text(),
        } | members

    add("own enrolment", OWN, types.ENROLMENT, *enrolment(OWN, "person"))
    add("registrar's own", REGISTRARS, types.ENROLMENT, *enrolment(REGISTRARS, "service"),
        mlo=REGISTRAR)  # fmt: skip
    add("registrar's enrolment", REGISTRARS, types.ENROLMENT,
        *enrolment(OWN, "person", handle="handle-000000000000000"))  # fmt: skip
    add("session", OWN, types.DELEGATION, [key_subject(SESSIONS.key_id)],
        {"kind": "session", "publicKey": SESSIONS.public.to_text(), "scope": SCOPE})  # fmt: skip
    run_scope = {"activities": ["training"], "models": ["loan@3"], "notBefore": TIME,
                 "notAfter": END, "predicates": [types.EVIDENCE]}  # fmt: skip
    add("run", SESSIONS, types.DELEGATION, [key_subject(RUNS.key_id)],
        {"kind": "run", "publicKey": RUNS.public.to_text(), "scope": run_scope, "run": RUN},
        under="session")  # fmt: skip
    subject, said = CONTENTS[types.EVIDENCE]
    add("evidence", RUNS, types.EVIDENCE, subject, said | {"metrics": {"auc": 0.75, "n": 1e21}},
        under="run")  # fmt: skip
    add("revocation", OWN, types.REVOCATION, [statement_subject(ids["session"])],
        {"revokes": ids["session"], "reason": "ended"})  # fmt: skip
    return signed


@pytest.fixture(scope="module")
def kept() -> dict[str, Envelope]:
    if os.environ.get("MLO_UPDATE_GOLDEN"):
        made = {name: sign(*parts) for name, parts in chain().items()}
        value = {
            "about": "A chain of version 1. The keys are known to everybody (d = 101 to 104).",
            "statements": [
                {"name": name, "id": envelope.statement_id, "envelope": envelope.to_json()}
                for name, envelope in made.items()
            ],
        }
        FILE.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    entries = json.loads(FILE.read_text(encoding="utf-8"))["statements"]
    found = {entry["name"]: Envelope.from_json(entry["envelope"]) for entry in entries}
    assert [entry["id"] for entry in entries] == [one.statement_id for one in found.values()]
    return found


def test_the_same_is_still_written_as_the_same_bytes(kept: dict[str, Envelope]) -> None:
    for name, (statement, signer) in chain().items():
        again = sign(statement, signer)
        assert again.payload == kept[name].payload, name
        assert (again.statement_id, again.key_id) == (kept[name].statement_id, signer.key_id)


def test_what_was_signed_is_still_attributed(kept: dict[str, Envelope]) -> None:
    pool = [envelope for name, envelope in kept.items() if name != "revocation"]
    registrar = Anybody(REGISTRAR, REGISTRARS)
    ada = Anybody(ADA, OWN)
    levels = {
        str(answered(kept["evidence"], pool, trust, now=NOW).assurance)
        for trust in (trusting(registrar), pinned(ada), pinned())
    }
    assert levels == {"enrolled", "signed", "claimed"}
    found = answered(kept["evidence"], pool, trusting(registrar), now=NOW)
    assert (found.mlo, found.handle, str(found.kind)) == (ADA, "handle-000000000000000", "run")
    for name, envelope in kept.items():
        trust = trusting(registrar, pins=pinned(ada))
        assert answered(envelope, pool, trust, now=NOW), name


def test_what_was_revoked_is_still_only_claimed(kept: dict[str, Envelope]) -> None:
    trust = pinned(Anybody(ADA, OWN))
    found = answered(kept["evidence"], list(kept.values()), trust, now=NOW)
    assert found.lapsed
    assert str(found.assurance) == "claimed"
    assert "was revoked" in found.remark
