"""The ledger as the admin API reads it, from the moment when somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.admin.receipt_desk import ReceiptDesk


class LateDesk:
    """Imports and opens what reads the ledger when it is first asked for.

    That takes megabytes, and most gateways keep no receipts, or are never asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._desk: ReceiptDesk | None = None

    def open(self) -> ReceiptDesk:
        """The desk. Blocks: for a thread."""
        if self._desk is None:
            from gateway.admin.receipt_desk import ReceiptDesk  # noqa: PLC0415  # megabytes that most gateways never need

            self._desk = ReceiptDesk(self._settings)
        return self._desk

    def close(self) -> None:
        """Closes what was opened."""
        if self._desk is not None:
            self._desk.close()
