"""The `.sonate` manifest of a project: its receipts as work units, with a tree over them.

    leaf of a work unit = SHA-256(0x00 || canonical(work unit)): anybody recomputes it from the file
    merkleRoot          = root of the tree of RFC 6962 over them
    merkleProofs        = {id of the unit: [sibling hashes]}
    head                = a C2SP checkpoint of that tree, signed: count and root; its extension line
                          is the SHA-256 of the canonical manifest without the head
    consistency         = that the tree continues the one of an earlier manifest

`legacyMerkleRoot`, on request, is the root that the format's first writers made: SHA-256(left ||
right) over raw bytes without prefixes, an odd node paired with itself. Two different lists of units
can have one such root, so nothing here relies on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.receipts.canonical import canonical, parse
from gateway.receipts.ed25519 import Signer
from gateway.receipts.merkle import (
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from gateway.receipts.note import (
    Checkpoint,
    NoteError,
    NoteKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
)

MANIFEST_VERSION: Final = 1


def work_unit(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt as a unit of work: what it is called, who took part, and the hashes that pin it."""
    interaction = receipt["interaction"]
    return {
        "id": receipt["id"],
        "type": "interaction",
        "timestamp": receipt["timestamp"],
        "session": receipt["session_id"],
        "agent": receipt["agent_did"],
        "human": receipt["human_did"],
        "model": interaction["model"],
        "promptHash": interaction["prompt_hash"],
        "responseHash": interaction["response_hash"],
        "chainHash": receipt["chain"]["chain_hash"],
        "receipt": hashlib.sha256(canonical(dict(receipt))).hexdigest(),
    }


def decisions_of(receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was refused or changed in an exchange, as the manifest lists decisions."""
    verdicts = receipt["metadata"]["sealgate"].get("verdicts", [])
    return [
        {
            "unit": receipt["id"],
            "timestamp": receipt["timestamp"],
            "by": verdict["plugin"],
            "outcome": verdict["outcome"],
            "reason": verdict.get("reason", ""),
        }
        for verdict in verdicts
        if verdict.get("outcome") not in {"allow", "skip"}
    ]


def to_manifest(
    project_id: str,
    name: str,
    receipts: Iterable[Mapping[str, Any]],
    signer: Signer,
    now: str,
    *,
    created: str | None = None,
    previous: str | None = None,
    legacy_tree: bool = False,
) -> dict[str, Any]:
    """The manifest of a project's receipts, oldest first.

    Args:
        project_id: names the project; its tree is named `sonate/<project_id>`.
        name: for people.
        receipts: sealed receipts.
        signer: the key of the log.
        now: ISO 8601 UTC, `updated`.
        created: when the manifest was first made; `now` without it.
        previous: the `head` of the manifest before, to prove that this one continues it. Raises
            ValueError where it does not.
        legacy_tree: also write `legacyMerkleRoot`.

    """
    units, decisions = [], []
    for receipt in receipts:
        units.append(work_unit(receipt))
        decisions += decisions_of(receipt)
    leaves = [leaf_hash(canonical(unit)) for unit in units]
    read = _Nodes(leaves)
    root = root_of(leaves)
    proofs = (inclusion_proof(index, len(leaves), read) for index in range(len(leaves)))
    manifest: dict[str, Any] = {
        "manifestVersion": MANIFEST_VERSION,
        "projectId": project_id,
        "name": name,
        "created": created or now,
        "updated": now,
        "humans": sorted({unit["human"] for unit in units}),
        "agents": sorted({unit["agent"] for unit in units}),
        "workUnits": units,
        "decisions": decisions,
        "merkleRoot": root.hex(),
        "merkleProofs": {
            unit["id"]: [item.hex() for item in proof]
            for unit, proof in zip(units, proofs, strict=True)
        },
    }
    if previous is not None:
        manifest["consistency"] = _consistency(previous, len(leaves), root, read)
    if legacy_tree:
        units_bytes = [hashlib.sha256(canonical(unit)).digest() for unit in units]
        manifest["legacyMerkleRoot"] = legacy_root(units_bytes).hex()
    head = Checkpoint(f"sonate/{project_id}", len(leaves), root, (_digest_line(manifest),))
    return {**manifest, "head": sign_checkpoint(head, signer)}


def legacy_root(leaves: Sequence[bytes]) -> bytes:
    """The root without prefixes, an odd node paired with itself; SHA-256("") over nothing."""
    level = list(leaves) or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(left + right).digest() for left, right in pairs]
    return level[0]


def manifest_faults(
    text: bytes | str, keys: Sequence[NoteKey], previous: str | None = None
) -> list[str]:
    """What is wrong with a manifest; empty if nothing is.

    `keys` are those of its tree (`sonate/<projectId>`); `previous` is the head of an earlier
    manifest that is known to be right.
    """
    try:
        manifest = parse(text)
        units = manifest["workUnits"]
        leaves = [leaf_hash(canonical(unit)) for unit in units]
        head = open_checkpoint(manifest["head"], keys)
        faults = _tree_faults(manifest, leaves, head)
        if previous is not None:
            old = parse_checkpoint(parse_note(previous).text)
            proof = [bytes.fromhex(item) for item in manifest["consistency"]["proof"]]
            verify_consistency(old.size, head.size, old.root, head.root, proof)
    except (KeyError, TypeError, AttributeError) as error:
        return [f"the manifest lacks or misuses {error}"]
    except (NoteError, ProofError, ValueError) as error:
        return [str(error)]
    return faults


def _tree_faults(
    manifest: Mapping[str, Any], leaves: Sequence[bytes], head: Checkpoint
) -> list[str]:
    faults = []
    if head.origin != f"sonate/{manifest['projectId']}":
        faults.append("the head is of another project")
    if (head.size, head.root) != (len(leaves), root_of(leaves)):
        faults.append("the work units are not those of the signed head")
    if head.extension != (_digest_line(manifest),):
        faults.append("the manifest is not the one whose head was signed")
    if manifest["merkleRoot"] != head.root.hex():
        faults.append("merkleRoot is not that of the signed head")
    proofs = manifest["merkleProofs"]
    if len(proofs) != len(leaves):
        faults.append("there is not one proof for each work unit")
    for index, (unit, leaf) in enumerate(zip(manifest["workUnits"], leaves, strict=True)):
        proof = [bytes.fromhex(item) for item in proofs[unit["id"]]]
        verify_inclusion(index, head.size, leaf, proof, head.root)
    if "legacyMerkleRoot" in manifest:
        units = [hashlib.sha256(canonical(unit)).digest() for unit in manifest["workUnits"]]
        if manifest["legacyMerkleRoot"] != legacy_root(units).hex():
            faults.append("legacyMerkleRoot is not that of the work units")
    return faults


def _consistency(previous: str, size: int, root: bytes, read: _Nodes) -> dict[str, Any]:
    old = parse_checkpoint(parse_note(previous).text)
    proof = consistency_proof(old.size, size, read)
    verify_consistency(old.size, size, old.root, root, proof)
    return {"size": old.size, "root": old.root.hex(), "proof": [item.hex() for item in proof]}


def _digest_line(manifest: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != "head"}
    return f"manifest {hashlib.sha256(canonical(rest)).hexdigest()}"


class _Nodes:
    """Hashes of perfect subtrees over leaves in memory; each is made once."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        level = list(leaves)
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [node_hash(left, right) for left, right in pairs]
            self._levels.append(level)

    def __call__(self, level: int, index: int) -> bytes:
        return self._levels[level][index]
