"""Which period of the calendar it is, when it began and when it ends; found once per period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway_plugins.budget.config import Period, zone_of

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US

LENGTH_US: dict[Period, int] = {
    "minute": 60 * SECOND_US,
    "hour": 3_600 * SECOND_US,
    "day": DAY_US,
    "week": 7 * DAY_US,
    "month": 30 * DAY_US,
}
"""How far back a rolling period reaches."""
KEPT_US: dict[Period, int] = {
    "minute": 5 * 60 * SECOND_US,
    "hour": 2 * 3_600 * SECOND_US,
    "day": 2 * DAY_US,
    "week": 9 * DAY_US,
    "month": 33 * DAY_US,
}
"""How long the count of a calendar period is kept: longer than the period, in any time zone."""
_INTO_NEXT_MONTH = timedelta(days=32)


class Calendar:
    """The current period of one length in one time zone."""

    def __init__(self, period: Period, timezone: str, wall: Callable[[], float]) -> None:
        self._period = period
        self._zone = zone_of(timezone)
        self._wall = wall
        self.began_s = 0
        self.ends_s = 0

    def now(self) -> float:
        """The time, in seconds since 1970; `began_s` and `ends_s` are around it afterwards."""
        now = self._wall()
        if not self.began_s <= now < self.ends_s:
            self._find(now)
        return now

    def _find(self, now: float) -> None:
        local = datetime.fromtimestamp(now, self._zone)
        if self._period in {"minute", "hour"}:
            start = local.replace(second=0, microsecond=0)
            if self._period == "hour":
                start = start.replace(minute=0)
            self.began_s = int(start.timestamp())
            self.ends_s = self.began_s + LENGTH_US[self._period] // SECOND_US
            return
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self._period == "day":
            start, end = day, day + timedelta(days=1)
        elif self._period == "week":
            start = day - timedelta(days=day.weekday())
            end = start + timedelta(days=7)
        else:
            start = day.replace(day=1)
            end = (start + _INTO_NEXT_MONTH).replace(day=1)
        # Arithmetic on local times keeps the wall clock: a day of 23 or 25 hours comes out right.
        self.began_s, self.ends_s = int(start.timestamp()), int(end.timestamp())
