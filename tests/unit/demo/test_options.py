"""The headers that tell the simulated provider how to behave."""

from __future__ import annotations

import pytest

from gateway.demo.options import BadCallError, Fault, Options, read_options


def test_without_headers_nothing_special_happens() -> None:
    assert read_options({}) == Options()


def test_every_header_is_read() -> None:
    headers = {
        "x-demo-latency-ms": "10",
        "x-demo-chunk-delay-ms": "20",
        "x-demo-status": "503",
        "x-demo-fault": "silence",
        "x-demo-chunks": "7",
        "x-demo-reply-text": "caf%C3%A9%0A100%",
    }

    assert read_options(headers) == Options(10, 20, 503, Fault.SILENCE, 7, "caf\u00e9\n100%")


@pytest.mark.parametrize(
    ("header", "value", "message"),
    [
        ("x-demo-latency-ms", "-1", "whole number from 0 to 3600000"),
        ("x-demo-chunks", "many", "whole number from 0 to 1000000"),
        ("x-demo-status", "200", "from 400 to 599"),
        ("x-demo-status", "600", "from 0 to 599"),
        ("x-demo-fault", "explode", "reset-before-head, reset-mid-stream, silence"),
    ],
)
def test_a_value_that_is_not_understood_says_what_would_be(
    header: str, value: str, message: str
) -> None:
    with pytest.raises(BadCallError, match=message):
        read_options({header: value})
