"""How targets fare: passive outlier ejection, and the budget for second tries."""

from __future__ import annotations

from collections.abc import Callable

from gateway.proxy.pool import Pool
from gateway.proxy.target import Target
from gateway.settings import FailoverSettings, OutlierSettings

Clock = Callable[[], float]
"""Counts seconds and never goes back."""


class RetryBudget:
    """Keeps second tries a small share of the load, so that they cannot double an outage.

    At most `budget_percent` of the requests now running may be retrying, and `budget_min` always.
    """

    __slots__ = ("_min", "_percent", "requests", "retries")

    def __init__(self, settings: FailoverSettings) -> None:
        self._percent = settings.budget_percent
        self._min = settings.budget_min
        self.requests = 0
        self.retries = 0

    def begin_request(self) -> None:
        """Counts a request until its answer is through; several tries are one request."""
        self.requests += 1

    def end_request(self) -> None:
        self.requests -= 1

    def begin_retry(self) -> bool:
        """Whether a second try may start; if so, `end_retry` must follow."""
        if self.retries >= max(self._min, self.requests * self._percent // 100):
            return False
        self.retries += 1
        return True

    def end_retry(self) -> None:
        self.retries -= 1


class TargetState:
    """One target, its connections, and how it has fared lately in this worker."""

    __slots__ = (
        "_clock",
        "_ejected",
        "_failures",
        "_failures_max",
        "_on_ejection",
        "_settings",
        "credit",
        "ejected_until",
        "ejections",
        "pool",
        "target",
    )

    def __init__(
        self,
        target: Target,
        pool: Pool,
        settings: OutlierSettings,
        clock: Clock,
        on_ejection: Callable[[str, float], None],
    ) -> None:
        self.target = target
        self.pool = pool
        self.credit = 0
        """The smooth weighted round robin's running account."""
        self.ejected_until = -1.0
        self.ejections = 0
        """Ejections in a row; forgotten after `ejection_max_ms` in rotation."""
        self._settings = settings
        self._failures_max = settings.failures
        self._failures = 0
        self._ejected = False
        self._clock = clock
        self._on_ejection = on_ejection

    def succeeded(self) -> None:
        """The target answered; an ejected one (see `Upstream.pick`) is back in rotation."""
        self._failures = 0
        if self._ejected:
            self._ejected = False
            self.ejected_until = min(self.ejected_until, self._clock())

    def failed(self) -> None:
        """The target did not connect, broke off, kept silent, or gave a listed status."""
        if self._failures_max == 0 or self.ejected_until > self._clock():
            return  # failures of requests that ran at the ejection are not counted again
        self._failures += 1
        if self._failures >= self._failures_max:
            self._eject()

    def never_ejected(self) -> None:
        """Turns ejection off: with a single target there is nothing else to use."""
        self._failures_max = 0

    def _eject(self) -> None:
        now = self._clock()
        longest_s = self._settings.ejection_max_ms / 1000
        if now - self.ejected_until > longest_s:
            self.ejections = 0
        self.ejections += 1
        duration_s = min(self._settings.ejection_ms / 1000 * self.ejections, longest_s)
        self.ejected_until = now + duration_s
        self._ejected = True
        self._failures = 0
        self._on_ejection(self.target.label, duration_s)

    def __repr__(self) -> str:
        return f"<TargetState ejections={self.ejections} failures={self._failures} {self.pool!r}>"
