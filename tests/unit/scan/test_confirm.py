"""A body whose beginning is known is found as RE2 finds it by itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.patterns import ReadyPattern
from gateway_plugins.dlp.config import DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.rules import Rules

_CONFIG = DlpConfig.model_validate({})
SCREENED = [
    (ready, ready.re2_body())
    for ready in map(ReadyPattern, patterns_for(_CONFIG, Rules(_CONFIG)))
    if ready.confirmation.screen is not None
]
PARTS = [
    *["4111 1111 1111 1111", "4111111111111111", "3782 822463 10005", "6011 0009 9013 9424 123"],
    *["::1", "fe80::1", "2001:db8::ff00:42:8329", "1::2::3", "4111-1111-1111-1111", "411"],
    *[" ", ".", ",", "-", ":", "x", "é", "指", "/", "\n", "1", "€"],
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


def test_patterns_with_a_screen_are_looked_at() -> None:
    assert len(SCREENED) > 3


@settings(deadline=None, max_examples=500)
@given(TEXTS, st.integers(0, 40))
def test_it_is_the_same_match(text: str, beyond: int) -> None:
    data = text.encode()
    for ready, body in SCREENED:
        screen = ready.confirmation.screen
        assert screen is not None
        for start in screen(data):
            stop = min(len(data), start + 8 + beyond)
            first = body.search(data, start, stop)
            exact = body.search_at(data, start, stop)
            if first[1][0] == start:
                assert exact[1] == first[1]
            else:
                assert exact[1][0] != start
