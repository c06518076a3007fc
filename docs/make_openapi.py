"""Write ``jupyter_mlo/server/openapi.json``: made from the routes, so that it cannot drift."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jupyter_mlo import __version__
from jupyter_mlo.server import answers, forms
from jupyter_mlo.server.handlers import STATUSES, MloHandler
from jupyter_mlo.server.routes import ROUTES

WHERE: Final = Path(__file__).parents[1] / "jupyter_mlo" / "server" / "openapi.json"
_PATH: Final = {"name": "path", "in": "query", "required": True, "schema": {"type": "string"}}
#: Operation → what comes in (a form or parameters), and what goes out.
_OPERATIONS: Final[dict[str, tuple[type[BaseModel] | None, list[Any], type[BaseModel]]]] = {
    "get /jupyter-mlo/me": (
        None,
        [{"name": "panel", "in": "query", "schema": {"type": "string", "enum": ["0", "1"]}}],
        answers.Me,
    ),
    "post /jupyter-mlo/login": (forms.Login, [], answers.Me),
    "post /jupyter-mlo/renew": (forms.Renewal, [], answers.Me),
    "post /jupyter-mlo/logout": (None, [], answers.Me),
    "post /jupyter-mlo/enroll": (forms.Enrolling, [], answers.Me),
    "post /jupyter-mlo/key/backup": (forms.KeyBackup, [], answers.BackupFile),
    "patch /jupyter-mlo/session": (forms.Acting, [], answers.Me),
    "get /jupyter-mlo/assistants": (None, [], answers.Assistants),
    "post /jupyter-mlo/assistants": (forms.Admitting, [], answers.Token),
    "delete /jupyter-mlo/assistants/{username}": (None, [], answers.Assistants),
    "get /jupyter-mlo/mandates": (None, [], answers.Mandates),
    "post /jupyter-mlo/mandates": (forms.MandateMaking, [], answers.MadeMandate),
    "post /jupyter-mlo/mandates/preview": (forms.Wish, [], answers.MandatePreview),
    "get /jupyter-mlo/mandates/{mandate_id}": (None, [], answers.Mandate),
    "post /jupyter-mlo/mandates/{mandate_id}/renew": (
        forms.MandateRenewal,
        [],
        answers.MadeMandate,
    ),
    "post /jupyter-mlo/mandates/{mandate_id}/revoke": (
        forms.MandateRevocation,
        [],
        answers.Mandate,
    ),
    "get /jupyter-mlo/notebook": (None, [_PATH], answers.NotebookVerdict),
    "get /jupyter-mlo/notebook/changes": (None, [_PATH], answers.Changes),
    "get /jupyter-mlo/notebook/history": (
        None,
        [_PATH, {"name": "before", "in": "query", "schema": {"type": "integer"}}],
        answers.History,
    ),
    "get /jupyter-mlo/notebook/metadata": (None, [_PATH], answers.Written),
    "post /jupyter-mlo/notebook/seal": (forms.Sealing, [], answers.Intended),
    "get /jupyter-mlo/statement/{statement_id}": (
        None,
        [{**_PATH, "required": False}],
        answers.StatementView,
    ),
    "get /jupyter-mlo/kernels/{kernel_id}/marks": (None, [], answers.Marks),
}


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, Any] = {}
    models: set[type[BaseModel]] = {answers.Problem}
    for pattern, handler in ROUTES:
        path, names = _template(pattern, handler)
        for method in methods_of(handler):
            form, parameters, answer = _OPERATIONS[f"{method} {path}"]
            models |= {answer} | ({form} if form else set())
            paths.setdefault(path, {})[method] = _operation(
                handler, method, names, form, parameters, answer
            )
    pairs = [
        (model, "validation" if model.__module__ == forms.__name__ else "serialization")
        for model in sorted(models, key=lambda model: model.__name__)
    ]
    _, schemas = models_json_schema(pairs, ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter-mlo",
            "version": __version__,
            "description": "What the MLO panel asks of a Jupyter server. Authentication, XSRF "
            "checks and authorisation are the server's; the resource is mlo, and contents where a "
            "route reads or changes a notebook.",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def methods_of(handler: type[MloHandler]) -> list[str]:
    """The methods that a handler answers."""
    return [name for name in ("get", "post", "put", "patch", "delete") if name in vars(handler)]


def _template(pattern: str, handler: type[MloHandler]) -> tuple[str, list[str]]:
    """The path with its parameters named as the handler names them."""
    method = getattr(handler, methods_of(handler)[0])
    names = list(inspect.signature(inspect.unwrap(method)).parameters)[1:]
    left = iter(names)
    return re.sub(r"\([^)]*\)", lambda _: "{" + next(left) + "}", pattern), names


def _operation(
    handler: type[MloHandler],
    method: str,
    names: list[str],
    form: type[BaseModel] | None,
    parameters: list[Any],
    answer: type[BaseModel],
) -> dict[str, Any]:
    function = inspect.unwrap(getattr(handler, method))
    statuses = sorted({status for _, status, _ in STATUSES})
    problem = {"application/json": {"schema": _ref(answers.Problem)}}
    operation: dict[str, Any] = {
        "operationId": f"{method}{handler.__name__.removesuffix('Handler')}",
        "summary": inspect.getdoc(function),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        + parameters,
        "responses": {
            "200": {
                "description": inspect.getdoc(answer),
                "content": {"application/json": {"schema": _ref(answer)}},
            }
        }
        | {
            str(status): {"description": "see reason, message and hint", "content": problem}
            for status in statuses
        },
    }
    if form is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(form)}},
        }
    return operation


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def text() -> str:
    """The document as it stands in the file."""
    return json.dumps(description(), indent=2) + "\n"


if __name__ == "__main__":
    WHERE.write_text(text())
    print(f"wrote {WHERE.name}")
