"""The journals of one worker: opened when a policy wants one, one for each durability."""

from __future__ import annotations

import logging
import os
import threading

import orjson

from gateway.errors import SealgateError
from gateway.ledger.folder import open_journal
from gateway.ledger.journal import Journal
from gateway.plugin.journal import Durability
from gateway.settings import Settings

STATUS_FILE = "status.json"
"""In the ledger's folder: what the sequencer says of itself."""

_log = logging.getLogger("sealgate.ledger")


class WorkerJournals:
    """Opens journals and closes them all; used from the threads that plugins start in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._journals: dict[str, Journal] = {}

    def get(self, durability: Durability | None) -> Journal:
        """The journal for a durability; a fresh one where it has failed. Raises SealgateError."""
        ledger = self._settings.ledger
        if ledger.enabled is False:
            raise SealgateError(
                "a policy leaves receipts, but `ledger.enabled` is false in gateway.yaml; "
                "take the line away, or the step"
            )
        wanted = durability or ledger.durability
        with self._lock:
            journal = self._journals.get(wanted)
            if journal is None or journal.state != "open":
                if journal is not None:
                    journal.close()
                journal = open_journal(self._settings, str(os.getpid()), wanted, _tell)
                self._journals[wanted] = journal
            return journal

    def alarm(self) -> str:
        """Why the log must not be signed now, as the sequencer says; reads a file."""
        folder = self._settings.ledger.folder or self._settings.data_dir / "ledger"
        try:
            alarm = orjson.loads((folder / STATUS_FILE).read_bytes())["alarm"]
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return str(alarm)

    def close(self) -> None:
        """Writes what waits and marks the ends; blocks until all is on the disk."""
        with self._lock:
            for journal in self._journals.values():
                journal.close()


def _tell(reason: str) -> None:
    _log.error("journal failed", extra={"fields": {"error": reason}})
