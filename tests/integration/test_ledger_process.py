"""The sequencer beside a real gateway: only where receipts are kept, kept up, ended last."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any

from gateway.ledger.folder import open_journal
from gateway.ledger.opening import open_ledger
from gateway.ledger.store import Filter
from gateway.settings import Settings
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO, ask
from tests.ledger_drafts import make_payload


def settings_of(gateway: GatewayProcess) -> Settings:
    return Settings.model_validate({"data_dir": gateway.folder / "data", "ledger": {}})


def children(pid: int) -> list[int]:
    """Processes of the supervisor that run the sequencer."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"gateway.ledger.process" in command:
                found.append(int(child))
    return found


def ledger_is(state: str, entries: int = 0) -> Any:
    return lambda ready: (
        ready.get("ledger", {}).get("state") == state and ready["ledger"]["entries"] >= entries
    )


def test_a_gateway_without_receipts_has_no_sequencer() -> None:
    with running_gateway() as gateway:
        assert children(gateway.pid) == []
        assert "ledger" not in gateway.readyz()


def test_what_is_written_is_in_the_log_and_a_killed_sequencer_is_replaced() -> None:
    with running_gateway(config="ledger:\n  enabled: true\n") as gateway:
        gateway.wait_until(ledger_is("running"))
        journal = open_journal(settings_of(gateway), "test", "batched")
        journal.append(make_payload())
        gateway.wait_until(ledger_is("running", 4))
        assert gateway.metric("sealgate_ledger_exchanges_total", end="closed") == 1
        (pid,) = children(gateway.pid)
        os.kill(pid, signal.SIGKILL)
        gateway.wait_until(lambda ready: ready["ledger"]["restarts"] == 1)
        journal.append(make_payload())
        gateway.wait_until(ledger_is("running", 6))
        journal.append(make_payload())
        journal.close()

        assert gateway.stop() == 0
        ledger = open_ledger(settings_of(gateway))
        kinds = [record.kind for record in ledger.page(Filter())]
        ledger.close()
        assert [
            kind for kind in kinds if kind not in {"heartbeat", "worker_start", "policy_loaded"}
        ] == ["exchange"] * 3


TRUSTED = """
version: 1
name: trusted
chain:
  - trust_score: {consent: {header: x-consent}, override: {file: FOLDER/stop}}
  - receipt: {}
"""


def critical_alerts(gateway: GatewayProcess) -> float:
    return gateway.metric("sealgate_plugin_events_total", event="alert_critical")


def roll_back(gateway: GatewayProcess, older: Path) -> None:
    """The database of before, under a sequencer that starts anew."""
    (pid,) = children(gateway.pid)
    os.kill(pid, signal.SIGSTOP)
    folder = settings_of(gateway).data_dir / "ledger"
    for path in folder.glob("ledger.db*"):
        path.unlink()
    shutil.copy(older, folder / "ledger.db")
    os.kill(pid, signal.SIGKILL)


def test_while_the_log_is_rolled_back_every_exchange_is_a_critical_alert(tmp_path: Path) -> None:
    policies = TRUSTED.replace("FOLDER", str(tmp_path))
    headers = {"x-consent": "granted"}
    with running_gateway(policies=policies) as gateway:
        gateway.wait_until(ledger_is("running", 2))
        older = tmp_path / "older.db"
        source = sqlite3.connect(settings_of(gateway).data_dir / "ledger" / "ledger.db")
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(older)) as target:
            source.backup(target)
        for _ in range(3):
            assert ask(gateway, body=HELLO, headers=headers)[0] == 200
        size = gateway.wait_until(ledger_is("running", 5))["ledger"]["entries"]
        assert size >= 5
        assert critical_alerts(gateway) == 0
        roll_back(gateway, older)
        told = gateway.wait_until(ledger_is("quarantined"))["ledger"]
        gateway.wait_until(lambda _: asked_is_critical(gateway, headers))

        assert told["alarm"] == "rollback"
        assert "rolled back" in told["error"]
        gateway.wait_for_log(lambda line: line.get("alarm") == "rollback")
        gateway.wait_for_log(
            lambda line: line["event"] == "trust alert" and line["reasons"][0] == "rollback"
        )


def asked_is_critical(gateway: GatewayProcess, headers: dict[str, str]) -> bool:
    """Workers look at the state of the log once a second."""
    assert ask(gateway, body=HELLO, headers=headers)[0] == 200
    return critical_alerts(gateway) > 0
