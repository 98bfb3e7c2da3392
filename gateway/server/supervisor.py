"""The supervisor: keeps the sockets, the workers and the policies; serves no request itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.build import KIND
from gateway.errors import ConfigError, Problem, SealgateError
from gateway.server import control
from gateway.server.distribution import Distribution
from gateway.server.sequencer_process import SequencerProcess
from gateway.server.sockets import port_of
from gateway.server.workers import Forker, WorkerSlot
from gateway.settings import Settings
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import MetricsSnapshot

ASK_TIMEOUT_S = 1.0
"""How long a scrape waits for a worker before it shows that worker's last numbers."""
EXIT_GRACE_S = 5.0
"""Time beyond the drain time-out after which a worker that has not ended is killed."""
POLICIES_TOLD_MAX = 100
"""Names of policy files in one record of the log."""
START_ATTEMPTS_MAX = 3
"""Crashes of one worker before it ever was ready, after which starting is given up."""

_log = logging.getLogger("sealgate.supervisor")

Watch = Callable[[], AsyncIterator[object]]


class StartError(SealgateError):
    """The gateway cannot start; the text says why."""


class Supervisor:
    """Starts workers and replaces them, distributes policies, drains.

    `load` reads the policies from disk; `watch` yields whenever they changed there.
    `listeners` holds one set of bound sockets per worker.
    """

    def __init__(
        self,
        settings: Settings,
        listeners: list[list[socket.socket]],
        *,
        forker: Forker,
        load: Callable[[], Any],
        watch: Watch | None = None,
    ) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._forker = forker
        self._slots = [WorkerSlot(n, row, forker, self) for n, row in enumerate(listeners)]
        self.port = port_of(listeners[0])
        self.policies = Distribution(load, self._slots)
        self.sequencer = SequencerProcess(settings)
        self._told_digest = ""
        self._watch = watch
        self._state = "starting"
        self._started_at = time.time()  # noqa: TID251  # wall-clock time is what the metric tells
        self._all_ready = self._loop.create_future()
        self._stop = asyncio.Event()
        self._signals = 0
        self._gone = asyncio.Event()
        self._questions = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Returns when every worker serves. Raises StartError or ConfigError."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signum, self._on_stop_signal, signum)
        self._loop.add_signal_handler(signal.SIGHUP, self._on_reload_signal)
        self._forker.watch()
        self.sequencer.ensure(self.policies.bundle)
        for slot in self._slots:
            await slot.start()
        stopping = self._loop.create_task(self._stop.wait())
        await asyncio.wait([self._all_ready, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._all_ready.done():
            await self._all_ready
        if not self._stop.is_set():
            self._state = "serving"
            await self._tell_policies()
        if self._watch is not None:
            self._spawn(self._follow(self._watch))

    async def run(self) -> int:
        """Waits for a signal to stop, drains, and returns the exit code.

        0 after a drain, 1 when a second signal cut it short.
        """
        await self._stop.wait()
        self._state = "draining"
        timeout_s = self._settings.drain_timeout_s
        _log.info("draining", extra={"fields": {"timeout_s": timeout_s}})
        for slot in self._slots:
            slot.end()
            slot.send(control.Drain(timeout_s))
        try:
            async with asyncio.timeout(timeout_s + EXIT_GRACE_S):
                await self._all_gone()
        except TimeoutError:
            _log.warning("workers did not end in time and are killed")
        await self.close()
        return 1 if self._signals > 1 else 0

    async def close(self) -> None:
        """Ends at once whatever still runs."""
        for task in self._tasks:
            task.cancel()
        self._forker.close()  # first: that a worker ended because it is killed here is no news
        for slot in self._slots:
            slot.end()
            slot.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_GRACE_S):
                await self._all_gone()

    async def _all_gone(self) -> None:
        while any(slot.alive for slot in self._slots):
            self._gone.clear()
            await self._gone.wait()

    def _on_stop_signal(self, signum: int) -> None:
        self._signals += 1
        fields = {"signal": signal.Signals(signum).name}
        _log.info("stop requested", extra={"fields": fields})
        self._stop.set()
        if self._signals > 1:
            for slot in self._slots:
                slot.end()
                slot.kill()

    def _on_reload_signal(self) -> None:
        _log.info("reload requested")
        self._spawn(self._reload(again=True))
        for slot in self._slots:
            slot.send(control.ReloadCertificates())

    async def _follow(self, watch: Watch) -> None:
        async for _ in watch():
            await self._reload(again=False)

    async def _reload(self, *, again: bool) -> None:
        await self.policies.reload(again=again)
        self.sequencer.ensure(self.policies.bundle)
        await self._tell_policies()

    async def _tell_policies(self) -> None:
        """Which policies are in force stands in the log of receipts, once for each set."""
        digest = self.policies.digest
        if self.sequencer.wanted and digest != self._told_digest:
            self._told_digest = digest
            files = getattr(self.policies.bundle, "files", ())
            names = [Path(source.name).name for source in files[:POLICIES_TOLD_MAX]]
            await self.sequencer.tell("policy_loaded", {"digest": digest, "policies": names})

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("supervisor task failed", exc_info=task.exception())

    # -- what slots tell ------------------------------------------------------------------------

    def make_start(self, worker: int) -> control.Start:
        policies = self.policies
        return control.Start(worker, self._settings, policies.version, policies.bundle)

    def on_ready(self, slot: WorkerSlot) -> None:
        self._spawn(self.policies.catch_up(slot))
        if self._state == "starting":
            if all(s.ready for s in self._slots) and not self._all_ready.done():
                self._all_ready.set_result(None)
        else:
            fields = {"worker": slot.number, "worker_pid": slot.pid}
            _log.info("worker replaced", extra={"fields": fields})

    def on_failed(self, slot: WorkerSlot, message: str) -> None:
        if self._state == "starting" and not self._all_ready.done():
            self._all_ready.set_exception(StartError(message))
        else:
            fields = {"worker": slot.number, "error": message}
            _log.error("worker cannot start", extra={"fields": fields})

    def on_prepared(self, slot: WorkerSlot, message: control.Prepared) -> None:
        self.policies.answered(slot, message)

    def on_gone(self, slot: WorkerSlot) -> None:
        self._gone.set()
        self.policies.gone(slot)
        never_ready = self._state == "starting" and slot.restarts >= START_ATTEMPTS_MAX
        if never_ready and not self._all_ready.done():
            message = f"worker {slot.number} ended {START_ATTEMPTS_MAX} times before it was ready"
            problem = Problem("sealgate", 0, 0, message, "its last log lines may say why")
            self._all_ready.set_exception(ConfigError([problem]))

    # -- what the admin port asks ---------------------------------------------------------------

    def stopping(self) -> bool:
        """Whether a signal to stop has come."""
        return self._stop.is_set()

    def ready(self) -> bool:
        """Whether every worker serves the policies in force."""
        return self._state == "serving" and all(slot.ready for slot in self._slots)

    def status(self) -> dict[str, Any]:
        """The state in detail, for /readyz."""
        ledger = {"ledger": self.sequencer.status()} if self.sequencer.wanted else {}
        return {
            "state": self._state,
            **ledger,
            "workers": [
                {
                    "worker": slot.number,
                    "pid": slot.pid,
                    "ready": slot.ready,
                    "restarts": slot.restarts,
                    "policy_version": slot.version,
                }
                for slot in self._slots
            ],
            "policies": {
                "version": self.policies.version,
                "digest": self.policies.digest,
                "last_reload_error": self.policies.last_error,
            },
        }

    def keeps_receipts(self) -> bool:
        """Whether a ledger is kept."""
        return self.sequencer.wanted

    async def upstreams(self) -> dict[str, list[dict[str, Any]]]:
        """Each upstream's targets, with the number of workers that have them out of rotation."""
        await self._ask_all()
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for slot in self._slots:
            for name, targets in (slot.last_report.upstreams if slot.last_report else {}).items():
                rows = found.setdefault(name, {})
                for each in targets:
                    row = rows.setdefault(
                        each.target, {"target": each.target, "ejected_by": 0, "ejections": 0}
                    )
                    row["ejected_by"] += int(each.ejected)
                    row["ejections"] += each.ejections
        return {name: list(rows.values()) for name, rows in found.items()}

    async def metrics(self) -> MetricsSnapshot:
        """The numbers of all workers that are and were, and the supervisor's own."""
        await self._ask_all()
        total = MetricsSnapshot()
        for slot in self._slots:
            total.add(slot.total())
        ready = sum(slot.ready for slot in self._slots)
        total.gauge(catalogue.WORKERS, ready, "ready")
        total.gauge(catalogue.WORKERS, len(self._slots) - ready, "starting")
        total.count(catalogue.RESTARTS, sum(slot.restarts for slot in self._slots))
        total.gauge(catalogue.BUILD, 1, __version__, KIND)
        total.gauge(catalogue.STARTED, self._started_at)
        self.policies.write_to(total)
        self.sequencer.write_to(total)
        return total

    async def _ask_all(self) -> None:
        self._questions += 1
        await asyncio.gather(*(slot.ask(self._questions, ASK_TIMEOUT_S) for slot in self._slots))
