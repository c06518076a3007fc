"""A plan in TOML: what to run and how, checked member by member before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.batch.jobs import parse_grid

Text = Annotated[str, Field(min_length=1, max_length=4096)]
Texts = Text | Annotated[list[Text], Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, lt=1e9)]
Parameters = dict[str, Any]
Grid = dict[str, list[Any]]


class _Member(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=False,
    )

    parameters: Parameters = {}
    grid: Grid = {}
    out: Text | None = None
    kernel: Text | None = None

    @field_validator("grid", mode="before")
    @classmethod
    def _ranges(cls, value: Any) -> Any:
        """``seed = "1..20"`` as on the command line."""
        if not isinstance(value, dict):
            return value
        found = {}
        for name, values in value.items():
            if isinstance(values, str):
                try:
                    _, values = parse_grid(f"{name}={values}")
                except InvalidInput as error:
                    raise ValueError(error.message) from None
            if isinstance(values, list) and not values:
                raise ValueError(f"{name} has no values")
            found[name] = values
        return found


class PlannedRuns(_Member):
    """One ``[[runs]]``: notebooks, and what is special about them."""

    notebook: Texts

    @property
    def notebooks(self) -> list[str]:
        """One or several."""
        return [self.notebook] if isinstance(self.notebook, str) else list(self.notebook)


class PlanFile(_Member):
    """The whole plan."""

    runs: Annotated[list[PlannedRuns], Field(min_length=1)]
    mandate: Texts | None = None
    activity: Text | None = None
    model: Text | None = None
    cwd: Text | None = None
    workers: Annotated[int, Field(ge=1, le=1000)] | None = None
    cell_timeout: Seconds | None = None
    timeout: Seconds | None = None
    start_timeout: Seconds | None = None
    max_output: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    retries: Annotated[int, Field(ge=0, le=100)] | None = None
    keep_going: bool | None = None

    @property
    def mandates(self) -> list[str]:
        """One, several or none."""
        if self.mandate is None:
            return []
        return [self.mandate] if isinstance(self.mandate, str) else list(self.mandate)


def read_plan(path: Path) -> PlanFile:
    """Read a plan.

    Raises:
        InvalidInput: it cannot be read, or something in it is not as it should be: file and key
            are named.
    """
    shown = terminal_safe(str(path), limit=200)
    try:
        with open_plain(path) as file:
            value = tomllib.loads(file.read().decode("utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        raise InvalidInput(
            f"the plan {shown} cannot be read: {why}", hint="docs/batch.md shows one"
        ) from None
    try:
        return PlanFile.model_validate(value, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"the plan {shown}: {terminal_safe(key, limit=200)}: {first['msg']}",
            hint="docs/batch.md lists what a plan may say",
        ) from None
