"""Receipts as tlog-proof: the form that C2SP gives, and that they prove what they say."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import inclusion_proof, root_of, tree_of
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.proofs import TlogProof

VECTOR = json.loads((Path(__file__).parent / "vectors" / "receipt.json").read_text())
SIGNER = NoteSigner(VECTOR["origin"], bytes.fromhex(VECTOR["seed"]))
RECEIPT = VECTOR["receipt"].encode()
ENVELOPE = VECTOR["envelope"].encode()


def receipts(count: int) -> list[tuple[TlogProof, bytes]]:
    """A small log's receipts with their envelopes."""
    salts = [bytes([n]) * 32 for n in range(count)]
    envelopes = [b'{"entry":%d}' % n for n in range(count)]
    leaves = [entry_hash(*pair) for pair in zip(salts, envelopes, strict=True)]
    note = Checkpoint(SIGNER.verifier.name, count, root_of(leaves)).sign(SIGNER)
    node = tree_of(leaves)
    return [
        (TlogProof(n, tuple(inclusion_proof(n, count, node)), note, salts[n]), envelopes[n])
        for n in range(count)
    ]


def test_the_frozen_receipt_is_read_written_and_holds() -> None:
    proof = TlogProof.from_bytes(RECEIPT)
    assert proof.to_bytes() == RECEIPT
    checkpoint = proof.check(ENVELOPE, SIGNER.verifier)
    assert (proof.index, checkpoint.size) == (VECTOR["index"], VECTOR["size"])


def test_a_receipt_has_the_lines_that_the_specification_gives() -> None:
    proof, _ = receipts(5)[2]
    lines = proof.to_bytes().decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(bytes([2]) * 32).decode()
    assert lines[2] == "index 2"
    assert [base64.b64decode(line) for line in lines[3:6]] == list(proof.hashes)
    assert lines[6] == ""
    assert "\n".join(lines[7:]).encode() == proof.checkpoint


@pytest.mark.parametrize("count", range(1, 10))
def test_every_entry_of_a_log_can_be_proved(count: int) -> None:
    for proof, envelope in receipts(count):
        again = TlogProof.from_bytes(proof.to_bytes())
        assert again == proof
        assert again.check(envelope, SIGNER.verifier).size == count


def test_a_proof_without_extra_data_is_read_but_proves_no_envelope() -> None:
    proof, envelope = receipts(4)[1]
    bare = TlogProof(proof.index, proof.hashes, proof.checkpoint)
    assert b"extra" not in bare.to_bytes()
    assert TlogProof.from_bytes(bare.to_bytes()) == bare
    with pytest.raises(LedgerError, match="not a salt"):
        bare.check(envelope, SIGNER.verifier)


def test_every_changed_byte_of_a_receipt_is_found() -> None:
    for at in range(len(RECEIPT)):
        bent = RECEIPT[:at] + bytes([RECEIPT[at] ^ 1]) + RECEIPT[at + 1 :]
        with pytest.raises(LedgerError):
            TlogProof.from_bytes(bent).check(ENVELOPE, SIGNER.verifier)


def test_another_envelope_is_not_proved() -> None:
    proof, _ = receipts(4)[1]
    with pytest.raises(LedgerError, match="does not lead"):
        proof.check(b'{"entry":2}', SIGNER.verifier)


HEAD = b"c2sp.org/tlog-proof@v1\n"
HASH = base64.b64encode(bytes(32)) + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        HEAD + b"index 0\n",
        HEAD + b"\n",
        HEAD.replace(b"v1", b"v2") + b"index 0\n\ncheckpoint\n",
        HEAD + b"index 00\n\ncheckpoint\n",
        HEAD + b"index -1\n\ncheckpoint\n",
        HEAD + b"index 1x\n\ncheckpoint\n",
        HEAD + b"index %d\n\ncheckpoint\n" % 2**63,
        HEAD + b"extra !!!\nindex 0\n\ncheckpoint\n",
        HEAD + b"extra \nindex 0\n\ncheckpoint\n",
        HEAD + b"index 0\nextra AAAA\n\ncheckpoint\n",
        HEAD + b"index 0\nAAAA\n\ncheckpoint\n",
        HEAD + b"index 0\n" + HASH.replace(b"A=", b"B=") + b"\ncheckpoint\n",
        HEAD + b"index 0\n" + HASH * 64 + b"\ncheckpoint\n",
        HEAD + "index ٠\n\ncheckpoint\n".encode(),
        RECEIPT.replace(b"\n", b"\r\n"),
    ],
)
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerError):
        TlogProof.from_bytes(data)


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_a_traceback(data: bytes) -> None:
    for candidate in (data, HEAD + data, HEAD + b"index 0\n" + data):
        try:
            TlogProof.from_bytes(candidate).check(b"{}", SIGNER.verifier)
        except LedgerError:
            continue
