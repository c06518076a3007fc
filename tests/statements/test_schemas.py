"""The schemas in the package are those that the models give.

``MLO_UPDATE_GOLDEN=1 pytest tests/statements/test_schemas.py`` writes them anew; what
changed is then reviewed like any other golden file.
"""

from __future__ import annotations

import json
import os

import pytest

from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.types import short_name
from jupyter_mlo.statements.schemas import FOLDER, generated
from jupyter_mlo.statements.statement import MODELS


@pytest.mark.parametrize("name", sorted(generated()))
def test_the_schema_in_the_package_is_what_its_model_gives(name: str) -> None:
    if os.environ.get("MLO_UPDATE_GOLDEN"):
        (FOLDER / name).write_text(generated()[name], encoding="utf-8")
    assert (FOLDER / name).read_text(encoding="utf-8") == generated()[name]


def test_every_predicate_has_a_schema_and_every_schema_a_predicate() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {
        f"{short_name(uri)}.json" for uri in MODELS
    }


def test_own_predicates_refuse_unknown_members_and_standard_ones_keep_them() -> None:
    for uri in MODELS:
        schema = json.loads((FOLDER / f"{short_name(uri)}.json").read_text(encoding="utf-8"))
        assert schema.get("additionalProperties") is (uri in types.STANDARD), uri
