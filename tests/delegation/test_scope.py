"""Scopes: what one permits, and what remains of two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE, Scope, intersect, widening
from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Scope as WrittenScope
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import CODE, NOW, hours, scope

BOUNDS = {"notBefore": to_text(NOW), "notAfter": to_text(NOW + hours(1))}


def some(**members: Any) -> Scope:
    return Scope.from_json(BOUNDS | members)


def test_an_absent_member_permits_nothing() -> None:
    bare = some()
    for act in (
        {"predicate": types.STAMP},
        {"activity": "training"},
        {"model": "loan"},
        {"code": CODE},
        {"parameters": {"a": 1}},
        {"delegate": "run"},
    ):
        assert not bare.permits(**act), act
    assert bare.uses == 0


def test_a_star_permits_everything_of_its_kind_and_of_no_other() -> None:
    stars = some(activities="*")
    assert stars.permits(activity="training")
    assert not stars.permits(model="loan")


@pytest.mark.parametrize(
    ("act", "element"),
    [
        ({"predicate": types.SEAL}, "predicates"),
        ({"activity": "deployment"}, "activities"),
        ({"model": "fraud"}, "models"),
        ({"code": "d" * 64}, "code"),
        ({"parameters": {"alpha": 1, "beta": 2}}, "parameters.beta"),
        ({"parameters": {"alpha": 3}}, "parameters.alpha"),
        ({"delegate": "session"}, "delegate"),
        ({"at": NOW - hours(1)}, "notBefore"),
        ({"at": NOW + hours(2)}, "notAfter"),
    ],
)
def test_a_refusal_names_the_element(act: dict[str, Any], element: str) -> None:
    narrow = some(
        activities=["training"],
        models=["loan"],
        predicates=[types.STAMP],
        code=[CODE],
        parameters={"alpha": ["1", "2"], "seed": "*"},
        delegate=["run"],
    )
    permission = narrow.permits(**act)
    assert not permission
    assert permission.element == element
    assert permission.reason


@pytest.mark.parametrize(
    ("in_scope", "asked", "permitted"),
    [
        ("loan", "loan", True),
        ("loan", "loan@3", True),
        ("loan@3", "loan@3", True),
        ("loan@3", "loan", False),
        ("loan@3", "loan@30", False),
        ("loan", "loans", False),
        ("loan", "loan-eu@3", False),
        ("team/loan", "team/loan@1", True),
        ("team", "team/loan", False),
    ],
)
def test_a_bare_model_name_permits_every_version_and_a_version_itself_alone(
    in_scope: str, asked: str, permitted: bool
) -> None:
    assert bool(some(models=[in_scope]).permits(model=asked)) is permitted


def test_values_of_parameters_are_compared_as_json() -> None:
    pinned = some(parameters={"a": ["1", '"1"', '{"x":[1,2]}', "null"]})
    for value in (1, 1.0, "1", {"x": [1, 2]}, {"x": [1.0, 2]}, None):
        assert pinned.permits(parameters={"a": value}), value
    for value in (2, "2", True, {"x": [2, 1]}, [1]):
        assert not pinned.permits(parameters={"a": value}), value


def test_a_window_includes_both_ends_and_a_little_for_clocks() -> None:
    window = some()
    for moment in (NOW, NOW + hours(1), NOW - CLOCK_TOLERANCE, NOW + hours(1) + CLOCK_TOLERANCE):
        assert window.permits(at=moment)
    tick = timedelta(milliseconds=1)
    assert window.permits(at=NOW - CLOCK_TOLERANCE - tick).element == "notBefore"
    assert window.permits(at=NOW + hours(1) + CLOCK_TOLERANCE + tick).element == "notAfter"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (BOUNDS | {"hosts": "*"}, "'hosts' is unknown"),
        ({"notBefore": BOUNDS["notBefore"]}, "notAfter is missing"),
        ({"notAfter": BOUNDS["notAfter"]}, "notBefore is missing"),
        (BOUNDS | {"notAfter": "tomorrow"}, "is not a time"),
        (BOUNDS | {"activities": "training"}, "activities is not a list"),
        (BOUNDS | {"activities": [1]}, "activities is not a list"),
        (BOUNDS | {"models": {"loan": 1}}, "models is not a list"),
        (BOUNDS | {"parameters": ["a"]}, "parameters is neither"),
        (BOUNDS | {"parameters": {"a": 1}}, "parameters.a is not a list"),
        (BOUNDS | {"parameters": {"a": {}}}, "parameters.a is no range"),
        (BOUNDS | {"parameters": {"a": {"min": 1, "step": 2}}}, "parameters.a is no range"),
        (BOUNDS | {"parameters": {"a": {"min": "1"}}}, "parameters.a is no range"),
        (BOUNDS | {"parameters": {"a": {"min": True}}}, "parameters.a is no range"),
        (BOUNDS | {"uses": -1}, "uses"),
        (BOUNDS | {"uses": True}, "uses"),
        (BOUNDS | {"uses": "many"}, "uses"),
        (BOUNDS | {"delegate": "*"}, "delegate is not a list"),
        ([], "not a JSON object"),
    ],
)
def test_a_scope_with_anything_unknown_is_refused_whole(value: Any, why: str) -> None:
    with pytest.raises(StatementError, match=why):
        Scope.from_json(value)


# -- the algebra of scopes -----------------------------------------------------------------

ACTIVITIES = ["training", "validation"]
MODELS = ["loan", "loan@1", "loan@2", "fraud"]
CODES = ["c" * 64, "d" * 64]
NAMES = ["a", "b"]
VALUES = ["1", "2"]
MOMENTS = [NOW + hours(n) for n in range(4)]


def names(of: list[str]) -> st.SearchStrategy[Any]:
    return st.just("*") | st.lists(st.sampled_from(of), max_size=3, unique=True)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    low, high = draw(st.none() | st.sampled_from([0, 1, 1.5])), draw(st.sampled_from([1.5, 2, 3]))
    found: dict[str, Any] = {"max": high} if low is None else {"min": low, "max": high}
    return found | ({"integers": True} if draw(st.booleans()) else {})


scopes = st.builds(
    lambda window, **members: Scope.from_json(
        members | {"notBefore": to_text(min(window)), "notAfter": to_text(max(window))}
    ),
    window=st.tuples(st.sampled_from(MOMENTS), st.sampled_from(MOMENTS)),
    activities=names(ACTIVITIES),
    models=names(MODELS),
    predicates=names([types.STAMP, types.SEAL]),
    code=names(CODES),
    parameters=st.just("*") | st.dictionaries(st.sampled_from(NAMES), names(VALUES) | ranges()),
    uses=st.just("*") | st.integers(0, 3),
    delegate=st.lists(st.sampled_from(["run", "session"]), unique=True),
)
acts = st.fixed_dictionaries(
    {},
    optional={
        "predicate": st.sampled_from([types.STAMP, types.SEAL]),
        "activity": st.sampled_from(ACTIVITIES),
        "model": st.sampled_from(MODELS),
        "code": st.sampled_from(CODES),
        "parameters": st.dictionaries(
            st.sampled_from(NAMES), st.sampled_from([1, 1.5, 2, True, "1"])
        ),
        "delegate": st.sampled_from(["run", "session"]),
        "at": st.sampled_from(MOMENTS),
    },
)


@given(scopes, scopes, acts)
def test_the_intersection_permits_exactly_what_both_permit(
    one: Scope, other: Scope, act: dict[str, Any]
) -> None:
    both = bool(one.permits(**act)) and bool(other.permits(**act))
    assert bool(intersect(one, other).permits(**act)) is both


@given(scopes, scopes, acts)
def test_what_widens_nothing_permits_nothing_more(
    parent: Scope, child: Scope, act: dict[str, Any]
) -> None:
    if widening(parent, child) and child.permits(**act):
        assert parent.permits(**act)


@given(scopes, scopes)
def test_what_remains_of_a_chain_is_wider_than_none_of_its_links(one: Scope, other: Scope) -> None:
    both = intersect(one, other)
    assert widening(one, both)
    assert widening(other, both)


@pytest.mark.parametrize(
    ("wider", "element"),
    [
        ({"activities": "*"}, "activities"),
        ({"models": ["loan", "fraud"]}, "models"),
        ({"code": [CODE, "d" * 64]}, "code"),
        ({"predicates": [types.STAMP, types.SEAL]}, "predicates"),
        ({"delegate": ["run", "session"]}, "delegate"),
        ({"parameters": "*"}, "parameters"),
        ({"parameters": {"seed": "*"}}, "parameters.seed"),
        ({"parameters": {"seed": {"min": 1, "max": 21}}}, "parameters.seed"),
        ({"parameters": {"beta": ["1"]}}, "parameters.beta"),
        ({"uses": 6}, "uses"),
        ({"uses": "*"}, "uses"),
        ({"notBefore": to_text(NOW - hours(1))}, "notBefore"),
        ({"notAfter": to_text(NOW + hours(2))}, "notAfter"),
    ],
)
def test_a_widening_is_named_by_its_element(wider: dict[str, Any], element: str) -> None:
    usual: dict[str, Any] = {
        "activities": ["training"],
        "models": ["loan"],
        "code": [CODE],
        "predicates": [types.STAMP],
        "delegate": ["run"],
        "parameters": {"seed": {"min": 1, "max": 20, "integers": True}},
        "uses": 5,
    }
    assert widening(some(**usual), some(**usual))
    assert widening(some(**usual), some(**(usual | {"models": ["loan@3"], "uses": 4})))
    found = widening(some(**usual), some(**(usual | wider)))
    assert (found.element, bool(found.reason)) == (element, True)


def test_a_range_permits_the_numbers_in_it_and_nothing_else() -> None:
    seeds = some(parameters={"s": {"min": 1, "max": 20, "integers": True}, "a": {"min": 0.5}})
    for value in (1, 20, 7.0):
        assert seeds.permits(parameters={"s": value}), value
    for other in (0, 21, 1.5, True, "7", None, [7], float("nan")):
        assert not seeds.permits(parameters={"s": other}), other
    assert seeds.permits(parameters={"a": 10**400})
    assert not seeds.permits(parameters={"a": float("inf")})
    refused = seeds.permits(parameters={"s": 21})
    assert (refused.element, refused.reason) == (
        "parameters.s",
        "it does not permit the value 21 of parameter 's', only whole numbers from 1 to 20",
    )


@pytest.mark.parametrize(
    ("values", "odd", "shown"),
    [
        ({"min": 1, "max": 20}, float("nan"), "nan"),
        ({"min": 1}, float("inf"), "inf"),
        (["7"], float("-inf"), "-inf"),
        (["7"], 10**9, "1000000000"),
        pytest.param({"max": 1}, 10**5000, "that JSON cannot write", id="long"),
        (["7"], b"x", "that JSON cannot write"),
        (["7"], True, "true"),
    ],
)
def test_what_is_no_json_is_refused_by_its_element(values: Any, odd: Any, shown: str) -> None:
    refused = some(parameters={"s": values}).permits(parameters={"s": odd})
    assert refused.element == "parameters.s"
    assert refused.reason.startswith(f"it does not permit the value {shown} of parameter 's'")


@given(st.integers(), st.integers(-3, 3))
def test_a_listed_number_permits_itself_and_no_neighbour(number: int, off: int) -> None:
    number *= 2**45
    text = canonical_bytes(number).decode()
    held = some(parameters={"s": [text], "t": [f"[{text}]"]})
    exact = float(number) == number and off == 0
    assert bool(held.permits(parameters={"s": number + off})) is exact
    assert bool(held.permits(parameters={"t": [number + off]})) is exact


@given(scopes, scopes, scopes)
def test_the_order_of_links_does_not_matter(a: Scope, b: Scope, c: Scope) -> None:
    assert intersect(a, b) == intersect(b, a)
    assert intersect(intersect(a, b), c) == intersect(a, intersect(b, c))
    once = intersect(a, b)
    assert intersect(once, b) == once


@given(scopes)
def test_a_scope_is_written_as_it_was_read_and_as_the_format_has_it(one: Scope) -> None:
    assert Scope.from_json(one.to_json()) == one
    WrittenScope.model_validate(one.to_json(), by_alias=True, by_name=False)


def test_what_sessions_are_given_is_read_as_the_format_has_it() -> None:
    written = WrittenScope.model_validate(scope(), by_alias=True, by_name=False)
    dumped = written.model_dump(by_alias=True, mode="json")
    assert Scope.from_json(dumped) == Scope.from_json(scope())


@given(st.integers(0, 5) | st.just("*"), st.integers(0, 5) | st.just("*"))
def test_the_fewer_uses_remain(one: Any, other: Any) -> None:
    counts = [n for n in (one, other) if n != "*"]
    assert intersect(some(uses=one), some(uses=other)).uses == (min(counts) if counts else "*")


def test_hostile_names_are_shown_escaped() -> None:
    odd = "\x1b[2Jx\u202e"
    permission = some(parameters={"a": ['"\u202e"']}).permits(parameters={odd: 1})
    assert "\x1b" not in permission.reason
    assert "\u202e" not in permission.reason
    permission = some(parameters={"a": ['"\u202e"']}).permits(parameters={"a": "\u202e\u202d"})
    assert "\u202e" not in permission.reason
