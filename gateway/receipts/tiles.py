"""The log as static files, after C2SP tlog-tiles: 256 hashes to a tile, entries in bundles.

    tile/<level>/<N>[.p/<W>]     N in groups of three digits: x001/x234/067; W: hashes, if partial
    tile/entries/<N>[.p/<W>]     entries, each after its length in two bytes, big-endian

A tile of level L holds the hashes of subtrees of 256^L leaves; what lies between two levels is
hashed from the tile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.receipts.merkle import HASH_BYTES, node_hash

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
"""Levels of the tree in one level of tiles: 2^8 hashes to a tile."""
ENTRIES_LEVEL: Final = -1
"""`Tile.level` of a bundle of entries."""
LEVEL_MAX: Final = 63
_ENTRY_BYTES_MAX: Final = 0xFFFF
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of the log: its level (or `ENTRIES_LEVEL`), number in it, and width, 1 to 256."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is below the log's prefix."""
        level = "entries" if self.level == ENTRIES_LEVEL else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_digits(self.index)}{partial}"


def parse_path(path: str) -> Tile:
    """The tile that a path names. Raises ValueError for a path that no tile has."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError("no path of a tile")
    level, number, width = found.groups()
    tile = Tile(
        ENTRIES_LEVEL if level == "entries" else int(level),
        int(number.replace("x", "").replace("/", "")),
        int(width or TILE_WIDTH),
    )
    # One path for each tile: no needless leading group, no partial tile of full width.
    if tile.level > LEVEL_MAX or tile.width > TILE_WIDTH or tile.path != path:
        raise ValueError("no path of a tile")
    return tile


def tiles_for(size: int) -> list[Tile]:
    """The tiles of hashes that a log of `size` leaves ends with: the last one of each level.

    All before them in a level are full.
    """
    tiles = []
    level = 0
    while size:
        full, width = divmod(size, TILE_WIDTH)
        tiles.append(Tile(level, full, width) if width else Tile(level, full - 1))
        size = full
        level += 1
    return tiles


def new_tiles(old_size: int, size: int) -> list[Tile]:
    """The tiles of hashes that a log publishes when it grows from `old_size` to `size` leaves."""
    tiles = []
    level = 0
    while size:
        full, width = divmod(size, TILE_WIDTH)
        tiles += [Tile(level, index) for index in range(old_size // TILE_WIDTH, full)]
        if width and size > old_size:
            tiles.append(Tile(level, full, width))
        old_size //= TILE_WIDTH
        size = full
        level += 1
    return tiles


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """A bundle of entries. Raises ValueError for one beyond 65,535 bytes."""
    if any(len(item) > _ENTRY_BYTES_MAX for item in entries):
        raise ValueError(f"an entry has at most {_ENTRY_BYTES_MAX} bytes")
    return b"".join(len(item).to_bytes(2, "big") + item for item in entries)


def decode_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle. Raises ValueError where it is cut or too long."""
    entries = []
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        end = at + 2 + length
        if end > len(bundle) or at + 2 > len(bundle):
            raise ValueError("the bundle ends within an entry")
        entries.append(bundle[at + 2 : end])
        at = end
    if len(entries) > TILE_WIDTH:
        raise ValueError(f"a bundle holds at most {TILE_WIDTH} entries")
    return entries


class TileReader:
    """Reads hashes of subtrees from tiles; the argument `read` of `gateway.receipts.merkle`.

    Args:
        fetch: gives a tile's bytes; raises LookupError where there is none. Asked for the full tile
            where the log of `size` leaves has it, else for the partial one of that size.
        size: leaves of the log that the tiles are read for.

    Each tile is fetched once and kept; a proof touches about log256(size) of them.

    """

    __slots__ = ("_fetch", "_size", "_tiles")

    def __init__(self, fetch: Callable[[Tile], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree. Raises LookupError (no tile), ValueError (a cut one)."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile_index, offset = divmod(first, TILE_WIDTH)
        data = self._tile(tile_level, tile_index)
        at = offset * HASH_BYTES
        end = at + (HASH_BYTES << height)
        if end > len(data):
            raise LookupError(f"the log of {self._size} leaves has no subtree ({level}, {index})")
        return _root_of_perfect(data[at:end])

    def _tile(self, level: int, index: int) -> bytes:
        data = self._tiles.get((level, index))
        if data is None:
            hashes = self._size >> (TILE_HEIGHT * level)
            width = min(TILE_WIDTH, hashes - index * TILE_WIDTH)
            if width <= 0:
                raise LookupError(f"the log of {self._size} leaves has no tile {level}/{index}")
            data = self._fetch(Tile(level, index, width))
            if len(data) < width * HASH_BYTES:
                raise ValueError(f"tile {level}/{index} has {len(data)} bytes, not {width} hashes")
            data = data[: width * HASH_BYTES]
            self._tiles[level, index] = data
        return data


def _root_of_perfect(hashes: bytes) -> bytes:
    """The root over a power of two of hashes that stand one after the other."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join(
            node_hash(hashes[at : at + HASH_BYTES], hashes[at + HASH_BYTES : at + 2 * HASH_BYTES])
            for at in pairs
        )
    return hashes


def _digits(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))
