"""Compressed bodies decoded for inspection, within bounds (RFC 9110 section 8.4).

A few kilobytes can decode to gigabytes, so the output is bounded three times: in all, in relation
to the input, and in the number of members that a gzip body may have. What breaks a bound is a bomb;
what no decoder here knows, or what does not decode to its end, is of unknown encoding.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from gateway.plugin.coverage import Gap

OUTPUT_BYTES_MAX: Final = 8_388_608
RATIO_MAX: Final = 20
RATIO_FLOOR_BYTES: Final = 262_144
"""Up to this output the ratio does not matter: little texts may be most repetitive."""
MEMBERS_MAX: Final = 1024
CODINGS_MAX: Final = 2
"""Codings one within the other."""

_ZSTD_STEP_BYTES: Final = 128
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15


class DecodeError(ValueError):
    """The body is not decoded; `gap` says why."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.value)
        self.gap = gap


def decoded(body: bytes, encoding: bytes) -> bytes:
    """`body` without the content-encoding that its header names. Raises `DecodeError`."""
    names = [name.strip().lower() for name in encoding.split(b",")]
    names = [name for name in names if name not in (b"", b"identity")]
    if len(names) > CODINGS_MAX:
        raise DecodeError(Gap.ENCODING_BOMB)
    limit = min(OUTPUT_BYTES_MAX, max(RATIO_FLOOR_BYTES, RATIO_MAX * len(body)))
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise DecodeError(Gap.UNKNOWN_ENCODING)
        body = decoder(body, limit)
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    out: list[bytes] = []
    size = 0
    for _ in range(MEMBERS_MAX):
        part, body = _inflated(body, limit - size, _GZIP)
        out.append(part)
        size += len(part)
        if not body:
            return b"".join(out)
    raise DecodeError(Gap.ENCODING_BOMB)


def _deflate(body: bytes, limit: int) -> bytes:
    """Zlib's format, as the standard says, or the bare one, as some clients write."""
    try:
        part, rest = _inflated(body, limit, _ZLIB)
    except DecodeError as error:
        if error.gap is Gap.ENCODING_BOMB:
            raise
        part, rest = _inflated(body, limit, _RAW)
    if rest:
        raise DecodeError(Gap.UNKNOWN_ENCODING)
    return part


def _inflated(body: bytes, limit: int, window: int) -> tuple[bytes, bytes]:
    """One member, and what comes after it."""
    inflater = zlib.decompressobj(window)
    try:
        part = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise DecodeError(Gap.UNKNOWN_ENCODING) from None
    if len(part) > limit:
        raise DecodeError(Gap.ENCODING_BOMB)
    if not inflater.eof:
        raise DecodeError(Gap.UNKNOWN_ENCODING)
    return part, inflater.unused_data


def _zstd(body: bytes, limit: int) -> bytes:
    library: Any = import_module("zstandard")
    unpacker = library.ZstdDecompressor(max_window_size=OUTPUT_BYTES_MAX)
    inflater = unpacker.decompressobj()
    out: list[bytes] = []
    size = frames = place = 0
    try:
        while place < len(body):
            # Little by little: a few bytes may stand for a block of 128 KiB.
            part = inflater.decompress(body[place : place + _ZSTD_STEP_BYTES])
            place += _ZSTD_STEP_BYTES
            out.append(part)
            size += len(part)
            if inflater.eof:
                place = min(place, len(body)) - len(inflater.unused_data)
                frames += 1
                if place < len(body):
                    inflater = unpacker.decompressobj()
            if size > limit or frames > MEMBERS_MAX:
                raise DecodeError(Gap.ENCODING_BOMB)
    except library.ZstdError:
        raise DecodeError(Gap.UNKNOWN_ENCODING) from None
    if not inflater.eof:
        raise DecodeError(Gap.UNKNOWN_ENCODING)
    return b"".join(out)


def _brotli(body: bytes, limit: int) -> bytes:
    import brotli  # type: ignore[import-untyped]  # noqa: PLC0415  # only where a body comes in it

    inflater = brotli.Decompressor()
    try:
        part: bytes = inflater.process(body, output_buffer_limit=limit + 1)
    except brotli.error:
        raise DecodeError(Gap.UNKNOWN_ENCODING) from None
    part = _bounded(part, limit)
    if not inflater.is_finished():
        raise DecodeError(Gap.UNKNOWN_ENCODING)
    return part


def _bounded(part: bytes, limit: int) -> bytes:
    if len(part) > limit:
        raise DecodeError(Gap.ENCODING_BOMB)
    return part


_DECODERS: Final[dict[bytes, Callable[[bytes, int], bytes]]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"zstd": _zstd,
    b"br": _brotli,
}
