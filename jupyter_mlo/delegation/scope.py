"""What a delegated key may do, and what remains of it along a chain.

The rules of ``docs/formats.md``, "Delegation and scope": an absent member permits
nothing, ``"*"`` permits everything of its kind, an unknown member refuses the whole. A
model in a scope is a name, which permits every version of it (``loan`` permits ``loan``
and ``loan@3``), or a name with a version, which permits that one alone. Part of every
signature's path in a kernel: imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.canonical import canonical_bytes, is_exact
from jupyter_mlo.statements.predicates.types import short_name
from jupyter_mlo.statements.times import from_text, to_text

EVERYTHING: Final = "*"
Everything = Literal["*"]
Names = frozenset[str] | Everything
Values = Names | Range
Parameters = Mapping[str, Values] | Everything

#: How far two machines' clocks may differ before a time counts as outside a window.
CLOCK_TOLERANCE: Final = timedelta(seconds=5)

#: How far ahead of the verifier's clock a statement may say it was made.
FUTURE_TOLERANCE: Final = timedelta(minutes=5)

_LISTS: Final = ("activities", "models", "predicates", "code")
_MEMBERS: Final = frozenset({*_LISTS, "parameters", "uses", "delegate", "notBefore", "notAfter"})


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer of :meth:`Scope.permits`; true where nothing refuses.

    ``element`` names the member of the scope that refuses (``parameters.alpha``), and
    ``reason`` says in words why; both are empty where everything is permitted.
    """

    element: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return not self.element


