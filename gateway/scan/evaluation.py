"""How well the scorer does on labelled texts: recall, false positives and time, by group."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import ConfigError, Problem
from gateway.scan.injection import FLAGGED, score

GROUPS = ("source", "kind", "role", "lang", "enc")
"""Members of a row by which results can be grouped."""


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text: `label` 1 is an attack. `role` decides which threshold holds."""

    text: str
    label: int
    role: str
    groups: dict[str, str]


@dataclass(slots=True)
class Tally:
    """Counts of one group."""

    attacks: int = 0
    caught: int = 0
    harmless: int = 0
    flagged: int = 0

    def add(self, label: int, *, flagged: bool) -> None:
        """One more row."""
        if label:
            self.attacks += 1
            self.caught += flagged
        else:
            self.harmless += 1
            self.flagged += flagged

    @property
    def recall(self) -> float | None:
        """The share of attacks that were flagged; None without attacks."""
        return self.caught / self.attacks if self.attacks else None

    @property
    def false_positives(self) -> float | None:
        """The share of harmless texts that were flagged; None without any."""
        return self.flagged / self.harmless if self.harmless else None

    @property
    def precision(self) -> float | None:
        """The share of attacks among what was flagged; None where nothing was."""
        found = self.caught + self.flagged
        return self.caught / found if found else None


@dataclass(slots=True)
class Report:
    """The whole result; `groups` are the tallies by (member, value), `times_us` one per row."""

    total: Tally = field(default_factory=Tally)
    groups: dict[tuple[str, str], Tally] = field(default_factory=dict)
    times_us: list[float] = field(default_factory=list)
    chars: int = 0

    def quantile_us(self, share: float) -> float:
        """The time within which that share of the rows was scored."""
        ordered = sorted(self.times_us)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

    @property
    def us_per_kb(self) -> float:
        """Microseconds per 1,000 characters over all rows."""
        return sum(self.times_us) / max(1, self.chars) * 1000


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, gzipped or not. Raises ConfigError."""
    for number, value in _values(path):
        yield _row(value, path, number)


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows as they are. Raises ConfigError."""
    for number, value in _values(path):
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise ConfigError([Problem(str(path), number, 1, "not a labelled row", _HINT)])
        yield value


_HINT = 'write {"text": "...", "label": 0 or 1, "role": "user", "source": "...", "kind": "..."}'


def _values(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with path.open("rb") as raw:
            lines = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, _parsed(line, path, number)
    except OSError as error:
        hint = "name a JSON Lines file that can be read"
        raise ConfigError([Problem(str(path), 0, 0, str(error), hint)]) from None


def _parsed(line: bytes, path: Path, number: int) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ConfigError([Problem(str(path), number, 1, "not a labelled row", _HINT)]) from None


def _row(value: Any, path: Path, number: int) -> Row:
    try:
        groups = {name: str(value[name]) for name in GROUPS if value.get(name)}
        return Row(str(value["text"]), int(value["label"]), str(value.get("role", "user")), groups)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigError([Problem(str(path), number, 1, "not a labelled row", _HINT)]) from None


def evaluate(
    rows: Iterable[Row],
    clock: Callable[[], float],
    *,
    threshold: float = FLAGGED,
    by: Iterable[str] = GROUPS[:3],
) -> Report:
    """Scores every row; `clock` gives seconds."""
    report, members = Report(), tuple(by)
    score("warm the tables up", "user")
    for row in rows:
        started = clock()
        flagged = score(row.text, row.role) > threshold
        report.times_us.append((clock() - started) * 1e6)
        report.chars += len(row.text)
        report.total.add(row.label, flagged=flagged)
        for member in members:
            key = (member, row.groups.get(member, "-"))
            report.groups.setdefault(key, Tally()).add(row.label, flagged=flagged)
    return report


def table(report: Report) -> str:
    """The report as a Markdown table, groups in the order of their names."""
    lines = [
        "| group | attacks | recall | harmless | false positives | precision |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        _line("all", report.total),
    ]
    lines += [
        _line(f"{member}: {value}", tally)
        for (member, value), tally in sorted(report.groups.items())
    ]
    lines += [
        "",
        _times(report),
    ]
    return "\n".join(lines)


def _times(report: Report) -> str:
    return (
        f"{len(report.times_us)} texts, {report.chars} characters; per text p50 "
        f"{report.quantile_us(0.5):.0f} us, p99 {report.quantile_us(0.99):.0f} us; "
        f"{report.us_per_kb:.0f} us per 1,000 characters."
    )


def _line(name: str, tally: Tally) -> str:
    shares = (tally.recall, tally.false_positives, tally.precision)
    recall, false_positives, precision = (
        "" if share is None else f"{share:.2%}" for share in shares
    )
    shown = name.replace("|", "/")
    return (
        f"| {shown} | {tally.attacks} | {recall} | {tally.harmless} | {false_positives} "
        f"| {precision} |"
    )
