"""Checkpoints: the form that C2SP gives, the frozen vector, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.merkle import EMPTY_ROOT
from jupyter_mlo.ledger.note_keys import NoteSigner

VECTOR = json.loads((Path(__file__).parent / "vectors" / "checkpoint.json").read_text())
SIGNER = NoteSigner(VECTOR["origin"], bytes.fromhex(VECTOR["seed"]))
NOTE = VECTOR["note"].encode()
CHECKPOINT = Checkpoint(VECTOR["origin"], VECTOR["size"], bytes.fromhex(VECTOR["root"]))
#: The example in C2SP tlog-checkpoint.
PUBLISHED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_frozen_checkpoint_is_made_and_read_again() -> None:
    assert SIGNER.verifier.vkey == VECTOR["vkey"]
    assert CHECKPOINT.sign(SIGNER) == NOTE
    assert read_checkpoint(NOTE, SIGNER.verifier) == CHECKPOINT


def test_the_published_example_is_read_and_written_again() -> None:
    checkpoint = Checkpoint.from_text(PUBLISHED)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.to_text() == PUBLISHED


def test_the_empty_tree_has_a_checkpoint() -> None:
    empty = Checkpoint("log", 0, EMPTY_ROOT)
    assert Checkpoint.from_text(empty.to_text()) == empty


def test_quoting_gives_what_statements_carry() -> None:
    assert CHECKPOINT.quoted() == VECTOR["quoted"]


def test_extension_lines_are_passed_over_but_signed() -> None:
    note = SIGNER.sign(CHECKPOINT.to_text() + "an extension\n")
    assert read_checkpoint(note, SIGNER.verifier) == CHECKPOINT
    with pytest.raises(LedgerError):
        read_checkpoint(note.replace(b"an ext", b"no ext"), SIGNER.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n3\n",
        "log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n03\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n-3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n+3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n3.0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n٣\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        f"log\n{2**63}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
        "log\n3\nnot base64 at all\n",
        "log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(LedgerError, match="not a checkpoint"):
        Checkpoint.from_text(text)


def test_another_log_s_checkpoint_is_refused() -> None:
    other = NoteSigner("jupyter-mlo.local/other", bytes(32))
    theirs = Checkpoint("jupyter-mlo.local/other", 3, bytes(32)).sign(other)
    with pytest.raises(LedgerError, match="nobody known"):
        read_checkpoint(theirs, SIGNER.verifier)
    in_our_name = other.sign(CHECKPOINT.to_text())
    with pytest.raises(LedgerError):
        read_checkpoint(in_our_name, SIGNER.verifier)
    ours_for_them = SIGNER.sign(Checkpoint("jupyter-mlo.local/other", 3, bytes(32)).to_text())
    with pytest.raises(LedgerError, match="is of the log"):
        read_checkpoint(ours_for_them, SIGNER.verifier)


def test_a_witness_alone_makes_no_checkpoint() -> None:
    witness = NoteSigner("witness.example", bytes([7]) * 32)
    with pytest.raises(LedgerError, match="has not signed"):
        read_checkpoint(witness.sign(CHECKPOINT.to_text()), SIGNER.verifier, witness.verifier)


def test_a_log_signs_only_under_its_own_origin() -> None:
    with pytest.raises(ValueError, match="does not sign"):
        Checkpoint("jupyter-mlo.local/other", 3, bytes(32)).sign(SIGNER)
