"""How well the rules do on labelled texts, each taken for the value of a tool's argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from gateway.scan.engine import Engine
from gateway.scan.evaluation import GROUPS, Report, Row, Tally
from gateway.scan.scanner import UseScanner
from gateway.scan.threats.judge import Judge, pattern_of, rules_for

BY: Final = (GROUPS[1],)
"""Rows of threats are told by their kind."""


def make_judge() -> Judge:
    """The rules as the plugin has them by default."""
    rules = rules_for()
    patterns = [pattern_of(rule, ("request",)) for rule in rules]
    scanner = UseScanner(patterns, {"request": Engine(patterns)})
    return Judge(rules, lambda text, budget: scanner.present(text, "request", budget=budget))


def evaluate(rows: Iterable[Row], clock: Callable[[], float], *, by: Iterable[str] = BY) -> Report:
    """Judges every row; `clock` gives seconds."""
    report, members = Report(), tuple(by)
    judge = make_judge()
    judge.value("warm the scan up")
    for row in rows:
        started = clock()
        flagged = any(score.bites for score in judge.value(row.text))
        report.times_us.append((clock() - started) * 1e6)
        report.chars += len(row.text)
        report.total.add(row.label, flagged=flagged)
        for member in members:
            key = (member, row.groups.get(member, "-"))
            report.groups.setdefault(key, Tally()).add(row.label, flagged=flagged)
    return report
