"""The supervisor's side of its worker processes: start, replace, talk to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
from typing import Protocol

from gateway.server import control
from gateway.server.control import Channel
from gateway.server.forker import EXIT, fork_forker, fork_worker, start_forker
from gateway.telemetry.metrics import MetricsSnapshot

STABLE_S = 10.0
"""A worker that lived this long may crash again without a pause before its replacement."""
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 10.0

_log = logging.getLogger("sealgate.supervisor")


class WorkerEvents(Protocol):
    """What a slot tells its supervisor."""

    def make_start(self, worker: int) -> control.Start:
        """What a new worker is to serve now."""

    def on_ready(self, slot: WorkerSlot) -> None: ...

    def on_failed(self, slot: WorkerSlot, message: str) -> None: ...

    def on_prepared(self, slot: WorkerSlot, message: control.Prepared) -> None: ...

    def on_gone(self, slot: WorkerSlot) -> None: ...


class Forker:
    """The forker process; started again when it dies, which no worker notices.

    Made before the loop runs, so that it imports while the supervisor does. With `fork`, the first
    one is a fork of this process; see `fork_forker` for what that asks. Later ones never are.
    """

    def __init__(self, worker_main: str, *, fork: bool = False) -> None:
        self._worker_main = worker_main
        self._closing = False
        self._restarting: asyncio.Task[None] | None = None
        self._process, self._socket = (fork_forker if fork else start_forker)(worker_main)

    def watch(self) -> None:
        """Begins to listen for exits, on the running loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._on_readable)

    async def fork(self, channel: socket.socket, listeners: list[socket.socket]) -> None:
        """Asks for one worker, of a new forker where the old one is gone."""
        if self._restarting is not None:
            await self._restarting
        try:
            fork_worker(self._socket, channel, listeners)
        except OSError:
            await self._restart_once()
            fork_worker(self._socket, channel, listeners)

    def close(self) -> None:
        """Lets the process end; workers live on until they are drained."""
        self._closing = True
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def join(self) -> None:
        """Waits for the process's end after `close`; blocks for at most a moment."""
        self._socket.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(EXIT.size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if len(data) == EXIT.size:
            pid, code = EXIT.unpack(data)
            fields = {"worker_pid": pid, **_exit_fields(code)}
            _log.log(exit_level(code), "worker exited", extra={"fields": fields})
        elif not self._closing:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._restarting = self._restart_once()

    def _restart_once(self) -> asyncio.Task[None]:
        if self._restarting is None:
            self._restarting = asyncio.get_running_loop().create_task(self._restart())
        return self._restarting

    async def _restart(self) -> None:
        _log.warning("forker died, starting another")
        asyncio.get_running_loop().remove_reader(self._socket)
        await asyncio.to_thread(self.join)
        self._process, self._socket = await asyncio.to_thread(start_forker, self._worker_main)
        self._restarting = None
        if self._closing:
            self._socket.close()
        else:
            self.watch()
            fields = {"forker_pid": self._process.pid}
            _log.info("forker started", extra={"fields": fields})


def exit_level(code: int) -> int:
    """How loud to say that a worker exited.

    One that said why it cannot start is no news: what is made of `control.Failed` tells it, and
    which of the two arrives first is chance.
    """
    if code == control.FAILED_EXIT:
        return logging.DEBUG
    return logging.INFO if code == 0 else logging.WARNING


def _exit_fields(code: int) -> dict[str, int | str]:
    if code >= 0:
        return {"exit_code": code}
    with contextlib.suppress(ValueError):
        return {"signal": signal.Signals(-code).name}
    return {"signal": str(-code)}


def restart_delay(previous_s: float | None, lived_s: float) -> float:
    """Seconds to wait before a worker is replaced.

    At once the first time (`previous_s` None) and after a worker that `lived_s` long enough; then
    with growing pauses.
    """
    if previous_s is None or lived_s >= STABLE_S:
        return 0.0
    return min(max(BACKOFF_FIRST_S, previous_s * 2), BACKOFF_MAX_S)


class WorkerSlot:
    """One place for a worker: its listening sockets stay, processes come and go.

    `last_report` and `retained` together are all that this slot's workers ever counted.
    """

    def __init__(
        self, number: int, listeners: list[socket.socket], forker: Forker, events: WorkerEvents
    ) -> None:
        self.number = number
        self.pid = 0
        self.ready = False
        self.alive = False
        self.restarts = 0
        self.version = 0
        self.digest = ""
        self.last_report: control.Report | None = None
        self.retained = MetricsSnapshot()
        self._listeners = listeners
        self._forker = forker
        self._events = events
        self._channel: Channel | None = None
        self._loop = asyncio.get_running_loop()
        self._started_at = 0.0
        self._backoff_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked: dict[int, asyncio.Future[control.Report]] = {}
        self._closing = False
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Forks a worker for this slot; `on_ready` tells when it serves."""
        ours, theirs = socket.socketpair()
        self._started_at = self._loop.time()
        self.alive = True
        channel = Channel(self._on_message, lambda: self._on_closed(channel))
        self._channel = channel
        ours.setblocking(False)
        await self._loop.connect_accepted_socket(lambda: channel, ours)
        with theirs:
            await self._forker.fork(theirs, self._listeners)
        channel.send(self._events.make_start(self.number))

    def send(self, message: control.ToWorker) -> None:
        """Says something to the worker, if there is one."""
        if self._channel is not None:
            self._channel.send(message)

    async def ask(self, number: int, timeout_s: float) -> None:
        """Brings `last_report` up to date, or leaves it after `timeout_s`."""
        if not self.ready:
            return
        answer = self._asked[number] = self._loop.create_future()
        self.send(control.Ask(number))
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(answer, timeout_s)
        self._asked.pop(number, None)

    def total(self) -> MetricsSnapshot:
        """Everything counted in this slot so far."""
        total = MetricsSnapshot()
        total.add(self.retained)
        if self.last_report is not None:
            total.add(self.last_report.metrics)
        return total

    def end(self) -> None:
        """Starts no further worker here, and gives up the listening sockets."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._starting is not None:
            self._starting.cancel()
        for listener in self._listeners:
            listener.close()

    def kill(self) -> None:
        """Ends the worker's process at once."""
        if self.alive and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        elif self._channel is not None:
            self._channel.close()

    def _on_message(self, message: object) -> None:
        match message:
            case control.Hello(pid):
                self.pid = pid
            case control.Ready(version, digest):
                self.ready, self.version, self.digest = True, version, digest
                self._events.on_ready(self)
            case control.Failed(text):
                self._events.on_failed(self, text)
            case control.Prepared():
                self._events.on_prepared(self, message)
            case control.Committed(version):
                self.version = version
            case control.Report(number):
                self.last_report = message
                asked = self._asked.get(number)
                if asked is not None and not asked.done():
                    asked.set_result(message)
            case _:
                _log.error("unknown control message %s", type(message).__name__)

    def _on_closed(self, channel: Channel) -> None:
        if channel is not self._channel:
            return
        self.alive = self.ready = False
        self.pid, self._channel = 0, None
        if self.last_report is not None:
            self.retained.add(self.last_report.metrics, gauges=False)
            self.last_report = None
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionResetError())
        self._events.on_gone(self)
        if not self._closing:
            self._replace()

    def _replace(self) -> None:
        lived_s = self._loop.time() - self._started_at
        self._backoff_s = delay_s = restart_delay(self._backoff_s, lived_s)
        self.restarts += 1
        fields = {"worker": self.number, "after_s": delay_s}
        _log.warning("replacing worker", extra={"fields": fields})
        self._timer = self._loop.call_later(delay_s, self._start_soon)

    def _start_soon(self) -> None:
        self._starting = self._loop.create_task(self.start())
