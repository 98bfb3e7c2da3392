"""Who signs, and how a change of it gets into the log.

| change | its record is signed by | the new key counts from |
|---|---|---|
| `rotate_key` was asked for | the old key | the next batch |
| another key in a file or in Vault, while running | the old key | the next batch |
| another key anywhere, at the start: the old one may be gone | the new key | the end of the log |

A key is in the public list before it signs, so whatever a crash cuts is signed by a key that is
known. A change that is in the list and not in the log is told by the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from gateway.ledger.bodies import unpack
from gateway.ledger.sealing import BatchMaker, Signers, iso_ms
from gateway.ledger.signing_keys import PURPOSES, SigningKeys
from gateway.ledger.sql import PAGE_MAX
from gateway.ledger.store import Filter, Ledger, LedgerError
from gateway.receipts.ed25519 import Signer
from gateway.receipts.keys import LOG, RECEIPTS, PublicKey
from gateway.receipts.receipt import key_id_of

ANOTHER_KEY = "another key at its source"

_log = logging.getLogger("sealgate.ledger")


class KeyChanges:
    """The keys in force; one per sequencer."""

    def __init__(
        self,
        ledger: Ledger,
        keys: SigningKeys,
        *,
        monotonic_s: Callable[[], float],
        check_interval_s: float,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._monotonic_s = monotonic_s
        self._check_interval_s = check_interval_s
        self._next_check = 0.0
        self._signers: dict[str, Signer] = {}
        self._pending: dict[str, tuple[Signer, BatchMaker]] = {}

    @property
    def signers(self) -> Signers:
        """Who signs now."""
        return Signers(self._signers[RECEIPTS], self._signers[LOG])

    def load(self, created: str) -> None:
        """Asks for the keys where they are. Raises LedgerError, LedgerAwayError."""
        self._keys.ensure(created, self._keys.own)
        self._signers = {purpose: self._keys.newest(purpose) for purpose in PURPOSES}
        self._next_check = self._monotonic_s() + self._check_interval_s

    def finish(self, size: int, at_ms: int) -> None:
        """Ends a rotation that a crash left after its record was in the log."""
        for purpose in self._keys.own:
            key_id = self._keys.next_key_id(purpose)
            if key_id is not None and key_id in self._told():
                self._signers[purpose] = self._keys.take_over(purpose, iso_ms(at_ms), size)

    def settle(self, size: int, at_ms: int) -> None:
        """Puts keys that are new since the last run into the public list. Raises LedgerError."""
        for purpose, signer in self._signers.items():
            current = self._keys.current(purpose)
            if current is None or current.public_key != signer.public_key:
                self._keys.adopt(purpose, signer, iso_ms(at_ms), size)

    def tell_settled(self, maker: BatchMaker) -> None:
        """The records of keys that took over at a start."""
        public = self._keys.public_keys()
        for purpose in PURPOSES:
            line = [key for key in public if key.purpose == purpose]
            if len(line) > 1 and line[-1].key_id not in self._told():
                maker.add_control("key_rotated", _change(line[-2].key_id, line[-1]))

    def look(self, maker: BatchMaker) -> None:
        """Adds the record of a key that is new at its source, where it is time to look."""
        now = self._monotonic_s()
        # Of a batch that did not come to be: its record is needed again.
        stale = [purpose for purpose, (_, of) in self._pending.items() if of is not maker]
        if now < self._next_check and not stale:
            return
        self._next_check = now + self._check_interval_s
        for purpose in stale:
            del self._pending[purpose]
        for purpose in self._keys.outside:
            try:
                fresh = self._keys.newest(purpose)
                if fresh.public_key == self._signers[purpose].public_key:
                    continue
                public = self._keys.checked(purpose, fresh)
            except LedgerError as error:
                # The key that signs goes on to; where it cannot either, signing will say so.
                _log.warning("no newer key was looked for: %s", error)
                continue
            old = key_id_of(self._signers[purpose].public_key)
            maker.add_control("key_rotated", _change(old, public))
            self._pending[purpose] = (fresh, maker)

    def rotate(self, maker: BatchMaker, purpose: str, told: dict[str, str], ref: str) -> bool:
        """Adds the record of a rotation that was asked for; False where the key is not ours."""
        if purpose not in PURPOSES:
            raise ValueError("no purpose of a key")
        if purpose in self._keys.outside:
            return False
        fresh = self._keys.prepare_next(purpose)
        old = key_id_of(self._signers[purpose].public_key)
        public = self._keys.checked(purpose, fresh)
        maker.add_control("key_rotated", {**_change(old, public), **told}, ref=ref)
        self._pending[purpose] = (fresh, maker)
        return True

    def committed(self) -> None:
        """Lets the keys sign whose records are in the log now."""
        pending, self._pending = self._pending, {}
        for purpose, (fresh, maker) in pending.items():
            created, index = iso_ms(maker.at_ms), maker.next_index
            if purpose in self._keys.outside:
                self._keys.adopt(purpose, fresh, created, index)
            else:
                self._keys.take_over(purpose, created, index)
            self._signers[purpose] = fresh

    def _told(self) -> set[str]:
        """The keys that took over, as the log has it."""
        found = self._ledger.page(Filter(kinds=("key_rotated",), limit=PAGE_MAX))
        bodies = self._ledger.bodies(record.log_index for record in found)
        details = (orjson.loads(unpack(body, None).receipt)["detail"] for body in bodies.values())
        return {str(detail["new"]) for detail in details}


def _change(old: str, fresh: PublicKey) -> dict[str, Any]:
    return {
        "purpose": fresh.purpose,
        "old": old,
        "new": fresh.key_id,
        "public_key": fresh.public_key.hex(),
        "reason": ANOTHER_KEY,
        "actor": "",
    }
