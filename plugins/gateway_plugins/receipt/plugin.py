"""Leaves one receipt per exchange: a record for the ledger, and its name for the client.

begin      the policy is chosen: a random secret, and what the core notes the bodies in
opened     `strict`: before the request is forwarded; `batched`: before the first byte of a stream,
           and where a whole answer takes longer than the turn of the loop that brings its head
end        the draft of the receipt goes to this worker's journal in one write

The sequencer of the node makes receipts of drafts. An opened exchange that never ends becomes one
as well: its worker was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
from collections.abc import Awaitable
from typing import Any, ClassVar, Final, cast

import orjson

from gateway.errors import SealgateError
from gateway.identity.pepper import read_pepper
from gateway.plugin import Evidence, Exchange, Journal, Plugin, Reason, Reject, Runtime, Step
from gateway.receipts.commitment import SECRET_BYTES
from gateway_plugins.receipt.config import ReceiptConfig
from gateway_plugins.receipt.draft import Moment, complete, draft_of
from gateway_plugins.receipt.names import Names, Naming
from gateway_plugins.receipt.reading import Reading

CONTENT_CHARACTERS_MAX: Final = 32_768
RENEW_INTERVAL_S: Final = 1.0
"""How often another journal is asked for after one has failed."""
GAP: Final = "gap"
"""The event that is counted where an exchange has no receipt."""
_PSEUDONYMS: Final = b"receipt pseudonyms"
_UNAVAILABLE: Final = Reject(
    Reason.RECEIPT_UNAVAILABLE, "no receipt can be kept of this exchange, and the policy wants one"
)


class Receipt(Plugin):
    """Leaves a signed receipt of each exchange in the ledger, and names it in the answer."""

    name: ClassVar[str] = "receipt"
    Config = ReceiptConfig

    def __init__(self, config: ReceiptConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        failure = config.on_ledger_failure or runtime.on_ledger_failure
        self._refuses = failure == "refuse"
        self._strict = self._opens_answers = False
        self._salted = config.commitment == "salted"
        self._keeps = CONTENT_CHARACTERS_MAX if config.include_content else 0
        self._naming = Naming(config, b"")
        self._journal: Journal | None = None
        self._told = False
        self._renewing = False
        self._renew_at = 0.0

    async def start(self) -> None:
        pepper = read_pepper(self.runtime.data_dir) or os.urandom(SECRET_BYTES)
        self._naming = Naming(self.config, hmac.digest(pepper, _PSEUDONYMS, "sha256"))
        try:
            await self._open_journal()
        except SealgateError:
            if self._refuses:
                raise
            self._tell_failure()

    async def _open_journal(self) -> None:
        """Raises SealgateError."""
        open_journal = self.runtime.journal
        journal = await asyncio.to_thread(open_journal, self.config.durability)
        self._strict = journal.durability == "strict"
        self._opens_answers = journal.durability == "batched"
        self._journal = journal

    # -- the request ----------------------------------------------------------------------------

    def begin_evidence(self, x: Exchange, ref: str) -> Evidence | None:
        journal = self._journal
        if journal is None or journal.state != "open":
            self._renew()
            return None
        secret = os.urandom(SECRET_BYTES)
        reading = Reading(x, secret if self._salted else b"", self._keeps)
        return Evidence(ref, secret, reading)

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
        fields = {"plugin": self.name, "refuses": self._refuses}
        self.runtime.log.error("receipts cannot be kept", extra={"fields": fields})

    def on_request_headers(self, x: Exchange) -> Step:
        evidence = x.evidence
        if evidence is None:
            return self._without(x)
        if self._strict:
            return self._open_strictly(x, evidence)
        return None

    async def _open_strictly(self, x: Exchange, evidence: Evidence) -> Reject | None:
        try:
            self._append("opened", evidence, self._opening(x, evidence))
            await cast("Journal", self._journal).synced()
        except SealgateError:
            x.evidence = None
            return self._without(x)
        return None

    def _without(self, x: Exchange) -> Reject | None:
        """No receipt can be kept of this exchange."""
        if self._refuses:
            return _UNAVAILABLE
        self._mark_gap(x)
        return None

    def _mark_gap(self, x: Exchange) -> None:
        self.runtime.count(self.name, GAP)
        x.flag("receipt_gap")

    # -- the answer -----------------------------------------------------------------------------

    def on_response_headers(self, x: Exchange) -> None:
        response, evidence = x.response, x.evidence
        if not self._opens_answers or evidence is None or response is None:
            return
        if response.local:
            return
        if not response.streamed:
            asyncio.get_running_loop().call_soon(self._open_if_unended, x, evidence)
            return
        try:
            self._append("opened", evidence, self._opening(x, evidence))
        except SealgateError:
            x.evidence = None
            self._mark_gap(x)

    def _open_if_unended(self, x: Exchange, evidence: Evidence) -> None:
        """A whole answer mostly ends in the turn of the loop in which its head came."""
        if not evidence.outcome:
            with contextlib.suppress(SealgateError):  # its end is tried and told all the same
                self._append("opened", evidence, self._opening(x, evidence))

    def on_complete(self, x: Exchange) -> Awaitable[None] | None:
        evidence = x.evidence
        if evidence is None:
            return None
        reading = cast("Reading", evidence.sink)
        if reading.is_heavy(evidence):
            return self._end_later(x, evidence, reading)
        self._keep(x, evidence, self._ending(x, evidence, reading))
        return self._flush() if self._strict else None

    async def _end_later(self, x: Exchange, evidence: Evidence, reading: Reading) -> None:
        draft = await asyncio.to_thread(self._ending, x, evidence, reading)
        self._keep(x, evidence, draft)
        if self._strict:
            await self._flush()

    async def _flush(self) -> None:
        journal = self._journal
        if journal is not None and journal.state == "open":
            await journal.synced()

    # -- records --------------------------------------------------------------------------------

    def _opening(self, x: Exchange, evidence: Evidence) -> tuple[dict[str, Any], Names]:
        names = self._naming.of(x, evidence.ref, None)
        return draft_of(x, evidence, names, self._now(), self.config.receipt_mode), names

    def _ending(
        self, x: Exchange, evidence: Evidence, reading: Reading
    ) -> tuple[dict[str, Any], Names]:
        reading.read(evidence)
        names = self._naming.of(x, evidence.ref, reading.asked)
        now = self._now()
        draft = draft_of(x, evidence, names, now, self.config.receipt_mode)
        complete(draft, x, evidence, reading, now)
        if self._keeps:
            interaction = draft["interaction"]
            interaction["prompt"] = reading.prompt[: self._keeps]
            interaction["response"] = reading.answer
        return draft, names

    def _now(self) -> Moment:
        return Moment(self.runtime.wall(), self.runtime.monotonic())

    def _keep(self, x: Exchange, evidence: Evidence, made: tuple[dict[str, Any], Names]) -> None:
        try:
            self._append("exchange", evidence, made)
        except (SealgateError, ValueError):
            self._mark_gap(x)

    def _append(self, kind: str, evidence: Evidence, made: tuple[dict[str, Any], Names]) -> None:
        """One record. Raises SealgateError where the journal does not take it."""
        draft, names = made
        record = {
            "t": kind,
            "ref": evidence.ref,
            "draft": draft,
            "private": {
                "k": evidence.secret.hex(),
                "subject": names.principal,
                "retention": self.config.retention,
            },
        }
        cast("Journal", self._journal).append(orjson.dumps(record))
