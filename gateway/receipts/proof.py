"""`c2sp.org/tlog-proof@v1`: one file that proves offline that an entry is in a log.

c2sp.org/tlog-proof@v1
extra <base64>              here: the salt of the entry, so that the receipt's bytes can be tied to
it index 73894
<base64 hash> ...           from the leaf's sibling to the root's child
                            a blank line
<checkpoint>                a signed note, verbatim
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.receipts.merkle import HASH_BYTES, ProofError, entry, leaf_hash, verify_inclusion
from gateway.receipts.note import Checkpoint

PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
_HASHES_MAX: Final = 128  # a consistency proof has up to twice the tree's height


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one entry: index, hashes, the checkpoint's note, and the entry's salt."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    salt: bytes = b""

    @property
    def text(self) -> str:
        """The file."""
        extra = [f"extra {_encode(self.salt)}"] if self.salt else []
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(_encode, self.hashes), ""]
        return "\n".join(lines) + "\n" + self.checkpoint


def parse_proof(text: str) -> Proof:
    """The proof of such a file. Raises ProofError."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != PROOF_HEADER or not lines:
        raise ProofError(f"not a proof: the first line is not {PROOF_HEADER}")
    salt = b""
    if lines[0].startswith("extra "):
        salt = _decode(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise ProofError("the proof has no index")
    number = lines.pop(0).removeprefix("index ")
    if not (number.isascii() and number.isdigit()) or str(int(number)) != number:
        raise ProofError("the proof's index is no decimal number")
    return Proof(int(number), parse_hashes(lines), checkpoint, salt)


def parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """The hashes of a proof, in base64, one a line. Raises ProofError."""
    hashes = tuple(_decode(line) for line in lines)
    if len(hashes) > _HASHES_MAX or any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError("the proof's lines are no SHA-256 hashes")
    return hashes


def verify_proof(proof: Proof, receipt: bytes, checkpoint: Checkpoint) -> None:
    """Raises ProofError unless the receipt's bytes are in the tree of a checkpoint.

    The checkpoint is that of `proof.checkpoint`, opened by who knows the log's keys.
    """
    leaf = leaf_hash(entry(proof.salt, receipt))
    verify_inclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ProofError("a line of the proof is not base64") from None
    if _encode(data) != text or not data:
        raise ProofError("a line of the proof is not base64")
    return data
