"""What a body asks for; what two readers may read in two ways is not known."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.identity.access import UNBOUNDED
from gateway_plugins.rbac.asked import output_tokens, spare_models


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", UNBOUNDED),
        (b'{"max_tokens": 10}', 10),
        (b'{"max_tokens": null}', UNBOUNDED),
        (b'{"max_tokens": 10, "max_completion_tokens": 500}', 500),
        (b'{"max_output_tokens": 7}', 7),
        (b'{"generationConfig": {"maxOutputTokens": 9, "candidateCount": 3}}', 27),
        (b'{"inferenceConfig": {"maxTokens": 5}}', 5),
        (b'{"options": {"num_predict": 4}}', 4),
        (b'{"max_tokens": 10, "n": 3}', 30),
        (b'{"n": 3}', UNBOUNDED),
        (b'{"options": {"num_predict": -1}}', None),
        (b'{"max_tokens": "10"}', None),
        (b'{"max_tokens": 1e9}', None),
        (b'{"max_tokens": true}', None),
        (b'{"max_tokens": 10, "max_tokens": 99}', None),
        (b'{"max_tokens": 99, "max_tokens": 10}', None),
        (b'{"max_toke\\u006es": 10}', None),
        (b'{"Max_Tokens": 99, "max_tokens": 10}', None),
        (b'{"generationConfig": {"maxOutputTokens": 9, "maxOutputTokens": 99}}', None),
        (b"[]", None),
        (b"null", None),
    ],
)
def test_a_bound_of_tokens_is_the_largest_that_any_reader_sees(
    body: bytes, expected: int | None
) -> None:
    assert output_tokens(body, orjson.loads(body)) == expected


def test_a_body_that_is_no_json_bounds_nothing() -> None:
    assert output_tokens(b"\x1f\x8b", None) is None


@pytest.mark.parametrize(
    ("parsed", "expected"),
    [
        ({}, ()),
        ({"models": ["a", "b"]}, ("a", "b")),
        ({"models": []}, ()),
        ({"models": ["a", 1]}, None),
        ({"models": "a"}, None),
        ([], ()),
        (None, ()),
    ],
)
def test_models_that_stand_in_are_found(parsed: Any, expected: tuple[str, ...] | None) -> None:
    assert spare_models(parsed) == expected
