"""The journals of a worker: one for each durability, and a fresh one after a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SealgateError
from gateway.ledger.opening import journal_folder
from gateway.ledger_settings import LedgerSettings
from gateway.server.journals import WorkerJournals
from gateway.settings import Settings


def settings(folder: Path, **ledger: object) -> Settings:
    return Settings(data_dir=folder, ledger=LedgerSettings.model_validate(ledger))


def test_policies_of_one_durability_share_a_journal(tmp_path: Path) -> None:
    journals = WorkerJournals(settings(tmp_path))
    batched, strict = journals.get("batched"), journals.get("strict")

    assert journals.get("batched") is batched is not strict
    assert (batched.durability, strict.durability) == ("batched", "strict")
    assert len(list(journal_folder(settings(tmp_path)).glob("*.journal"))) == 2
    journals.close()
    assert batched.state == strict.state == "closed"


def test_who_does_not_choose_gets_what_the_settings_say(tmp_path: Path) -> None:
    journals = WorkerJournals(settings(tmp_path, durability="strict"))

    assert journals.get(None).durability == "strict"
    journals.close()


def test_a_failed_journal_is_followed_by_a_fresh_one(tmp_path: Path) -> None:
    journals = WorkerJournals(settings(tmp_path))
    first = journals.get("batched")
    first.state = "failed"
    second = journals.get("batched")

    second.append(b'{"t":"control"}')
    assert second is not first
    journals.close()


def test_no_journal_where_the_ledger_is_switched_off(tmp_path: Path) -> None:
    journals = WorkerJournals(settings(tmp_path, enabled=False))

    with pytest.raises(SealgateError, match=r"`ledger\.enabled` is false"):
        journals.get("batched")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("in the way")

    with pytest.raises(SealgateError):
        WorkerJournals(settings(tmp_path)).get("batched")
