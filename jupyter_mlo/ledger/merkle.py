"""Merkle tree hashing, and proofs of inclusion and consistency.

Source: RFC 9162, section 2.1 (the same tree as RFC 6962, section 2.1). Everything here is
pure: where the hashes of complete subtrees are kept is the caller's business, who hands
in a reader ``node(level, index)``. Level 0 holds the leaf hashes; the node at ``(level,
index)`` covers the leaves from ``index << level`` up to, not including, ``(index + 1) <<
level``. Proofs and roots read O(log n) of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

#: ``node(level, index)``: the 32-byte hash of a complete subtree.
Node = Callable[[int, int], bytes]

#: The root of a tree without leaves.
EMPTY_ROOT = sha256(b"").digest()
HASH_SIZE = 32


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ content)."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an interior node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the largest complete subtrees, left to right: all that appending needs.

    Its size is the number of leaves; its peaks are one for each bit set in the size.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    @classmethod
    def of(cls, size: int, node: Node) -> Frontier:
        """The frontier of the first ``size`` leaves of a stored tree."""
        return cls(size, [node(level, index) for level, index in peaks(size)])

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash; the hashes of the subtrees that it completes, from level 1 up."""
        completed = []
        index, top = self.size, leaf
        while index & 1:
            index >>= 1
            top = sha256(b"\x01" + self.peaks.pop() + top).digest()
            completed.append(top)
        self.peaks.append(top)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The tree's root hash."""
        return _folded(self.peaks)


def last_leaf(level: int, index: int) -> int:
    """The index of the last leaf below a node: the one that completes it."""
    return ((index + 1) << level) - 1


def peaks(size: int) -> list[tuple[int, int]]:
    """(level, index) of the largest complete subtrees of ``size`` leaves, left to right."""
    found, start = [], 0
    while start < size:
        level = (size - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def root(size: int, node: Node) -> bytes:
    """The root hash of the first ``size`` leaves (RFC 9162, section 2.1.1)."""
    return _range_hash(0, size, node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf ``index`` stands in the tree of ``size`` (RFC 9162, section 2.1.3.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_hash(middle, end, node))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node))
            start = middle
    return proof[::-1]


def proof_length(index: int, size: int) -> int:
    """How many hashes :func:`inclusion_proof` has for a leaf that is there."""
    # Up to where the paths to this leaf and to the last one part, a hash for each level; above
    # that, one wherever the path turns right.
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """The proof that the tree of ``second`` leaves continues that of ``first``.

    Source: RFC 9162, section 2.1.4.1. The proof from the empty tree, which the RFC leaves
    open, is empty.

    Raises:
        ValueError: ``first`` is larger than ``second``, or negative.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not continue one of {first}")
    if first == 0:
        return []
    proof, start, end, whole = [], 0, second, True
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(_range_hash(middle, end, node))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(_range_hash(start, end, node))
    return proof[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that ``proof`` leads to from a leaf hash; None where its length cannot be right.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    position, last, top = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return None
        if position & 1 or position == last:
            top = node_hash(sibling, top)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            top = node_hash(top, sibling)
        position, last = position >> 1, last >> 1
    return top if last == 0 else None


def inclusion_holds(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether ``proof`` shows that the leaf hash stands at ``index`` under ``root``."""
    return root_of_inclusion(leaf, index, size, proof) == root


def consistency_holds(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether ``proof`` shows that the second tree continues the first.

    Source: RFC 9162, section 2.1.4.2. Every tree continues the empty one.
    """
    if not 0 <= first <= second or any(len(hash_) != HASH_SIZE for hash_ in proof):
        return False
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first_top = second_top = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first_top = node_hash(sibling, first_top)
            second_top = node_hash(sibling, second_top)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second_top = node_hash(second_top, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first_top == first_root and second_top == second_root


class Proven:
    """Leaves held against one root, many of them: what one path has proven, the next builds on."""

    def __init__(self, size: int, root: bytes, node: Node) -> None:
        """Hold leaves against ``root``, over nodes that nobody vouches for.

        Raises:
            ValueError: the nodes have another root.
        """
        self._size = size
        self._node = node
        self._proven = {place: node(*place) for place in peaks(size)}
        if _folded(list(self._proven.values())) != root:
            raise ValueError(f"the nodes of the tree of {size} leaves do not give its root")

    def holds(self, index: int, leaf: bytes) -> bool:
        """Whether the leaf hash stands at ``index`` under the root."""
        if not 0 <= index < self._size:
            return False
        path: dict[tuple[int, int], bytes] = {}
        level, top = 0, leaf
        while (level, index) not in self._proven:
            beside = (level, index ^ 1)
            sibling = self._proven.get(beside) or self._node(*beside)
            path[level, index], path[beside] = top, sibling
            top = node_hash(sibling, top) if index & 1 else node_hash(top, sibling)
            level, index = level + 1, index >> 1
        if self._proven[level, index] != top:
            return False
        self._proven.update(path)
        return True


def tree_of(leaves: Iterable[bytes]) -> Node:
    """All complete subtrees over leaf hashes held in memory, as a reader of nodes."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(parents(levels[-1]))
    return lambda level, index: levels[level][index]


def parents(row: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up; a last one without a partner has no parent yet."""
    pairs = zip(row[::2], row[1::2], strict=False)
    return [sha256(b"\x01" + left + right).digest() for left, right in pairs]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root hash over leaf hashes held in memory."""
    return root(len(leaves), tree_of(leaves))


def _range_hash(start: int, end: int, node: Node) -> bytes:
    """MTH(D[start:end]) of a range that the RFC's recursion reaches: ``start`` is aligned."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(node(level, start >> level))
        start += 1 << level
    return _folded(parts)


def _folded(parts: Sequence[bytes]) -> bytes:
    if not parts:
        return EMPTY_ROOT
    top = parts[-1]
    for left in parts[-2::-1]:
        top = sha256(b"\x01" + left + top).digest()  # node_hash, on the path of each append
    return top


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (RFC 9162's k)."""
    return 1 << ((size - 1).bit_length() - 1)
