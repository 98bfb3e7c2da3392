"""The one writer of a log: reads the journals, signs, commits, publishes.

Each `step`:

1. reads what the workers appended since the position that is committed;
2. makes a batch: receipts in the order of reading, control records for what is lost;
3. commits records, tree, positions and checkpoint in one transaction of the ledger;
4. lets journals go that are read whole, and publishes tiles and checkpoint.

A crash between any two of them is caught up by the next start: what is not committed is read
again, what is committed and not published is published. Nothing is signed before the tree was
recomputed from the ledger and agrees with the checkpoint that is kept outside of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.ledger.bodies import LockedError, unpack
from gateway.ledger.expiry import Expiry
from gateway.ledger.key_changes import KeyChanges
from gateway.ledger.recovery import recover
from gateway.ledger.requests import REQUESTS, Requests
from gateway.ledger.scheduling import BEHIND_BYTES, BREATH_ENTRIES
from gateway.ledger.sealing import (
    BatchMaker,
    Counters,
    Draft,
    Identity,
    iso_ms,
    sign_checkpoint,
)
from gateway.ledger.signing_keys import SigningKeys
from gateway.ledger.store import (
    Batch,
    FencedError,
    Head,
    Ledger,
    Opened,
)
from gateway.ledger.subject_keys import SubjectKeys
from gateway.ledger.tail import Item, Position, Tailer, decode_positions, encode_positions
from gateway.ledger.tree import LogFiles
from gateway.receipts.record import KINDS

HEADS_KEPT = 50_000
BATCH_ENOUGH = 512
"""Entries of a batch behind which the next one is begun at once.

A batch of a few costs a signature, a commit and tiles as a large one does.
"""
TORN = "unfinished write of a writer that died"
NO_WORKERS = ("admin-", "control-", "request-")
"""How the names of journals begin that no worker writes."""
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a draft that is none raises, wherever it is looked at."""

_log = logging.getLogger("sealgate.ledger")


