"""JSON Schemas of the predicates (draft 2020-12), for readers that are not ours.

One file a predicate, generated from the models in ``predicates/``. They give the form;
what no schema can say (which key may sign, what a digest covers) stands in
``docs/formats.md``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_mlo.statements.predicates.types import short_name
from jupyter_mlo.statements.statement import MODELS

FOLDER = Path(__file__).parent


def schema_of(predicate_type: str) -> dict[str, Any]:
    """The JSON Schema of one predicate, generated; ``predicate_type`` is its URI."""
    schema = MODELS[predicate_type].model_json_schema(by_alias=True, mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"The predicate of in-toto statements of type {predicate_type}.",
    }
    return head | schema


def generated() -> dict[str, str]:
    """File name → content, for every predicate."""
    return {
        f"{short_name(uri)}.json": json.dumps(schema_of(uri), indent=2, ensure_ascii=False) + "\n"
        for uri in MODELS
    }
