"""Compressed bodies: decoded within bounds, or said to be no such thing."""

from __future__ import annotations

import gzip
import zlib
from importlib import import_module
from typing import Any

import pytest

from gateway.plugin.coverage import Gap
from gateway.providers.content_coding import MEMBERS_MAX, OUTPUT_BYTES_MAX, DecodeError, decoded

TEXT = b'{"messages":[]}' * 50


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT), b"gzip"),
        (gzip.compress(TEXT), b" GZip "),
        (gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), b"x-gzip"),
        (zlib.compress(TEXT), b"deflate"),
        (raw_deflate(TEXT), b"deflate"),
        (gzip.compress(zlib.compress(TEXT)), b"deflate, gzip"),
        (TEXT, b"identity"),
    ],
)
def test_a_body_is_decoded(body: bytes, encoding: bytes) -> None:
    assert decoded(body, encoding) == TEXT


@pytest.mark.parametrize(
    ("body", "encoding", "gap"),
    [
        (TEXT, b"br-unknown", Gap.UNKNOWN_ENCODING),
        (TEXT, b"gzip", Gap.UNKNOWN_ENCODING),
        (gzip.compress(TEXT)[:-9], b"gzip", Gap.UNKNOWN_ENCODING),
        (gzip.compress(TEXT) + b"x", b"gzip", Gap.UNKNOWN_ENCODING),
        (zlib.compress(TEXT) + b"x", b"deflate", Gap.UNKNOWN_ENCODING),
        (gzip.compress(bytes(1_000_000)), b"gzip", Gap.ENCODING_BOMB),
        (gzip.compress(bytes(OUTPUT_BYTES_MAX + 1)), b"gzip", Gap.ENCODING_BOMB),
        (zlib.compress(bytes(1_000_000)), b"deflate", Gap.ENCODING_BOMB),
        (gzip.compress(gzip.compress(bytes(10_000_000))), b"gzip, gzip", Gap.ENCODING_BOMB),
        (gzip.compress(b"x") * (MEMBERS_MAX + 1), b"gzip", Gap.ENCODING_BOMB),
        (TEXT, b"gzip, gzip, gzip", Gap.ENCODING_BOMB),
    ],
)
def test_what_is_not_decoded_says_why(body: bytes, encoding: bytes, gap: Gap) -> None:
    with pytest.raises(DecodeError) as raised:
        decoded(body, encoding)

    assert raised.value.gap is gap


@pytest.mark.parametrize(("module", "encoding"), [("brotli", b"br"), ("zstandard", b"zstd")])
def test_codings_of_installed_libraries_are_decoded_within_the_same_bounds(
    module: str, encoding: bytes
) -> None:
    pytest.importorskip(module)
    library: Any = import_module(module)
    pack = library.compress

    assert decoded(pack(TEXT), encoding) == TEXT
    if module == "zstandard":
        assert decoded(pack(TEXT[:9]) + pack(TEXT[9:]), encoding) == TEXT
    for body, gap in (
        (pack(bytes(10_000_000)), Gap.ENCODING_BOMB),
        (pack(TEXT)[:-4], Gap.UNKNOWN_ENCODING),
        (b"nothing of the kind", Gap.UNKNOWN_ENCODING),
    ):
        with pytest.raises(DecodeError) as raised:
            decoded(body, encoding)
        assert raised.value.gap is gap
