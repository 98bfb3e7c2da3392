from __future__ import annotations

import logging
import signal

import pytest

from gateway.server.control import FAILED_EXIT
from gateway.server.workers import exit_level, restart_delay


def test_the_first_crash_costs_no_time_and_further_ones_ever_more() -> None:
    delays: list[float] = []
    for _ in range(8):
        delays.append(restart_delay(delays[-1] if delays else None, lived_s=0.1))

    assert delays == [0, 0.5, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(("lived_s", "delay_s"), [(9.9, 8.0), (10.0, 0.0), (1000.0, 0.0)])
def test_a_worker_that_lived_is_replaced_at_once(lived_s: float, delay_s: float) -> None:
    assert restart_delay(4.0, lived_s) == delay_s


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (0, logging.INFO),
        (1, logging.WARNING),
        (-signal.SIGKILL, logging.WARNING),
        (FAILED_EXIT, logging.DEBUG),
    ],
)
def test_a_worker_that_said_why_it_cannot_start_is_no_second_warning(code: int, level: int) -> None:
    assert exit_level(code) == level
