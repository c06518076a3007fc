"""A mandate renewed, or divided among several runners: never wider than it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jupyter_mlo.delegation.mandates import Mandate, MandateFile, check_lasts, issue
from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.scope import EVERYTHING, Scope, widening
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.identity.keys import PublicKey


def renew(
    signer: Signer,
    mandate: Mandate,
    *,
    now: datetime,
    lasts: timedelta,
    to: PublicKey | None = None,
) -> MandateFile:
    """A mandate with the same scope, from ``now`` on, that names the old one.

    Args:
        to: the runner's key; a new one by default.

    Raises:
        InvalidInput: ``lasts`` is not positive or too long.
    """
    check_lasts(lasts)
    scope = replace(mandate.scope, not_before=now, not_after=now + lasts)
    return _issue(signer, mandate, scope, now, to)


def divide(
    signer: Signer,
    mandate: Mandate,
    scopes: Sequence[Scope],
    *,
    now: datetime,
    to: Sequence[PublicKey | None],
) -> list[MandateFile]:
    """Mandates with these scopes, which end when the old one does.

    Raises:
        Refused: one of them would permit what the old one does not; the element is named.
    """
    made = []
    for part, key in zip(scopes, to, strict=True):
        scope = replace(part, not_before=now, not_after=mandate.scope.not_after)
        wider = widening(mandate.scope, scope)
        if not wider:
            raise Refused(
                f"no part may be wider than {mandate.label}: {wider.reason} ({wider.element})",
                hint="make a mandate of its own: jupyter mlo mandate create",
            )
        made.append(_issue(signer, mandate, scope, now, key))
    return made


def divided(scope: Scope, by: str, parts: int, spent: int = 0) -> list[Scope]:
    """``scope`` in so many parts, which together permit what it does and no two the same.

    Args:
        by: ``uses``, ``code`` or the name of a parameter with listed values or whole numbers.
        spent: uses that are gone.

    Raises:
        InvalidInput: it cannot be divided so.
    """
    if not 2 <= parts <= 1000:
        raise InvalidInput(f"{parts} parts are not made", hint="from 2 to 1000")
    if by == "uses":
        if isinstance(scope.uses, str):
            raise InvalidInput(
                "the mandate permits any number of uses", hint="divide by code or a parameter"
            )
        shares = _shares(max(0, scope.uses - spent), parts, "uses")
        return [replace(scope, uses=high - low) for low, high in shares]
    if scope.uses != EVERYTHING:
        raise InvalidInput(
            "the mandate counts its uses: parts with another division would have all of them each",
            hint="divide it by uses",
        )
    if by == "code":
        if isinstance(scope.code, str):
            raise InvalidInput("the mandate permits any code", hint="divide by a parameter")
        codes = sorted(scope.code)
        shares = _shares(len(codes), parts, "notebooks")
        return [replace(scope, code=frozenset(codes[low:high])) for low, high in shares]
    return [
        replace(scope, parameters=_with(scope, by, values)) for values in _parts(scope, by, parts)
    ]


def _parts(scope: Scope, name: str, parts: int) -> list[frozenset[str] | Range]:
    values: object = scope.parameters.get(name) if isinstance(scope.parameters, Mapping) else None
    if isinstance(values, frozenset):
        listed = sorted(values)
        shares = _shares(len(listed), parts, f"values of {name}")
        return [frozenset(listed[low:high]) for low, high in shares]
    if isinstance(values, Range) and values.integers:
        low, high = values.low, values.high
        if low is not None and high is not None:
            first, last = -int(-low // 1), int(high // 1)
            shares = _shares(last - first + 1, parts, f"values of {name}")
            return [Range(first + begin, first + end - 1, True) for begin, end in shares]
    raise InvalidInput(
        f"the mandate lists no values of a parameter {name[:80]!r}, and no range of whole numbers",
        hint="divide by uses, code, or a parameter whose values it lists",
    )


def _with(scope: Scope, name: str, values: frozenset[str] | Range) -> Mapping[str, Any]:
    assert not isinstance(scope.parameters, str)
    return {**scope.parameters, name: values}


def _shares(count: int, parts: int, what: str) -> list[tuple[int, int]]:
    if count < parts:
        raise InvalidInput(f"{count} {what} do not make {parts} parts", hint="ask for fewer")
    return [(count * at // parts, count * (at + 1) // parts) for at in range(parts)]


def _issue(
    signer: Signer, mandate: Mandate, scope: Scope, now: datetime, to: PublicKey | None
) -> MandateFile:
    return issue(
        signer,
        notebook=mandate.notebook,
        scope=scope.to_json(),
        now=now,
        to=to,
        replaces=mandate.mandate_id,
    )
