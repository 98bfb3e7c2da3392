"""What a verification found: four separate verdicts, each with its reasons.

| Aspect | Question |
|---|---|
| integrity | Is it what was signed: hashes, signatures, copies, arithmetic, links? |
| authenticity | Is the signer a key that the verifier pinned, and did that key count then? |
| completeness | Is nothing missing: from the log, from the chain, from the export? |
| freshness | Is it of the time that it should be of? |

The exit code is 1 where anything is tampered with, else 2 where something is incomplete, unknown or
stale, else 0. An aspect that nothing was asked about is `unchecked`, and counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

FINDINGS_MAX: Final = 100
"""Findings that a report keeps; the rest is counted. A log of millions may be wrong throughout."""


class Aspect(StrEnum):
    """What is asked."""

    INTEGRITY = "integrity"
    AUTHENTICITY = "authenticity"
    COMPLETENESS = "completeness"
    FRESHNESS = "freshness"


class State(StrEnum):
    """What the answer is; from bad to good."""

    TAMPERED = "tampered"
    INCOMPLETE = "incomplete"
    STALE = "stale"
    UNKNOWN = "unknown"
    VALID = "valid"
    UNCHECKED = "unchecked"


_ORDER: Final = {state: rank for rank, state in enumerate(State)}

EXIT_VALID: Final = 0
EXIT_TAMPERED: Final = 1
EXIT_INCOMPLETE: Final = 2
EXIT_USAGE: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason: `code` for programs, `message` for people, `where` in what was verified."""

    aspect: Aspect
    state: State
    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.aspect} {self.state}: {place}{self.message} [{self.code}]"


@dataclass(slots=True)
class Report:
    """The verdicts over one thing; `counts` says how much of what was looked at."""

    kind: str
    states: dict[Aspect, State] = field(
        default_factory=lambda: dict.fromkeys(Aspect, State.UNCHECKED)
    )
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unlisted: int = 0
    """Findings beyond `FINDINGS_MAX`."""

    def passed(self, *aspects: Aspect) -> None:
        """Something was checked under these aspects, and was right."""
        for aspect in aspects:
            self._lower(aspect, State.VALID)

    def add(self, aspect: Aspect, state: State, code: str, message: str, where: str = "") -> None:
        """Something was checked and was not right."""
        self.take(Finding(aspect, state, code, message, where))

    def take(self, finding: Finding) -> None:
        """Adds a finding made elsewhere."""
        self._lower(finding.aspect, finding.state)
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.unlisted += 1

    def include(self, other: Report, where: str) -> None:
        """Takes another report's verdicts and counts into this one."""
        for finding in other.findings:
            place = f"{where}, {finding.where}" if finding.where else where
            self.add(finding.aspect, finding.state, finding.code, finding.message, place)
        for aspect, state in other.states.items():
            self._lower(aspect, state)
        for name, number in other.counts.items():
            self.count(f"{where} {name}", number)
        self.unlisted += other.unlisted

    def count(self, name: str, more: int = 1) -> None:
        """Adds to a count."""
        self.counts[name] = self.counts.get(name, 0) + more

    @property
    def exit_code(self) -> int:
        """0 valid, 1 tampered with, 2 incomplete, unknown or stale."""
        found = set(self.states.values())
        if State.TAMPERED in found:
            return EXIT_TAMPERED
        if found & {State.INCOMPLETE, State.UNKNOWN, State.STALE} or State.VALID not in found:
            return EXIT_INCOMPLETE
        return EXIT_VALID

    @property
    def verdict(self) -> str:
        """The exit code as a word."""
        return ("valid", "tampered", "incomplete or unknown")[self.exit_code]

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            **{str(aspect): str(state) for aspect, state in self.states.items()},
            "counts": self.counts,
            "findings": [
                {
                    "aspect": str(finding.aspect),
                    "state": str(finding.state),
                    "code": finding.code,
                    "message": finding.message,
                    "where": finding.where,
                }
                for finding in self.findings
            ],
            "unlisted": self.unlisted,
        }

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.verdict}"]
        lines += [f"  {aspect:<13} {state}" for aspect, state in self.states.items()]
        lines += [f"  {name:<13} {number}" for name, number in self.counts.items()]
        lines += [f"  - {finding}" for finding in self.findings]
        if self.unlisted:
            lines.append(f"  - and {self.unlisted} more")
        return "\n".join(lines)

    def _lower(self, aspect: Aspect, state: State) -> None:
        if _ORDER[state] < _ORDER[self.states[aspect]]:
            self.states[aspect] = state
