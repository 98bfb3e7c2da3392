"""Which requests a worker refuses because it cannot keep up."""

from __future__ import annotations

from collections.abc import Callable


class Shedder:
    """Refuses a share of the requests that rises with the lag of the event loop.

    The share is dealt out evenly and not by chance: of a share of a quarter, every fourth request
    is refused.
    """

    def __init__(self, lag_s: Callable[[], float], begin_s: float, full_s: float) -> None:
        self._lag_s = lag_s
        self._begin_s = begin_s
        self._span_s = full_s - begin_s
        self._debt = 0.0

    def refuses(self) -> bool:
        """Whether the request at hand is one of those."""
        over_s = self._lag_s() - self._begin_s
        if over_s <= 0:
            return False
        if over_s >= self._span_s:
            return True
        self._debt += over_s / self._span_s
        if self._debt < 1:
            return False
        self._debt -= 1
        return True
