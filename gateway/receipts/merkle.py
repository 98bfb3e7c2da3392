"""The tree of RFC 6962 (section 2.1): hashes, roots, proofs, and their verification.

    leaf  = SHA-256(0x00 || entry)
    node  = SHA-256(0x01 || left || right)      split at the largest power of two below n
    empty = SHA-256("")

A perfect subtree of 2^level leaves is named by (level, index): it holds leaves index * 2^level up
to (index + 1) * 2^level. Proofs are made from such hashes, which a `Read` gives, so that a log of
any size proves from a few stored tiles (`gateway.receipts.tiles`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
Read: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> the hash of that perfect subtree. May raise LookupError."""


class ProofError(ValueError):
    """A proof that does not prove, and why."""


def entry(salt: bytes, receipt: bytes) -> bytes:
    """What the log holds of a receipt: SHA-256(salt || receipt bytes), which tells nothing."""
    return hashlib.sha256(salt + receipt).digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The right edge of a growing tree: all that appending and the root need, at most 64 hashes.

    `hashes` are those of the perfect subtrees from left to right, the largest first: one for each
    bit that is set in `size`.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Continues a tree. Raises ValueError where the hashes are not those of that size."""
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees")

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Adds a leaf's hash; gives what it completes: (level, index, hash), smallest first."""
        index = self.size
        completed = [(0, index, leaf)]
        level = 0
        while index & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            index >>= 1
            level += 1
            completed.append((level, index, leaf))
        self.hashes.append(leaf)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The hash of the whole tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    @classmethod
    def read(cls, size: int, read: Read) -> CompactRange:
        """The right edge of a stored tree of `size` leaves."""
        return cls(size, [read(level, index) for level, index in _perfect(0, size)])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of a tree with these leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def root_at(size: int, read: Read) -> bytes:
    """The root of the first `size` leaves of a stored tree."""
    return CompactRange.read(size, read).root()


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 6962 section 2.1.1).

    Raises ValueError where there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_hash(middle, high, read))
            high = middle
        else:
            proof.append(_range_hash(low, middle, read))
            low = middle
    proof.reverse()
    return proof


def consistency_proof(old_size: int, size: int, read: Read) -> list[bytes]:
    """The proof that the tree of `size` begins with that of `old_size` (RFC 6962 section 2.1.2).

    Raises ValueError unless 0 < old_size <= size.
    """
    if not 0 < old_size <= size:
        raise ValueError(f"no proof leads from {old_size} leaves to {size}")
    proof: list[bytes] = []
    low, high = 0, size
    is_known = True  # the old root itself need not be repeated
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(_range_hash(middle, high, read))
            high = middle
        else:
            proof.append(_range_hash(low, middle, read))
            low, is_known = middle, False
    if not is_known:
        proof.append(_range_hash(low, high, read))
    proof.reverse()
    return proof


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that the proof leads to (RFC 9162 section 2.1.3.2). Raises ProofError."""
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} lies outside of a tree of {size}")
    _check_hashes([leaf, *proof])
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise ProofError("the proof is longer than the tree is high")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is shorter than the tree is high")
    return root


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raises ProofError unless the leaf's hash stands at `index` in the tree with that root."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raises ProofError unless the tree begins with the older one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old_size <= size:
        raise ProofError(f"no proof leads from {old_size} leaves to {size}")
    _check_hashes([old_root, root, *proof])
    if old_size == size:
        if proof or old_root != root:
            raise ProofError("two trees of one size differ, or their proof is not empty")
        return
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise ProofError("the proof is empty")
    if _roots_from_consistency(old_size - 1, size - 1, path) != (old_root, root):
        raise ProofError("the proof does not lead from the one root to the other")


def _roots_from_consistency(node: int, last: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """The older and the newer root; `node` and `last` are the last leaves of both."""
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            raise ProofError("the proof is longer than the tree is high")
        if node & 1 or node == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is shorter than the tree is high")
    return old, new


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError(f"a hash has {HASH_BYTES} bytes")


def _split(count: int) -> int:
    """The largest power of two below `count`, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)


def _perfect(low: int, high: int) -> list[tuple[int, int]]:
    """The perfect subtrees that fill [low, high), left to right.

    `low` is a multiple of the largest of them, as it is everywhere in this tree.
    """
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append((level, low >> level))
        low += 1 << level
    return found


def _range_hash(low: int, high: int, read: Read) -> bytes:
    """The hash over leaves [low, high) as one subtree."""
    hashes = [read(level, index) for level, index in _perfect(low, high)]
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root
