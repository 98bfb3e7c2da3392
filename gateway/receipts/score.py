"""The trust score: arithmetic over facts that somebody observed, in integers and nothing else.

    fact         true, false, or unknown; a true one earns its points, the others earn none
    principle    the sum of its facts, 0 to 10; below 5 it is violated
    result       sum of weight (permille) * points, half up, 0 to 100
    verdict      FAIL where a critical principle has 0 points, and the result is 0 then
                 PASS from 70 on if nothing is violated, PARTIAL from 40 on, else FAIL

Nothing defaults to true. What is unknown is listed, and `known_permille` says how much of the score
could rest on facts at all. A verifier recomputes all of it from the facts in the receipt.

The weights are those that the SONATE project publishes for its receipts 2.2. It publishes two
tables that differ: `spec` stands in docs/TRUST_RECEIPT_SPECIFICATION_v2.2.md, section 2.6, and
`evaluator` in apps/backend/src/services/llm-trust-evaluator.service.ts of s8ken/yseeku-platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

PRINCIPLES: Final = (
    "CONSENT_ARCHITECTURE",
    "INSPECTION_MANDATE",
    "CONTINUOUS_VALIDATION",
    "ETHICAL_OVERRIDE",
    "RIGHT_TO_DISCONNECT",
    "MORAL_RECOGNITION",
)
CRITICAL: Final = frozenset({"CONSENT_ARCHITECTURE", "ETHICAL_OVERRIDE"})
POINTS_MAX: Final = 10
VIOLATED_BELOW: Final = 5
PASS_FROM: Final = 70
PARTIAL_FROM: Final = 40

FACTS: Final[Mapping[str, Mapping[str, int]]] = {
    "CONSENT_ARCHITECTURE": {
        "consent_on_record": 4,
        "consent_in_scope": 2,
        "consent_fresh": 2,
        "withdrawal_honoured": 2,
    },
    "INSPECTION_MANDATE": {
        "receipt_signed": 4,
        "receipt_verifiable": 3,
        "audit_log_on": 3,
    },
    "CONTINUOUS_VALIDATION": {
        "request_checked": 3,
        "response_checked": 3,
        "no_check_failed": 2,
        "no_check_skipped": 2,
    },
    "ETHICAL_OVERRIDE": {
        "override_ready": 5,
        "override_in_time": 3,
        "human_in_the_loop": 2,
    },
    "RIGHT_TO_DISCONNECT": {
        "exit_without_penalty": 5,
        "deletion_possible": 5,
    },
    "MORAL_RECOGNITION": {
        "no_manipulation_flag": 5,
        "limits_admitted": 5,
    },
}
"""Each principle's facts with the points that they earn, 10 in all."""

FACT_NAMES: Final = tuple(fact for facts in FACTS.values() for fact in facts)

DEFAULT_PROFILE: Final = "standard"
DEFAULT_TABLE: Final = "spec"

TABLES: Final[Mapping[str, Mapping[str, tuple[int, int, int, int, int, int]]]] = {
    "spec": {
        "standard": (250, 200, 200, 150, 100, 100),
        "healthcare": (350, 150, 150, 200, 100, 50),
        "finance": (200, 300, 250, 150, 100, 0),
        "government": (300, 300, 150, 150, 100, 0),
        "technology": (280, 180, 220, 170, 100, 50),
        "education": (320, 200, 150, 200, 100, 30),
        "legal": (250, 350, 200, 150, 50, 0),
    },
    "evaluator": {
        "standard": (250, 200, 200, 150, 100, 100),
        "healthcare": (350, 200, 200, 150, 50, 50),
        "finance": (250, 300, 250, 120, 40, 40),
        "government": (300, 300, 200, 120, 50, 30),
        "technology": (280, 180, 220, 170, 100, 50),
        "education": (320, 220, 200, 130, 80, 50),
        "legal": (250, 350, 250, 100, 30, 20),
    },
}
"""Permille weights by table and profile, in the order of PRINCIPLES; each row sums to 1000."""

_WEIGHT_SUM: Final = 1000
_STEP: Final = 100  # the sum of weight * points is 0 to 10,000


class Verdict(StrEnum):
    """What a score comes to."""

    PASS = "PASS"  # noqa: S105  # no password
    PARTIAL = "PARTIAL"
    FAIL = "FAIL"


class Band(StrEnum):
    """How loud an alert is."""

    YELLOW = "yellow"
    RED = "red"
    CRITICAL = "critical"


class Alarm(StrEnum):
    """Events that raise a band whatever the score says."""

    HIGH_THREAT = "high_threat"
    DLP_BLOCK = "dlp_block"
    CHAIN_FAILURE = "chain_failure"
    SIGNATURE_FAILURE = "signature_failure"
    ROLLBACK = "rollback"
    KEY_COMPROMISE = "key_compromise"
    CROSS_TENANT = "cross_tenant"


_RED: Final = frozenset({Alarm.HIGH_THREAT, Alarm.DLP_BLOCK})
DRIFT_YELLOW: Final = 30
"""A drift below this raises no band."""
_DRIFT_RED: Final = 60


