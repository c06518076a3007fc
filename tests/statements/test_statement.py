"""Statements: read in the one form that the format gives, or refused with the place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.common import Signed
from jupyter_mlo.statements.statement import MODELS, read_statement
from tests.statements.examples import EXAMPLES, HEX, KEY, MLO, RUN, TIME, signed

every = pytest.mark.parametrize("uri", sorted(EXAMPLES), ids=types.short_name)
own = pytest.mark.parametrize("uri", sorted(set(EXAMPLES) - types.STANDARD), ids=types.short_name)
standard = pytest.mark.parametrize("uri", sorted(types.STANDARD), ids=types.short_name)


def test_there_is_an_example_of_every_predicate() -> None:
    assert set(EXAMPLES) == set(MODELS)


@every
def test_what_a_signer_writes_is_read_member_by_member(uri: str) -> None:
    subject, predicate = EXAMPLES[uri]
    statement = read_statement(signed(uri))
    assert (
        statement.predicate.model_dump(mode="json", by_alias=True, exclude_unset=True) == predicate
    )
    assert [one.model_dump(exclude_unset=True) for one in statement.subject] == subject
    assert (statement.mlo, statement.key_id, statement.time) == (MLO, KEY.key_id, TIME)
    assert (statement.delegation, statement.predicate_type) == (HEX, uri)


def test_activity_model_and_run_are_found_under_both_spellings() -> None:
    for uri in (types.EVIDENCE, types.TEST_RESULT):
        statement = read_statement(signed(uri))
        assert statement.activity == "training"
        assert (statement.model or "").startswith("loan")
        assert statement.run == RUN
    assert read_statement(signed(types.DELEGATION)).run is None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member and item inside ``value``."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        yield (*path, name)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, name))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return value


#: Objects in which any name is a member: free maps of names to values.
FREE = {"externalParameters", "internalParameters", "metrics", "mlo_metrics", "mlo_thresholds",
        "parameters", "version", "digest"}  # fmt: skip


@every
def test_a_value_of_another_type_is_refused_wherever_it_stands(uri: str) -> None:
    subject, predicate = EXAMPLES[uri]
    tried = 0
    for path in places(predicate):
        if FREE & set(path[:-1]):
            continue
        for wrong in (1.5, True, object):
            held = predicate
            for name in path:
                held = held[name]
            if type(held) is type(wrong):
                continue
            new = {"unexpected": 1} if wrong is object else wrong
            if path[-1] in FREE and wrong is object:
                new = ["unexpected"]
            envelope = sign(statement_json(uri, subject, put(predicate, path, new)), KEY)
            with pytest.raises(StatementError, match=r"not well-formed|says it is signed by"):
                read_statement(envelope)
            tried += 1
    assert tried > 20


@own
def test_an_unknown_member_of_ours_is_refused_at_any_depth(uri: str) -> None:
    subject, predicate = EXAMPLES[uri]
    inner = [()] + [
        path
        for path in places(predicate)
        if not FREE & set(path) and isinstance(_at(predicate, path), dict)
    ]
    for path in inner:
        changed = put(predicate, (*path, "extra"), 1)
        # Where a member has one of two forms, the message speaks of the first.
        place = "extra" if path != ("outputs",) else "outputs"
        with pytest.raises(StatementError, match=place):
            read_statement(sign(statement_json(uri, subject, changed), KEY))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


@standard
def test_an_unknown_member_of_another_specification_is_kept(uri: str) -> None:
    statement = read_statement(signed(uri, {"somebody_else": [1]}))
    assert statement.predicate.model_dump()["somebody_else"] == [1]


@every
def test_a_member_has_one_name(uri: str) -> None:
    """Python's names are not names in the format; both at once would be two readings."""
    subject, predicate = EXAMPLES[uri]
    name, python = ("keyId", "key_id") if uri not in types.STANDARD else ("mlo_keyId", "mlo_key_id")
    renamed = {python if key == name else key: value for key, value in predicate.items()}
    with pytest.raises(StatementError, match=name):
        read_statement(sign(statement_json(uri, subject, renamed), KEY))
    other = SigningKey.generate().key_id
    both = statement_json(uri, subject, predicate | {python: other})
    if uri in types.STANDARD:
        assert read_statement(sign(both, KEY)).key_id == KEY.key_id
    else:
        with pytest.raises(StatementError, match=python):
            read_statement(sign(both, KEY))


