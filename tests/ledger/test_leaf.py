"""The leaf's bytes, frozen: computed once by hand from docs/formats.md."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from jupyter_mlo.ledger.leaf import entry_hash, leaf_content

VECTORS = json.loads((Path(__file__).parent / "vectors" / "leaf.json").read_text())


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_leaf_is_the_frozen_one(case: dict) -> None:
    salt, envelope = bytes.fromhex(case["salt"]), case["envelope"].encode()
    assert leaf_content(salt, envelope).hex() == case["content"]
    assert entry_hash(salt, envelope).hex() == case["leaf_hash"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_frozen_leaf_is_what_the_formats_page_says(case: dict) -> None:
    salt, envelope = bytes.fromhex(case["salt"]), case["envelope"].encode()
    content = hashlib.sha256(b"mlo-leaf-v1" + b"\x00" + salt + envelope).digest()
    assert content.hex() == case["content"]
    assert hashlib.sha256(b"\x00" + content).hexdigest() == case["leaf_hash"]


def test_a_salt_of_another_length_is_refused() -> None:
    for size in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            leaf_content(bytes(size), b"{}")
