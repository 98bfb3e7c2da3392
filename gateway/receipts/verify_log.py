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
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from gateway.receipts.tiles import (
    ENTRIES_LEVEL,
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
        checkpoint = open_checkpoint(note, ring.log_keys(stated.origin))
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
    """The verdicts over a log's tiles and its checkpoint, and its entries.

    Args:
        note: the checkpoint.
        fetch: gives the log's tiles and bundles of entries.
        ring: the pinned keys of the log.
        known: a checkpoint of this log that was seen before.

    """
    report = Report("log")
    checkpoint = read_checkpoint(report, note, ring, "checkpoint")
    if checkpoint is None:
        return report, []
    entries = _entries(report, checkpoint, fetch)
    report.counts["entries"] = len(entries)
    if len(entries) == checkpoint.size:
        report.passed(Aspect.COMPLETENESS)
        _check_tree(report, checkpoint, entries, fetch)
    if known is not None:
        old = read_checkpoint(report, known, ring, "known checkpoint")
        if old is not None:
            check_consistency(report, old, checkpoint, lambda: _proof(old, checkpoint, fetch))
    return report, entries


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


def _entries(report: Report, checkpoint: Checkpoint, fetch: Fetch) -> list[bytes]:
    """All entries of the log, from its bundles; fewer where one is missing or wrong."""
    entries: list[bytes] = []
    while len(entries) < checkpoint.size:
        number = len(entries) // TILE_WIDTH
        width = min(TILE_WIDTH, checkpoint.size - len(entries))
        tile = Tile(ENTRIES_LEVEL, number, width)
        try:
            bundle = decode_entries(fetch(tile))[:width]
        except LookupError:
            message = f"the entries from {len(entries)} on are missing"
            report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "entries", message, tile.path)
            break
        except ValueError as error:
            _tampered(report, "entries", str(error), tile.path)
            break
        if len(bundle) < width:
            message = f"the bundle has {len(bundle)} entries, not {width}"
            report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "entries", message, tile.path)
            break
        entries += bundle
    return entries


def _check_tree(
    report: Report, checkpoint: Checkpoint, entries: Sequence[bytes], fetch: Fetch
) -> None:
    """That the entries have the root, and that every tile of hashes is that of the entries."""
    tree = CompactRange()
    levels: list[list[bytes]] = []
    for entry in entries:
        for level, _, digest in tree.append(leaf_hash(entry)):
            if level % 8 == 0:
                if level // 8 == len(levels):
                    levels.append([])
                levels[level // 8].append(digest)
    if tree.root() != checkpoint.root:
        _tampered(report, "root", "the entries do not have the root that was signed")
    else:
        report.passed(Aspect.INTEGRITY)
    for level, hashes in enumerate(levels):
        for first in range(0, len(hashes), TILE_WIDTH):
            expected = b"".join(hashes[first : first + TILE_WIDTH])
            tile = Tile(level, first // TILE_WIDTH, len(expected) // HASH_BYTES)
            _check_tile(report, tile, expected, fetch)


def _check_tile(report: Report, tile: Tile, expected: bytes, fetch: Fetch) -> None:
    try:
        data = fetch(tile)
    except LookupError:
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "tiles", "the tile is missing", tile.path)
        return
    if data[: len(expected)] != expected:
        _tampered(report, "tiles", "the tile is not that of the entries", tile.path)


def _tampered(report: Report, code: str, message: str, where: str = "") -> None:
    report.add(Aspect.INTEGRITY, State.TAMPERED, code, message, where)
