"""The sequencer beside a real gateway: only where receipts are kept, kept up, ended last."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from gateway.ledger.folder import open_journal
from gateway.ledger.opening import open_ledger
from gateway.ledger.store import Filter
from gateway.settings import Settings
from tests.integration.gateway_process import GatewayProcess, running_gateway
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
