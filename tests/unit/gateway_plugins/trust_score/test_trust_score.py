"""What earns points, what refuses, and what nobody observed."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.plugin import (
    PRINCIPAL,
    TRUST,
    TRUST_BAND,
    TRUST_STANDING,
    Coverage,
    Evidence,
    Exchange,
    Outcome,
    Principal,
    Reason,
    Reject,
    Runtime,
    Verdict,
)
from gateway.plugin.testing import make_exchange, running
from gateway.receipts.score import faults
from gateway_plugins.trust_score import TrustScore
from gateway_plugins.trust_score.consent import from_header, read_registry
from gateway_plugins.trust_score.override import Override
from gateway_plugins.trust_score.resets import RESETS_FILE, Reset, Resets

NOW_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z
ALICE = Principal("acme", "alice", "key", key_id="k1")


class World:
    """A runtime whose clocks stand still, and what was counted and logged."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.counted: list[str] = []
        self.runtime = Runtime(
            monotonic=lambda: self.now,
            wall=lambda: NOW_S,
            data_dir=folder,
            count=lambda plugin, event: self.counted.append(f"{plugin}.{event}"),
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def exchange(
    *, principal: Principal | None = ALICE, headers: dict[str, str] | None = None
) -> Exchange:
    x = make_exchange(headers=headers or {})
    if principal is not None:
        x.provide(PRINCIPAL, principal)
    return x


def inspected(x: Exchange, outcome: Outcome = Outcome.ALLOW) -> Exchange:
    """With both sides checked by one plugin."""
    x.coverage = Coverage()
    x.evidence = Evidence("0" * 26, b"", lambda _trace, _data: None)
    x.verdicts = [
        Verdict("injection", "on_request", outcome),
        Verdict("injection", "on_text", Outcome.ALLOW),
    ]
    return x


def scored(plugin: TrustScore, x: Exchange) -> dict[str, Any]:
    plugin.on_complete(x)
    found = dict(x.fact(TRUST) or {})
    assert faults(found) == []
    return found


async def test_nothing_defaults_to_true(world: World) -> None:
    async with running(TrustScore, {}, world.runtime) as plugin:
        found = scored(plugin, exchange())

    assert found["result"] == 0
    assert found["verdict"] == "FAIL"
    assert True not in found["facts"].values()
    assert "consent_on_record" in found["unknown"]


async def test_points_come_from_what_was_observed(world: World, tmp_path: Path) -> None:
    registry = tmp_path / "consent.json"
    record = {
        "tenant": "acme", "subject": "alice", "scopes": ["chat"],
        "granted_at": "2026-12-01T00:00:00Z",
    }  # fmt: skip
    registry.write_bytes(orjson.dumps({"records": [record]}))
    config = {
        "consent": {"registry": str(registry), "scope": "chat"},
        "override": {"file": str(tmp_path / "stop"), "approval_header": "x-approved-by"},
    }
    async with running(TrustScore, config, world.runtime) as plugin:
        world.now += 0.5
        await plugin.look()
        found = scored(plugin, inspected(exchange(headers={"x-approved-by": "bob"})))

    assert found["points"] == {
        "CONSENT_ARCHITECTURE": 10,
        "INSPECTION_MANDATE": 10,
        "CONTINUOUS_VALIDATION": 10,
        "ETHICAL_OVERRIDE": 10,
        "RIGHT_TO_DISCONNECT": 5,
        "MORAL_RECOGNITION": 10,
    }
    assert found["unknown"] == ["exit_without_penalty"]
    assert (found["result"], found["verdict"]) == (95, "PASS")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"scopes": ["train"]}, {"consent_on_record": True, "consent_in_scope": False}),
        ({"granted_at": "2020-01-01T00:00:00Z"}, {"consent_fresh": False}),
        ({"granted_at": "2030-01-01T00:00:00Z"}, {"consent_fresh": False}),
        ({"granted_at": "yesterday"}, {"consent_fresh": None}),
        (
            {"withdrawn_at": "2026-12-24T00:00:00Z"},
            {"consent_on_record": False, "withdrawal_honoured": True, "consent_in_scope": None},
        ),
    ],
)
async def test_consent_counts_for_its_scope_and_age(
    world: World, record: dict[str, Any], expected: dict[str, bool | None]
) -> None:
    principal = Principal("acme", "alice", "jwt", claims={"consent": record})
    registry = world.runtime.data_dir / "consent.json"
    registry.write_bytes(
        orjson.dumps({"records": [{"tenant": "acme", "subject": "alice", **record}]})
    )
    for source in ({"claim": "consent"}, {"registry": str(registry)}):
        config = {"consent": {**source, "scope": "chat"}}
        async with running(TrustScore, config, world.runtime) as plugin:
            found = scored(plugin, exchange(principal=principal))

        told = {name: found["facts"].get(name) for name in expected}
        if "claim" in source:
            expected = {**expected, "withdrawal_honoured": None}
            told["withdrawal_honoured"] = found["facts"].get("withdrawal_honoured")
            assert told == expected
            expected = {k: v for k, v in expected.items() if k != "withdrawal_honoured"}
        else:
            assert {k: told[k] for k in expected} == expected