@dataclass(frozen=True, slots=True)
class Score:
    """One score with all that it rests on; `points` and `weights` are in the order of PRINCIPLES.

    `facts` are the known ones. `known_permille` is the share of all weighted points that the known
    facts could have earned. `violated` are the principles below 5 points; `critical_at_zero` tells
    whether a critical one has none.
    """

    profile: str
    table: str
    facts: Mapping[str, bool]
    points: tuple[int, ...]
    weights: tuple[int, ...]
    result: int
    verdict: Verdict
    unknown: tuple[str, ...]
    known_permille: int
    violated: tuple[str, ...]
    critical_at_zero: bool

    def document(self) -> dict[str, Any]:
        """The score as it stands in a receipt: integers, texts and booleans."""
        return {
            "profile": self.profile,
            "table": self.table,
            "facts": dict(self.facts),
            "unknown": list(self.unknown),
            "points": dict(zip(PRINCIPLES, self.points, strict=True)),
            "weights": dict(zip(PRINCIPLES, self.weights, strict=True)),
            "result": self.result,
            "verdict": self.verdict.value,
            "known_permille": self.known_permille,
        }


def score(
    facts: Mapping[str, bool | None], profile: str = DEFAULT_PROFILE, table: str = DEFAULT_TABLE
) -> Score:
    """The score of `facts`; one that is None or not there is unknown.

    Raises ValueError for a profile, table or fact that does not exist.
    """
    weights = weights_of(profile, table)
    strange = sorted(set(facts) - set(FACT_NAMES))
    if strange:
        raise ValueError(f'there is no fact "{strange[0]}"')
    known = {name: value for name in FACT_NAMES if (value := facts.get(name)) is not None}
    points, could = [], []
    for earned in FACTS.values():
        points.append(sum(gain for name, gain in earned.items() if known.get(name)))
        could.append(sum(gain for name, gain in earned.items() if name in known))
    result = _weighted(points, weights)
    verdict = _verdict(result, points)
    if _critical_at_zero(points):
        result = 0
    return Score(
        profile,
        table,
        known,
        tuple(points),
        weights,
        result,
        verdict,
        tuple(name for name in FACT_NAMES if name not in known),
        sum(w * p for w, p in zip(weights, could, strict=True)) // POINTS_MAX,
        tuple(n for n, p in zip(PRINCIPLES, points, strict=True) if p < VIOLATED_BELOW),
        _critical_at_zero(points),
    )


def weights_of(profile: str, table: str = DEFAULT_TABLE) -> tuple[int, ...]:
    """The weights of a profile. Raises ValueError where there is none of that name."""
    profiles = TABLES.get(table)
    if profiles is None:
        raise ValueError(f'there is no table "{table}"; choose from {", ".join(TABLES)}')
    weights = profiles.get(profile)
    if weights is None:
        raise ValueError(f'there is no profile "{profile}"; choose from {", ".join(profiles)}')
    return weights


def faults(document: Any) -> list[str]:
    """What is wrong with the score in a receipt, recomputed from its facts; empty if nothing is.

    `document` is whatever stands at `metadata.sealgate.trust`; it is believed in nothing.
    """
    if not isinstance(document, dict):
        return ["the score is no object"]
    facts = document.get("facts")
    profile, table = document.get("profile"), document.get("table")
    if not isinstance(facts, dict) or not all(type(value) is bool for value in facts.values()):
        return ["the facts of the score are not true or false"]
    if not isinstance(profile, str) or not isinstance(table, str):
        return ["the score names no profile"]
    try:
        right = score(facts, profile, table).document()
    except ValueError as error:
        return [str(error)]
    found = [
        f"{name} of the score is not what its facts come to"
        for name, value in right.items()
        if not _same(document.get(name), value)
    ]
    found += [f"the score has an unknown member {name}" for name in document if name not in right]
    return found


def band(score: Score, *, drift: int = 0, alarms: Iterable[Alarm] = ()) -> Band | None:
    """The alert that a score, its drift (0 to 100) and what else happened call for; None: none.

    | band     | when                                                                         |
    |----------|------------------------------------------------------------------------------|
    | critical | a critical principle at 0; a failed chain, signature or rollback check; a    |
    |          | compromised key; an attempt to reach another tenant                          |
    | red      | below 40; drift of 60 or more; a high threat; a DLP block                    |
    | yellow   | 40 to 69; drift of 30 to 59                                                  |
    """
    raised = frozenset(alarms)
    if score.critical_at_zero or raised - _RED:
        return Band.CRITICAL
    if score.result < PARTIAL_FROM or drift >= _DRIFT_RED or raised:
        return Band.RED
    if score.result < PASS_FROM or drift >= DRIFT_YELLOW:
        return Band.YELLOW
    return None


def _weighted(points: Iterable[int], weights: Iterable[int]) -> int:
    total = sum(w * p for w, p in zip(weights, points, strict=True))
    return (total + _STEP // 2) // _STEP


def _critical_at_zero(points: Iterable[int]) -> bool:
    return any(
        not gained and name in CRITICAL for name, gained in zip(PRINCIPLES, points, strict=True)
    )


def _verdict(result: int, points: Iterable[int]) -> Verdict:
    gained = tuple(points)
    if _critical_at_zero(gained):
        return Verdict.FAIL
    if result >= PASS_FROM and min(gained) >= VIOLATED_BELOW:
        return Verdict.PASS
    return Verdict.PARTIAL if result >= PARTIAL_FROM else Verdict.FAIL


def _same(given: Any, right: Any) -> bool:
    """Equal, and of one type throughout: JSON's true is no 1."""
    if type(given) is not type(right):
        return False
    if isinstance(right, dict):
        return sorted(given) == sorted(right) and all(
            _same(given[name], value) for name, value in right.items()
        )
    return bool(given == right)