@every
def test_a_missing_member_is_refused_unless_it_may_be_absent(uri: str) -> None:
    subject, predicate = EXAMPLES[uri]
    fields = MODELS[uri].model_fields
    for name in predicate:
        rest = {key: value for key, value in predicate.items() if key != name}
        field = next(f for key, f in fields.items() if name in (key, f.alias))
        envelope = sign(statement_json(uri, subject, rest), KEY)
        if not field.is_required() and name not in ("revokes", "run", "compromisedSince"):
            read_statement(envelope)
            continue
        if uri in (types.EVIDENCE, types.DATASET) and name == "run":
            read_statement(envelope)
            continue
        with pytest.raises(StatementError, match="not well-formed"):
            read_statement(envelope)


def test_numbers_are_not_read_out_of_strings_in_standard_predicates_either() -> None:
    for wrong in ("0.75", True, None):
        with pytest.raises(StatementError, match="mlo_metrics"):
            read_statement(signed(types.TEST_RESULT, {"mlo_metrics": {"auc": wrong}}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"run": None}, "run is given exactly where kind is run"),
        ({"kind": "session"}, "run is given exactly where kind is run"),
        ({"kind": "owner"}, "kind"),
    ],
)
def test_a_delegation_names_a_run_exactly_where_it_is_for_one(
    changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(StatementError, match=why):
        read_statement(signed(types.DELEGATION, changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"revokesKey": "sha256:" + HEX}, "exactly one"),
        ({"revokes": None}, "exactly one"),
        ({"compromisedSince": None}, "compromisedSince"),
        ({"reason": "annoyed"}, "reason"),
    ],
)
def test_a_revocation_revokes_one_thing_for_one_reason(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(StatementError, match=why):
        read_statement(signed(types.REVOCATION, changes))


@pytest.mark.parametrize(
    "mlo",
    ["mlo:7k3d-9qxa-2mfb", "mlo:7K3D9QXA2MFB", "mlo:7K3D-9QXA-2MFL", "mlo:", "nobody", "MLO:x",
     "did:key:z6 Mk", "mlo:7K3D-9QXA-2MFB\n"],
)  # fmt: skip
def test_an_mlo_id_has_one_written_form(mlo: str) -> None:
    with pytest.raises(StatementError, match="mlo"):
        read_statement(signed(types.EVIDENCE, {"mlo": mlo}))


def test_ids_of_other_schemes_are_read() -> None:
    for mlo in ("did:key:z6MkTest", "https://orcid.org/0000-0002-1825-0097", "spiffe://a/b"):
        assert read_statement(signed(types.EVIDENCE, {"mlo": mlo})).mlo == mlo


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type"),
        ({"subject": []}, "subject"),
        ({"subject": [{"name": "x"}]}, "digest"),
        ({"subject": [{"name": "x", "digest": {}}]}, "digest"),
        ({"subject": {"name": "x", "digest": {"sha256": HEX}}}, "subject"),
        ({"predicateType": "https://jupyter-mlo.github.io/stamp/v2"}, "unknown predicate type"),
        ({"predicateType": 1}, "predicateType"),
        ({"predicate": []}, "predicate"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_is_no_statement_v1_is_refused_by_its_place(top: dict[str, Any], why: str) -> None:
    with pytest.raises(StatementError, match=why):
        read_statement(signed(types.EVIDENCE, **top))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"{}", b"\xff", b"[" * 100000])
def test_any_other_payload_is_refused(payload: bytes) -> None:
    with pytest.raises(StatementError):
        read_statement(Envelope(payload, KEY.key_id, b""))


def test_the_envelope_and_the_predicate_name_one_key() -> None:
    envelope = signed(types.EVIDENCE)
    swapped = Envelope(envelope.payload, SigningKey.generate().key_id, envelope.signature)
    with pytest.raises(StatementError, match="its envelope names"):
        read_statement(swapped)


def test_a_statement_in_an_envelope_of_another_type_is_refused() -> None:
    envelope = signed(types.EVIDENCE)
    other = Envelope(envelope.payload, envelope.key_id, envelope.signature, "application/json")
    with pytest.raises(StatementError, match="application/json"):
        read_statement(other)


def test_every_own_predicate_begins_with_the_same_six_members() -> None:
    for uri, model in MODELS.items():
        assert issubclass(model, Signed) is (uri not in types.STANDARD)
