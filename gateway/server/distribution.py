"""One set of policies in all workers: prepared everywhere, then in force everywhere, or nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from gateway.errors import SealgateError
from gateway.server import control
from gateway.server.workers import WorkerSlot
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import MetricsSnapshot

PREPARE_TIMEOUT_S = 30.0
"""Longest time a worker may take to compile policies and start their plugins."""

_log = logging.getLogger("sealgate.policies")


def _tell(slots: list[WorkerSlot], message: control.ToWorker) -> None:
    for slot in slots:
        slot.send(message)


class Distribution:
    """Versions of policies, and the two phases that put one in force.

    1. Every ready worker gets Prepare and goes on serving the version before.
    2. All of them say yes: every one gets Commit. Any of them says no, or nothing in time: every
       one gets Abort, the version before stays in force, and `last_error` says why.

    Where a worker dies in between, all is tried once more; where one dies again, the policies
    are taken to be what kills it, and refused. `version` grows with each attempt.
    """

    def __init__(self, load: Callable[[], Any], slots: Iterable[WorkerSlot]) -> None:
        """`load` reads the policies from disk and raises ConfigError."""
        self.version = 1
        self.digest = ""
        self.last_error = ""
        self._load = load
        self._slots = slots
        self._attempts = 1
        self._refused: Any = None
        self._reloads = {"ok": 0, "failed": 0}
        self._lock = asyncio.Lock()
        self._back = asyncio.Event()
        self._answers: dict[int, asyncio.Future[control.Prepared]] = {}
        self.bundle = load()

    async def reload(self, *, again: bool = True) -> bool:
        """Reads the policies again; true when they are in force (changed or not).

        Policies that were just refused are tried again only with `again`: what a plugin of theirs
        lacked may be there now, but a watcher that calls twice for one change means nothing by it.
        """
        async with self._lock:
            error = ""
            bundle = None
            try:
                bundle = await asyncio.to_thread(self._load)
                if bundle == self._refused and not again:
                    return False
                if bundle != self.bundle:
                    error = await self._put_in_force(bundle)
                elif not self.last_error:
                    return True
            except SealgateError as refused:
                error = str(refused)
            self.last_error = error
            self._refused = bundle if error else None
            self._reloads["failed" if error else "ok"] += 1
            self._log_outcome()
            return not error

    def _log_outcome(self) -> None:
        fields = {"policy_version": self.version, "policy_digest": self.digest}
        if self.last_error:
            _log.error(
                "policies not reloaded", extra={"fields": {**fields, "error": self.last_error}}
            )
        else:
            _log.info("policies reloaded", extra={"fields": fields})

    async def _put_in_force(self, bundle: Any) -> str:
        """Both phases; the error, or nothing when `bundle` is in force."""
        errors: dict[str, None] = {}
        for last_try in (False, True):
            await self._workers_are_back()
            self._attempts += 1
            version = self._attempts
            asked = [(slot, slot.pid) for slot in self._slots if slot.ready]
            answers = await asyncio.gather(*(self._prepare(s, version, bundle) for s, _ in asked))
            # Only who was asked: a replacement started with what was in force meanwhile.
            alive = [slot for slot, pid in asked if slot.ready and slot.pid == pid]
            errors = dict.fromkeys(answer.error for answer in answers if answer.error)
            if not asked:
                return "no worker is ready to try them"
            if not errors:
                self.version, self.bundle = version, bundle
                self.digest = next((a.digest for a in answers), self.digest)
                _tell(alive, control.Commit(version))
                return ""
            _tell(alive, control.Abort(version))
            if last_try or len(alive) == len(asked):
                break
        return "\n".join(errors)

    async def _workers_are_back(self) -> None:
        """Policies are tried by every worker, so one that is being replaced is waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PREPARE_TIMEOUT_S):
                while not all(slot.ready for slot in self._slots):
                    self._back.clear()
                    await self._back.wait()

    async def catch_up(self, slot: WorkerSlot) -> None:
        """Brings a worker that became ready to the version in force, where it has an older one."""
        self._back.set()
        async with self._lock:
            self.digest = self.digest or slot.digest
            if not slot.ready or slot.version == self.version:
                return
            answer = await self._prepare(slot, self.version, self.bundle)
            if answer.error:
                _log.error("worker cannot catch up", extra={"fields": {"error": answer.error}})
                slot.kill()
            else:
                slot.send(control.Commit(self.version))

    async def _prepare(self, slot: WorkerSlot, version: int, bundle: Any) -> control.Prepared:
        answer = asyncio.get_running_loop().create_future()
        self._answers[slot.number] = answer
        slot.send(control.Prepare(version, bundle))
        try:
            return await asyncio.wait_for(answer, PREPARE_TIMEOUT_S)
        except TimeoutError:
            said = f"worker {slot.number} did not prepare the policies in {PREPARE_TIMEOUT_S:g} s"
            return control.Prepared(version, "", said)
        finally:
            self._answers.pop(slot.number, None)

    def answered(self, slot: WorkerSlot, message: control.Prepared) -> None:
        """A worker's answer to Prepare."""
        answer = self._answers.get(slot.number)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def gone(self, slot: WorkerSlot) -> None:
        """A worker died; nobody waits for it."""
        self.answered(slot, control.Prepared(0, "", f"worker {slot.number} died over it"))

    def write_to(self, snapshot: MetricsSnapshot) -> None:
        """The metrics of policies."""
        for result, count in self._reloads.items():
            snapshot.count(catalogue.RELOADS, count, result)
        snapshot.gauge(catalogue.POLICY_VERSION, self.version)
        snapshot.gauge(catalogue.RELOAD_OK, 0 if self.last_error else 1)
