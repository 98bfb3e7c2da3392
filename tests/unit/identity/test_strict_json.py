"""One reading for every reader."""

from __future__ import annotations

import pytest

from gateway.identity.strict_json import UnclearJsonError, parse_object


def test_an_object_is_read() -> None:
    assert parse_object(b'{"a": {"a": [1, 2.5, "x", null, true]}}') == {
        "a": {"a": [1, 2.5, "x", None, True]}
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"1", "not a JSON object"),
        (b"{} {}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"a":1e999}', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not JSON"),
        (b'{"a":1,"a":1}', "stands twice"),
        (b'{"a":1,"\\u0061":1}', "stands twice"),
        (b'{"b":[{"a":1,"a":1}]}', "stands twice"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "not JSON"),
        (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", "nested too deep"),
    ],
)
def test_everything_else_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(UnclearJsonError, match=why):
        parse_object(text)


def test_the_refusal_repeats_nothing() -> None:
    with pytest.raises(UnclearJsonError) as raised:
        parse_object(b'{"CANARY":1,"CANARY":2}')

    assert "CANARY" not in str(raised.value)
