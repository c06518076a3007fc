"""The type URIs of all predicates, and which of them record what happened.

This module is imported in kernels' hot paths and must stay free of heavy imports.
"""

from __future__ import annotations

from typing import Final

OWN: Final = "https://jupyter-mlo.github.io/"

ENROLMENT: Final = OWN + "enrolment/v1"
DELEGATION: Final = OWN + "delegation/v1"
REVOCATION: Final = OWN + "revocation/v1"
AFFIRMATION: Final = OWN + "affirmation/v1"
MEMBERSHIP: Final = OWN + "membership/v1"
ROLE: Final = OWN + "role/v1"
RECORD: Final = OWN + "record/v1"
STAMP: Final = OWN + "stamp/v1"
SEAL: Final = OWN + "seal/v1"
DATASET: Final = OWN + "dataset/v1"
EVIDENCE: Final = OWN + "evidence/v1"
ERASURE: Final = OWN + "erasure/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"

#: Predicates that record what happened: all that sessions, mandates and runs may sign.
RECORDING: Final = frozenset({RECORD, STAMP, SEAL, DATASET, EVIDENCE, PROVENANCE, TEST_RESULT})

#: Predicates that bind keys to MLOs, and MLOs to teams and roles.
BINDING: Final = frozenset({ENROLMENT, DELEGATION, REVOCATION, AFFIRMATION, MEMBERSHIP, ROLE})
#: Our own predicates that stay for ever, by name (later releases' among them): whom keys belong
#: to, who may do what, what was decided, and what was erased.
LASTING: Final = frozenset(
    OWN + name + "/v1"
    for name in (
        "enrolment",
        "delegation",
        "revocation",
        "affirmation",
        "membership",
        "role",
        "policy",
        "review",
        "deployment",
        "handover",
        "erasure",
    )
) | {"https://in-toto.io/attestation/svr/v0.2"}

#: Predicates whose specification is not ours: our members stand in them as ``mlo_…``.
STANDARD: Final = frozenset({PROVENANCE, TEST_RESULT})

#: Activities for which an identifier is presented (DESIGN: "Words").
ACTIVITIES: Final = (
    "training",
    "validation",
    "deployment",
    "monitoring",
    "maintenance",
    "review",
    "compliance",
    "exploration",
)


def short_name(uri: str) -> str:
    """``https://jupyter-mlo.github.io/seal/v1`` → ``seal``; standard URIs by their own word."""
    if uri.startswith(OWN):
        return uri[len(OWN) :].split("/", 1)[0]
    return {PROVENANCE: "provenance", TEST_RESULT: "test-result"}.get(uri, uri)
