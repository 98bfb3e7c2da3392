"""Puts one gateway together: supervisor, admin port, simulated provider."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import os
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.configuration import Configuration
from gateway.errors import ConfigError, Problem
from gateway.identity.identities import Identities
from gateway.policy.loader import load_bundle
from gateway.proxy.builtin_upstreams import DEMO_SOCKET
from gateway.server.certificates import make_context
from gateway.server.data_dir import DataDir
from gateway.server.sockets import bind_listeners, close_all, port_of
from gateway.server.supervisor import Supervisor
from gateway.server.workers import Forker
from gateway.settings import Settings
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.admin.port import AdminPort

CLEANUP_S = 0.1
"""Time for answers of the admin port and the simulated provider after the workers have ended."""
WORKER_MAIN = "gateway.server.engine:main"

_log = logging.getLogger("sealgate")

OnReady = Callable[[Settings, int, int, str | None], None]
"""Told the settings, the listener's port, the admin port and the first admin token, if it was made
now, once the gateway serves."""


def serve(configuration: Configuration, on_ready: OnReady) -> int:
    """Runs a gateway until it is told to stop; returns the exit code.

    Raises ConfigError or StartError when it cannot start.
    """
    began = time.monotonic()
    settings = configuration.settings
    with contextlib.ExitStack() as stack:
        # First, while there is no thread and nothing is open that workers must not have. From here
        # on the forker imports what workers need while we import what we need.
        forker = Forker(WORKER_MAIN, fork=True)
        stack.callback(forker.join)
        _import_aiohttp()
        writer = LineWriter(sys.stdout.fileno())
        stack.callback(writer.close)
        configure_logging(settings.log, writer)
        gateway = _Gateway(configuration, forker, stack, on_ready, began)
        return asyncio.run(gateway.run())


def _import_aiohttp() -> None:
    """Imports what the admin port is made of, without the certificates of this machine.

    As it is imported it reads them for a client, 2 MB that would stay. Here is none that uses them:
    who fetches trusts by a context of its own (identity/fetch.py). Only while there is no thread,
    because the environment is changed.
    """
    paths = ssl.get_default_verify_paths()
    nowhere = dict.fromkeys((paths.openssl_cafile_env, paths.openssl_capath_env), os.devnull)
    before = {name: os.environ.get(name) for name in nowhere}
    os.environ.update(nowhere)
    try:
        importlib.import_module("aiohttp")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def worker_count(settings: Settings) -> int:
    """The number of workers; `auto` is one per processor that this process may use."""
    return len(os.sched_getaffinity(0)) if settings.workers == "auto" else settings.workers


class _Gateway:
    """What is opened before the loop runs, so that a fault is told at once and in one line."""

    def __init__(
        self,
        configuration: Configuration,
        forker: Forker,
        stack: contextlib.ExitStack,
        on_ready: OnReady,
        began: float,
    ) -> None:
        settings = configuration.settings
        self._configuration = configuration
        self._settings = settings
        self._on_ready = on_ready
        self._began = began
        if settings.listener.tls is not None:
            make_context(settings.listener.tls)
        if settings.listener.proxy_protocol and not settings.trusted_proxies:
            raise _proxy_protocol_without_proxies()
        self._load = functools.partial(load_bundle, settings.policies)
        self._load()
        self._data_dir = DataDir(settings.data_dir)
        stack.callback(self._data_dir.close)
        listener, admin = settings.listener, settings.admin
        rows = bind_listeners(listener.host, listener.port, worker_count(settings), "listener")
        for row in rows:
            stack.callback(close_all, row)
        self._listeners = rows
        self._admin_sockets = bind_listeners(admin.host, admin.port, 1, "admin")[0]
        stack.callback(close_all, self._admin_sockets)
        self._forker = forker
        self._identities = Identities(
            settings.data_dir,
            time.time,  # noqa: TID251  # the wall clock of expiry times, injected from here
            value_key=settings.tokenisation.key,
        )
        stack.callback(self._identities.close)

    async def run(self) -> int:
        from gateway.policy.watcher import watch_policies  # noqa: PLC0415  # workers must not have it

        settings = self._settings
        supervisor = Supervisor(
            settings,
            self._listeners,
            forker=self._forker,
            load=self._load,
            watch=functools.partial(watch_policies, settings.policies),
        )
        runners: list[web.AppRunner] = []
        admin: AdminPort | None = None
        try:
            runners.append(demo := await _serve_demo(self._data_dir))
            admin = self._make_admin(supervisor, demo)
            await admin.start(self._admin_sockets)
            await supervisor.start()
            if not supervisor.stopping():
                wanted = settings.identity.first_token
                self._tell(supervisor, await admin.issue_first_token() if wanted else None)
            return await supervisor.run()
        finally:
            await supervisor.close()
            if admin is not None:
                await admin.close()
            # When nobody writes a journal any more, so that all of them are read to their end.
            await supervisor.sequencer.stop()
            for runner in runners:
                await runner.cleanup()

    def _make_admin(self, supervisor: Supervisor, demo: web.AppRunner) -> AdminPort:
        from gateway.admin.port import AdminPort  # noqa: PLC0415  # imported while the forker imports

        return AdminPort(
            supervisor,
            self._identities,
            self._settings,
            demo_running=lambda: bool(demo.sites),
            cleanup_s=CLEANUP_S,
        )

    def _tell(self, supervisor: Supervisor, first_token: str | None) -> None:
        settings = self._settings
        if self._configuration.without_effect:
            names = {"variables": self._configuration.without_effect}
            _log.warning("environment variables without effect", extra={"fields": names})
        admin_port = port_of(self._admin_sockets)
        fields = {
            "host": settings.listener.host,
            "port": supervisor.port,
            "admin_host": settings.admin.host,
            "admin_port": admin_port,
            "workers": len(self._listeners),
            "policy_version": supervisor.policies.version,
            "policy_digest": supervisor.policies.digest,
            "start_ms": round((time.monotonic() - self._began) * 1000),
        }
        _log.info("ready", extra={"fields": fields})
        self._on_ready(settings, supervisor.port, admin_port, first_token)


def _proxy_protocol_without_proxies() -> ConfigError:
    message = "listener.proxy_protocol needs trusted_proxies: nobody could connect"
    hint = "list the load balancer's addresses in trusted_proxies"
    return ConfigError([Problem("listener.proxy_protocol", 0, 0, message, hint)])


async def _serve_demo(data_dir: DataDir) -> web.AppRunner:
    """Starts the simulated provider on its Unix socket, for this user alone."""
    from aiohttp import web  # noqa: PLC0415  # imported while the forker imports

    from gateway.demo.app import make_app  # noqa: PLC0415  # imported while the forker imports

    path = data_dir.clear_socket(DEMO_SOCKET)
    runner = web.AppRunner(
        make_app(), access_log=None, handler_cancellation=True, shutdown_timeout=CLEANUP_S
    )
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path)).start()
    except OSError as error:
        message = f"the demo provider's socket cannot be made: {error.strerror or error}"
        raise _unusable_socket(path, message) from None
    path.chmod(0o600)
    return runner


def _unusable_socket(path: Path, message: str) -> ConfigError:
    hint = "a Unix socket's path holds at most 107 bytes: choose a shorter --data-dir"
    return ConfigError([Problem(str(path), 0, 0, message, hint)])
