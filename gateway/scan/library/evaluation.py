"""How well the library does on labelled texts: by class for personal data, by row for secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.plugin.finding import Finding
from gateway.scan.binding import engine_for
from gateway.scan.evaluation import Report, Row, Tally, json_rows
from gateway.scan.library import GROUPS, patterns_of
from gateway.scan.scanner import UseScanner

BY: Final = ("source", "kind")
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "EMAIL": ("email",),
    "EMAIL_ADDRESS": ("email",),
    "PHONE": ("phone",),
    "PHONE_NUMBER": ("phone",),
    "CREDIT_CARD": ("card",),
    "IBAN": ("iban",),
    "IBAN_CODE": ("iban",),
    "SSN": ("ssn", "national_id"),
    "US_SSN": ("ssn",),
    "IP": ("ip",),
    "IP6": ("ip",),
    "IP_ADDRESS": ("ip",),
    "MAC": ("mac",),
    "MAC_ADDRESS": ("mac",),
    "BTC": ("crypto_wallet",),
    "CRYPTO": ("crypto_wallet",),
    "DOB": ("date_of_birth",),
    "PASSWORD": ("password", "secret"),
    "ADDRESS": ("address",),
}
"""Types of the data that patterns can find, and the classes that find them."""


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A text, and where values of which classes stand in it."""

    text: str
    values: tuple[tuple[int, int, tuple[str, ...]], ...]
    others: tuple[tuple[int, int], ...]
    """Values of types that patterns cannot find, such as names: no false positives."""


def evaluate_pii(file: Path, clock: Callable[[], float]) -> Report:
    """Every value of a type that patterns can find, by its first class.

    A value is found if a finding of its class overlaps it. A finding that overlaps none is false.
    """
    scanner = _scanner((*GROUPS["pii"], *GROUPS["financial"], "password", "secret"))
    report = Report()
    for row in _labelled(file):
        started = clock()
        found = scanner.find(row.text)
        report.times_us.append((clock() - started) * 1e6)
        report.chars += len(row.text)
        _count(report, row, found)
    return report


def _count(report: Report, row: _Labelled, found: Iterable[Finding]) -> None:
    found = list(found)
    present: set[str] = set()
    for start, stop, classes in row.values:
        caught = any(f.pattern.kind in classes and f.start < stop and start < f.stop for f in found)
        present.update(classes)
        for tally in (report.total, _tally(report, classes[0])):
            tally.add(1, flagged=caught)
    spans = [(start, stop) for start, stop, _ in row.values] + list(row.others)
    false = {
        f.pattern.kind
        for f in found
        if not any(f.start < stop and start < f.stop for start, stop in spans)
    }
    report.total.add(0, flagged=bool(false))
    for name in {classes[0] for classes in _TYPES.values()} | false:
        if name in false or name not in present:
            _tally(report, name).add(0, flagged=name in false)


def _tally(report: Report, name: str) -> Tally:
    return report.groups.setdefault(("class", name), Tally())


def _labelled(file: Path) -> Iterator[_Labelled]:
    """Rows with `spans`; others say nothing of places."""
    for value in json_rows(file):
        spans: list[dict[str, Any]] | None = value.get("spans")
        if spans is None:
            continue
        known = [(s["start"], s["end"], _TYPES.get(s["type"], ())) for s in spans]
        yield _Labelled(
            value["text"],
            tuple(each for each in known if each[2]),
            tuple((start, stop) for start, stop, classes in known if not classes),
        )


def evaluate_secrets(
    rows: Iterable[Row], clock: Callable[[], float], *, by: Iterable[str] = BY
) -> Report:
    """Every row by whether anything of the secrets was found in it."""
    scanner = _scanner(GROUPS["secrets"])
    report, members = Report(), tuple(by)
    for row in rows:
        started = clock()
        flagged = bool(scanner.find(row.text))
        report.times_us.append((clock() - started) * 1e6)
        report.chars += len(row.text)
        report.total.add(row.label, flagged=flagged)
        for member in members:
            key = (member, row.groups.get(member, "-"))
            report.groups.setdefault(key, Tally()).add(row.label, flagged=flagged)
    return report


def _scanner(classes: Iterable[str]) -> UseScanner:
    patterns = patterns_of(classes)
    engine = engine_for(patterns)
    return UseScanner(patterns, {"request": engine, "response": engine})


def describe_data(text: str) -> list[str]:
    """Every finding of a text as a line: its class, the pattern that says so, its place."""
    found = _scanner(["all"]).find(text)
    return [f"{f.pattern.kind} ({f.pattern.name}): characters {f.start} to {f.stop}" for f in found]
