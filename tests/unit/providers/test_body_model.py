"""Which model a body names: told beyond doubt, or refused."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable

import pytest

from gateway.plugin import Reason, Reject
from gateway.plugin.testing import make_exchange
from gateway.providers.body_model import AT_ONCE_BYTES, model_in_body


def named(body: bytes, **headers: str) -> object:
    """The model, or the reason of the refusal."""
    found = model_in_body(make_exchange(body=body, headers=headers).request)
    return found.reason if isinstance(found, Reject) else found


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b"", ""),
        (b"{}", ""),
        (b'{"model":"gpt-4"}', "gpt-4"),
        (b' {"messages":[{"model":"inner"}], "model" : "gpt-4"}', "gpt-4"),
        (b'{"mod\\u0065l":"gpt-4"}', "gpt-4"),
        (b'{"messages":["\\"model\\": \\"x\\""],"model":"gpt-4"}', "gpt-4"),
        (b'[{"model":"gpt-4"}]', ""),
        (b'{"models":["a"]}', ""),
    ],
)
def test_one_model_is_told(body: bytes, model: str) -> None:
    assert named(body) == model


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"model":"a","Model":"b"}',
        b'{"MODEL":"a"}',
    ],
)
def test_what_parsers_read_in_different_ways_is_ambiguous(body: bytes) -> None:
    assert named(body) is Reason.AMBIGUOUS_REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a"} x',
        b'{"model":"a"',
        b"model=a",
        '{"model":"a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"model":"a"}',
        b'{"model":null}',
        b'{"model":["a"]}',
        b"null",
        b"[" * 129 + b"]" * 129,
        b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\na\r\n--x--',
    ],
)
def test_what_cannot_be_read_beyond_doubt_is_uninspectable(body: bytes) -> None:
    assert named(body) is Reason.UNINSPECTABLE


def test_a_compressed_body_hides_its_model() -> None:
    body = gzip.compress(b'{"model":"a"}')

    assert named(body, **{"content-encoding": "gzip"}) is Reason.UNINSPECTABLE
    assert named(b'{"model":"a"}', **{"content-encoding": "Identity"}) == "a"


async def test_a_large_body_is_read_in_steps() -> None:
    body = b'{"pad":[' + b",".join([b"[]"] * 90_000) + b'],"model":"a"}'
    assert len(body) > AT_ONCE_BYTES

    found = model_in_body(make_exchange(body=body).request)

    assert isinstance(found, Awaitable)
    assert await found == "a"
