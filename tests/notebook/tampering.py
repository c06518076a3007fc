"""Alterations of a notebook: every scalar that counts, and every way to move things about."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str | int, ...]

#: Members of cells and outputs that tools change without changing what was done.
HARMLESS = frozenset({"id", "execution_count"})


def counting(value: dict[str, Any]) -> Iterator[Path]:
    """Where the scalars stand that a stamp or a seal covers, or that are ours."""
    for at, cell in enumerate(value["cells"]):
        for name, member in cell.items():
            if name in HARMLESS:
                continue
            if name == "metadata":
                if "mlo" in member:
                    yield from _scalars(member["mlo"], ("cells", at, "metadata", "mlo"))
                continue
            for path in _scalars(member, ("cells", at, name)):
                if path[-1] not in HARMLESS:
                    yield path
    yield from _scalars(value["metadata"]["mlo"], ("metadata", "mlo"))
    yield ("metadata", "kernelspec", "name")
    if "widgets" in value["metadata"]:
        yield from _scalars(value["metadata"]["widgets"], ("metadata", "widgets"))


def _scalars(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _scalars(member, (*path, name))
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from _scalars(member, (*path, at))
    else:
        yield path


def at_path(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def replaced(value: dict[str, Any], path: Path, new: Any) -> dict[str, Any]:
    """A copy with another value at ``path``."""
    result = copy.deepcopy(value)
    at_path(result, path[:-1])[path[-1]] = new
    return result


def removed(value: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy without the member or entry at ``path``."""
    result = copy.deepcopy(value)
    del at_path(result, path[:-1])[path[-1]]
    return result


def others(scalar: Any) -> list[Any]:
    """Values that differ from ``scalar``: near ones, and ones of another type."""
    if isinstance(scalar, str):
        found: list[Any] = [scalar + "A", 7]
        # Not always the same place: over all scalars beginnings, middles and ends are altered.
        at = sum(map(ord, scalar)) % len(scalar) if scalar else 0
        for place in {at, len(scalar) // 2} if scalar else ():
            other = "B" if scalar[place] != "B" else "C"
            found.append(scalar[:place] + other + scalar[place + 1 :])
        return found
    if isinstance(scalar, bool):
        return [not scalar, None]
    if isinstance(scalar, (int, float)):
        return [scalar + 1, -scalar - 1, str(scalar)]
    return [0, "null"]


def moves(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cells, outputs, stamps, seals and chain entries removed, doubled, swapped."""
    cells = value["cells"]
    for at in range(len(cells)):
        yield f"cell {at} removed", removed(value, ("cells", at))
        twice = copy.deepcopy(value)
        twice["cells"].insert(at + 1, copy.deepcopy(cells[at]))
        yield f"cell {at} twice", twice
        ahead = copy.deepcopy(value)
        ahead["cells"].insert(0, {**copy.deepcopy(cells[at]), "id": "copied"})
        yield f"cell {at} copied to the front under a new id", ahead
        for other in range(at + 1, len(cells)):
            yield f"cells {at} and {other} swapped", _swapped(value, ("cells",), at, other)
            if cells[at]["metadata"].get("mlo") != cells[other]["metadata"].get("mlo"):
                yield (
                    f"the stamps of cells {at} and {other} swapped",
                    _swapped_members(value, at, other),
                )
        if "mlo" in cells[at]["metadata"]:
            yield (
                f"the stamp of cell {at} removed",
                removed(value, ("cells", at, "metadata", "mlo")),
            )
        yield from _output_moves(value, at)
    yield from _entry_moves(value)


def _output_moves(value: dict[str, Any], at: int) -> Iterator[tuple[str, dict[str, Any]]]:
    outputs = value["cells"][at].get("outputs", [])
    some = sorted({0, 1, len(outputs) // 2, len(outputs) - 1} & set(range(len(outputs))))
    for place in some:
        if len(outputs) > 1:  # a cell whose only output is gone reads "outputs removed"
            yield (
                f"output {place} of cell {at} removed",
                removed(value, ("cells", at, "outputs", place)),
            )
        twice = copy.deepcopy(value)
        twice["cells"][at]["outputs"].insert(place, copy.deepcopy(outputs[place]))
        yield f"output {place} of cell {at} twice", twice
        if place and outputs[place] != outputs[0]:
            yield (
                f"outputs 0 and {place} of cell {at} swapped",
                _swapped(value, ("cells", at, "outputs"), 0, place),
            )
    if value["cells"][at]["cell_type"] == "code":
        more = copy.deepcopy(value)
        more["cells"][at]["outputs"].append(
            {"output_type": "stream", "name": "stdout", "text": "accuracy: 1.00\n"}
        )
        yield f"an output put into cell {at}", more


def _entry_moves(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    ours = value["metadata"]["mlo"]
    for member in ours:
        yield f"metadata.mlo.{member} removed", removed(value, ("metadata", "mlo", member))
    for at in range(len(ours["chains"])):
        yield f"chains[{at}] removed", removed(value, ("metadata", "mlo", "chains", at))
    for at, seal in enumerate(ours["seals"]):
        where: Path = ("metadata", "mlo", "seals", at)
        yield f"seals[{at}] removed", removed(value, where)
        twice = copy.deepcopy(value)
        twice["metadata"]["mlo"]["seals"].insert(at, copy.deepcopy(seal))
        yield f"seals[{at}] twice", twice
        for other in range(at + 1, len(ours["seals"])):
            yield f"seals {at} and {other} swapped", _swapped(value, where[:-1], at, other)
        for member in seal:
            yield f"seals[{at}].{member} removed", removed(value, (*where, member))
        for place in seal.get("proofs", {}):
            yield (
                f"the proof {place} of seals[{at}] removed",
                removed(value, (*where, "proofs", place)),
            )
        for line in range(len(seal.get("cells", []))):
            yield f"line {line} of seals[{at}] removed", removed(value, (*where, "cells", line))
    whole = copy.deepcopy(value)
    whole["metadata"].pop("mlo")
    yield "metadata.mlo removed", whole


def _swapped(value: dict[str, Any], path: Path, one: int, other: int) -> dict[str, Any]:
    result = copy.deepcopy(value)
    entries = at_path(result, path)
    entries[one], entries[other] = entries[other], entries[one]
    return result


def _swapped_members(value: dict[str, Any], one: int, other: int) -> dict[str, Any]:
    result = copy.deepcopy(value)
    here, there = (result["cells"][at]["metadata"] for at in (one, other))
    first, second = here.pop("mlo", None), there.pop("mlo", None)
    if second is not None:
        here["mlo"] = second
    if first is not None:
        there["mlo"] = first
    return result
