"""Stamps as we write them, read by one pattern: notebooks hold hundreds of them.

What fits has one reading only, for it is canonical JSON without escapes; and it is one that the
models in ``predicates/notebook.py`` accept. All else is theirs to read. The two are held against
each other in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel

from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.common import QuotedCheckpoint
from jupyter_mlo.statements.predicates.notebook import (
    CellPlace,
    Execution,
    Kernel,
    OutputsRoot,
    Stamp,
)

_Model = TypeVar("_Model", bound=BaseModel)

_ACTIVITY = "training|validation|deployment|monitoring|maintenance|review|compliance|exploration"
_ID = (
    r"mlo:[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}"
    r"|(?!mlo:)[a-z][a-z0-9+.-]{0,99}:[!#-\[\]-~]{1,1900}"
)
_MODEL = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}(?:@[A-Za-z0-9._+-]{1,99})?"
_NAME = r"[ !#-\[\]-~]{0,256}"
_COUNT = r"0|[1-9][0-9]{0,14}"
_HEX = r"[0-9a-f]{64}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z"


def _b64u(length: int) -> str:
    return f"[A-Za-z0-9_-]{{{length}}}"


def _list(element: str) -> str:
    return rf'\[(?:"{element}"(?:,"{element}")*+)?\]'


_fitting = re.compile(
    r'\{"_type":"https://in-toto\.io/Statement/v1","predicate":\{'
    rf'"activity":"(?P<activity>{_ACTIVITY})",'
    rf'"cell":\{{(?:"id":"(?P<cell_id>{_NAME})",)?"position":(?P<position>{_COUNT})\}},'
    rf'"checkpoint":(?:null|\{{"origin":"(?P<origin>{_NAME})",'
    rf'"root":"(?P<root>[A-Za-z0-9+/]{{43}}=)","size":(?P<size>{_COUNT})\}}),'
    rf'"delegation":(?:null|"(?P<delegation>{_HEX})"),'
    rf'"execution":\{{(?:"count":(?P<count>{_COUNT}),)?"id":"(?P<execution>{_b64u(16)})"\}},'
    rf'"finished":"(?P<finished>{_TIME})",'
    rf'"kernel":\{{"id":"(?P<kernel_id>{_NAME})","name":"(?P<kernel>{_NAME})"\}},'
    rf'"keyId":"(?P<key_id>sha256:{_HEX})","mlo":"(?P<mlo>{_ID})",'
    rf'(?:"model":"(?P<model>{_MODEL})",)?"nonce":"(?P<nonce>{_b64u(22)})",'
    r'"notebook":"(?P<notebook>urn:uuid:[0-9a-f-]{36})",'
    rf'"outputs":(?:(?P<outputs>{_list(_b64u(22))})|'
    rf'\{{"count":(?P<outputs_count>{_COUNT}),"root":"(?P<outputs_root>{_b64u(43)})"\}}),'
    rf'(?:"records":(?P<records>{_list(_b64u(43))}),)?"source":"(?P<source>{_b64u(43)})",'
    rf'"started":"(?P<started>{_TIME})","time":"(?P<time>{_TIME})"'
    rf'(?:,"updatedBy":(?P<updated_by>{_list(_b64u(16))}))?\}},'
    rf'"predicateType":"{re.escape(types.STAMP)}","subject":\[\{{"digest":\{{'
    rf'"mloCellV1":"(?P<digest>{_HEX})"\}},"name":"(?P<name>{_NAME})"\}}\]\}}'
).fullmatch
_PLAIN = ("activity", "delegation", "finished", "key_id", "mlo", "nonce", "notebook", "source",
          "started", "time")  # fmt: skip
_set = object.__setattr__
_names = re.compile('"([^"]*)"').findall


def read_written(payload: bytes) -> tuple[Stamp, str, str] | None:
    """A stamp, and digest and name of its one subject; None where it is for the models to read."""
    if not payload.isascii():
        return None
    fit = _fitting(payload.decode())
    if fit is None:
        return None
    found = fit.groupdict()
    try:
        for time in {found["started"], found["finished"], found["time"]}:
            datetime.fromisoformat(time)
    except ValueError:
        return None
    execution: dict[str, Any] = {"id": found["execution"]}
    if found["count"] is not None:
        execution["count"] = int(found["count"])
    place: dict[str, Any] = {"position": int(found["position"])}
    if found["cell_id"] is not None:
        place["id"] = found["cell_id"]
    values: dict[str, Any] = {name: found[name] for name in _PLAIN}
    values["cell"] = made(CellPlace, place, {"id": None})
    values["execution"] = made(Execution, execution, {"count": None})
    values["kernel"] = made(Kernel, {"id": found["kernel_id"], "name": found["kernel"]})
    values["checkpoint"] = None if found["origin"] is None else made(
        QuotedCheckpoint,
        {"origin": found["origin"], "size": int(found["size"]), "root": found["root"]},
    )  # fmt: skip
    values["outputs"] = _names(found["outputs"]) if found["outputs"] is not None else made(
        OutputsRoot, {"count": int(found["outputs_count"]), "root": found["outputs_root"]}
    )  # fmt: skip
    if found["model"] is not None:
        values["model"] = found["model"]
    for name in ("records", "updated_by"):
        if found[name] is not None:
            values[name] = _names(found[name])
    stamp = made(Stamp, values, {"model": None, "records": [], "updated_by": []})
    return stamp, found["digest"], found["name"]


def made(
    model: type[_Model],
    given: dict[str, Any],
    defaults: Mapping[str, Any] = MappingProxyType({}),
    extra: dict[str, Any] | None = None,
) -> _Model:
    """``model.model_validate(given)`` of values that fit: a tenth of its time."""
    made = model.__new__(model)
    _set(made, "__dict__", {**defaults, **given} if defaults else given)
    _set(made, "__pydantic_fields_set__", set(given))
    _set(made, "__pydantic_extra__", extra)
    _set(made, "__pydantic_private__", None)
    return made
