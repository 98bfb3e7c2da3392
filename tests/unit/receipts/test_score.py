"""The trust score: only what was observed earns points, and a verifier finds every edit."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.receipts.score import (
    CRITICAL,
    FACT_NAMES,
    FACTS,
    POINTS_MAX,
    PRINCIPLES,
    TABLES,
    Alarm,
    Band,
    Verdict,
    band,
    faults,
    score,
)

ALL = dict.fromkeys(FACT_NAMES, True)

some_facts = st.dictionaries(st.sampled_from(FACT_NAMES), st.sampled_from([True, False, None]))
profiles = st.sampled_from([(table, name) for table, rows in TABLES.items() for name in rows])


def test_every_principle_can_earn_ten_points_and_no_more() -> None:
    assert tuple(FACTS) == PRINCIPLES
    assert [sum(facts.values()) for facts in FACTS.values()] == [POINTS_MAX] * len(PRINCIPLES)


@pytest.mark.parametrize("table", TABLES)
def test_the_weights_of_every_profile_sum_to_a_thousand(table: str) -> None:
    assert {sum(weights) for weights in TABLES[table].values()} == {1000}
    assert list(TABLES[table]) == list(TABLES["spec"])


def test_nothing_observed_earns_nothing() -> None:
    found = score({})

    assert (found.result, found.verdict, found.known_permille) == (0, Verdict.FAIL, 0)
    assert found.unknown == FACT_NAMES
    assert found.critical_at_zero


def test_everything_observed_and_good_is_a_hundred() -> None:
    found = score(ALL)

    assert (found.result, found.verdict, found.known_permille) == (100, Verdict.PASS, 1000)
    assert found.unknown == found.violated == ()


@pytest.mark.parametrize("principle", sorted(CRITICAL))
def test_a_critical_principle_at_zero_makes_the_whole_zero(principle: str) -> None:
    found = score({**ALL, **dict.fromkeys(FACTS[principle], False)})

    assert (found.result, found.verdict) == (0, Verdict.FAIL)


@pytest.mark.parametrize(
    ("missing", "result", "verdict"),
    [
        (["limits_admitted"], 95, Verdict.PASS),
        (["limits_admitted", "no_manipulation_flag"], 90, Verdict.PARTIAL),  # violated
        (["receipt_signed"], 92, Verdict.PASS),
        (["consent_fresh"], 95, Verdict.PASS),
        (["consent_on_record", "consent_in_scope"], 85, Verdict.PARTIAL),
        (["request_checked", "response_checked", "human_in_the_loop"], 85, Verdict.PARTIAL),
    ],
)
def test_what_is_missing_costs_its_share(missing: list[str], result: int, verdict: Verdict) -> None:
    found = score({name: True for name in FACT_NAMES if name not in missing})

    assert (found.result, found.verdict) == (result, verdict)
    assert set(found.unknown) == set(missing)


def test_halves_are_rounded_up() -> None:
    poor = {"consent_in_scope", "consent_fresh", "withdrawal_honoured", "override_in_time"}
    poor |= {"human_in_the_loop", "limits_admitted"}
    found = score({name: name not in poor for name in FACT_NAMES}, "legal")

    # 250 * 4 + 350 * 10 + 200 * 10 + 150 * 5 + 50 * 10 + 0 * 5 = 7750
    assert found.result == 78


@pytest.mark.parametrize(
    ("profile", "table", "text"),
    [("nautical", "spec", "profile"), ("legal", "mine", "table")],
)
def test_a_profile_that_does_not_exist_is_told(profile: str, table: str, text: str) -> None:
    with pytest.raises(ValueError, match=f'there is no {text} ".*"; choose from'):
        score({}, profile, table)


def test_a_fact_that_does_not_exist_is_told() -> None:
    with pytest.raises(ValueError, match='there is no fact "charm"'):
        score({"charm": True})


@given(some_facts, profiles)
def test_an_unknown_fact_is_never_better_than_a_false_one(
    facts: dict[str, bool | None], named: tuple[str, str]
) -> None:
    table, profile = named
    false = {name: value or False for name, value in facts.items()}

    assert score(facts, profile, table).result == score(false, profile, table).result
    assert score(facts, profile, table).known_permille <= 1000


@given(some_facts, profiles)
def test_what_was_scored_verifies(facts: dict[str, bool | None], named: tuple[str, str]) -> None:
    table, profile = named

    assert faults(score(facts, profile, table).document()) == []


@given(some_facts, st.data())
def test_every_edit_of_a_scored_document_is_found(
    facts: dict[str, bool | None], data: st.DataObject
) -> None:
    document = score(facts, "legal", "evaluator").document()
    edited = copy.deepcopy(document)
    where = data.draw(st.sampled_from(["points", "weights", "result", "known_permille", "verdict"]))
    if where in {"points", "weights"}:
        edited[where][data.draw(st.sampled_from(PRINCIPLES))] += 1
    elif where == "verdict":
        other = [verdict for verdict in Verdict if verdict != document["verdict"]]
        edited["verdict"] = data.draw(st.sampled_from(other)).value
    else:
        edited[where] += 1

    assert faults(edited)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"facts": {"receipt_signed": 1}},
        {"facts": {}, "profile": 3},
        {"facts": {}, "profile": "standard", "table": "nowhere"},
        {**score(ALL).document(), "bonus": 1},
        {**score(ALL).document(), "result": True},
        {**score(ALL).document(), "unknown": ["receipt_signed"]},
    ],
)
def test_what_is_no_score_is_at_fault(document: object) -> None:
    assert faults(document)


@pytest.mark.parametrize(
    ("missing", "drift", "alarms", "expected"),
    [
        ([], 0, [], None),
        ([], 29, [], None),
        ([], 30, [], Band.YELLOW),
        ([], 59, [], Band.YELLOW),
        ([], 60, [], Band.RED),
        ([], 0, [Alarm.HIGH_THREAT], Band.RED),
        ([], 0, [Alarm.DLP_BLOCK], Band.RED),
        ([], 0, [Alarm.DLP_BLOCK, Alarm.KEY_COMPROMISE], Band.CRITICAL),
        ([], 0, [Alarm.CHAIN_FAILURE], Band.CRITICAL),
        ([], 0, [Alarm.SIGNATURE_FAILURE], Band.CRITICAL),
        ([], 0, [Alarm.ROLLBACK], Band.CRITICAL),
        ([], 0, [Alarm.CROSS_TENANT], Band.CRITICAL),
        (["receipt_signed", "receipt_verifiable", "audit_log_on"], 0, [], None),
        (
            ["receipt_signed", "receipt_verifiable", "audit_log_on", "request_checked",
             "response_checked"],
            0,
            [],
            Band.YELLOW,
        ),
        (list(FACTS["ETHICAL_OVERRIDE"]), 0, [], Band.CRITICAL),
    ],
)  # fmt: skip
def test_the_band_of_an_alert(
    missing: list[str], drift: int, alarms: list[Alarm], expected: Band | None
) -> None:
    found = score({name: True for name in FACT_NAMES if name not in missing})

    assert band(found, drift=drift, alarms=alarms) == expected


def test_a_score_below_forty_is_red() -> None:
    few = ["consent_on_record", "override_ready", "receipt_signed", "request_checked"]
    found = score(dict.fromkeys(few, True))

    assert found.result < 40
    assert band(found) is Band.RED