PERMITTED: Final = Permission()


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope, read. Windows include both ends."""

    activities: Names
    models: Names
    predicates: Names
    code: Names
    #: Name → ``"*"``, the RFC 8785 texts of the permitted values, or a range of numbers.
    parameters: Parameters
    not_before: datetime
    not_after: datetime
    uses: int | Everything = 0
    delegate: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, value: object) -> Scope:
        """Read a scope as it stands in a delegation.

        Raises:
            StatementError: a member is unknown, of the wrong type, or a bound is missing.
        """
        if not isinstance(value, Mapping):
            raise _malformed("it is not a JSON object")
        unknown = sorted(map(str, value.keys() - _MEMBERS))
        if unknown:
            raise _malformed(f"its member {unknown[0]!r} is unknown")
        uses = value.get("uses", 0)
        if uses != EVERYTHING and (type(uses) is not int or uses < 0):
            raise _malformed('uses is neither a count nor "*"')
        return cls(
            **{name: _names(value.get(name, []), name) for name in _LISTS},
            parameters=_parameters(value.get("parameters", {})),
            not_before=_moment(value, "notBefore"),
            not_after=_moment(value, "notAfter"),
            uses=uses,
            delegate=frozenset(_listed(value.get("delegate", []), "delegate")),
        )

    def to_json(self) -> dict[str, Any]:
        """The scope as it stands in a delegation; members that permit nothing are left out."""
        parameters = self.parameters
        value: dict[str, Any] = {
            **{name: _plain(getattr(self, name)) for name in _LISTS},
            "parameters": parameters
            if isinstance(parameters, str)
            else {name: _plain_values(values) for name, values in parameters.items()},
            "uses": self.uses,
            "delegate": sorted(self.delegate),
        }
        value = {name: member for name, member in value.items() if member}
        return value | {
            "notBefore": to_text(self.not_before),
            "notAfter": to_text(self.not_after),
        }

    def permits(
        self,
        *,
        predicate: str | None = None,
        activity: str | None = None,
        model: str | None = None,
        code: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        delegate: str | None = None,
        at: datetime | None = None,
    ) -> Permission:
        """Whether an act with these features is permitted; features not given are not asked about.

        Args:
            predicate: type URI of a statement to be signed.
            activity: why the identifier is presented.
            model: ``name`` or ``name@version``.
            code: ``mloCodeV1`` of the notebook to be run, hex.
            parameters: what is injected, name → JSON value.
            delegate: kind of a delegation to be issued.
            at: when; windows are read with :data:`CLOCK_TOLERANCE`.
        """
        if at is not None:
            if at < self.not_before - CLOCK_TOLERANCE:
                return Permission("notBefore", f"it begins only at {to_text(self.not_before)}")
            if at > self.not_after + CLOCK_TOLERANCE:
                return Permission("notAfter", f"it ended at {to_text(self.not_after)}")
        if predicate is not None and not _within(self.predicates, predicate):
            return Permission(
                "predicates", f"it does not permit statements of type {short_name(predicate)}"
            )
        if activity is not None and not _within(self.activities, activity):
            return Permission(
                "activities",
                f"it does not permit the activity {activity!r}, only {_shown(self.activities)}",
            )
        if model is not None and not _model_within(self.models, model):
            return Permission(
                "models", f"it does not permit the model {model!r}, only {_shown(self.models)}"
            )
        if code is not None and not _within(self.code, code):
            return Permission("code", _code_reason(self.code, code))
        if delegate is not None and delegate not in self.delegate:
            return Permission("delegate", f"it does not permit delegations of kind {delegate!r}")
        if parameters is not None:
            return self._permits_parameters(parameters)
        return PERMITTED

    def _permits_parameters(self, given: Mapping[str, Any]) -> Permission:
        permitted = self.parameters
        if isinstance(permitted, str):
            return PERMITTED
        for name, value in given.items():
            values = permitted.get(name)
            if values is None:
                return Permission(
                    f"parameters.{name}",
                    f"it does not permit the parameter {name[:80]!r}, "
                    f"only {_shown(frozenset(permitted))}",
                )
            if isinstance(values, str) or (isinstance(values, Range) and value in values):
                continue
            if isinstance(values, Range) or not _listed_among(value, values):
                only = str(values) if isinstance(values, Range) else _shown(values)
                return Permission(
                    f"parameters.{name}",
                    f"it does not permit the value {_value_shown(value)} "
                    f"of parameter {name[:80]!r}, only {only}",
                )
        return PERMITTED


def intersect(parent: Scope, child: Scope) -> Scope:
    """What both permit: an act passes the result exactly when it passes both."""
    uses = {parent.uses, child.uses} - {EVERYTHING}
    return Scope(
        activities=_common(parent.activities, child.activities),
        models=_common_models(parent.models, child.models),
        predicates=_common(parent.predicates, child.predicates),
        code=_common(parent.code, child.code),
        parameters=_common_parameters(parent.parameters, child.parameters),
        not_before=max(parent.not_before, child.not_before),
        not_after=min(parent.not_after, child.not_after),
        uses=min(int(count) for count in uses) if uses else EVERYTHING,
        delegate=parent.delegate & child.delegate,
    )


def widening(parent: Scope, child: Scope) -> Permission:
    """Where ``child`` permits more than ``parent``: the element, and how; true where nowhere."""
    both = intersect(parent, child)
    for member in (*_LISTS, "delegate"):
        more = _beyond(getattr(parent, member), getattr(child, member), member)
        if more:
            return Permission(member, f"it would permit {_shown(more)}, which the other does not")
    if isinstance(child.parameters, str) and not isinstance(parent.parameters, str):
        return Permission("parameters", "it would permit any parameter, the other does not")
    if not isinstance(child.parameters, str) and not isinstance(both.parameters, str):
        for name, values in sorted(child.parameters.items()):
            if name not in both.parameters or both.parameters[name] != values:
                shown = terminal_safe(name, limit=80)
                return Permission(
                    f"parameters.{name}", f"it would permit more of the parameter {shown}"
                )
    if both.uses != child.uses:
        return Permission("uses", f"it would permit {child.uses} uses, the other {parent.uses}")
    if both.not_before != child.not_before:
        return Permission("notBefore", "it would begin before the other")
    if both.not_after != child.not_after:
        return Permission("notAfter", "it would end after the other")
    return PERMITTED


def _beyond(parent: Names, child: Names, member: str) -> Names:
    if isinstance(parent, str):
        return frozenset()
    if isinstance(child, str):
        return frozenset({"everything"})
    within = _model_within if member == "models" else _within
    return frozenset(name for name in child if not within(parent, name))


def _within(names: Names, name: str) -> bool:
    return names == EVERYTHING or name in names


def _model_within(models: Names, model: str) -> bool:
    return _within(models, model) or model.split("@", 1)[0] in models


def _common(one: Names, other: Names) -> Names:
    if isinstance(one, str):
        return other
    if isinstance(other, str):
        return one
    return one & other


def _common_models(one: Names, other: Names) -> Names:
    if isinstance(one, str):
        return other
    if isinstance(other, str):
        return one
    return frozenset(
        {model for model in one if _model_within(other, model)}
        | {model for model in other if _model_within(one, model)}
    )


def _common_parameters(one: Parameters, other: Parameters) -> Parameters:
    if isinstance(one, str):
        return other
    if isinstance(other, str):
        return one
    return {name: _common_values(one[name], other[name]) for name in one.keys() & other.keys()}


def _common_values(one: Values, other: Values) -> Values:
    if isinstance(one, Range):
        if isinstance(other, Range):
            return one.common(other) or frozenset()
        return one if isinstance(other, str) else one.among(other)
    if isinstance(other, Range):
        return other if isinstance(one, str) else other.among(one)
    return _common(one, other)


def _names(value: object, member: str) -> Names:
    return EVERYTHING if value == EVERYTHING else frozenset(_listed(value, member))


def _listed(value: object, member: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _malformed(f"{member} is not a list of strings")
    return value


def _parameters(value: object) -> Parameters:
    if value == EVERYTHING:
        return EVERYTHING
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _malformed('parameters is neither an object nor "*"')
    return {name: _values(values, name) for name, values in value.items()}


def _values(value: object, name: str) -> Values:
    if isinstance(value, Mapping):
        found = Range.from_json(value)
        if found is None:
            raise _malformed(f"parameters.{name[:80]} is no range of numbers")
        return found
    return _names(value, f"parameters.{name[:80]}")


def _moment(value: Mapping[str, Any], member: str) -> datetime:
    text = value.get(member)
    if not isinstance(text, str):
        raise _malformed(f"{member} is missing or not a time")
    return from_text(text)


def _listed_among(value: object, texts: frozenset[str]) -> bool:
    """Whether a value is one of those listed: exactly, not only the nearest that JSON can write."""
    try:
        return is_exact(value) and canonical_bytes(value).decode() in texts
    except StatementError:  # NaN and the like stand in no list
        return False


def _value_shown(value: object) -> str:
    try:
        text = str(value) if isinstance(value, int) else canonical_bytes(value).decode()
    except (StatementError, ValueError):  # no JSON; more digits than Python writes
        text = str(value) if isinstance(value, float) else "that JSON cannot write"
    return terminal_safe({"True": "true", "False": "false"}.get(text, text), limit=80)


def _plain(names: Names) -> list[str] | Everything:
    return names if isinstance(names, str) else sorted(names)


def _plain_values(values: Values) -> list[str] | Everything | dict[str, Any]:
    return values.to_json() if isinstance(values, Range) else _plain(values)


def _shown(names: Names) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return (", ".join(terminal_safe(name, limit=80) for name in listed[:8]) + more) or "none"


def _code_reason(permitted: Names, code: str) -> str:
    shorten: Callable[[str], str] = lambda digest: digest[:12]  # noqa: E731
    named = ", ".join(sorted(map(shorten, permitted))) or "no notebook"
    return f"it permits the code {named}, this notebook's is {code[:12]}"


def _malformed(why: str) -> StatementError:
    return StatementError(
        f"a delegation's scope cannot be read: {why}",
        hint="a scope with anything unknown in it permits nothing; see docs/formats.md, "
        "'Delegation and scope'",
    )
