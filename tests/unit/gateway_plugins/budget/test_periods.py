"""Calendar periods, in every time zone, and across changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins.budget.config import Period
from gateway_plugins.budget.periods import KEPT_US, SECOND_US, Calendar
from tests.unit.gateway_plugins.budget.ledgers import Clock

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Pacific/Apia"]  # fmt: skip
PERIODS: list[Period] = ["minute", "hour", "day", "week", "month"]


def around(moment: str, period: Period, zone: str) -> tuple[str, str]:
    """When the period around `moment` (UTC) begins and ends, as local wall clocks show it."""
    clock = Clock()
    clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    calendar = Calendar(period, zone, clock)
    calendar.now()
    began, ends = (
        datetime.fromtimestamp(second, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
        for second in (calendar.began_s, calendar.ends_s)
    )
    return began, ends


@pytest.mark.parametrize(
    ("moment", "period", "zone", "expected"),
    [
        ("2026-11-22 12:34:56", "minute", "UTC", ("2026-11-22 12:34", "2026-11-22 12:35")),
        ("2026-11-22 12:34:56", "hour", "UTC", ("2026-11-22 12:00", "2026-11-22 13:00")),
        ("2026-11-22 23:30:00", "day", "Europe/Berlin", ("2026-11-23 00:00", "2026-11-24 00:00")),
        ("2026-11-22 12:00:00", "week", "UTC", ("2026-11-16 00:00", "2026-11-23 00:00")),
        ("2026-11-23 00:00:00", "week", "UTC", ("2026-11-23 00:00", "2026-11-30 00:00")),
        ("2026-12-31 23:59:59", "month", "UTC", ("2026-12-01 00:00", "2027-01-01 00:00")),
        ("2024-02-29 12:00:00", "month", "UTC", ("2024-02-01 00:00", "2024-03-01 00:00")),
        # 23 and 25 hours long.
        ("2026-03-29 12:00:00", "day", "Europe/Berlin", ("2026-03-29 00:00", "2026-03-30 00:00")),
        ("2026-10-25 12:00:00", "day", "Europe/Berlin", ("2026-10-25 00:00", "2026-10-26 00:00")),
        ("2026-10-25 00:30:00", "hour", "Europe/Berlin", ("2026-10-25 02:00", "2026-10-25 02:00")),
    ],
)
def test_a_period_is_the_one_that_people_mean(
    moment: str, period: Period, zone: str, expected: tuple[str, str]
) -> None:
    assert around(moment, period, zone) == expected


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  # made UTC below
    zone=st.sampled_from(ZONES),
    period=st.sampled_from(PERIODS),
    steps=st.lists(st.integers(1, 40 * 86_400), min_size=1, max_size=6),
)
def test_every_moment_lies_in_one_period_and_its_count_is_kept_until_the_end(
    start: datetime, zone: str, period: Period, steps: list[int]
) -> None:
    clock = Clock()
    clock.now = start.replace(tzinfo=UTC).timestamp()
    calendar = Calendar(period, zone, clock)
    seen = []
    for step in [0, *steps]:
        clock.now += timedelta(seconds=step).total_seconds()
        now = calendar.now()
        assert calendar.began_s <= now < calendar.ends_s
        assert (calendar.ends_s - calendar.began_s) * SECOND_US < KEPT_US[period]
        seen.append((calendar.began_s, calendar.ends_s))

    assert all(a == b or a[1] <= b[0] for a, b in pairwise(seen))


def test_a_clock_that_is_set_back_finds_the_earlier_period_again() -> None:
    clock = Clock()
    calendar = Calendar("day", "UTC", clock)
    calendar.now()
    first = calendar.began_s
    clock.now += 86_400
    calendar.now()
    assert calendar.began_s == first + 86_400
    clock.now -= 86_400
    calendar.now()

    assert calendar.began_s == first
