"""The log's tree while it grows, and its files: tiles, and the checkpoint that is kept outside."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from gateway.ledger.journal import sync_folder
from gateway.receipts.merkle import EMPTY_ROOT, leaf_hash, node_hash
from gateway.receipts.tiles import TILE_WIDTH, Tile, new_tiles, tiles_for

PARTIAL_KEPT = 8
"""Partial tiles of a level that stay, for readers who just read an older checkpoint."""
CHECKPOINT_FILE = "checkpoint"


class LogTree:
    """The hashes at the right edge: of each level of tiles the last, unfinished one.

    Full tiles go to `finished` until they are published. A copy is cheap, so a batch grows one and
    it takes the place of the tree once the batch is committed.
    """

    __slots__ = ("finished", "levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self.levels: list[list[bytes]] = []
        self.finished: dict[tuple[int, int], bytes] = {}

    def copy(self) -> LogTree:
        """A tree that grows by itself from here on, with nothing left to publish."""
        other = LogTree()
        other.size = self.size
        other.levels = [list(level) for level in self.levels]
        return other

    def append(self, entry: bytes) -> None:
        """Adds a leaf for an entry of the log."""
        self.size += 1
        self._add(0, leaf_hash(entry))

    def _add(self, level: int, value: bytes) -> None:
        if level == len(self.levels):
            self.levels.append([])
        hashes = self.levels[level]
        hashes.append(value)
        if len(hashes) == TILE_WIDTH:
            index = (self.size >> (8 * (level + 1))) - 1
            self.finished[level, index] = b"".join(hashes)
            root = _perfect_root(hashes)
            self.levels[level] = []
            self._add(level + 1, root)

    def root(self) -> bytes:
        """The root over all leaves, hashed from the right edge."""
        root: bytes | None = None
        for hashes in self.levels:
            for value in reversed(_peaks(hashes)):
                root = value if root is None else node_hash(value, root)
        return EMPTY_ROOT if root is None else root

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile that was finished since the copy, or of a partial one.

        Raises LookupError for another.
        """
        if tile.width == TILE_WIDTH:
            return self.finished[tile.level, tile.index]
        hashes = self.levels[tile.level]
        if len(hashes) != tile.width:
            raise LookupError(f"no partial tile {tile.path}")
        return b"".join(hashes)


def _peaks(hashes: list[bytes]) -> list[bytes]:
    """The roots of the perfect subtrees over the hashes, left to right."""
    peaks = []
    at = 0
    for bit in range(7, -1, -1):
        width = 1 << bit
        if len(hashes) & width:
            peaks.append(_perfect_root(hashes[at : at + width]))
            at += width
    return peaks


def _perfect_root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(hashes[n], hashes[n + 1]) for n in range(0, len(hashes), 2)]
    return hashes[0]


class LogFiles:
    """The log as files that any web server may publish, and the checkpoint that is kept beside.

    Tiles are written before the checkpoint that needs them. All of them can be made anew from the
    database; the kept checkpoint cannot: it is what a database that was rolled back is known by.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "log"
        self.kept = folder / CHECKPOINT_FILE
        self._partials: dict[int, list[Path]] = {}
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    def publish(self, old_size: int, tree: LogTree, checkpoint: bytes) -> None:
        """Writes what a grown log needs. Raises OSError; then the same may be called again."""
        for tile in new_tiles(old_size, tree.size):
            path = self.folder / tile.path
            write_whole(path, tree.tile(tile))
            if tile.width < TILE_WIDTH:
                self._remember_partial(tile.level, path)
            else:
                _remove_partials(path)
        self._write_checkpoint(checkpoint)

    def publish_edge(self, tree: LogTree, checkpoint: bytes) -> None:
        """Writes the partial tiles and the checkpoint, where the full tiles are there."""
        for tile in tiles_for(tree.size):
            if tile.width < TILE_WIDTH:
                path = self.folder / tile.path
                write_whole(path, tree.tile(tile))
                self._remember_partial(tile.level, path)
        self._write_checkpoint(checkpoint)

    def keep(self, checkpoint: bytes) -> None:
        """Writes the checkpoint that is kept beside the database. Raises OSError."""
        write_whole(self.kept, checkpoint, durable=True)

    def read_kept(self) -> bytes | None:
        """The checkpoint outside of the database, or None where there is none. Raises OSError."""
        try:
            return self.kept.read_bytes()
        except FileNotFoundError:
            return None

    def read_tile(self, tile: Tile) -> bytes:
        """The bytes of a published tile. Raises LookupError where there is none."""
        try:
            return (self.folder / tile.path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise LookupError(f"no tile {tile.path}") from None

    def has_tile(self, tile: Tile) -> bool:
        """Whether a full tile is there, whole."""
        try:
            return (self.folder / tile.path).stat().st_size == tile.width * 32
        except OSError:
            return False

    def write_tile(self, tile: Tile, data: bytes) -> None:
        """Writes one tile. Raises OSError."""
        write_whole(self.folder / tile.path, data)

    def _write_checkpoint(self, checkpoint: bytes) -> None:
        write_whole(self.folder / CHECKPOINT_FILE, checkpoint)
        self.keep(checkpoint)

    def _remember_partial(self, level: int, path: Path) -> None:
        kept = self._partials.setdefault(level, [])
        if path in kept:
            return
        kept.append(path)
        while len(kept) > PARTIAL_KEPT:
            kept.pop(0).unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o644) -> None:
    """Puts a file in place whole or not at all. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(fresh, flags, mode)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(fresh, flags, mode)
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if durable:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    if durable:
        sync_folder(path.parent)


def _remove_partials(full: Path) -> None:
    folder = full.with_name(f"{full.name}.p")
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()
