"""How a command asks the sequencer for something: through a journal of its own.

Where a sequencer runs, it is waited for; where none does, this process is the sequencer for as
long as it takes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.ledger.bodies import unpack
from gateway.ledger.folder import journal_folder, new_ref, open_journal
from gateway.ledger.journal import STRICT
from gateway.ledger.opening import SequencerRunsError, open_ledger, sequencer
from gateway.ledger.store import LedgerError, Record
from gateway.settings import Settings

WAIT_S = 30.0
_POLL_S = 0.05


def ask(settings: Settings, kind: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The control record that a request led to. Raises LedgerError, JournalFailedError."""
    ref = new_ref()
    journal = open_journal(settings, f"request-{os.getpid()}", STRICT)
    draft = {"kind": kind, "detail": dict(detail)}
    try:
        journal.append(orjson.dumps({"t": "control", "ref": ref, "draft": draft}))
    finally:
        journal.close()
    settle(settings)
    ledger = open_ledger(settings)
    try:
        record = _wait_for(ledger.by_ref, ref)
        body = ledger.bodies([record.log_index])[record.log_index]
    finally:
        ledger.close()
    found: dict[str, Any] = orjson.loads(unpack(body, None).receipt)
    return found


def settle(settings: Settings) -> None:
    """Brings what waits in the journals into the ledger, unless a sequencer runs that does.

    Raises LedgerError (QuarantineError among them).
    """
    journal_folder(settings)
    try:
        with sequencer(settings) as running:
            running.start()
            # One more than needed: what was asked for is carried out a batch after it was read.
            while running.waiting_bytes():
                running.step()
            running.step()
    except SequencerRunsError:
        return


def _wait_for(find: Any, ref: str) -> Record:
    pause = threading.Event()
    deadline = time.monotonic() + WAIT_S
    while True:
        record: Record | None = find(ref)
        if record is not None:
            return record
        if time.monotonic() >= deadline:
            raise LedgerError(
                f"the sequencer did not answer within {WAIT_S:g} s; it will, once it runs: "
                "see `sealgate ledger status`"
            )
        pause.wait(_POLL_S)
