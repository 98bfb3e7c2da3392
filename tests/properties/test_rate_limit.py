"""Whatever comes when: no window admits more than its limit, and refusals use nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugin import PRINCIPAL, Exchange, Principal, Reject, Runtime, Usage
from gateway.plugin.testing import make_exchange, make_response
from gateway.state.memory import MemoryStore
from gateway_plugins.rate_limit import RateLimit

WINDOW_US = 1_000_000
KEYS = ("k1", "k2", "k3")

arrivals = st.lists(
    st.tuples(
        # Mostly close together, at times right around the edge of a window.
        st.one_of(st.integers(0, 400_000), st.sampled_from([0, 1, WINDOW_US - 1, WINDOW_US])),
        st.sampled_from(KEYS),
    ),
    max_size=40,
)


class Gateway:
    """One use of the plugin with a clock of its own."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.now_us = 0
        store = MemoryStore(lambda: self.now_us)
        written = RateLimit.Config.model_validate(config)
        self.plugin = RateLimit(written, Runtime(counters=lambda _: store))
        self._head = "on_request" in self.plugin.skips_hooks

    def begin(self, key: str) -> Exchange | None:
        """The exchange, if it is admitted."""
        x = make_exchange(body=b"{}")
        x.provide(PRINCIPAL, Principal("acme", "ann", "key", key))
        hook = self.plugin.on_request_headers if self._head else self.plugin.on_request
        refused = isinstance(hook(x), Reject)
        x.response = make_response()
        if refused:
            self.plugin.on_complete(x)
        return None if refused else x

    def end(self, x: Exchange, tokens: int) -> None:
        x.usage = Usage(tokens, 0, estimated=False)
        self.plugin.on_complete(x)


def in_window(times: list[int], now: int) -> int:
    """How many of `times` still count now."""
    return sum(now - at < WINDOW_US for at in times)


@given(arrivals, st.integers(1, 4), st.integers(1, 6))
def test_a_request_is_admitted_exactly_when_every_window_has_room(
    arrivals: list[tuple[int, str]], per_key: int, in_all: int
) -> None:
    """Never more and never less: a plain list of times is the model."""
    gateway = Gateway(
        {
            "limits": [
                {"per": "key", "requests": per_key, "window": "1s"},
                {"per": "tenant", "requests": in_all, "window": "1s"},
            ]
        }
    )
    admitted: dict[str, list[int]] = {key: [] for key in KEYS}
    for pause_us, key in arrivals:
        gateway.now_us += pause_us
        now = gateway.now_us
        total = sum(in_window(times, now) for times in admitted.values())
        has_room = in_window(admitted[key], now) < per_key and total < in_all

        assert (gateway.begin(key) is not None) is has_room
        if has_room:
            admitted[key].append(now)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 3000), st.booleans()), max_size=30))
def test_tokens_are_what_was_reported_once_all_answers_have_ended(
    exchanges: list[tuple[str, int, bool]],
) -> None:
    """In whatever order answers end, and whatever was estimated for them."""
    limit = 1_000_000
    gateway = Gateway({"limits": [{"per": "tenant", "tokens": limit, "window": "1h"}]})
    running: list[tuple[Exchange, int]] = []
    reported = 0
    for key, tokens, ends_first in exchanges:
        x = gateway.begin(key)
        assert x is not None
        running.insert(0 if ends_first else len(running), (x, tokens))
        if len(running) > 3:
            ended, used = running.pop(0)
            gateway.end(ended, used)
            reported += used
    for x, used in running:
        gateway.end(x, used)
        reported += used

    last = gateway.begin("k1")
    assert last is not None
    assert last.response is not None
    gateway.plugin.on_response_headers(last)
    left = int(last.response.headers.get("x-ratelimit-remaining-tokens") or -1)
    assert limit - left == reported + 1 + 1024
