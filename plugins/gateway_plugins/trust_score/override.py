"""The switch by which people stop the model, and how soon it works.

A file is looked for at an interval that is half of what is asked; the longest time between two
looks is the latency that was measured. So it is known that the switch works, and not assumed.
"""

from __future__ import annotations

from pathlib import Path


class Override:
    """One switch; `look` is called at intervals, away from the loop."""

    def __init__(self, file: Path, within_s: float) -> None:
        self._file = file
        self._within_s = within_s
        self._looked_at: float | None = None
        self.on = False
        self.latency_s = 0.0
        self.ready = False
        """Whether the last look could tell."""

    def look(self, now_s: float) -> None:
        """Looks for the file; `now_s` is monotonic."""
        before = self._looked_at
        try:
            self.on = self._file.exists()
            self.ready = self._file.parent.is_dir()
        except OSError:
            # Who cannot look cannot be stopped: the switch counts as thrown.
            self.on, self.ready = True, False
        self._looked_at = now_s
        if before is not None:
            self.latency_s = max(self.latency_s * 0.9, now_s - before)

    def in_time(self, now_s: float) -> bool | None:
        """Whether it works as soon as is asked; None before there is a measurement."""
        if self._looked_at is None or not self.latency_s:
            return None
        return max(self.latency_s, now_s - self._looked_at) <= self._within_s