async def test_who_has_withdrawn_is_refused_or_scored(world: World) -> None:
    headers = {"x-consent": "withdrawn"}
    for action, answer in (("refuse", Reason.CONSENT_WITHDRAWN), ("score", None)):
        config = {"consent": {"header": "x-consent", "on_withdrawal": action}}
        async with running(TrustScore, config, world.runtime) as plugin:
            x = exchange(headers=headers)
            step = plugin.on_request_headers(x)
            found = scored(plugin, x)

        assert (step.reason if isinstance(step, Reject) else step) == answer
        assert found["facts"]["withdrawal_honoured"] is (action == "refuse")


@pytest.mark.parametrize(
    ("text", "withdrawn", "scopes", "known"),
    [
        ("granted", False, set(), False),
        ('granted; scope="chat analytics"; at=2026-01-15T08:00:00Z', False, {"chat", "analytics"},
         True),
        ("withdrawn; at=2026-01-15", True, set(), True),
    ],
)  # fmt: skip
def test_a_header_of_consent_is_read(
    text: str, withdrawn: bool, scopes: set[str], known: bool
) -> None:
    found = from_header(text)

    assert found is not None
    assert (found.withdrawn, found.scopes, found.granted_at is not None) == (
        withdrawn, scopes, known,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "yes", "granted scope=chat", "granted; scope=é"])
