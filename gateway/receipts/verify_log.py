"""Logs verified: checkpoints, the whole tree behind one, and that a newer tree continues an older
one.

| Older and newer checkpoint | Verdict |
|---|---|
| the newer is larger, and the proof leads from one to the other | valid |
| the same size and root | valid |
| the same size, another root | integrity tampered: the log was forked |
| the newer is smaller | integrity tampered: rolled back, as when an older backup was restored |
| the newer is larger, and the proof does not lead there | integrity tampered: rewritten |
| another origin | integrity tampered: not one log |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import (
    HASH_BYTES,
    CompactRange,
    ProofError,
    consistency_proof,
    leaf_hash,
    verify_consistency,
)
from gateway.receipts.note import (
    Checkpoint,
    NoteError,
    UnknownSignerError,
    parse_checkpoint,
    parse_note,
)
from gateway.receipts.tiles import (
    ENTRIES_LEVEL,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    TileReader,
    decode_entries,
)
from gateway.receipts.verdict import Aspect, Report, State

Fetch = Callable[[Tile], bytes]
"""Gives a tile of the log. Raises LookupError where there is none."""


def read_checkpoint(report: Report, note: str, ring: KeyRing, where: str) -> Checkpoint | None:
    """A checkpoint as one that a pinned key of the log signed; None where it is none at all.

    Without any pinned key of logs its text is used, and authenticity is unknown.
    """
    try:
        stated = parse_checkpoint(parse_note(note).text)
    except NoteError as error:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "checkpoint", str(error), where)
        return None
    try:
        checkpoint = ring.open_checkpoint(note)
    except NoteError as error:
        unknown = isinstance(error, UnknownSignerError)
        state = State.UNKNOWN if unknown else State.TAMPERED
        report.add(Aspect.AUTHENTICITY, state, "checkpoint", str(error), where)
        return stated
    report.passed(Aspect.AUTHENTICITY)
    return checkpoint


def verify_log(
    note: str,
    fetch: Fetch,
    ring: KeyRing,
    *,
    known: str | None = None,
) -> tuple[Report, list[bytes]]:
    """The verdicts over a log's tiles and its checkpoint, and the hashes of its leaves.

    Bundles of entries may be published as well or not at all: a leaf is the hash of its entry, and
    an entry itself the hash of a receipt, so that receipts are compared with leaves.

    Args:
        note: the checkpoint.
        fetch: gives the log's tiles, and its bundles of entries if there are any.
        ring: the pinned keys of the log.
        known: a checkpoint of this log that was seen before.

    """
    report = Report("log")
    checkpoint = read_checkpoint(report, note, ring, "checkpoint")
    if checkpoint is None:
        return report, []
    leaves = _leaves(report, checkpoint, fetch)
    report.counts["leaves"] = len(leaves)
    if len(leaves) == checkpoint.size:
        report.passed(Aspect.COMPLETENESS)
        _check_tree(report, checkpoint, leaves, fetch)
    _check_entries(report, leaves, fetch)
    if known is not None:
        old = read_checkpoint(report, known, ring, "known checkpoint")
        if old is not None:
            check_consistency(report, old, checkpoint, lambda: _proof(old, checkpoint, fetch))
    return report, leaves


def verify_continues(
    old_note: str,
    new_note: str,
    ring: KeyRing,
    *,
    fetch: Fetch | None = None,
    proof: Sequence[bytes] | None = None,
) -> Report:
    """The verdicts over two checkpoints of one log, the older one first.

    The proof is given, or made from the tiles of the log; without either, a larger tree's past is
    unknown.
    """
    report = Report("consistency")
    old = read_checkpoint(report, old_note, ring, "older checkpoint")
    new = read_checkpoint(report, new_note, ring, "newer checkpoint")
    if old is not None and new is not None:

        def make() -> Sequence[bytes] | None:
            return _proof(old, new, fetch) if proof is None and fetch is not None else proof

        check_consistency(report, old, new, make)
    return report


def check_consistency(
    report: Report,
    old: Checkpoint,
    new: Checkpoint,
    proof: Callable[[], Sequence[bytes] | None],
) -> None:
    """Whether the newer tree continues the older one, as the table above says."""
    if old.origin != new.origin:
        _tampered(report, "origin", f"{old.origin} and {new.origin} are two logs")
    elif new.size < old.size:
        _tampered(report, "rollback", f"the log shrank from {old.size} to {new.size} entries")
    elif new.size == old.size:
        if new.root != old.root:
            _tampered(report, "fork", f"there are two logs of {new.size} entries")
        report.passed(Aspect.INTEGRITY)
    elif not old.size:
        report.passed(Aspect.INTEGRITY)
    else:
        _check_proof(report, old, new, proof)


def _check_proof(
    report: Report,
    old: Checkpoint,
    new: Checkpoint,
    proof: Callable[[], Sequence[bytes] | None],
) -> None:
    try:
        hashes = proof()
    except (LookupError, ValueError) as error:
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "tiles", str(error))
        return
    if hashes is None:
        message = "without a proof or the log nobody can tell that the one continues the other"
        report.add(Aspect.INTEGRITY, State.UNKNOWN, "no_proof", message)
        return
    try:
        verify_consistency(old.size, new.size, old.root, new.root, hashes)
    except ProofError as error:
        _tampered(report, "rewritten", f"the log does not continue the older one: {error}")
    else:
        report.passed(Aspect.INTEGRITY)


def _proof(old: Checkpoint, new: Checkpoint, fetch: Fetch) -> list[bytes]:
    return consistency_proof(old.size, new.size, TileReader(fetch, new.size))


def _leaves(report: Report, checkpoint: Checkpoint, fetch: Fetch) -> list[bytes]:
    """All leaves of the log, from its lowest tiles; fewer where one is missing or cut."""
    leaves: list[bytes] = []
    while len(leaves) < checkpoint.size:
        width = min(TILE_WIDTH, checkpoint.size - len(leaves))
        tile = Tile(0, len(leaves) // TILE_WIDTH, width)
        try:
            data = fetch(tile)
        except LookupError:
            data = b""
        if len(data) < width * HASH_BYTES:
            message = f"the leaves from {len(leaves)} on are missing"
            report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "tiles", message, tile.path)
            break
        leaves += [data[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]
    return leaves


def _check_tree(
    report: Report, checkpoint: Checkpoint, leaves: Sequence[bytes], fetch: Fetch
) -> None:
    """That the leaves have the root, and that every tile above them is theirs."""
    tree = CompactRange()
    levels: list[list[bytes]] = []
    for leaf in leaves:
        for level, _, digest in tree.append(leaf):
            if level and level % TILE_HEIGHT == 0:
                if level // TILE_HEIGHT > len(levels):
                    levels.append([])
                levels[level // TILE_HEIGHT - 1].append(digest)
    if tree.root() != checkpoint.root:
        _tampered(report, "root", "the leaves do not have the root that was signed")
    else:
        report.passed(Aspect.INTEGRITY)
    for level, hashes in enumerate(levels, 1):
        for first in range(0, len(hashes), TILE_WIDTH):
            expected = b"".join(hashes[first : first + TILE_WIDTH])
            tile = Tile(level, first // TILE_WIDTH, len(expected) // HASH_BYTES)
            _check_tile(report, tile, expected, fetch)


def _check_entries(report: Report, leaves: Sequence[bytes], fetch: Fetch) -> None:
    """That the bundles hold the entries of the leaves, where bundles are published at all."""
    missing = []
    for first in range(0, len(leaves), TILE_WIDTH):
        hashes = leaves[first : first + TILE_WIDTH]
        tile = Tile(ENTRIES_LEVEL, first // TILE_WIDTH, len(hashes))
        try:
            entries = decode_entries(fetch(tile))[: len(hashes)]
        except LookupError:
            missing.append(tile.path)
        except ValueError as error:
            _tampered(report, "entries", str(error), tile.path)
        else:
            report.count("entries", len(entries))
            if [leaf_hash(entry) for entry in entries] != hashes[: len(entries)]:
                _tampered(report, "entries", "not the entries of the leaves", tile.path)
            if len(entries) < len(hashes):
                missing.append(tile.path)
    for path in missing if "entries" in report.counts else ():
        message = "the bundle is missing or cut, and others are there"
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "entries", message, path)


def _check_tile(report: Report, tile: Tile, expected: bytes, fetch: Fetch) -> None:
    try:
        data = fetch(tile)
    except LookupError:
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "tiles", "the tile is missing", tile.path)
        return
    if data[: len(expected)] != expected:
        _tampered(report, "tiles", "the tile is not that of the leaves", tile.path)


def _tampered(report: Report, code: str, message: str, where: str = "") -> None:
    report.add(Aspect.INTEGRITY, State.TAMPERED, code, message, where)
