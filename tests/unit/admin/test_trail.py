"""Acts of administrators go to the ledger, in their order, and nowhere where there is none."""

from __future__ import annotations

import logging
from pathlib import Path

import orjson
import pytest

from gateway.admin.trail import Trail
from gateway.ledger.asking import settle
from gateway.ledger.bodies import unpack
from gateway.ledger.opening import ledger_folder, open_ledger
from gateway.ledger.store import Filter
from gateway.settings import Settings


def test_acts_are_records_of_the_log_in_their_order(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    trail = Trail(settings, lambda: True)
    for number in range(3):
        trail.record({"actor": "tok_1", "action": f"keys.{number}", "tenant": "acme"})
    trail.close()
    settle(settings)

    ledger = open_ledger(settings)
    records = ledger.page(Filter(tenant="acme", kinds=("audit",)))
    bodies = ledger.bodies([record.log_index for record in records])
    details = [orjson.loads(unpack(body, None).receipt)["detail"] for body in bodies.values()]
    ledger.close()
    assert [detail["action"] for detail in details] == ["keys.0", "keys.1", "keys.2"]


def test_acts_that_raise_an_alarm_are_critical(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    trail = Trail(settings, lambda: True)
    for alarm in ({}, {"alarm": "cross_tenant"}):
        trail.record({"actor": "tok_1", "action": "receipts.list", "tenant": "acme", **alarm})
    trail.close()
    settle(settings)

    ledger = open_ledger(settings)
    found = [record.severity for record in ledger.page(Filter(tenant="acme"))]
    loud = ledger.page(Filter(tenant="acme", severity_min=3))
    ledger.close()
    assert found == [0, 3]
    assert len(loud) == 1


def test_nothing_is_made_where_no_ledger_is_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    trail = Trail(settings, lambda: False)
    trail.record({"action": "keys.list"})
    trail.close()

    assert not ledger_folder(settings).exists()


def test_an_act_that_the_ledger_does_not_take_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger").write_text("in the way")
    trail = Trail(Settings(data_dir=tmp_path), lambda: True)
    with caplog.at_level(logging.ERROR):
        trail.record({"action": "keys.list"})
        trail.close()

    assert "act not in the ledger" in caplog.text
