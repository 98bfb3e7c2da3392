"""The files that a verifier reads: logs in a folder, exports of any size, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.receipts.tiles import TILE_WIDTH, Tile

RANGE_BYTES: Final = 4 * 1024 * 1024
"""What one process takes of an export at a time."""
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_TAIL_BYTES: Final = 1024 * 1024


class LogFolder:
    """A log as its static files: `checkpoint`, `tile/...`.

    Args:
        folder: where they are.

    """

    __slots__ = ("_folder",)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoint(self) -> str:
        """The log's checkpoint. Raises OSError."""
        return (self._folder / "checkpoint").read_text(encoding="utf-8")

    def fetch(self, tile: Tile) -> bytes:
        """A tile, the full one where the partial one is gone already. Raises LookupError."""
        for each in (tile, Tile(tile.level, tile.index, TILE_WIDTH)):
            try:
                return (self._folder / each.path).read_bytes()
            except FileNotFoundError:
                continue
        raise LookupError(f"{tile.path} is missing")


def line_ranges(path: Path, size: int = RANGE_BYTES) -> Iterator[tuple[int, int]]:
    """A file in parts of about `size` bytes that end with a line: (start, end) each."""
    with path.open("rb") as file:
        start = 0
        total = file.seek(0, 2)
        while start < total:
            file.seek(min(start + size, total))
            file.readline(LINE_BYTES_MAX)
            end = min(file.tell(), total)
            yield start, end
            start = end


def lines_of(path: Path, start: int, end: int) -> list[bytes]:
    """The lines of one part."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start).splitlines()


def last_line(path: Path) -> bytes:
    """The last line that is not empty; a manifest stands there. At most 1 MiB is looked at."""
    with path.open("rb") as file:
        total = file.seek(0, 2)
        file.seek(max(0, total - _TAIL_BYTES))
        return file.read().rstrip().rpartition(b"\n")[2]
