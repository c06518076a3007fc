"""The forms of docs/formats.md, word by word and with other people's RFC 8785.

Slow and short, so that it can be read beside that page; the package is held against it.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

import rfc8785


def odd_replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: odd_replaced(member) for name, member in value.items()}
    if isinstance(value, list):
        return [odd_replaced(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    if isinstance(value, float) and not math.isfinite(value):
        return {"$mlo": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    if isinstance(value, str):
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        escaped = re.sub(
            "[\ud800-\udfff]", lambda s: f"\\u{ord(s[0]):04x}", value.replace("\\", "\\\\")
        )
        if escaped != value.replace("\\", "\\\\"):
            return {"$mlo": ["escaped", escaped]}
    return value


def text(form: Any) -> bytes:
    return rfc8785.dumps(odd_replaced(form))


def lines(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def terminal(value: str) -> str:
    data = value.encode("utf-16-le", "surrogatepass")
    written: list[bytes] = []
    start = cursor = 0
    for at in range(0, len(data), 2):
        unit = data[at : at + 2]
        if unit == b"\n\0":
            written.append(unit)
            start = cursor = len(written)
        elif unit == b"\r\0":
            cursor = start
        elif unit == b"\b\0":
            if cursor > start:
                del written[cursor - 1 : cursor + 1]
                cursor -= 1
        else:
            written[cursor : cursor + 1] = [unit]
            cursor += 1
    return b"".join(written).decode("utf-16-le", "surrogatepass")


def bundle(data: dict[str, Any]) -> dict[str, Any]:
    form = {}
    for mime, value in data.items():
        is_json = re.fullmatch(r"application/(json|.*\+json)", mime, re.DOTALL)
        if not is_json and isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = "".join(value)
        is_base64 = (
            mime.startswith(("image/", "audio/", "video/", "font/")) and not mime.endswith("+xml")
        ) or mime in ("application/pdf", "application/octet-stream")
        if is_base64 and isinstance(value, str):
            value = re.sub("[ \t\n\r]", "", value)
        form[mime] = value
    return form


def output(value: dict[str, Any]) -> dict[str, Any]:
    kind = value["output_type"]
    without_mlo = {k: v for k, v in (value.get("metadata") or {}).items() if k != "mlo"}
    if kind == "stream":
        return {"name": value.get("name", "stdout"), "output_type": kind, "text": value["text"]}
    if kind in ("display_data", "execute_result"):
        return {
            "data": bundle(value.get("data") or {}), "metadata": without_mlo, "output_type": kind,
        }  # fmt: skip
    if kind == "error":
        defaults = {"ename": "", "evalue": "", "traceback": []}
        return {"output_type": kind, **{k: value.get(k, d) for k, d in defaults.items()}}
    form = {k: v for k, v in value.items() if k not in ("execution_count", "transient")}
    if "text" in form:
        form["text"] = lines(form["text"])
    if isinstance(form.get("metadata"), dict):
        form["metadata"] = without_mlo
    return form


def outputs(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    forms: list[dict[str, Any]] = []
    for value in values:
        if value["output_type"] != "stream":
            forms.append(output(value))
            continue
        form = output({**value, "text": lines(value.get("text", ""))})
        if forms and forms[-1]["output_type"] == "stream" and forms[-1]["name"] == form["name"]:
            forms[-1]["text"] += form["text"]
        else:
            forms.append(form)
    for form in forms:
        if form["output_type"] == "stream":
            form["text"] = terminal(form["text"])
    return forms


def cell(value: dict[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {
        "cell_type": value["cell_type"],
        "source": lines(value.get("source", "")).rstrip(" \t\n"),
    }
    if value["cell_type"] == "code":
        form["outputs"] = outputs(value.get("outputs", []))
    if value.get("attachments"):
        form["attachments"] = {k: bundle(v) for k, v in value["attachments"].items()}
    return form


def digest(form: Any) -> bytes:
    return hashlib.sha256(text(form)).digest()
