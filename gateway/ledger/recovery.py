"""The check before the first signature: the ledger against what is known outside of it.

| database | checkpoint beside it | verdict |
|---|---|---|
| empty | none | a new log |
| its root is not that of its entries | any | quarantine: damaged |
| its checkpoint is not signed by the log's key | any | quarantine: damaged |
| has the kept size, with the kept root there | of that size | goes on |
| has the kept size, with another root there | of that size | quarantine: forked |
| shorter than the kept size | of that size | quarantine: rolled back |
| not empty | none | quarantine: no witness |

A log in quarantine is read and never signed. The last two verdicts can be the operator's own doing
(a restored backup): an acknowledgement with the size of the database ends them, and the log then
says so in a `restored` record. Damage and forks cannot be acknowledged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gateway.ledger.sealing import iso_ms
from gateway.ledger.store import ENTRY_BYTES, LedgerAwayError, LedgerError, Reader, State
from gateway.ledger.tree import LogFiles, LogTree, write_whole
from gateway.receipts.note import Checkpoint, NoteKey, open_checkpoint
from gateway.receipts.score import Alarm
from gateway.receipts.tiles import TILE_WIDTH, Tile

ACKNOWLEDGED_FILE = "acknowledged.json"
_ENTRIES_AT_ONCE = 65_536


class QuarantineError(LedgerError):
    """The log may be read and must not be signed.

    `alarm`: what failed, for alerts. `may_acknowledge`: whether an operator can end it by saying
    that a backup was restored.
    """

    def __init__(
        self,
        reason: str,
        *,
        alarm: Alarm = Alarm.CHAIN_FAILURE,
        may_acknowledge: bool = False,
    ) -> None:
        super().__init__(reason)
        self.alarm = alarm
        self.may_acknowledge = may_acknowledge


class Recovered(NamedTuple):
    """State and tree as they stand, and the detail of the `restored` record that may be due."""

    state: State
    tree: LogTree
    restored: dict[str, Any] | None = None


def recover(
    ledger: Reader, files: LogFiles, keys: list[NoteKey], *, repair: bool = True
) -> Recovered:
    """Recomputes the tree and compares. Raises QuarantineError, LedgerError, OSError.

    `keys` are those of the log, also of the past. With `repair`, full tiles that are missing are
    written, and the checkpoint is published.
    """
    # The checkpoint first: where a sequencer runs meanwhile, the database is never behind it.
    kept = read_checkpoint(files.read_kept(), keys, "the checkpoint outside of the database")
    state = ledger.state()
    if state.size == 0 and kept is None:
        return Recovered(state, LogTree())
    mark = kept.size if kept is not None else 0
    try:
        tree, root_at_kept = rebuild(ledger, state.size, mark, files if repair else None)
    except LedgerAwayError:
        raise
    except LedgerError as error:
        raise QuarantineError(f"the ledger is damaged: {error}") from None
    _check_own(state, tree, keys)
    restored = None
    if kept is None or kept.size > state.size:
        restored = _acknowledged(files.kept.parent, state, kept)
    elif root_at_kept != kept.root:
        raise QuarantineError(
            f"the log is forked: its first {kept.size} entries are not those of the checkpoint "
            f"{files.kept}"
        )
    if repair and state.size:
        files.publish_edge(tree, state.checkpoint)
        tree.finished.clear()
    return Recovered(state, tree, restored)


def rebuild(
    ledger: Reader, size: int, mark: int, repaired: LogFiles | None = None
) -> tuple[LogTree, bytes]:
    """The tree over the entries, and its root when it had `mark` of them. Raises LedgerError.

    Full tiles that `repaired` lacks are written there.
    """
    tree = LogTree()
    root_at_mark = tree.root()
    for start in range(0, size, _ENTRIES_AT_ONCE):
        data = ledger.entries(start, min(start + _ENTRIES_AT_ONCE, size))
        for at in range(0, len(data), ENTRY_BYTES):
            tree.append(data[at : at + ENTRY_BYTES])
            if tree.size == mark:
                root_at_mark = tree.root()
        for (level, index), tile_data in tree.finished.items():
            tile = Tile(level, index)
            if repaired is not None and not repaired.has_tile(tile):
                repaired.write_tile(tile, tile_data)
        last = tree.finished if tree.size == size and size % TILE_WIDTH == 0 else {}
        tree.finished = dict(last)
    return tree, root_at_mark


def read_checkpoint(note: bytes | None, keys: list[NoteKey], what: str) -> Checkpoint | None:
    """A checkpoint whose signature holds. Raises QuarantineError."""
    if note is None:
        return None
    try:
        return open_checkpoint(note.decode(), keys)
    except ValueError as error:
        reason = f"{what} is not signed by the key of this log: {error}"
        raise QuarantineError(reason, alarm=Alarm.SIGNATURE_FAILURE) from None


def acknowledge(folder: Path, state: State, by: str, at_ms: int) -> None:
    """Says that the database was restored on purpose, as it is now. Raises OSError."""
    said = {"size": state.size, "root": state.root.hex(), "by": by, "at": iso_ms(at_ms)}
    write_whole(folder / ACKNOWLEDGED_FILE, orjson.dumps(said), durable=True)


def _check_own(state: State, tree: LogTree, keys: list[NoteKey]) -> None:
    """The database against itself."""
    if state.size and tree.root() != state.root:
        raise QuarantineError("the ledger is damaged: its root is not that of its entries")
    own = read_checkpoint(state.checkpoint or None, keys, "the checkpoint in the database")
    if state.size and (own is None or (own.size, own.root) != (state.size, state.root)):
        raise QuarantineError("the ledger is damaged: its checkpoint is not of its entries")


def _acknowledged(folder: Path, state: State, kept: Checkpoint | None) -> dict[str, Any]:
    """What the operator said of this very database. Raises QuarantineError."""
    try:
        said = orjson.loads((folder / ACKNOWLEDGED_FILE).read_bytes())
    except (OSError, ValueError):
        said = {}
    if (said.get("size"), said.get("root")) != (state.size, state.root.hex()):
        if kept is None:
            reason = f"the log has {state.size} entries, and no checkpoint outside of it"
        else:
            reason = (
                f"the log was rolled back: the database has {state.size} entries, and a "
                f"checkpoint over {kept.size} was signed"
            )
        raise QuarantineError(
            f"{reason}; after restoring a backup on purpose: sealgate ledger acknowledge",
            alarm=Alarm.ROLLBACK,
            may_acknowledge=True,
        )
    detail = {"size": state.size, "root": state.root.hex(), "backup_at": iso_ms(state.at_ms)}
    if kept is not None:
        detail.update(lost=kept.size - state.size, lost_root=kept.root.hex())
    return {**detail, "acknowledged_by": said["by"], "acknowledged_at": said["at"]}
