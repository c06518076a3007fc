"""What an attacker with the file alone might do: alter one output, and one stamp."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from jupyter_mlo.errors import NotFound


def alter_copy(original: Path, copy: Path, *, output_of: str, stamp_of: str) -> list[str]:
    """Write ``copy`` with one output and one stamp altered; says what was altered.

    Args:
        output_of: id of the cell in whose printed text the first number is raised.
        stamp_of: id of the cell whose stamp gets a later time, with its old signature.
    """
    notebook = json.loads(original.read_text(encoding="utf-8"))
    cells = {cell["id"]: (position, cell) for position, cell in enumerate(notebook["cells"], 1)}
    position, cell = cells[output_of]
    before, after = _raise_number(cell)
    said = [f"cell {position} ({output_of}): printed {before}, now {after}"]
    position, cell = cells[stamp_of]
    before, after = _move_time(cell["metadata"]["mlo"]["stamp"])
    said.append(f"cell {position} ({stamp_of}): stamped {before}, now {after}")
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    copy.write_text(text, encoding="utf-8")
    return said


def _raise_number(cell: dict[str, Any]) -> tuple[str, str]:
    for output in cell["outputs"]:
        lines = output.get("text", [])
        for index, line in enumerate(lines):
            if found := re.search(r"0\.(\d)(\d+)", line):
                digit = int(found[1])
                new = f"0.{digit + 1 if digit < 9 else 8}{found[2]}"
                lines[index] = line[: found.start()] + new + line[found.end() :]
                return " ".join(line.split()), " ".join(lines[index].split())
    raise NotFound("the cell that the demo alters printed no number", hint="run the demo again")


def _move_time(envelope: dict[str, Any]) -> tuple[str, str]:
    payload = base64.b64decode(envelope["payload"]).decode()
    statement = json.loads(payload)
    before = statement["predicate"]["time"]
    after = str(int(before[:4]) + 1) + before[4:]
    envelope["payload"] = base64.b64encode(payload.replace(before, after).encode()).decode()
    return before, after