def test_a_header_that_says_nothing_is_no_consent(text: str) -> None:
    assert from_header(text) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "no list"),
        (b'{"records": 3}', "no list"),
        (b'{"records": [{}]}', "record 0 names no tenant"),
        (b'{"records": [7]}', "record 0 names no tenant"),
    ],
)
def test_a_broken_registry_is_told(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_registry(data)


async def test_a_registry_that_breaks_later_keeps_its_last_records(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    registry = world.runtime.data_dir / "consent.json"
    registry.write_bytes(b'{"records": [{"tenant": "acme", "subject": "alice"}]}')
    async with running(
        TrustScore, {"consent": {"registry": str(registry)}}, world.runtime
    ) as plugin:
        registry.write_bytes(b"{")
        with caplog.at_level(logging.ERROR):
            await plugin.look()
        found = scored(plugin, exchange())

    assert found["facts"]["consent_on_record"] is True
    assert "consent not read" in caplog.text


async def test_without_its_registry_the_policy_is_refused(world: World) -> None:
    config = {"consent": {"registry": str(world.runtime.data_dir / "none.json")}}
    with pytest.raises(ValueError, match="cannot be read"):
        async with running(TrustScore, config, world.runtime):
            pass


async def test_the_switch_stops_all_and_is_measured(world: World) -> None:
    switch = world.runtime.data_dir / "stop"
    config = {"override": {"file": str(switch), "within": "2s"}}
    async with running(TrustScore, config, world.runtime) as plugin:
        assert plugin.on_request_headers(exchange()) is None
        assert "override_in_time" in scored(plugin, exchange())["unknown"]

        switch.touch()
        world.now += 1.0
        await plugin.look()
        step = plugin.on_request_headers(exchange())
        assert isinstance(step, Reject)
        assert step.reason is Reason.OVERRIDDEN
        assert scored(plugin, exchange())["facts"]["override_in_time"] is True

        world.now += 5.0
        assert scored(plugin, exchange())["facts"]["override_in_time"] is False


def test_a_switch_that_cannot_be_looked_at_counts_as_thrown(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    override = Override(folder / "stop", 1.0)
    folder.chmod(0)
    try:
        override.look(1.0)
    finally:
        folder.chmod(0o700)

    if os.getuid():  # root may look everywhere
        assert override.on
        assert not override.ready


async def test_callers_below_min_trust_are_refused(world: World) -> None:
    async with running(TrustScore, {"min_trust": 50}, world.runtime) as plugin:
        assert plugin.on_request_headers(exchange()) is None
        scored(plugin, exchange())
        step = plugin.on_request_headers(exchange())
        other = plugin.on_request_headers(exchange(principal=Principal("acme", "bob", "key")))

    assert isinstance(step, Reject)
    assert step.reason is Reason.TRUST_TOO_LOW
    assert other is None


async def test_who_is_not_known_may_be_refused_as_well(world: World) -> None:
    config = {"min_trust": 50, "on_unknown": "refuse"}
    async with running(TrustScore, config, world.runtime) as plugin:
        assert isinstance(plugin.on_request_headers(exchange()), Reject)


async def test_agents_of_one_caller_have_scores_of_their_own(world: World) -> None:
    config = {"min_trust": 50, "agent_header": "x-agent"}
    async with running(TrustScore, config, world.runtime) as plugin:
        scored(plugin, exchange(headers={"x-agent": "bad"}))

        x = exchange(headers={"x-agent": "bad"})
        assert isinstance(plugin.on_request_headers(x), Reject)
        assert x.fact(TRUST_STANDING) == 0
        assert plugin.on_request_headers(exchange(headers={"x-agent": "good"})) is None


async def test_an_administrator_resets_a_score(world: World) -> None:
    async with running(TrustScore, {"min_trust": 50}, world.runtime) as plugin:
        scored(plugin, exchange())
        line = orjson.dumps({"tenant": "acme", "subject": "alice", "agent": None}) + b"\n"
        (world.runtime.data_dir / RESETS_FILE).write_bytes(line)
        await plugin.look()

        assert plugin.on_request_headers(exchange()) is None


def test_resets_are_read_once_and_broken_lines_passed_over(tmp_path: Path) -> None:
    path = tmp_path / RESETS_FILE
    path.write_bytes(b'{"tenant": "old", "subject": "x", "agent": null}\n')
    resets = Resets(tmp_path)
    assert resets.read() == []
    with path.open("ab") as file:
        file.write(b'broken\n{"tenant": "a", "subject": "b", "agent": "c"}\n{"tenant"')

    assert resets.read() == [Reset("a", "b", "c")]
    assert resets.read() == []
    with path.open("ab") as file:
        file.write(b': "d", "subject": "e", "agent": null}\n')
    assert resets.read() == [Reset("d", "e", None)]


async def test_a_check_that_failed_was_skipped_or_found_something_costs_points(
    world: World,
) -> None:
    expected = {
        Outcome.ALLOW: {},
        Outcome.ERROR: {"no_check_failed": False},
        Outcome.SKIP: {"no_check_skipped": False, "request_checked": False},
        Outcome.FLAG: {"no_manipulation_flag": False},
        Outcome.DENY: {"no_manipulation_flag": False},
    }
    async with running(TrustScore, {}, world.runtime) as plugin:
        for outcome, wrong in expected.items():
            found = scored(plugin, inspected(exchange(), outcome))
            false = {k for k, v in found["facts"].items() if not v}
            ran = outcome not in {Outcome.ERROR, Outcome.SKIP}
            assert false == set(wrong) | (set() if ran else {"request_checked"})


async def test_alerts_are_counted_each_time_and_told_when_they_change(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(TrustScore, {}, world.runtime) as plugin:
        for _ in range(3):
            x = exchange()
            scored(plugin, x)
            assert x.fact(TRUST_BAND) == "critical"

    assert world.counted == ["trust_score.alert_critical"] * 3
    assert len([r for r in caplog.records if r.message == "trust alert"]) == 1


def quiet(folder: Path) -> dict[str, Any]:
    """A policy whose critical principles have points."""
    return {"consent": {"header": "x-consent"}, "override": {"file": str(folder / "stop")}}


@pytest.mark.parametrize(
    ("plugin", "reason", "band"),
    [
        ("dlp", "dlp_denied", "red"),
        ("threat", "threat_denied", "red"),
        ("auth", Reason.CREDENTIAL_REVOKED, "critical"),
        ("auth", Reason.TENANT_DENIED, "critical"),
        ("auth", Reason.CREDENTIAL_EXPIRED, None),
    ],
)
async def test_what_was_denied_raises_its_band(
    world: World, tmp_path: Path, plugin: str, reason: str, band: str | None
) -> None:
    async with running(TrustScore, quiet(tmp_path), world.runtime) as scoring:
        x = inspected(exchange(headers={"x-consent": "granted"}))
        x.verdicts.append(Verdict(plugin, "on_request", Outcome.DENY, 1.0, reason))
        scored(scoring, x)
        shadowed = inspected(exchange(headers={"x-consent": "granted"}))
        verdict = Verdict(plugin, "on_request", Outcome.DENY, 1.0, reason, enforced=False)
        shadowed.verdicts.append(verdict)
        scored(scoring, shadowed)

    assert x.fact(TRUST_BAND) == band
    assert shadowed.fact(TRUST_BAND) is None


@pytest.mark.parametrize("alarm", ["rollback", "chain_failure", "signature_failure"])
async def test_what_is_wrong_with_the_log_is_critical_for_as_long_as_it_lasts(
    world: World, tmp_path: Path, alarm: str
) -> None:
    bands = []
    said = ["", alarm, "of another version", ""]
    world.runtime.ledger_alarm = lambda: said[len(bands)]
    async with running(TrustScore, quiet(tmp_path), world.runtime) as scoring:
        for _ in said:
            await scoring.look()
            x = inspected(exchange(headers={"x-consent": "granted"}))
            scored(scoring, x)
            bands.append(x.fact(TRUST_BAND))

    assert bands == [None, "critical", None, None]
