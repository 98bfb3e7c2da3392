"""Follows the logs of several nodes, and keeps what they signed with proofs in a log of its own.

FOLDER/log/             the aggregate as files: checkpoint, tiles, bundles of entries
FOLDER/checkpoint       the last checkpoint, which says how much of the files counts
FOLDER/aggregator.key   signs the aggregate and nothing else
FOLDER/origin           its name

One run looks at each node once; an operator's timer runs it again. It needs no gateway, and belongs
on a machine that no node's administrator may change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from gateway.ledger.log_sources import source_of
from gateway.ledger.opening import locked
from gateway.ledger.sealing import iso_ms, sign_checkpoint
from gateway.ledger.store import LedgerError
from gateway.ledger.tree import LogFiles, LogTree, write_whole
from gateway.receipts.aggregate import Nodes, entries_of
from gateway.receipts.ed25519 import SEED_BYTES, SigningKey
from gateway.receipts.files import LogFolder
from gateway.receipts.keys import LOG, KeyRing, PublicKey
from gateway.receipts.note import Checkpoint, NoteKey
from gateway.receipts.tiles import ENTRIES_LEVEL, TILE_WIDTH, Tile, encode_entries
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify_log import verify_log

KEY_FILE: Final = "aggregator.key"
ORIGIN_FILE: Final = "origin"


class Aggregated(NamedTuple):
    """What a run found, where the nodes stand, and the key that verifies the aggregate."""

    report: Report
    heads: dict[str, Checkpoint]
    size: int
    vkey: str


def aggregate(
    folder: Path,
    sources: Iterable[str],
    keys: Iterable[PublicKey],
    *,
    at_ms: int,
    restored: Iterable[str] = (),
) -> Aggregated:
    """Looks at each log once and keeps what is new.

    Args:
        folder: of the aggregate; made at the first run.
        sources: folders and URLs of the nodes' logs.
        keys: the pinned keys of these logs.
        at_ms: the time, milliseconds since 1970.
        restored: sources of which an operator says that they go on from a backup.

    Raises LedgerError where the aggregate itself is not as it was left, or cannot be written.

    """
    with locked(folder):
        try:
            return _Aggregator(folder, list(keys)).run(sources, set(restored), iso_ms(at_ms))
        except OSError as error:
            raise LedgerError(f"the aggregate {folder} cannot be used: {error}") from None


class _Aggregator:
    """One run over one folder."""

    def __init__(self, folder: Path, keys: list[PublicKey]) -> None:
        self._files = LogFiles(folder)
        self._signer = SigningKey(_made(folder / KEY_FILE, os.urandom(SEED_BYTES)))
        name = f"sealgate.local/aggregate-{os.urandom(6).hex()}".encode()
        self._origin = _made(folder / ORIGIN_FILE, name).decode()
        own = PublicKey(self._signer.public_key, LOG, origin=self._origin)
        self._ring = KeyRing([own, *keys])
        self._tree = LogTree()
        self._entries: list[bytes] = []
        self._nodes = Nodes()

    def run(self, sources: Iterable[str], restored: set[str], at: str) -> Aggregated:
        self._read()
        published = self._tree.size
        report = Report("nodes")
        for source in sources:
            found = Report("node")
            entry = self._look(source, found, at, restored=source in restored)
            report.include(found, source)
            if entry is not None:
                self._add(entry)
        if self._tree.size > published:
            self._publish(published)
        vkey = NoteKey(self._origin, self._signer.public_key).vkey
        return Aggregated(report, dict(self._nodes.heads), self._tree.size, vkey)

    def _look(self, source: str, report: Report, at: str, *, restored: bool) -> bytes | None:
        log = source_of(source)
        try:
            note = log.checkpoint()
        except (OSError, UnicodeDecodeError) as error:
            report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "away", f"cannot be read: {error}")
            return None
        return self._nodes.observe(note, log.fetch, self._ring, report, at=at, restored=restored)

    def _read(self) -> None:
        """What earlier runs left, as far as its checkpoint says. Raises LedgerError."""
        note = self._files.read_kept()
        if note is None:
            return
        folder = LogFolder(self._files.folder)
        report, leaves = verify_log(note.decode(), folder.fetch, self._ring)
        self._entries = entries_of(len(leaves), folder.fetch)
        if report.exit_code or len(self._entries) < len(leaves):
            what = "; ".join(map(str, report.findings)) or "bundles of entries are missing"
            raise LedgerError(f"the aggregate is not as it was left: {what}")
        for entry in self._entries:
            self._nodes.take(entry, self._ring, Report("node"), "")
            self._tree.append(entry)
        self._tree.finished.clear()

    def _add(self, entry: bytes) -> None:
        self._nodes.take(entry, self._ring, Report("node"), "")
        self._entries.append(entry)
        self._tree.append(entry)

    def _publish(self, published: int) -> None:
        """Bundles first, then tiles, then the checkpoint that makes them count."""
        for first in range(published // TILE_WIDTH * TILE_WIDTH, self._tree.size, TILE_WIDTH):
            bundle = self._entries[first : first + TILE_WIDTH]
            tile = Tile(ENTRIES_LEVEL, first // TILE_WIDTH, len(bundle))
            self._files.write_tile(tile, encode_entries(bundle))
        checkpoint = sign_checkpoint(self._origin, self._signer, self._tree)
        self._files.publish(published, self._tree, checkpoint)


def _made(path: Path, data: bytes) -> bytes:
    """What a file holds; `data` where the first run makes it."""
    if not path.exists():
        write_whole(path, data, durable=True, mode=0o600)
    return path.read_bytes()
