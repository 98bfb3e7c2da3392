"""One worker process: policies, upstreams, connections; told what to do over its control socket."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Protocol

import uvloop

from gateway.errors import SealgateError
from gateway.networks import NetworkSet
from gateway.server import control
from gateway.server.certificates import Certificates
from gateway.server.control import Channel
from gateway.server.drain import drain
from gateway.server.listener import DESCRIPTOR_SHARE, Listener, raise_descriptor_limit
from gateway.server.service import ConnectionService, Handler
from gateway.settings import Settings
from gateway.telemetry import catalogue
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.logs import ExchangeLog, configure_logging
from gateway.telemetry.metrics import Metrics

REPORT_INTERVAL_S = 1.0
"""How often numbers go to the supervisor unasked: what a killed worker may take with it."""
CERTIFICATE_POLL_S = 5.0
GC_THRESHOLDS = (10_000, 20, 20)

_log = logging.getLogger("sealgate.worker")


class Engine(Protocol):
    """What serves exchanges behind the listener: policies, routes, upstreams, the proxy."""

    @property
    def handler(self) -> Handler:
        """Serves what the connections read."""

    async def start(self, version: int, bundle: Any) -> str:
        """Puts the first policies in force and returns their digest. Raises ConfigError."""

    async def prepare(self, version: int, bundle: Any) -> str:
        """Compiles and starts policies beside those in force. Raises ConfigError."""

    def commit(self, version: int) -> None:
        """Serves what was prepared."""

    async def abort(self, version: int) -> None:
        """Throws away what was prepared."""

    def upstreams(self) -> dict[str, tuple[control.TargetReport, ...]]:
        """The state of every target."""

    async def close(self) -> None:
        """Stops plugins and closes upstream connections."""


class EngineFactory(Protocol):
    """Makes the engine of one worker, on its running loop."""

    def __call__(self, settings: Settings, metrics: Metrics, log: ExchangeLog) -> Engine: ...


def serve(sock: socket.socket, listeners: list[socket.socket], make_engine: EngineFactory) -> int:
    """Runs one worker until it is told to end; returns the exit code."""
    sock.sendall(control.encode(control.Hello(os.getpid())))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(sock, listeners, make_engine))


async def _run(
    sock: socket.socket, listeners: list[socket.socket], make_engine: EngineFactory
) -> int:
    return await Worker(sock, listeners, make_engine).run()


class Worker:
    """The worker's life: wait for Start, serve, drain."""

    def __init__(
        self, sock: socket.socket, listeners: list[socket.socket], make_engine: EngineFactory
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._sockets = listeners
        self._make_engine = make_engine
        self._channel = Channel(self._on_message, self._on_supervisor_gone)
        self._started: asyncio.Future[control.Start] = self._loop.create_future()
        self._drain: asyncio.Future[float] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._metrics = Metrics()
        self._certificates: Certificates | None = None
        self._engine: Engine | None = None
        self._drain_timeout_s = 0.0

    async def run(self) -> int:
        """Serves until told to drain; the exit code is 0 then and 2 when it could not start."""
        self._sock.setblocking(False)
        await self._loop.connect_accepted_socket(lambda: self._channel, self._sock)
        start = await self._started
        settings = start.settings
        self._drain_timeout_s = settings.drain_timeout_s
        writer = LineWriter(sys.stdout.fileno())
        configure_logging(settings.log, writer, worker=start.worker)
        self._loop.set_exception_handler(_log_loop_error)
        log = ExchangeLog(writer, enabled=settings.log.exchanges, subjects=settings.log.subjects)
        self._metrics.tenants_max = settings.metrics.tenants_max
        self._metrics.counter(catalogue.LOG_DROPS, lambda: writer.dropped)
        try:
            await self._serve(start, log)
        except SealgateError as error:
            self._channel.send(control.Failed(str(error)))
            return control.FAILED_EXIT
        except Exception:  # noqa: BLE001  # told in the log; the supervisor replaces this worker
            _log.exception("worker failed")
            return 1
        finally:
            log.flush()
            self._channel.close()
            writer.close()
        return 0

    async def _serve(self, start: control.Start, log: ExchangeLog) -> None:
        settings = start.settings
        if settings.listener.tls is not None:
            self._certificates = Certificates(settings.listener.tls)
        engine = self._engine = self._make_engine(settings, self._metrics, log)
        try:
            digest = await engine.start(start.version, start.bundle)
            service = self._make_service(settings, engine)
            listener = self._make_listener(settings, service)
            listener.start()
            # Signals first: whoever reads Ready may send one at once.
            self._loop.add_signal_handler(signal.SIGTERM, self._begin_drain)
            self._channel.send(control.Ready(start.version, digest))
            self._report()
            self._poll_certificates()
            # An exchange leaves no cycles behind; looking for them at every 700th object costs it.
            gc.set_threshold(*GC_THRESHOLDS)
            gc.freeze()
            timeout_s = await self._drain
            cut = await drain(service, listener, timeout_s)
            _log.info("drained", extra={"fields": {"connections_cut": cut}})
        finally:
            await engine.close()
            self._send_report(0)

    def _make_service(self, settings: Settings, engine: Engine) -> ConnectionService:
        listener = settings.listener
        service = ConnectionService(
            engine.handler, listener.limits, self._loop, tls=listener.tls is not None
        )
        self._metrics.gauge(catalogue.CONNECTIONS, lambda: len(service.connections))
        self._metrics.counter(
            catalogue.REFUSED_CONNECTIONS, lambda: service.refused_connections, "limit"
        )
        return service

    def _make_listener(self, settings: Settings, service: ConnectionService) -> Listener:
        trusted = NetworkSet(settings.trusted_proxies)
        return Listener(
            self._sockets,
            service,
            self._metrics,
            certificates=self._certificates,
            proxy_protocol=trusted if settings.listener.proxy_protocol else None,
            descriptors_max=int(raise_descriptor_limit() * DESCRIPTOR_SHARE),
        )

    # -- what the supervisor says -------------------------------------------------------------

    def _on_message(self, message: object) -> None:
        match message:
            case control.Start():
                self._started.set_result(message)
            case control.Prepare(version, bundle):
                self._spawn(self._prepare(version, bundle))
            case control.Commit(version) if self._engine is not None:
                self._engine.commit(version)
                self._channel.send(control.Committed(version))
            case control.Abort(version) if self._engine is not None:
                self._spawn(self._engine.abort(version))
            case control.ReloadCertificates():
                self._reload_certificates()
            case control.Drain(timeout_s):
                self._begin_drain(timeout_s)
            case control.Stop():
                os._exit(0)
            case control.Ask(number):
                self._send_report(number)
            case _:
                _log.error("unknown control message %s", type(message).__name__)

    def _on_supervisor_gone(self) -> None:
        """Nobody would replace or stop this worker: it finishes what runs and ends."""
        if not self._started.done():
            os._exit(1)
        self._begin_drain()

    def _begin_drain(self, timeout_s: float | None = None) -> None:
        if not self._drain.done():
            self._drain.set_result(self._drain_timeout_s if timeout_s is None else timeout_s)

    async def _prepare(self, version: int, bundle: Any) -> None:
        if self._engine is None:
            return
        try:
            digest = await self._engine.prepare(version, bundle)
        except SealgateError as error:
            answer = control.Prepared(version, "", str(error))
        except Exception as error:  # noqa: BLE001  # a plugin's start may raise anything
            _log.exception("policies could not be prepared")
            answer = control.Prepared(version, "", f"internal error: {type(error).__name__}")
        else:
            answer = control.Prepared(version, digest)
        self._channel.send(answer)

    # -- on its own ---------------------------------------------------------------------------

    def _report(self) -> None:
        self._send_report(0)
        self._loop.call_later(REPORT_INTERVAL_S, self._report)

    def _send_report(self, number: int) -> None:
        upstreams = self._engine.upstreams() if self._engine is not None else {}
        self._channel.send(control.Report(number, self._metrics.snapshot(), upstreams))

    def _poll_certificates(self) -> None:
        if self._certificates is not None:
            if self._certificates.changed():
                self._reload_certificates()
            self._loop.call_later(CERTIFICATE_POLL_S, self._poll_certificates)

    def _reload_certificates(self) -> None:
        if self._certificates is not None:
            ok = self._certificates.reload()
            self._metrics.certificate_reload("ok" if ok else "failed")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG001  # asyncio passes it
    error = context.get("exception")
    _log.error("%s", context.get("message", "event loop error"), exc_info=error)
