"""RFC 9162 hashing and proofs: published vectors, and a second reading of the RFC as oracle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlo.ledger import merkle

#: Leaves, roots and proofs that the implementations of Certificate Transparency publish.
VECTORS = json.loads((Path(__file__).parent / "vectors" / "rfc6962.json").read_text())
LEAVES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]


def mth(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, as it stands there, over leaf contents."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = next(2**n for n in range(64) if 2**n < len(entries) <= 2 ** (n + 1))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, section 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = next(2**n for n in range(64) if 2**n < len(entries) <= 2 ** (n + 1))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, section 2.1.4.1."""
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = next(2**n for n in range(64) if 2**n < len(entries) <= 2 ** (n + 1))
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root_of(LEAVES[:size]) == ROOTS[size]
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root() == ROOTS[size]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=lambda c: f"{c['index']}of{c['size']}")
def test_inclusion_proofs_are_the_published_ones(case: dict) -> None:
    proof = [bytes.fromhex(part) for part in case["proof"]]
    index, size = case["index"], case["size"]
    assert merkle.inclusion_proof(index, size, merkle.tree_of(LEAVES[:size])) == proof
    assert merkle.inclusion_holds(LEAVES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize(
    "case", VECTORS["consistency"], ids=lambda c: f"{c['first']}to{c['second']}"
)
def test_consistency_proofs_are_the_published_ones(case: dict) -> None:
    proof = [bytes.fromhex(part) for part in case["proof"]]
    first, second = case["first"], case["second"]
    assert merkle.consistency_proof(first, second, merkle.tree_of(LEAVES[:second])) == proof
    assert merkle.consistency_holds(first, second, proof, ROOTS[first], ROOTS[second])


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_any_tree_has_the_root_that_the_rfc_defines(entries: list[bytes]) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    assert merkle.root_of(leaves) == mth(entries)
    frontier, stored = merkle.Frontier(), {(0, i): leaf for i, leaf in enumerate(leaves)}
    for at, leaf in enumerate(leaves):
        for level, hash_ in enumerate(frontier.append(leaf), 1):
            assert merkle.last_leaf(level, at >> level) == at
            stored[level, at >> level] = hash_
    assert frontier.root() == mth(entries)
    assert frontier.size == len(entries)

    def node(level: int, index: int) -> bytes:
        return stored[level, index]

    assert merkle.root(len(entries), node) == mth(entries)
    assert merkle.Frontier.of(len(entries), node).peaks == frontier.peaks


@given(st.integers(1, 80), st.data())
def test_any_inclusion_proof_is_the_rfc_s_and_holds(size: int, data: st.DataObject) -> None:
    entries = [bytes([n]) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    proof = merkle.inclusion_proof(index, size, merkle.tree_of(leaves))
    assert proof == path(index, entries)
    assert merkle.inclusion_holds(leaves[index], index, size, proof, mth(entries))


@given(st.integers(1, 80), st.data())
def test_any_consistency_proof_is_the_rfc_s_and_holds(second: int, data: st.DataObject) -> None:
    entries = [bytes([n]) for n in range(second)]
    first = data.draw(st.integers(1, second))
    node = merkle.tree_of([merkle.leaf_hash(entry) for entry in entries])
    proof = merkle.consistency_proof(first, second, node)
    assert proof == subproof(first, entries, True)
    assert merkle.consistency_holds(first, second, proof, mth(entries[:first]), mth(entries))


@settings(max_examples=300)
@given(st.integers(1, 40), st.data())
def test_an_altered_inclusion_proof_never_holds(size: int, data: st.DataObject) -> None:
    entries = [bytes([n]) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    root = mth(entries)
    proof = path(index, entries)
    wrong_index = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))
    assert not merkle.inclusion_holds(leaves[index], wrong_index, size, proof, root)
    assert not merkle.inclusion_holds(leaves[index], index, size, [*proof, bytes(32)], root)
    assert not merkle.inclusion_holds(merkle.leaf_hash(b"other"), index, size, proof, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.inclusion_holds(
            leaves[index], index, size, proof[:at] + proof[at + 1 :], root
        )
        bent = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        assert not merkle.inclusion_holds(
            leaves[index], index, size, [*proof[:at], bent, *proof[at + 1 :]], root
        )


@settings(max_examples=300)
@given(st.integers(2, 40), st.data())
def test_an_altered_consistency_proof_never_holds(second: int, data: st.DataObject) -> None:
    entries = [bytes([n]) for n in range(second)]
    first = data.draw(st.integers(1, second - 1))
    old, new = mth(entries[:first]), mth(entries)
    proof = subproof(first, entries, True)
    assert not merkle.consistency_holds(first, second, proof, mth([b"forked"]), new)
    assert not merkle.consistency_holds(first, second, proof, old, mth([b"forked"]))
    assert not merkle.consistency_holds(first, second, [*proof, bytes(32)], old, new)
    assert not merkle.consistency_holds(second, first, proof, new, old)
    at = data.draw(st.integers(0, len(proof) - 1))
    bent = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    assert not merkle.consistency_holds(
        first, second, [*proof[:at], bent, *proof[at + 1 :]], old, new
    )
    assert not merkle.consistency_holds(first, second, proof[:at] + proof[at + 1 :], old, new)


def test_only_the_empty_root_is_consistent_from_size_zero() -> None:
    assert merkle.consistency_proof(0, 5, merkle.tree_of(LEAVES[:5])) == []
    assert merkle.consistency_holds(0, 5, [], merkle.EMPTY_ROOT, ROOTS[5])
    assert not merkle.consistency_holds(0, 5, [], ROOTS[1], ROOTS[5])
    assert not merkle.consistency_holds(0, 5, [ROOTS[1]], merkle.EMPTY_ROOT, ROOTS[5])


def test_a_leaf_or_a_tree_that_is_not_there_is_refused() -> None:
    node = merkle.tree_of(LEAVES)
    with pytest.raises(ValueError, match="no leaf 8"):
        merkle.inclusion_proof(8, 8, node)
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency_proof(8, 7, node)


def test_a_proof_reads_few_nodes_however_large_the_tree() -> None:
    read = []

    def node(level: int, index: int) -> bytes:
        read.append((level, index))
        return bytes(32)

    merkle.inclusion_proof(123_456, 1_000_000, node)
    assert len(read) <= 2 * 20
    read.clear()
    merkle.consistency_proof(123_457, 999_999, node)
    assert len(read) <= 3 * 20


@given(leaves=st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70), at=st.data())
@settings(deadline=None, max_examples=40)
def test_many_leaves_are_held_against_one_root(leaves: list[bytes], at: st.DataObject) -> None:
    nodes = merkle.tree_of(leaves)
    proven = merkle.Proven(len(leaves), merkle.root_of(leaves), nodes)
    for index in at.draw(st.permutations(range(len(leaves)))):
        other = bytes([leaves[index][0] ^ 1]) + leaves[index][1:]
        assert not proven.holds(index, other)
        assert proven.holds(index, leaves[index])
        assert not proven.holds(index, other)
    assert not proven.holds(len(leaves), leaves[0])
    assert not proven.holds(-1, leaves[-1])
    with pytest.raises(ValueError, match="do not give its root"):
        merkle.Proven(len(leaves), b"no root", nodes)
