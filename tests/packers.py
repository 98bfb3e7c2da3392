"""Compresses streams as servers do: flushed after each event, so that it can be read at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import brotli
import zstandard

Packer = Callable[[Iterable[bytes]], list[bytes]]
"""What each event becomes, and last the end of the stream."""


def _zlib(window: int) -> Packer:
    def pack(events: Iterable[bytes]) -> list[bytes]:
        packer = zlib.compressobj(wbits=window)
        out = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events]
        return [*out, packer.flush()]

    return pack


def _brotli(events: Iterable[bytes]) -> list[bytes]:
    packer = brotli.Compressor(quality=4)
    out = [packer.process(event) + packer.flush() for event in events]
    return [*out, packer.finish()]


def _zstd(events: Iterable[bytes]) -> list[bytes]:
    packer = zstandard.ZstdCompressor().compressobj()
    out = [
        packer.compress(event) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for event in events
    ]
    return [*out, packer.flush()]


PACKERS: dict[str, Packer] = {
    "gzip": _zlib(31),
    "deflate": _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}
RAW_DEFLATE = _zlib(-15)
