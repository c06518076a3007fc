"""Stamps read by one pattern say what the models say."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.envelope import Envelope, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_by_models, read_statement
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.statements.written_stamps import read_written
from tests.statements.examples import EXAMPLES, HEADER, HEX, KEY, SHORT, TIME

PREDICATE = EXAMPLES[types.STAMP][1]
SUBJECT = [{"digest": {"mloCellV1": HEX}, "name": "c1"}]
LEAST = ("notebook", "cell", "kernel", "source", "execution", "started", "finished", "activity")
NAMES = st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)
LINES = st.text(max_size=12)
COUNTS = st.integers(0, 2**53 + 2)


def payload(predicate: dict[str, Any], subject: list[dict[str, Any]] = SUBJECT) -> bytes:
    """The signed bytes of a stamp."""
    return canonical_bytes(statement_json(types.STAMP, subject, predicate))


def whole() -> dict[str, Any]:
    """A stamp in which everything is said."""
    return {**HEADER, **PREDICATE, "records": [SHORT], "updatedBy": ["u" * 16], "model": "loan@3"}


def least() -> dict[str, Any]:
    """A stamp in which nothing is said that need not be."""
    return {
        **HEADER,
        **{name: PREDICATE[name] for name in LEAST},
        "checkpoint": None,
        "delegation": None,
        "cell": {"position": 0},
        "execution": {"id": "e" * 16},
        "outputs": {"count": 40, "root": SHORT},
    }


def agree(text: bytes) -> None:
    """Either it is left to the models, or they read the same."""
    written = read_written(text)
    if written is None:
        return
    envelope = Envelope(text, written[0].key_id, b"")
    ours, theirs = read_statement(envelope), read_by_models(envelope)
    assert ours == theirs
    assert repr(ours.subject) == repr(theirs.subject)
    assert [model.model_extra for model in (*ours.subject, ours.predicate)] == [{}, None]
    for unset in (False, True):
        assert ours.predicate.model_dump(exclude_unset=unset) == theirs.predicate.model_dump(
            exclude_unset=unset
        )
        assert ours.subject[0].model_dump(exclude_unset=unset) == theirs.subject[0].model_dump(
            exclude_unset=unset
        )


@pytest.mark.parametrize("predicate", [whole(), least(), {**least(), "outputs": []}])
def test_what_we_write_is_read_by_the_pattern(predicate: dict[str, Any]) -> None:
    assert read_written(payload(predicate)) is not None
    agree(payload(predicate))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "mlo": st.one_of(
        st.from_regex(r"\A(mlo|did:key|https|[a-z.+]{1,4}):[!-~]{0,20}\Z"),
        st.from_regex(r"\Amlo:[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\Z"),
    ),
    "keyId": st.from_regex(r"\Asha256:[0-9a-f]{64}\n?\Z"),
    "nonce": st.from_regex(r"\A[A-Za-z0-9_=+-]{21,23}\Z"),
    "time": st.one_of(
        st.datetimes(timezones=st.just(UTC)).map(to_text),
        st.from_regex(
            r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.\d*)?Z\Z"
        ),
    ),
    "checkpoint": st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {"origin": LINES, "size": COUNTS, "root": st.from_regex(r"\A[A-z+/]{43}=\Z")}
        ),
    ),
    "delegation": st.sampled_from([None, HEX, HEX.upper(), HEX[1:]]),
    "notebook": st.from_regex(r"\Aurn:uuid:[0-9a-fA-F-]{35,37}\Z"),
    "cell": st.fixed_dictionaries({"position": COUNTS}, optional={"id": st.none() | LINES}),
    "kernel": st.fixed_dictionaries({"id": NAMES, "name": st.text(max_size=260)}),
    "source": st.from_regex(r"\A[A-Za-z0-9_=-]{42,44}\Z"),
    "execution": st.fixed_dictionaries(
        {"id": st.from_regex(r"\A[\w-]{16}\Z")}, optional={"count": st.none() | COUNTS}
    ),
    "activity": st.sampled_from(["training", "exploration", "Training", ""]),
    "model": st.from_regex(r"\A[\w./-]{0,140}(@[\w.+-]{0,140})?\Z") | st.none(),
    "outputs": st.one_of(
        st.lists(st.from_regex(r"\A[A-Za-z0-9_-]{22}\Z"), max_size=3),
        st.fixed_dictionaries({"count": COUNTS, "root": st.just(SHORT)}),
    ),
    "records": st.lists(st.sampled_from([SHORT, SHORT[1:]]), max_size=3),
    "updatedBy": st.lists(st.sampled_from(["e" * 16, "e" * 15]), max_size=3),
    "unknown": st.none(),
}


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])))
def test_any_value_is_read_as_the_models_read_it(change: tuple[str, Any]) -> None:
    name, value = change
    for predicate in (whole(), least()):
        agree(payload({**predicate, name: value}))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"digest": st.dictionaries(st.sampled_from(["mloCellV1", "sha256"]), st.just(HEX))},
            optional={"name": st.none() | LINES, "uri": NAMES, "other": st.integers()},
        ),
        max_size=2,
    )
)
def test_any_subject_is_read_as_the_models_read_it(subject: list[dict[str, Any]]) -> None:
    agree(payload(whole(), subject))


@given(st.integers(0, 2000), st.integers(0, 4), st.sampled_from([*'"\\{}[],:\n 0e-Zé', "", "null"]))
@example(0, 0, " ")
def test_text_that_was_changed_is_read_as_the_models_read_it(at: int, cut: int, put: str) -> None:
    for predicate in (whole(), least()):
        text = payload(predicate)
        at %= len(text)
        agree(text[:at] + put.encode() + text[at + cut :])


@pytest.mark.parametrize("member", [*LEAST, "mlo", "nonce", "outputs", "time"])
def test_two_members_of_one_name_are_left_to_the_models(member: str) -> None:
    text = payload(whole())
    twice = text.replace(b'"predicate":{', b'"predicate":{%b,' % canonical_bytes({member: 1})[1:-1])
    assert read_written(twice) is None
    with pytest.raises(StatementError, match="two members of one name"):
        read_statement(Envelope(twice, KEY.key_id, b""))


def test_a_moment_that_there_is_not_is_refused() -> None:
    text = payload({**whole(), "started": TIME.replace("-11-", "-13-")})
    assert read_written(text) is None
    with pytest.raises(StatementError, match="started"):
        read_statement(Envelope(text, KEY.key_id, b""))


def test_another_key_than_the_envelopes_is_refused() -> None:
    with pytest.raises(StatementError, match="its envelope names"):
        read_statement(Envelope(payload(whole()), "sha256:" + "0" * 64, b""))


def test_another_type_than_the_envelopes_is_refused() -> None:
    with pytest.raises(StatementError, match="is of the type 'text/plain'"):
        read_statement(Envelope(payload(whole()), KEY.key_id, b"", "text/plain"))


def test_defaults_belong_to_one_stamp_only() -> None:
    one, other = (read_written(payload(least())) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one[0].records == []
    assert one[0].records is not other[0].records
