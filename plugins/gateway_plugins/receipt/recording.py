"""The steps of `receipt` that every exchange passes, apart from its class.

The class of a plugin stays interpreted, because the policy compiler reads it; what every request
runs through is here, and compiled (docs/decisions/0006).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final, cast

from gateway.errors import SealgateError
from gateway.plugin import Evidence, Exchange, Journal, Reason, Reject, Runtime, Step
from gateway.plugin.evidence import Held
from gateway.receipts.commitment import SECRET_BYTES
from gateway_plugins.receipt.config import ReceiptConfig
from gateway_plugins.receipt.draft import Drafts, Moment, quoted
from gateway_plugins.receipt.names import Names, Naming
from gateway_plugins.receipt.reading import Reading

CONTENT_CHARACTERS_MAX: Final = 32_768
SECRETS_AT_ONCE: Final = 64
"""Secrets that are drawn together: a call of the kernel takes longer than to fill them, and gives
the interpreter's lock away."""
GAP: Final = "gap"
"""The event that is counted where an exchange has no receipt."""
_UNAVAILABLE: Final = Reject(
    Reason.RECEIPT_UNAVAILABLE, "no receipt can be kept of this exchange, and the policy wants one"
)

_drawn: Final[list[bytes]] = []
"""Secrets that no exchange has yet; a process that forks leaves its child none of them."""
os.register_at_fork(after_in_child=_drawn.clear)

_log = logging.getLogger("sealgate.receipts")


def fresh_secret() -> bytes:
    """A secret for one exchange; for the loop's thread alone."""
    if not _drawn:
        block = os.urandom(SECRET_BYTES * SECRETS_AT_ONCE)
        _drawn.extend([block[at : at + SECRET_BYTES] for at in range(0, len(block), SECRET_BYTES)])
    return _drawn.pop()


