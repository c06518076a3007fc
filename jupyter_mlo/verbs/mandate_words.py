"""What a mandate permits, in words that whoever signs it can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jupyter_mlo.delegation.mandates import Mandate, Permitted
from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.scope import EVERYTHING, Everything, Names, Scope
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.verbs.durations import show_duration


def scope_lines(
    *,
    notebook: str,
    code: Sequence[str],
    activities: Sequence[str],
    models: Sequence[str],
    parameters: Permitted | Everything,
    now: datetime,
    lasts: timedelta,
    uses: int | Everything,
    **others: object,
) -> list[str]:
    """A mandate that is about to be made."""
    pinned = (
        parameters
        if isinstance(parameters, str)
        else {
            name: values
            if isinstance(values, str | Range)
            else [canonical_bytes(value).decode() for value in values]
            for name, values in parameters.items()
        }
    )
    return _lines(
        notebook=notebook,
        code=code,
        activities=activities,
        models=models,
        parameters=pinned,
        until=_lasting(now, lasts),
        uses=uses,
    )


def mandate_lines(mandate: Mandate) -> list[str]:
    """A mandate that was made."""
    scope = mandate.scope
    until = f"{to_text(scope.not_after)}, from {to_text(scope.not_before)}"
    return _made(mandate, until, mandate.replaces)


def renewal_lines(old: Mandate, *, now: datetime, lasts: timedelta) -> list[str]:
    """A mandate that is about to be made in place of another."""
    return _made(old, _lasting(now, lasts), old.mandate_id)


def _lasting(now: datetime, lasts: timedelta) -> str:
    return f"{to_text(now + lasts)}, that is for {show_duration(lasts)}"


def _made(mandate: Mandate, until: str, replaces: str | None) -> list[str]:
    scope: Scope = mandate.scope
    parameters = scope.parameters
    return [
        f"on behalf of  {mandate.mlo}",
        *_lines(
            notebook=mandate.notebook,
            code=sorted(scope.code),
            activities=sorted(scope.activities),
            models=sorted(scope.models),
            parameters=parameters if isinstance(parameters, str) else dict(parameters),
            until=until,
            uses=scope.uses,
        ),
        *([f"replaces      {replaces}"] if replaces else []),
    ]


def listed(names: Names | Sequence[str]) -> str:
    """Names with commas between, ``any`` or ``none``."""
    if list(names) == [EVERYTHING]:
        return "any"
    return ", ".join(terminal_safe(name, limit=80) for name in sorted(names)) or "none"


def _lines(
    *,
    notebook: str,
    code: Sequence[str],
    activities: Sequence[str],
    models: Sequence[str],
    parameters: Mapping[str, Any] | str,
    until: str,
    uses: int | Everything,
) -> list[str]:
    shown = ", ".join(one[:16] for one in sorted(code)[:8])
    digests = shown + (f" and {len(code) - 8} more" if len(code) > 8 else "")
    changed = "any notebook" if list(code) == [EVERYTHING] else f"only with the code {digests}"
    return [
        f"run           {terminal_safe(notebook, limit=120)} ({changed})",
        f"activity      {listed(activities)}",
        f"model         {listed(models)}",
        f"parameters    {_parameters(parameters)}",
        f"until         {until}",
        f"runs          {'any number' if uses == EVERYTHING else uses}",
        "and to sign records, stamps, seals, provenance, results, data and evidence of those runs",
    ]


def _parameters(parameters: Mapping[str, Any] | str) -> str:
    if isinstance(parameters, str):
        return "any"
    shown = [
        f"{terminal_safe(name, limit=80)}{_values(values)}"
        for name, values in sorted(parameters.items())
    ]
    return ", ".join(shown) or "none"


def _values(values: Any) -> str:
    if values == EVERYTHING:
        return " (any value)"
    if isinstance(values, Range):
        return f" ({values})"
    listed = " or ".join(terminal_safe(value, limit=80) for value in sorted(values)[:20])
    return f" = {listed}" + (f" or {len(values) - 20} more" if len(values) > 20 else "")
