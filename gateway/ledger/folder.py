"""Where the ledger of a node lies, and the journals that its workers write there.

Apart from what opens the ledger itself, which no worker needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gateway.ledger.journal import ASYNC, Journal
from gateway.ledger.store import LedgerError
from gateway.settings import Settings

JOURNAL_FOLDER = "journal"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_ref() -> str:
    """A fresh ref of 26 characters, for a record that no exchange has."""
    return "".join(_ALPHABET[byte % 32] for byte in os.urandom(26))


def ledger_folder(settings: Settings) -> Path:
    """The folder of this node's ledger."""
    return settings.ledger.folder or settings.data_dir / "ledger"


def journal_folder(settings: Settings) -> Path:
    """Where workers write; made where it is missing. Raises LedgerError."""
    folder = ledger_folder(settings) / JOURNAL_FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return folder


def open_journal(
    settings: Settings,
    worker: str,
    durability: str,
    on_error: Callable[[str], None] | None = None,
) -> Journal:
    """A journal as the settings say. Raises LedgerError, JournalFailedError."""
    ledger = settings.ledger
    return Journal(
        journal_folder(settings),
        worker,
        durability,
        on_error,
        sync_interval_ms=ledger.sync_interval_ms,
        segment_bytes_max=ledger.segment_bytes_max,
        buffer_bytes_max=ledger.buffer_bytes_max if durability == ASYNC else 0,
    )
