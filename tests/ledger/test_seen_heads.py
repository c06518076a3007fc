"""What was seen of others' ledgers stays seen: after a crash, and when the file is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlo.ledger import seen_heads
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.seen_heads import SeenHeads

ORIGIN = "ledger.example/sample"
KEY = NoteSigner.generate(ORIGIN)


def fork(path: Path, size: int, root: bytes) -> str:
    """What one command finds of one checkpoint, which it remembers."""
    heads = SeenHeads(path)
    problem = heads.fork(Checkpoint(ORIGIN, size, root * 32).sign(KEY), KEY.verifier)
    heads.keep()
    return problem


def test_a_line_that_was_cut_short_swallows_none_after_it(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    assert fork(path, 1, b"a") == ""
    path.write_bytes(path.read_bytes() + path.read_bytes()[:40])
    assert fork(path, 2, b"a") == ""
    for size in (1, 2):
        assert "has forked" in fork(path, size, b"b")


@pytest.mark.parametrize("torn", [b"", b'{"origin":"led'], ids=["whole", "torn"])
def test_a_full_file_lets_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bytes
) -> None:
    path = tmp_path / "heads.jsonl"
    fork(path, 1, b"a")
    monkeypatch.setattr(seen_heads, "_LONGEST", path.stat().st_size * 10)
    for size in range(2, 41):
        assert fork(path, size, b"a") == ""
        assert "has forked" in fork(path, size, b"b"), size
    path.write_bytes(path.read_bytes() + torn)
    for size in range(41, 52):
        assert fork(path, size, b"a") == ""
    assert path.stat().st_size <= seen_heads._LONGEST + 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert "has forked" in fork(path, 50, b"b")
    assert fork(path, 1, b"b") == ""


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a plain file"):
        fork(path, 1, b"a")
