"""The facts that the ledger reads: leniently, and never as evidence."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.content import (
    NO_FACTS,
    Facts,
    content_of,
    from_microseconds,
    read_facts,
    to_microseconds,
)
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import KEY, make_envelope


def payload(
    predicate: object, predicate_type: object = types.SEAL, subject: object = None
) -> bytes:
    statement = {"predicateType": predicate_type, "predicate": predicate, "subject": subject}
    return json.dumps(statement).encode()


@pytest.mark.parametrize("predicate_type", [types.SEAL, types.PROVENANCE, types.TEST_RESULT])
def test_the_facts_of_our_own_and_of_standard_predicates_are_read(predicate_type: str) -> None:
    facts = content_of(make_envelope(5, predicate_type=predicate_type)).facts
    time = to_microseconds(datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC))
    assert facts == Facts(
        predicate_type, "mlo:7K3D-9QXA-2MFB", KEY.key_id, "training", "notebook 5", time
    )


def test_our_members_in_a_standard_predicate_are_not_taken_from_theirs() -> None:
    theirs = {"mlo": "mlo:theirs", "time": "2026-11-22T10:00:00Z"}
    assert read_facts(payload(theirs, types.PROVENANCE)) == Facts(
        types.PROVENANCE, None, None, None, None, None
    )


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"predicate":[],"predicateType":"x"}',
        b'{"predicate":null,"predicateType":null}',
        b"[" * 100_000,
        b'{"predicate":' + b"[" * 100_000,
        b"1" * 10_000,
    ],
)
def test_a_payload_that_says_nothing_has_no_facts(odd: bytes) -> None:
    assert read_facts(odd) in (NO_FACTS, Facts("x", None, None, None, None, None))


@pytest.mark.parametrize(
    "value", [1, None, True, [], {}, "", "a\nb", "a\x00b", "\x1b[31m", "\u202eb", "x" * 2049]
)
def test_what_no_database_or_terminal_should_hold_is_left_out(value: object) -> None:
    facts = read_facts(payload({"mlo": value, "activity": "training"}))
    assert facts.mlo in (None, "")
    assert facts.activity == "training"


@pytest.mark.parametrize(
    "time",
    [
        1,
        None,
        "",
        "yesterday",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-13-01T10:00:00Z",
        "2026-11-22T10:00:00+01:00",
        "Z",
        "2026-11-22T10:00:00.000Z\n",
    ],
)
def test_a_time_of_another_form_is_left_out(time: object) -> None:
    assert read_facts(payload({"time": time})).time is None


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_every_moment_comes_back(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert from_microseconds(to_microseconds(aware)) == aware


@given(st.binary(max_size=200))
def test_no_payload_raises(data: bytes) -> None:
    read_facts(data)
    read_facts(b'{"predicate":' + data + b"}")


@pytest.mark.parametrize("subject", [None, {}, [], ["x"], [[]], [{}], [{"name": 1}], "x", 1])
def test_a_subject_of_another_form_is_left_out(subject: object) -> None:
    assert read_facts(payload({}, subject=subject)).subject is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("mlo", "keyId", "activity", "time", "mlo_id", "mlo_time"), _JSON),
    ),
    st.sampled_from([types.SEAL, types.PROVENANCE]) | _JSON,
    _JSON,
)
def test_no_statement_raises_whatever_stands_in_it(
    predicate: dict, predicate_type: object, subject: object
) -> None:
    facts = read_facts(payload(predicate, predicate_type, subject))
    for fact in facts[:5]:
        assert fact is None or (isinstance(fact, str) and fact.isprintable())


@given(st.binary(max_size=50), st.text(max_size=20), st.binary(max_size=80))
def test_what_is_stored_is_the_canonical_form(payload: bytes, key_id: str, sig: bytes) -> None:
    envelope = Envelope(payload, key_id, sig)
    try:
        canonical = canonical_bytes(envelope.to_json())
    except StatementError:
        return
    assert envelope.to_bytes() == canonical