class Recording:
    """One configured use: notes exchanges, and appends their records to the worker's journal."""

    __slots__ = (
        "_count", "_drafts", "_due", "_journal", "_keeps", "_monotonic", "_name", "_naming",
        "_opens_answers", "_refuses", "_renew", "_retention", "_salted", "_strict", "_wall",
    )  # fmt: skip

    def __init__(
        self, name: str, config: ReceiptConfig, runtime: Runtime, renew: Callable[[], None]
    ) -> None:
        """`renew` is called where no journal is open; until `use`, none is."""
        self._name = name
        failure = config.on_ledger_failure or runtime.on_ledger_failure
        self._refuses = failure == "refuse"
        self._salted = config.commitment == "salted"
        self._keeps = CONTENT_CHARACTERS_MAX if config.include_content else 0
        self._retention = quoted(config.retention)
        self._drafts = Drafts(config.receipt_mode, self._keeps)
        self._naming = Naming(config, b"")
        self._wall: Callable[[], float] = runtime.wall
        self._monotonic: Callable[[], float] = runtime.monotonic
        self._count: Callable[[str, str], None] = runtime.count
        self._renew = renew
        self._journal: Journal | None = None
        self._strict = self._opens_answers = False
        self._due: list[tuple[Exchange, Evidence, Reading]] = []

    @property
    def refuses(self) -> bool:
        """Whether an exchange is refused of which no receipt can be kept."""
        return self._refuses

    def name_by(self, naming: Naming) -> None:
        """Takes what pseudonyms are made with into use."""
        self._naming = naming

    def use(self, journal: Journal) -> None:
        """Takes a journal into use."""
        self._strict = journal.durability == "strict"
        self._opens_answers = journal.durability == "batched"
        self._journal = journal

    # -- the request ----------------------------------------------------------------------------

    def begin(self, x: Exchange, ref: str) -> Evidence | None:
        journal = self._journal
        if journal is None or journal.state != "open":
            self._renew()
            return None
        secret = fresh_secret()
        reading = Reading(x, secret if self._salted else b"", self._keeps)
        evidence = Evidence(ref, secret, reading)
        if self._opens_answers:
            evidence.on_delay = self._open_delayed
            evidence.gathers = True
        return evidence

    def head(self, x: Exchange) -> Step:
        evidence = x.evidence
        if evidence is None:
            return self._without(x)
        if self._strict:
            return self._open_strictly(x, evidence)
        return None

    async def _open_strictly(self, x: Exchange, evidence: Evidence) -> Reject | None:
        try:
            self._append_opened(x, evidence)
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
        self._count(self._name, GAP)
        x.flag("receipt_gap")

    # -- the answer -----------------------------------------------------------------------------

    def answered(self, x: Exchange) -> None:
        """A stream is opened before its first byte."""
        response, evidence = x.response, x.evidence
        if not self._opens_answers or evidence is None or response is None:
            return
        if response.local or not response.streamed:
            return
        evidence.on_delay = None
        evidence.gathers = False
        try:
            self._append_opened(x, evidence)
        except SealgateError:
            x.evidence = None
            self._mark_gap(x)

    def _open_delayed(self, x: Exchange, evidence: Evidence) -> None:
        """A whole answer that does not end with the read that brought its head."""
        evidence.gathers = False
        try:
            self._append_opened(x, evidence)
        except SealgateError:
            return  # its end is tried and told all the same

    def complete(self, x: Exchange) -> Awaitable[None] | None:
        evidence = x.evidence
        if evidence is None:
            return None
        reading = cast("Reading", evidence.sink)
        if reading.is_heavy(evidence):
            return self._end_later(x, evidence, reading)
        if evidence.held is not None and self._opens_answers:
            evidence.due = True
            if not self._due:
                asyncio.get_running_loop().call_soon(self.finish)
            self._due.append((x, evidence, reading))
            return None
        reading.read(evidence)
        self._keep(x, evidence, reading)
        return self._flush() if self._strict else None

    def finish(self) -> None:
        """Writes the records of what ended in this turn of the loop, then lets its answers go.

        Together, because each alone would find the caches as the network's code left them: that
        doubles what a record costs.
        """
        due, self._due = self._due, []
        records: list[bytes] = []
        kept: list[Exchange] = []
        try:
            for x, evidence, reading in due:
                try:
                    reading.read(evidence)
                    records.append(self._ending(x, evidence, reading))
                    kept.append(x)
                except ValueError:  # what no record can hold, such as half a character
                    self._mark_gap(x)
                except Exception as error:  # noqa: BLE001  # one exchange's fault must not cost the others their records
                    self._mark_gap(x)
                    # Its text might quote what was said.
                    _log.error("no receipt of exchange %s: %s", x.id, type(error).__name__)
            self._write(records, kept)
        finally:
            for _, evidence, _ in due:
                cast("Held", evidence.held).release()

    def _write(self, records: list[bytes], exchanges: list[Exchange]) -> None:
        try:
            cast("Journal", self._journal).extend(records)
        except (SealgateError, ValueError):
            for x, record in zip(exchanges, records, strict=True):
                self._write_alone(x, record)

    def _write_alone(self, x: Exchange, record: bytes) -> None:
        try:
            cast("Journal", self._journal).append(record)
        except (SealgateError, ValueError):
            self._mark_gap(x)

    async def _end_later(self, x: Exchange, evidence: Evidence, reading: Reading) -> None:
        await asyncio.to_thread(reading.read, evidence)
        self._keep(x, evidence, reading)
        if self._strict:
            await self._flush()

    async def _flush(self) -> None:
        journal = self._journal
        if journal is not None and journal.state == "open":
            await journal.synced()

    # -- records --------------------------------------------------------------------------------

    def _append_opened(self, x: Exchange, evidence: Evidence) -> None:
        """Raises SealgateError where the journal does not take it."""
        names = self._naming.of(x, evidence.ref, None)
        draft = self._drafts.opening(x, evidence, names, self._now())
        cast("Journal", self._journal).append(self._record("opened", evidence, names, draft))

    def _keep(self, x: Exchange, evidence: Evidence, reading: Reading) -> None:
        try:
            cast("Journal", self._journal).append(self._ending(x, evidence, reading))
        except (SealgateError, ValueError):
            self._mark_gap(x)

    def _ending(self, x: Exchange, evidence: Evidence, reading: Reading) -> bytes:
        """The record of an exchange that is over. Raises ValueError where it cannot be written."""
        names = self._naming.of(x, evidence.ref, reading.asked)
        draft = self._drafts.ending(x, evidence, names, reading, self._now())
        return self._record("exchange", evidence, names, draft)

    def _now(self) -> Moment:
        return Moment(self._wall(), self._monotonic())

    def _record(self, kind: str, evidence: Evidence, names: Names, draft: str) -> bytes:
        subject = "null" if names.principal is None else f'"{names.principal}"'
        record = (
            f'{{"t":"{kind}","ref":"{evidence.ref}","draft":{draft},"private":'
            f'{{"k":"{evidence.secret.hex()}","subject":{subject},"retention":{self._retention}}}}}'
        )
        return record.encode()
