"""Leaves one receipt per exchange: a record for the ledger, and its name for the client.

begin      the policy is chosen: a random secret, and what the core notes the bodies in
opened     `strict`: before the request is forwarded; `batched`: before the first byte of a stream,
           and where a whole answer does not end with the read that brought its head
end        the draft of the receipt goes to this worker's journal in one write

The sequencer of the node makes receipts of drafts. An opened exchange that never ends becomes one
as well: its worker was killed.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable
from typing import ClassVar, Final

from gateway.errors import SealgateError
from gateway.identity.pepper import read_pepper
from gateway.plugin import Evidence, Exchange, Plugin, Runtime, Step
from gateway.receipts.commitment import SECRET_BYTES
from gateway_plugins.receipt.config import ReceiptConfig
from gateway_plugins.receipt.names import Naming
from gateway_plugins.receipt.recording import Recording

RENEW_INTERVAL_S: Final = 1.0
"""How often another journal is asked for after one has failed."""
_PSEUDONYMS: Final = b"receipt pseudonyms"


class Receipt(Plugin):
    """Leaves a signed receipt of each exchange in the ledger, and names it in the answer."""

    name: ClassVar[str] = "receipt"
    Config = ReceiptConfig

    def __init__(self, config: ReceiptConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._recording = Recording(self.name, config, runtime, self._renew)
        # The chain calls the compiled steps themselves, with no interpreted frame before them.
        self.begin_evidence = self._recording.begin  # type: ignore[method-assign]  # what notes the bodies is looked up on the instance
        self.on_request_headers = self._recording.head  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_response_headers = self._recording.answered  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_complete = self._recording.complete  # type: ignore[method-assign]  # a hook is looked up on the instance
        self._told = False
        self._renewing = False
        self._renew_at = 0.0

    async def start(self) -> None:
        pepper = read_pepper(self.runtime.data_dir) or os.urandom(SECRET_BYTES)
        key = hmac.digest(pepper, _PSEUDONYMS, "sha256")
        self._recording.name_by(Naming(self.config, key))
        try:
            await self._open_journal()
        except SealgateError:
            if self._recording.refuses:
                raise
            self._tell_failure()

    async def stop(self) -> None:
        self._recording.finish()

    async def _open_journal(self) -> None:
        """Raises SealgateError."""
        open_journal = self.runtime.journal
        self._recording.use(await asyncio.to_thread(open_journal, self.config.durability))

    def begin_evidence(self, x: Exchange, ref: str) -> Evidence | None:
        return self._recording.begin(x, ref)

    def on_request_headers(self, x: Exchange) -> Step:
        return self._recording.head(x)

    def on_response_headers(self, x: Exchange) -> None:
        self._recording.answered(x)

    def on_complete(self, x: Exchange) -> Awaitable[None] | None:
        return self._recording.complete(x)

    # -- a journal that has failed --------------------------------------------------------------

    def _renew(self) -> None:
        """Asks for another journal in the background, now and then."""
        now = self.runtime.monotonic()
        if self._renewing or now < self._renew_at:
            return
        self._renewing, self._renew_at = True, now + RENEW_INTERVAL_S
        _ = self.runtime.spawn(self._renew_now(), name="journal of receipts")

    async def _renew_now(self) -> None:
        try:
            await self._open_journal()
        except SealgateError:
            self._tell_failure()
        else:
            self.runtime.log.info("receipts are kept again")
            self._told = False
        finally:
            self._renewing = False

    def _tell_failure(self) -> None:
        """Once, until receipts are kept again."""
        if self._told:
            return
        self._told = True
        fields = {"plugin": self.name, "refuses": self._recording.refuses}
        self.runtime.log.error("receipts cannot be kept", extra={"fields": fields})
