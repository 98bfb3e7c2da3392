"""Where a worker leaves its records for the ledger, as a plugin sees it."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

Durability: TypeAlias = Literal["strict", "batched", "async"]
"""When a record is on the disk: `strict` before the exchange goes on, `batched` a moment later
(a process that is killed loses nothing, a power failure some milliseconds), `async` soon."""


OnLedgerFailure: TypeAlias = Literal["refuse", "serve_and_mark_gap"]
"""What happens to an exchange of which no receipt can be kept."""


class Journal(Protocol):
    """Takes records; each is a JSON object whose first member is `t`."""

    durability: str
    state: str
    """`open` while it takes records; anything else is final."""

    def append(self, payload: bytes) -> None:
        """Takes one record. Raises SealgateError where it cannot, ValueError for one over 1 MiB."""

    def extend(self, payloads: list[bytes]) -> None:
        """Takes several records in one write, all or none; raises as `append` does."""

    async def synced(self) -> None:
        """Returns when all that was appended is on the disk. Raises SealgateError."""
