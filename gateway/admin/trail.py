"""Administrative acts as records in the log of receipts, beside the lines of the audit log.

Acts are appended in a thread of their own, in their order. Where no ledger is kept, nothing is done
here; where the journal fails, that is logged, and the line of the audit log is there all the same.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from gateway.errors import SealgateError
from gateway.ledger.folder import new_ref, open_journal
from gateway.ledger.journal import BATCHED, Journal
from gateway.settings import Settings

_log = logging.getLogger("sealgate.audit")


class Trail:
    """Writes acts to a journal of the admin port."""

    def __init__(self, settings: Settings, keeps_ledger: Callable[[], bool]) -> None:
        self._settings = settings
        self._keeps_ledger = keeps_ledger
        self._thread: ThreadPoolExecutor | None = None
        self._journal: Journal | None = None

    def record(self, detail: dict[str, Any]) -> None:
        """Takes one act; returns at once."""
        if not self._keeps_ledger():
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._thread.submit(self._append, detail)

    def close(self) -> None:
        """Writes what waits; blocks."""
        if self._thread is not None:
            self._thread.shutdown()
        if self._journal is not None:
            self._journal.close()

    def _append(self, detail: dict[str, Any]) -> None:
        draft = {"kind": "audit", "detail": detail}
        payload = orjson.dumps({"t": "control", "ref": new_ref(), "draft": draft})
        try:
            journal = self._journal
            if journal is None or journal.state != "open":
                journal = open_journal(self._settings, f"admin-{os.getpid()}", BATCHED)
                self._journal = journal
            journal.append(payload)
        except (SealgateError, OSError) as error:
            _log.error("act not in the ledger", extra={"fields": {"error": str(error)}})
