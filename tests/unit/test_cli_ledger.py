"""The commands of the ledger: what they print, and their exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.ledger_drafts import Node, make_payload


class Terminal:
    """Runs commands on one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node = Node(folder)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(self.folder)])
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.run(*arguments, "--json", code=code))
        return found


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "data")


def test_a_ledger_that_is_not_there_yet_is_told(terminal: Terminal) -> None:
    assert "cannot be opened" in terminal.run("ledger", "status", code=2)


def test_status_and_fsck_of_a_good_ledger(terminal: Terminal) -> None:
    terminal.node.write(make_payload(), make_payload())
    assert terminal.run("ledger", "settle") == ""

    status = terminal.json("ledger", "status")
    assert (status["verdict"], status["closed"], status["waiting_bytes"]) == ("good", 2, 0)
    assert status["sequencer"] == "stopped"
    assert terminal.json("ledger", "fsck")["ok"]
    assert "verified: 4" in terminal.run("ledger", "fsck")


def test_fsck_of_a_changed_ledger_fails(terminal: Terminal) -> None:
    terminal.node.write(make_payload())
    terminal.run("ledger", "settle")
    (terminal.node.folder / "log" / "tile" / "0" / "000.p" / "3").write_bytes(bytes(96))

    report = terminal.json("ledger", "fsck", code=1)

    assert report["findings"] == ["tile/0/000.p/3 is not what its entries say"]


def test_erase_hold_and_release(terminal: Terminal) -> None:
    terminal.node.write(make_payload(subject="someone"))
    held = terminal.json("ledger", "hold", "case", "--tenant", "acme", "--reason", "a letter")
    assert (held["action"], held["outcome"]) == ("ledger.hold", "done")
    refused = terminal.json("ledger", "erase", "--subject", "someone", code=1)
    assert refused["outcome"] == "refused"
    terminal.run("ledger", "release", "case")

    assert terminal.json("ledger", "erase", "--subject", "someone")["count"] == 1
    assert terminal.json("ledger", "erase", "--subject", "nobody", code=1)["outcome"] == "not_found"
    assert terminal.json("ledger", "fsck")["erased"] == 1


def test_backup_drill_restore_and_acknowledgement(terminal: Terminal, tmp_path: Path) -> None:
    terminal.node.write(make_payload())
    terminal.run("ledger", "settle")
    target = str(tmp_path / "backup")
    size = terminal.json("backup", target, "--with-keys")["size"]
    assert terminal.json("dr-drill", target)["ok"]
    terminal.node.write(make_payload())
    terminal.run("ledger", "settle")

    assert terminal.json("restore", target)["size"] == size
    assert "rolled back" in terminal.run("ledger", "settle", code=2)
    assert "not 99" in terminal.run("ledger", "acknowledge", "--size", "99", code=2)
    terminal.run("ledger", "acknowledge", "--size", str(size))
    terminal.run("ledger", "settle")
    assert terminal.json("ledger", "status")["verdict"] == "good"
