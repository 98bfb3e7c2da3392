"""Scores that an administrator reset: written by the admin API, read by every worker."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import orjson

RESETS_FILE: Final = "trust-resets.jsonl"
"""In the data folder; one JSON object per line: tenant, subject, agent (null for all)."""


class Reset(NamedTuple):
    """Whose scores are to be forgotten."""

    tenant: str
    subject: str
    agent: str | None


class Resets:
    """What was written since the last look."""

    def __init__(self, data_dir: Path) -> None:
        """Resets from before the first look are those of scores that this process never had."""
        self._path = data_dir / RESETS_FILE
        self._place = -1

    def read(self) -> list[Reset]:
        """The new ones; reads a file."""
        size = self._size()
        if self._place < 0:
            self._place = size
        if size == self._place:
            return []
        if size < self._place:
            self._place = 0
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                data = file.read()
        except OSError:
            return []
        whole, _, _ = data.rpartition(b"\n")
        self._place += len(whole) + 1 if whole else 0
        return [reset for line in whole.splitlines() if (reset := _reset(line)) is not None]

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0


def _reset(line: bytes) -> Reset | None:
    try:
        found = orjson.loads(line)
        return Reset(found["tenant"], found["subject"], found["agent"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
