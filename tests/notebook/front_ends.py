"""What front ends that cannot run here write when a notebook is saved, from their sources."""

from __future__ import annotations

import copy
import json
from typing import Any

import nbformat


def jupyterlab_save(notebook: Any) -> bytes:
    """What JupyterLab's models and JavaScript's JSON do; then the server writes by nbformat."""
    saved = through_javascript(copy.deepcopy(notebook))
    for cell in saved["cells"]:
        merged: list[Any] = []
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if (
                output["output_type"] == "stream"
                and merged
                and merged[-1]["output_type"] == "stream"
                and merged[-1]["name"] == output["name"]
            ):
                merged[-1]["text"] += output["text"]
            else:
                merged.append(output)
        if "outputs" in cell:
            cell["outputs"] = merged
        cell["metadata"]["trusted"] = True
    return str(nbformat.writes(nbformat.from_dict(saved))).encode()


def through_javascript(value: Any) -> Any:
    """Every number as JSON.stringify(JSON.parse(…)) leaves it."""
    if isinstance(value, dict):
        return {name: through_javascript(member) for name, member in value.items()}
    if isinstance(value, list):
        return [through_javascript(member) for member in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(float(value))
    return value


def vs_code_save(notebook: Any) -> bytes:
    """Sorted members, base64 without its last line feed, the file's own indentation."""
    saved = copy.deepcopy(notebook)
    for cell in saved["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        for bundle in [
            *(output.get("data", {}) for output in cell.get("outputs", [])),
            *cell.get("attachments", {}).values(),
        ]:
            for mime, value in bundle.items():
                if mime.startswith("image/") and mime != "image/svg+xml":
                    bundle[mime] = value.replace("\n", "")
                elif isinstance(value, str) and not mime.endswith("json"):
                    bundle[mime] = value.splitlines(keepends=True)
    return json.dumps(saved, sort_keys=True, indent=2, ensure_ascii=False).encode() + b"\n"
