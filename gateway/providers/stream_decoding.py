"""A streamed body without its content-encoding, decoded as it comes (RFC 9110 section 8.4).

A server that compresses a stream of events flushes after each, so that what one portion brings can
be decoded at once. A stream has no size that would bound its output, so it is bounded in relation
to what came, in each portion and in all: events that differ in one word shrink to a fiftieth (57
was the most for any dialect), which is no bomb yet, and the reader of a stream keeps none of it.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any, Final, Protocol

from gateway.plugin.coverage import Gap
from gateway.plugin.headers import Headers
from gateway.providers.content_coding import (
    CODINGS_MAX,
    MEMBERS_MAX,
    OUTPUT_BYTES_MAX,
    RATIO_FLOOR_BYTES,
    DecodeError,
)

STREAM_RATIO_MAX: Final = 100
"""How much larger than its input the output may be, once it is over `RATIO_FLOOR_BYTES`."""

_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15
_ZLIB_HEAD_BYTES: Final = 2
_ZLIB_METHOD: Final = 8
_ZLIB_CHECK: Final = 31
_ZSTD_STEP_BYTES: Final = 128


class _Layer(Protocol):
    """One coding, undone."""

    @property
    def ended(self) -> bool:
        """Whether it came to its proper end."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """What `data` brings, at most `limit` bytes. Raises `DecodeError`."""


class _Gzip:
    """Members one after the other (RFC 1952 section 2.2)."""

    __slots__ = ("_inflater", "_members")

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._members = 1

    @property
    def ended(self) -> bool:
        return self._inflater.eof

    def feed(self, data: bytes, limit: int) -> bytes:
        out: list[bytes] = []
        while data:
            if self._inflater.eof:
                self._members += 1
                if self._members > MEMBERS_MAX:
                    raise DecodeError(Gap.ENCODING_BOMB)
                self._inflater = zlib.decompressobj(_GZIP)
            part = _inflated(self._inflater, data, limit)
            limit -= len(part)
            out.append(part)
            data = self._inflater.unused_data
        return b"".join(out)


class _Deflate:
    """Zlib's format, as the standard says, or the bare one; its first two bytes tell (RFC 1950)."""

    __slots__ = ("_head", "_inflater")

    def __init__(self) -> None:
        self._head = b""
        self._inflater: Any = None

    @property
    def ended(self) -> bool:
        return self._inflater is not None and self._inflater.eof

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._inflater is None:
            self._head += data
            if len(self._head) < _ZLIB_HEAD_BYTES:
                return b""
            data, first = self._head, int.from_bytes(self._head[:_ZLIB_HEAD_BYTES])
            is_zlib = first % _ZLIB_CHECK == 0 and data[0] & 15 == _ZLIB_METHOD
            self._inflater = zlib.decompressobj(_ZLIB if is_zlib else _RAW)
        elif self._inflater.eof and data:
            raise DecodeError(Gap.UNKNOWN_ENCODING)
        part = _inflated(self._inflater, data, limit)
        if self._inflater.unused_data:
            raise DecodeError(Gap.UNKNOWN_ENCODING)
        return part


class _Zstd:
    """Frames one after the other (RFC 8878 section 3)."""

    __slots__ = ("_frames", "_inflater", "_library", "_unpacker")

    def __init__(self) -> None:
        self._library: Any = import_module("zstandard")
        self._unpacker = self._library.ZstdDecompressor(max_window_size=OUTPUT_BYTES_MAX)
        self._inflater = self._unpacker.decompressobj()
        self._frames = 1

    @property
    def ended(self) -> bool:
        return bool(self._inflater.eof)

    def feed(self, data: bytes, limit: int) -> bytes:
        out: list[bytes] = []
        size = place = 0
        try:
            while place < len(data):
                if self._inflater.eof:
                    self._inflater = self._unpacker.decompressobj()
                    self._frames += 1
                # Little by little: a few bytes may stand for a block of 128 KiB.
                part = self._inflater.decompress(data[place : place + _ZSTD_STEP_BYTES])
                place += _ZSTD_STEP_BYTES
                if self._inflater.eof:
                    place = min(place, len(data)) - len(self._inflater.unused_data)
                out.append(part)
                size += len(part)
                if size > limit or self._frames > MEMBERS_MAX:
                    raise DecodeError(Gap.ENCODING_BOMB)
        except self._library.ZstdError:
            raise DecodeError(Gap.UNKNOWN_ENCODING) from None
        return b"".join(out)


class _Brotli:
    """RFC 7932."""

    __slots__ = ("_inflater", "_library")

    def __init__(self) -> None:
        self._library: Any = import_module("brotli")
        self._inflater = self._library.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._inflater.is_finished())

    def feed(self, data: bytes, limit: int) -> bytes:
        if not data:
            return b""
        try:
            part: bytes = self._inflater.process(data, output_buffer_limit=limit + 1)
        except self._library.error:
            raise DecodeError(Gap.UNKNOWN_ENCODING) from None
        if len(part) > limit or not (self.ended or self._inflater.can_accept_more_data()):
            raise DecodeError(Gap.ENCODING_BOMB)
        return part


_LAYERS: Final[dict[bytes, type[_Layer]]] = {
    b"gzip": _Gzip,
    b"x-gzip": _Gzip,
    b"deflate": _Deflate,
    b"zstd": _Zstd,
    b"br": _Brotli,
}


class StreamDecoder:
    """Undoes the content-encoding of one stream.

    Args:
        encoding: the value of its header.

    Raises `DecodeError` where no decoder here knows it.

    """

    __slots__ = ("_came", "_gave", "_layers")

    def __init__(self, encoding: bytes) -> None:
        names = [name.strip().lower() for name in encoding.split(b",")]
        names = [name for name in names if name not in (b"", b"identity")]
        if len(names) > CODINGS_MAX:
            raise DecodeError(Gap.ENCODING_BOMB)
        if not all(name in _LAYERS for name in names):
            raise DecodeError(Gap.UNKNOWN_ENCODING)
        self._layers = [_LAYERS[name]() for name in reversed(names)]
        self._came = self._gave = 0

    @classmethod
    def of(cls, headers: Headers) -> StreamDecoder:
        """The decoder for a message with these headers. Raises `DecodeError`, as above."""
        if headers.repeated(b"content-encoding"):
            raise DecodeError(Gap.UNKNOWN_ENCODING)
        return cls(headers.first(b"content-encoding") or b"")

    def feed(self, data: bytes) -> bytes:
        """What the next portion brings. Raises `DecodeError`; nothing can follow then."""
        self._came += len(data)
        limit = min(
            max(RATIO_FLOOR_BYTES, STREAM_RATIO_MAX * len(data)),
            max(RATIO_FLOOR_BYTES, STREAM_RATIO_MAX * self._came) - self._gave,
        )
        for layer in self._layers:
            data = layer.feed(data, limit)
        self._gave += len(data)
        return data

    @property
    def ended(self) -> bool:
        """Whether all that was announced has come; true of a body without a byte as well."""
        return not self._came or all(layer.ended for layer in self._layers)


def _inflated(inflater: Any, data: bytes, limit: int) -> bytes:
    try:
        part: bytes = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise DecodeError(Gap.UNKNOWN_ENCODING) from None
    if len(part) > limit:
        raise DecodeError(Gap.ENCODING_BOMB)
    return part
