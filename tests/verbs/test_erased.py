"""An entry that was rightly erased, seen by `ledger verify` and by `verify` of notebooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_mlo.delegation.enrolment import kept_enrolments
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.identity.store import IdentityStore
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import BackEnd
from tests.verbs.conftest import PASSPHRASE, Cli
from tests.verbs.workshop import Workshop


@pytest.fixture
def erased(cli: Cli, ada: str, secret: str, settings: Any, tmp_path: Any) -> Any:
    """A sealed notebook; an evidence of Ada's that she, who may, has erased."""
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    notebook = Workshop(settings, tmp_path / "work").executed()
    assert cli("seal", notebook).status == 0
    store = IdentityStore(settings)
    identity = store.find(ada)
    now = datetime.now(UTC)
    own = Signer.own(ada, store.unlock(identity, PASSPHRASE, now), kept_enrolments(store, identity))
    backend = BackEnd(settings)
    ((index, leaf),) = backend.rows(
        "SELECT e.leaf_index, e.leaf_hash FROM entries e JOIN contents c "
        "ON c.leaf_index = e.leaf_index WHERE c.predicate_type = ?",
        (types.SEAL,),
    )
    with backend.open() as ledger:
        entry = {"index": index, "leaf": leaf.hex(), "predicateType": types.SEAL}
        erasure = own.sign(
            types.ERASURE,
            [{"name": f"{ledger.origin}#{index}", "digest": {"mloLeafV1": leaf.hex()}}],
            {"origin": ledger.origin, "entries": [entry], "reason": "request"},
            now,
        )
        ledger.append([erasure])
    backend.attack("DELETE FROM contents WHERE leaf_index = ?", (index,))
    return notebook, own.key.key_id, index


def test_it_counts_where_the_key_may_erase_and_nowhere_else(cli: Cli, erased: Any) -> None:
    notebook, key_id, index = erased
    before = cli("ledger", "verify")
    assert before.status == 1
    assert f"contents {index}: salt and envelope are missing" in before.out
    assert before.told("may not erase here", "trust add --privacy")
    seen = cli("verify", notebook)
    assert seen.status == 1
    assert seen.told("the ledger lacks 1 of its entries")

    assert cli("trust", "add", "--privacy", key_id, "--name", "Data protection").status == 0
    assert "may erase  Data protection" in cli("trust", "list").out
    after = cli("ledger", "verify")
    assert after.status == 0, after.out
    assert "1 of them erased" in after.out
    assert json.loads(cli("ledger", "verify", "--json").out)["erased"] == 1
    seen = cli("verify", notebook)
    assert "lacks" not in seen.err
    assert seen.status == 0, seen.out

    assert cli("trust", "remove", "--privacy", key_id).status == 0
    assert cli("ledger", "verify").status == 1
