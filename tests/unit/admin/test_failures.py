from __future__ import annotations

import pytest

from gateway.admin.failures import ADDRESSES_MAX, FAILURES_MAX, WINDOW_S, Failures


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def exhausted(failures: Failures, address: str) -> None:
    for _ in range(FAILURES_MAX):
        assert failures.add(address) == 0.0


def test_an_address_waits_once_it_failed_too_often() -> None:
    clock = Clock()
    failures = Failures(clock)
    exhausted(failures, "192.0.2.1")
    clock.now_s = 10.0

    assert failures.add("192.0.2.1") == WINDOW_S - 10
    assert failures.add("192.0.2.2") == 0.0
    clock.now_s = WINDOW_S
    assert failures.add("192.0.2.1") == 0.0


@pytest.mark.parametrize(
    ("one", "other"), [("2001:db8::1", "2001:db8::ffff:1"), ("::ffff:192.0.2.1", "192.0.2.1")]
)
def test_addresses_of_one_client_are_one(one: str, other: str) -> None:
    failures = Failures(Clock())
    exhausted(failures, one)

    assert failures.add(other) > 0
    assert failures.add("2001:db8:0:1::1") == 0.0


def test_memory_is_bounded() -> None:
    clock = Clock()
    failures = Failures(clock)
    for number in range(2 * ADDRESSES_MAX):
        failures.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(failures._counts) == ADDRESSES_MAX
    clock.now_s = WINDOW_S
    failures.add("192.0.2.1")
    assert len(failures._counts) == 1