class Sequencer:
    """Writes one log; made once per process, used by one thread.

    `monotonic_s` and `wall_ms` are clocks. Make it, `start` it, then `step` again and again. It
    calls `breathe` from time to time within a batch, unless it is behind.
    """

    def __init__(
        self,
        ledger: Ledger,
        subjects: SubjectKeys,
        keys: SigningKeys,
        *,
        tailer_of: Callable[[dict[str, Position]], Tailer],
        files: LogFiles,
        identity: Identity,
        wall_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        heartbeat_s: float = 60.0,
        retention_days: Mapping[str, int] | None = None,
        key_check_interval_s: float = 60.0,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self.counters = Counters()
        self.size = 0
        self.epoch = 0
        self._ledger = ledger
        self._tailer_of = tailer_of
        self._subjects = subjects
        self._keys = keys
        self._identity = identity
        self._files = files
        self._changes = KeyChanges(
            ledger, keys, monotonic_s=monotonic_s, check_interval_s=key_check_interval_s
        )
        self._requests = Requests(ledger, subjects, keys, self._changes)
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s
        self._heartbeat_s = heartbeat_s
        self._breathe = breathe
        self._next_heartbeat = 0.0
        self._expiry = Expiry(ledger, retention_days or {}, monotonic_s)
        self._heads: dict[str, Head] = {}
        self._open: dict[str, Opened] = {}
        self._erases = False
        self._number = 0
        self._published = 0
        self._checkpoint = b""
        self._attempted: tuple[Batch, BatchMaker] | None = None

    def start(self) -> None:
        """Takes the log over and checks it. Raises QuarantineError, LedgerError, OSError."""
        now_ms = self._wall_ms()
        self._changes.load(iso_ms(now_ms))
        self.epoch = self._ledger.claim(self._identity.node, now_ms)
        self._requests.finish()
        self._changes.finish(self._ledger.state().size, now_ms)
        log_keys = self._keys.ring().log_keys(self._identity.origin)
        recovered = recover(self._ledger, self._files, log_keys)
        state = recovered.state
        self._changes.settle(state.size, now_ms)
        if not state.size:
            # Kept before the first batch: a database without one beside it is not believed.
            log_key = self._changes.signers.log
            self._files.keep(sign_checkpoint(self._identity.origin, log_key, recovered.tree))
        self._tree = recovered.tree
        self.size, self._number = state.size, state.number
        self._checkpoint = state.checkpoint
        self._published = state.size
        self.counters = Counters(**orjson.loads(state.counters))
        self._tailer = self._tailer_of(decode_positions(state.positions))
        self._tailer.clean()
        self._tailer.committed()
        self._open = {each.ref: each for each in self._ledger.open_exchanges()}
        maker = self._maker()
        if recovered.restored is not None:
            maker.add_control("restored", recovered.restored)
        self._changes.tell_settled(maker)
        if maker.records:
            self._commit(maker)

    def step(self) -> int:
        """One round; returns the number of new entries.

        Raises LedgerAwayError (try again later), FencedError (end), LedgerError, OSError.
        """
        self._resync()
        items = self._tailer.read()
        maker = self._maker()
        try:
            self._erases = self._requests.erase_asked(maker)
            known = self._known(items)
            is_behind = self._tailer.waiting_bytes() > BEHIND_BYTES
            for number, item in enumerate(items, 1):
                self._take(maker, item, known)
                if number % BREATH_ENTRIES == 0 and not is_behind:
                    self._breathe()
            self._changes.look(maker)
            self._beat(maker)
            self._expiry.carry_out(maker)
            if items or maker.records:
                self._commit(maker)
        except BaseException:
            self._tailer.reset()
            raise
        self._publish()
        return len(maker.records)

    def waiting_bytes(self) -> int:
        """Bytes in the journals that are not in the ledger yet."""
        return self._tailer.waiting_bytes()

    def finished(self) -> bool:
        """Whether every writer of a journal is gone and all of it is in the ledger."""
        return self._tailer.finished()

    @property
    def open_count(self) -> int:
        """Exchanges that began and have not ended."""
        return len(self._open)

    # -- what journals tell ---------------------------------------------------------------------

    def _known(self, items: list[Item]) -> set[str]:
        """Refs of these items that have a record: of journals that were read before."""
        refs = [_ref_of(item.payload) for item in items if item.kind == "record"]
        refs += [_start_ref(item.stream) for item in items if item.kind == "began"]
        return self._ledger.known(ref for ref in refs if ref)

    def _take(self, maker: BatchMaker, item: Item, known: set[str]) -> None:
        match item.kind:
            case "record":
                self._take_record(maker, item, known)
            case "drop":
                detail = {"worker": item.stream, "count": item.amount, "reason": "buffer full"}
                maker.add_control("drop", detail)
                maker.count(opened=item.amount, dropped=item.amount)
            case "gap":
                self._gap(maker, item.stream, item.detail, item.amount)
            case "began":
                self._take_start(maker, item.stream, known)
            case "torn":
                # Told, and not counted as a loss: no append returned that it could belong to.
                detail = {"worker": item.stream, "bytes": item.amount, "reason": TORN}
                maker.add_control("gap", detail)
            case _:
                self._interrupt(maker, item.stream)

    def _take_start(self, maker: BatchMaker, stream: str, known: set[str]) -> None:
        """A worker began; commands and the supervisor have journals too, and are none."""
        ref = _start_ref(stream)
        if ref not in known and not stream.startswith(NO_WORKERS):
            maker.add_control("worker_start", {"worker": stream}, ref=ref)

    def _take_record(self, maker: BatchMaker, item: Item, known: set[str]) -> None:
        try:
            document = orjson.loads(item.payload)
            kind, ref = document["t"], document["ref"]
            if ref in known or ref in maker.refs:
                return
            if kind == "control":
                self._take_control(maker, ref, document["draft"])
                return
            draft = Draft(ref, document["draft"], document["private"])
            if kind == "opened":
                self._take_opened(maker, draft, item.stream)
            elif kind == "exchange":
                self._take_exchange(maker, draft)
            else:
                self._gap(maker, item.stream, "a record of an unknown kind", len(item.payload))
        except _MALFORMED as error:
            # Its text may hold what a client sent; the kind of the error does not.
            _log.error("a record of a journal is no draft: %s", type(error).__name__)  # as said
            self._gap(maker, item.stream, "a record that is no draft", len(item.payload))

    def _take_opened(self, maker: BatchMaker, draft: Draft, stream: str) -> None:
        if draft.ref not in self._open and draft.ref not in maker.opened:
            maker.open(draft, stream)
            maker.count(opened=1)

    def _take_exchange(self, maker: BatchMaker, draft: Draft) -> None:
        maker.add_receipt(draft, "exchange")
        was_open = draft.ref in self._open or draft.ref in maker.opened
        maker.count(opened=0 if was_open else 1, closed=1)

    def _take_control(self, maker: BatchMaker, ref: str, draft: dict[str, Any]) -> None:
        kind, detail = draft["kind"], draft["detail"]
        if kind in REQUESTS:
            self._requests.carry_out(maker, kind, detail, ref)
        elif kind in KINDS:
            tenant = str(detail.get("tenant") or "")
            maker.add_control(
                kind, detail, ref=ref, timestamp=draft.get("timestamp"), tenant=tenant
            )
        else:
            raise ValueError("no kind of control record")

    def _gap(self, maker: BatchMaker, stream: str, reason: str, amount: int) -> None:
        fields = {"stream": stream, "reason": reason, "amount": amount}
        _log.error("a journal has a gap", extra={"fields": fields})
        unit = "bytes" if reason in _IN_BYTES else "count"
        maker.add_control("gap", {"worker": stream, "reason": reason, unit: amount})
        maker.count(gaps=1)

    def _interrupt(self, maker: BatchMaker, stream: str) -> None:
        """What a writer that is gone had begun and not ended."""
        begun = [each for each in self._open.values() if each.stream == stream]
        begun += [each for each in maker.opened.values() if each.stream == stream]
        for each in begun:
            if each.ref in maker.refs:
                continue
            try:
                maker.add_receipt(self._interrupted(each), "interrupted")
            except (*_MALFORMED, LockedError):
                # Erased meanwhile, or no draft: that it began and was cut is told all the same.
                maker.add_control(
                    "gap", {"worker": stream, "count": 1, "reason": "interrupted"}, ref=each.ref
                )
            maker.count(interrupted=1)

    def _interrupted(self, opened: Opened) -> Draft:
        body = unpack(opened.body, self._subjects.key(opened.subject))
        whole = orjson.loads(body.receipt)
        draft = Draft(opened.ref, whole["draft"], whole["private"])
        stream = draft.sealgate.get("stream") or {}
        draft.sealgate["stream"] = {**stream, "outcome": "gateway_crash"}
        draft.sealgate["stream"].setdefault("events", 0)
        return draft

    def _beat(self, maker: BatchMaker) -> None:
        """A heartbeat where one is due: that nothing came is known to be so, and until when."""
        now = self._monotonic_s()
        if now < self._next_heartbeat:
            return
        counts = maker.counters
        detail: dict[str, Any] = {
            "opened": counts.opened,
            "closed": counts.closed,
            "interrupted": counts.interrupted,
            "dropped": counts.dropped,
            "running": counts.opened - counts.closed - counts.interrupted - counts.dropped,
            **self._requests.witnessed(),
        }
        maker.add_control("heartbeat", detail)
        self._next_heartbeat = now + self._heartbeat_s

    # -- committing -----------------------------------------------------------------------------

    def _maker(self) -> BatchMaker:
        return BatchMaker(
            self._ledger,
            self._subjects,
            self._identity,
            self._changes.signers,
            tree=self._tree,
            heads=self._heads,
            counters=self.counters,
            number=self._number + 1,
            epoch=self.epoch,
            wall_ms=self._wall_ms,
        )

    def _commit(self, maker: BatchMaker) -> None:
        counters = orjson.dumps(maker.counters._asdict()).decode()
        batch = maker.finish(encode_positions(self._tailer.positions), counters)
        self._attempted = (batch, maker)
        self._ledger.commit(batch)
        self._adopt(batch, maker)

    def _adopt(self, batch: Batch, maker: BatchMaker) -> None:
        """What was committed is what the next batch stands on."""
        self._attempted = None
        finished = self._tree.finished
        self._tree = maker.tree
        self._tree.finished = {**finished, **maker.tree.finished}
        self._number, self.size = batch.number, batch.size
        self._checkpoint = batch.checkpoint
        self.counters = maker.counters
        self._open.update(maker.opened)
        for ref in maker.refs:
            self._open.pop(ref, None)
        if len(self._heads) > HEADS_KEPT:
            self._heads.clear()
        self._heads.update(maker.heads)
        self._requests.committed()
        self._changes.committed()
        self._expiry.committed()
        self._tailer.committed()
        if self._erases:
            self._tailer.erase_read()

    def _resync(self) -> None:
        """After a commit of which the answer was lost: it happened whole, or not at all."""
        if self._attempted is None:
            return
        batch, maker = self._attempted
        state = self._ledger.state()
        if (state.number, state.root) == (batch.number, batch.root):
            self._tailer.advance(decode_positions(batch.positions))
            self._adopt(batch, maker)
        elif state.number == self._number:
            self._attempted = None
        else:
            raise FencedError("the log has grown under this sequencer's hands")

    def _publish(self) -> None:
        if self._published < self.size:
            self._files.publish(self._published, self._tree, self._checkpoint)
            self._published = self.size
            self._tree.finished.clear()


_IN_BYTES = frozenset({"damaged bytes", "a record of an unknown kind", "a record that is no draft"})
_REF = b'"ref":"'


def _start_ref(stream: str) -> str:
    return f"start-{stream}"


def _ref_of(payload: bytes) -> str:
    """The ref of a record without parsing all of it; empty where it has none in front."""
    start = payload.find(_REF, 0, 64)
    if start < 0:
        return _slow_ref_of(payload)
    start += len(_REF)
    return payload[start : payload.find(b'"', start)].decode("ascii", "replace")


def _slow_ref_of(payload: bytes) -> str:
    try:
        return str(orjson.loads(payload)["ref"])
    except _MALFORMED:
        return ""
