from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.recent import Recent


def test_remembers_what_was_put() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)

    assert recent.get("a") == 1
    assert recent.get("b") is None
    recent.clear()
    assert recent.get("a") is None


def test_what_is_asked_for_stays() -> None:
    recent: Recent[int, int] = Recent(10)
    for number in range(1000):
        recent.put(number, number)
        recent.put(-1, -1) if number == 0 else None
        assert recent.get(-1) == -1


@given(st.lists(st.integers(0, 50)), st.integers(1, 8))
def test_holds_the_latest_and_never_more_than_twice_as_many(puts: list[int], most: int) -> None:
    recent: Recent[int, int] = Recent(most)
    for number in puts:
        recent.put(number, number)
        assert len(recent) <= 2 * most
    latest = list(dict.fromkeys(reversed(puts)))[:most]
    assert all(recent.get(number) == number for number in latest)
