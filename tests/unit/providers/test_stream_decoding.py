"""Compressed streams: decoded as they come, within bounds, or said to be no such thing."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Headers
from gateway.plugin.coverage import Gap
from gateway.providers.content_coding import MEMBERS_MAX, RATIO_FLOOR_BYTES, DecodeError
from gateway.providers.stream_decoding import STREAM_RATIO_MAX, StreamDecoder
from tests.packers import PACKERS, RAW_DEFLATE
from tests.recorded_streams import RECORDED, Recorded

CODINGS = pytest.mark.parametrize("coding", PACKERS)
EVENTS = [b"data: %d and some text\n\n" % number for number in range(12)]
TEXT = b"".join(EVENTS)


def decoded(coding: bytes, portions: Iterable[bytes]) -> bytes:
    decoder = StreamDecoder(coding)
    out = b"".join([decoder.feed(portion) for portion in portions])
    assert decoder.ended
    return out


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@CODINGS
def test_what_a_server_flushed_is_there_at_once(coding: str) -> None:
    decoder = StreamDecoder(coding.encode())
    *portions, end = PACKERS[coding](EVENTS)

    for portion, event in zip(portions, EVENTS, strict=True):
        assert decoder.feed(portion) == event
        assert not decoder.ended
    assert decoder.feed(end) == b""
    assert decoder.ended


@CODINGS
def test_every_cut_in_two_and_every_size_of_portions_comes_to_the_same(coding: str) -> None:
    packed = b"".join(PACKERS[coding](EVENTS))
    name = coding.encode()

    for place in range(len(packed) + 1):
        assert decoded(name, [packed[:place], packed[place:]]) == TEXT
    for size in range(1, len(packed) + 1):
        assert decoded(name, cut(packed, size)) == TEXT


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)
@CODINGS
def test_a_stream_of_any_dialect_is_no_bomb(recorded: Recorded, coding: str) -> None:
    """Even a long one that was compressed as a whole, in which only one word differs."""
    words = Random(7).choices(range(2000), k=4000)  # noqa: S311  # the same in every run
    stream = recorded.write([f" word{word}" for word in words], ["{}"])
    pack: Any = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": lambda data: import_module("brotli").compress(data, quality=5),
        "zstd": import_module("zstandard").compress,
    }[coding]

    assert decoded(coding.encode(), cut(pack(stream), 65_536)) == stream


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b" GZip ", gzip.compress(TEXT)),
        (b"x-gzip", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:])),
        (b"deflate", b"".join(RAW_DEFLATE([TEXT]))),
        (b"deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        (b"zstd", b"".join(PACKERS["zstd"]([TEXT[:9]]) + PACKERS["zstd"]([TEXT[9:]]))),
        (b"identity", TEXT),
        (b"", TEXT),
    ],
)
def test_other_spellings_and_codings_one_within_the_other(coding: bytes, packed: bytes) -> None:
    for size in (1, 7, 1000):
        assert decoded(coding, cut(packed, size)) == TEXT


@pytest.mark.parametrize(
    ("coding", "gap"),
    [
        (b"rot13", Gap.UNKNOWN_ENCODING),
        (b"compress", Gap.UNKNOWN_ENCODING),
        (b"gzip, rot13", Gap.UNKNOWN_ENCODING),
        (b"gzip, gzip, gzip", Gap.ENCODING_BOMB),
    ],
)
def test_a_coding_that_is_not_known_is_said_before_the_first_byte(coding: bytes, gap: Gap) -> None:
    with pytest.raises(DecodeError) as raised:
        StreamDecoder(coding)

    assert raised.value.gap is gap


def test_two_fields_may_be_read_in_two_ways() -> None:
    headers = Headers([(b"content-encoding", b"gzip"), (b"Content-Encoding", b"br")])

    with pytest.raises(DecodeError):
        StreamDecoder.of(headers)


@CODINGS
def test_what_is_not_that_coding_is_refused(coding: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decoded(coding.encode(), cut(b"nothing of the kind, whatever it may be", 5))

    assert raised.value.gap is Gap.UNKNOWN_ENCODING


@CODINGS
def test_bytes_behind_the_end_are_refused(coding: str) -> None:
    packed = b"".join(PACKERS[coding](EVENTS))

    for portions in ([packed + b"\0\0\0\0\0"], [packed, b"\0\0\0\0\0"]):
        with pytest.raises(DecodeError) as raised:
            decoded(coding.encode(), portions)
        assert raised.value.gap is Gap.UNKNOWN_ENCODING


@CODINGS
def test_a_stream_without_its_end_has_not_ended(coding: str) -> None:
    packed = b"".join(PACKERS[coding](EVENTS))
    decoder = StreamDecoder(coding.encode())
    assert decoder.ended  # an empty body has no coding

    for byte in packed[:-1]:
        decoder.feed(bytes([byte]))
        assert not decoder.ended


@CODINGS
@pytest.mark.parametrize("size", [1, 100, 65_536])
def test_a_bomb_is_stopped_before_it_is_large(coding: str, size: int) -> None:
    bomb = b"".join(PACKERS[coding]([bytes(1_000_000)] * 64))
    tracemalloc.start()

    decoder = StreamDecoder(coding.encode())
    given: list[int] = []
    with pytest.raises(DecodeError) as raised:
        given.extend(len(decoder.feed(portion)) for portion in cut(bomb, size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert raised.value.gap is Gap.ENCODING_BOMB
    assert sum(given) <= max(RATIO_FLOOR_BYTES, STREAM_RATIO_MAX * len(bomb))
    assert peak < 32_000_000


def test_a_bomb_behind_much_honest_text_is_stopped_too() -> None:
    """What came before earns no single portion a greater share."""
    noise = Random(7).randbytes(400_000)  # noqa: S311  # the same in every run
    honest, bomb, _ = PACKERS["gzip"]([noise, bytes(30_000_000)])
    decoder = StreamDecoder(b"gzip")
    for portion in cut(honest, 65_536):
        decoder.feed(portion)

    with pytest.raises(DecodeError) as raised:
        decoder.feed(bomb)

    assert raised.value.gap is Gap.ENCODING_BOMB


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_more_members_than_anybody_writes_are_a_bomb(coding: str) -> None:
    packed = b"".join(PACKERS[coding]([b"x"])) * (MEMBERS_MAX + 1)

    with pytest.raises(DecodeError) as raised:
        decoded(coding.encode(), [packed])

    assert raised.value.gap is Gap.ENCODING_BOMB


@given(st.sampled_from(sorted(PACKERS)), st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_decoded_or_refused(coding: str, portions: list[bytes]) -> None:
    """Fuzzing: nothing else is raised."""
    decoder = StreamDecoder(coding.encode())
    with suppress(DecodeError):
        for portion in portions:
            decoder.feed(portion)


@given(st.data())
def test_any_damage_is_noticed_or_harmless(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(sorted(PACKERS)))
    packed = bytearray(b"".join(PACKERS[coding](EVENTS)))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    decoder = StreamDecoder(coding.encode())
    with suppress(DecodeError):
        for portion in cut(bytes(packed), data.draw(st.integers(1, 40))):
            decoder.feed(portion)
