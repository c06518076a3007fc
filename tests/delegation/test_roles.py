"""The published table: which role of key may sign which predicate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mlo.delegation.roles import ISSUES, SIGNERS, Role, may_issue, may_sign, signable
from jupyter_mlo.errors import MloError
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import MODELS
from tests.delegation.actors import CONTENTS, RUN, answered, person, pinned

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
DELEGATED = [Role.SESSION, Role.MANDATE, Role.ASSISTANT, Role.RUN]


def test_every_predicate_has_a_row_and_no_other_does() -> None:
    assert set(SIGNERS) == set(MODELS)


def test_the_table_in_the_documentation_says_the_same() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| `(https://[^`]+)` \| ([^|]+) \|", FORMATS.read_text("utf-8"), re.M
    )
    assert {uri for uri, _ in rows} == set(SIGNERS)
    for uri, roles in rows:
        # "session and mandate (kind `run` only)": what stands in brackets is no role.
        named = set(re.findall(r"[a-z]+", re.sub(r"\([^)]*\)", "", roles))) - {"and"}
        assert named == {str(role) for role in SIGNERS[uri]}, uri


def test_own_keys_sign_no_everyday_records() -> None:
    assert signable(Role.OWN) == {
        types.ENROLMENT,
        types.DELEGATION,
        types.REVOCATION,
        types.AFFIRMATION,
        types.MEMBERSHIP,
        types.ERASURE,
    }
    for predicate in types.RECORDING:
        assert not may_sign(Role.OWN, predicate)


def test_a_runs_key_vouches_for_no_cell_and_no_notebook() -> None:
    assert signable(Role.RUN) == {types.TEST_RESULT, types.DATASET, types.EVIDENCE}


def test_only_own_keys_issue_anything_but_runs() -> None:
    for role in Role:
        for kind in DELEGATED:
            expected = role is Role.OWN or (
                role in (Role.SESSION, Role.MANDATE, Role.ASSISTANT) and kind is Role.RUN
            )
            assert may_issue(role, kind) is expected, (role, kind)
    assert Role.RUN not in ISSUES


@pytest.mark.parametrize("predicate", sorted(CONTENTS), ids=types.short_name)
@pytest.mark.parametrize("role", [Role.OWN, *DELEGATED])
def test_the_walk_keeps_to_the_table(role: Role, predicate: str) -> None:
    ada = person()
    hand = ada if role is Role.OWN else ada.delegates(role.value)
    statement = hand.says(predicate)
    if may_sign(role, predicate):
        assert answered(statement, hand.chain, pinned(ada)).kind is role
        return
    with pytest.raises(MloError, match=f"role '{role.value}', which may not sign"):
        answered(statement, hand.chain, pinned(ada))
    assert RUN  # the run of the statement is the delegation's: the table alone refuses
