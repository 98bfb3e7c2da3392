"""What the command line asks of a ledger: its state, a check of all of it, an acknowledgement."""

from __future__ import annotations

import time
from typing import Any

import orjson

from gateway.ledger import fsck
from gateway.ledger.folder import journal_folder, ledger_folder
from gateway.ledger.opening import (
    SequencerRunsError,
    locked,
    open_keys,
    open_ledger,
    open_subject_keys,
)
from gateway.ledger.recovery import acknowledge, recover
from gateway.ledger.store import LedgerError
from gateway.ledger.tail import Tailer, decode_positions
from gateway.ledger.tree import LogFiles
from gateway.settings import Settings


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def overview(settings: Settings) -> dict[str, Any]:
    """The state of the log in a few numbers. Raises LedgerError."""
    ledger = open_ledger(settings)
    try:
        state, holds = ledger.state(), ledger.holds()
        found: dict[str, Any] = {
            "origin": open_keys(settings).origin,
            "entries": state.size,
            "root": state.root.hex(),
            "epoch": state.epoch,
            "sequencer": "running" if _is_running(settings) else "stopped",
            **orjson.loads(state.counters),
            "waiting_bytes": Tailer(
                journal_folder(settings), decode_positions(state.positions)
            ).waiting_bytes(),
            "holds": [hold.name for hold in holds],
        }
        try:
            keys = open_keys(settings)
            log_keys = keys.ring().log_keys(keys.origin)
            files = LogFiles(ledger_folder(settings))
            recover(ledger, files, log_keys, repair=False)
        except LedgerError as error:
            return {**found, "verdict": f"quarantine: {error}"}
        return {**found, "verdict": "good"}
    finally:
        ledger.close()


def check_all(settings: Settings) -> fsck.Report:
    """Checks everything that can be recomputed. Raises LedgerError."""
    ledger, subjects = open_ledger(settings), open_subject_keys(settings)
    try:
        keys = open_keys(settings)
        return fsck.check(ledger, subjects, keys.ring(), keys.origin, ledger_folder(settings))
    finally:
        ledger.close()
        subjects.close()


def acknowledge_restore(settings: Settings, size: int, by: str) -> None:
    """Ends a quarantine after a restore. Raises LedgerError."""
    ledger = open_ledger(settings)
    try:
        state = ledger.state()
    finally:
        ledger.close()
    if state.size != size:
        raise LedgerError(f"the database has {state.size} entries, not {size}")
    acknowledge(ledger_folder(settings), state, by, now_ms())


def _is_running(settings: Settings) -> bool:
    try:
        with locked(ledger_folder(settings)):
            return False
    except SequencerRunsError:
        return True
