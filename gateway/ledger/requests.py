"""What operators ask of the sequencer through a journal: it alone writes the log.

| request | detail | in the log |
|---|---|---|
| `erase` | `subject`, `reason`, `actor` | `erased`, or `audit` where it was refused |
| `hold` | `name`, `tenant`, `subject` (optional), `reason`, `actor` | `audit` |
| `release` | `name`, `reason`, `actor` | `audit` |
| `rotate_key` | `purpose`, `reason`, `actor` | `key_rotated`; `audit` for a key not ours |
| `revoke_key` | `key_id`, `reason`, `actor` | `audit` |

An erasure is remembered beside the subject's key until its `erased` record is in the log, so one
that a crash cut is carried on by the next start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.ledger.key_changes import KeyChanges
from gateway.ledger.sealing import BatchMaker, iso_ms
from gateway.ledger.signing_keys import SigningKeys
from gateway.ledger.store import Hold, Ledger, LedgerError
from gateway.ledger.subject_keys import SubjectKeys
from gateway.receipts.score import Alarm

REQUESTS = frozenset({"erase", "hold", "release", "rotate_key", "revoke_key"})
ENTRIES_PER_RECORD = 500
"""How many entries one `erased` record names; further ones follow in further records."""


class Requests:
    """Carries requests out; one per sequencer."""

    def __init__(
        self, ledger: Ledger, subjects: SubjectKeys, keys: SigningKeys, changes: KeyChanges
    ) -> None:
        self._ledger = ledger
        self._subjects = subjects
        self._keys = keys
        self._changes = changes
        self._afterwards: list[Callable[[], None]] = []

    def witnessed(self) -> dict[str, Any]:
        """What a heartbeat says of the logs of other nodes in the same database."""
        others = [
            {"origin": origin, "size": size, "root": root.hex()}
            for origin, size, root in self._ledger.others()
        ]
        return {"witnessed": others} if others else {}

    def carry_out(self, maker: BatchMaker, kind: str, detail: Mapping[str, Any], ref: str) -> None:
        """Does what was asked. Raises ValueError, KeyError, TypeError for what cannot be read."""
        match kind:
            case "erase":
                self._ask_erasure(maker, detail, ref)
            case "hold":
                subject = detail.get("subject")
                number = self._subjects.for_subject(str(subject))[0] if subject else 0
                hold = Hold(str(detail["name"]), str(detail["tenant"]), number, False, maker.at_ms)
                self._ledger.put_hold(hold)
                self._audit(maker, "ledger.hold", detail, "done", ref, target=hold.name)
            case "release":
                name = str(detail["name"])
                held = [hold for hold in self._ledger.holds() if hold.name == name]
                for hold in held:
                    self._ledger.put_hold(hold._replace(released=True, at_ms=maker.at_ms))
                outcome = "done" if held else "not_found"
                self._audit(maker, "ledger.release", detail, outcome, ref, target=name)
            case "rotate_key":
                self._rotate(maker, detail, ref)
            case _:
                self._revoke(maker, detail, ref)

    def committed(self) -> None:
        """What waits for the record of a request to be in the log."""
        todo, self._afterwards = self._afterwards, []
        for work in todo:
            work()

    def finish(self) -> None:
        """What a crash left undone after the record was in the log; called at the start."""
        for request, numbers in self._subjects.asked_erasures().items():
            if self._ledger.known([orjson.loads(request)["ref"]]):
                for number in numbers:
                    self._subjects.destroy(number)

    def _ask_erasure(self, maker: BatchMaker, detail: Mapping[str, Any], ref: str) -> None:
        asked = {name: str(detail.get(name) or "") for name in ("reason", "actor")}
        request = orjson.dumps({"ref": ref, **asked}).decode()
        if not self._subjects.ask_erasure(str(detail["subject"]), request):
            self._audit(maker, "ledger.erase", detail, "not_found", ref)

    def erase_asked(self, maker: BatchMaker) -> bool:
        """Carries out the erasures of batches before this one; whether there were any.

        A batch later, so that what was read together with the request is in the ledger.
        """
        erased = False
        for request, numbers in self._subjects.asked_erasures().items():
            detail = orjson.loads(request)
            if not self._ledger.known([detail["ref"]]):
                erased |= self._erase(maker, detail, request, numbers)
        return erased

    def _erase(
        self, maker: BatchMaker, detail: Mapping[str, Any], request: str, numbers: list[int]
    ) -> bool:
        holds = sorted({name for number in numbers for name in self._ledger.holds_on(number)})
        ref = str(detail["ref"])
        if holds:
            self._audit(maker, "ledger.erase", detail, "refused", ref, holds=holds)
            self._afterwards.append(lambda: self._subjects.withdraw_erasure(request))
            return False
        entries: list[tuple[int, bytes]] = []
        for number in numbers:
            self._subjects.blank(number)
            entries += self._ledger.entries_of(number)
            self._ledger.erase(number, maker.at_ms)
        for start in range(0, max(len(entries), 1), ENTRIES_PER_RECORD):
            part = entries[start : start + ENTRIES_PER_RECORD]
            named = [{"index": index, "entry": entry.hex()} for index, entry in part]
            told = {"entries": named, "count": len(part), "reason": detail["reason"]}
            maker.add_control("erased", told, ref=ref if start == 0 else f"{ref}.{start}")
        self._afterwards += [functools.partial(self._subjects.destroy, n) for n in numbers]
        return True

    def _rotate(self, maker: BatchMaker, detail: Mapping[str, Any], ref: str) -> None:
        purpose = str(detail["purpose"])
        told = {name: str(detail.get(name) or "") for name in ("reason", "actor")}
        if not self._changes.rotate(maker, purpose, told, ref):
            cause = f"rotate the key that ledger.keys.{purpose} names; the log follows"
            self._audit(maker, "keys.rotate", detail, "refused", ref, target=purpose, cause=cause)

    def _revoke(self, maker: BatchMaker, detail: Mapping[str, Any], ref: str) -> None:
        key_id = str(detail["key_id"])
        try:
            self._keys.revoke(key_id, iso_ms(maker.at_ms), maker.next_index)
        except LedgerError:
            self._audit(maker, "keys.revoke", detail, "not_found", ref, target=key_id)
            return
        # A key is revoked, and not rotated, where somebody else may have it.
        alarm = Alarm.KEY_COMPROMISE.value
        self._audit(maker, "keys.revoke", detail, "done", ref, target=key_id, alarm=alarm)

    def _audit(
        self,
        maker: BatchMaker,
        action: str,
        detail: Mapping[str, Any],
        outcome: str,
        ref: str,
        **more: Any,
    ) -> None:
        """The record of an action; it never names the subject."""
        told = {
            "actor": str(detail.get("actor") or ""),
            "action": action,
            "outcome": outcome,
            "reason": str(detail.get("reason") or ""),
            **more,
        }
        tenant = str(detail.get("tenant") or "")
        if tenant:
            told["tenant"] = tenant
        maker.add_control("audit", told, ref=ref, tenant=tenant)
