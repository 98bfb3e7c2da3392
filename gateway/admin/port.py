"""The admin port as the gateway runs it: pages and API, and what these keep open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterable

from aiohttp import web

from gateway.admin.api import Api
from gateway.admin.app import ControlPlane, make_app
from gateway.admin.credentials import Credentials
from gateway.admin.desk import LateDesk
from gateway.admin.endpoints import ENDPOINTS
from gateway.admin.failures import Failures
from gateway.admin.published import Published
from gateway.admin.trail import Trail
from gateway.errors import ConfigError, Problem
from gateway.identity.directory import StoredDirectory
from gateway.identity.identities import Identities
from gateway.identity.jwt import TokenVerifier
from gateway.settings import IdentitySettings, Settings


class AdminPort:
    """Serves `sockets` from `start` to `close`."""

    def __init__(
        self,
        plane: ControlPlane,
        identities: Identities,
        settings: Settings,
        *,
        demo_running: Callable[[], bool],
        cleanup_s: float,
    ) -> None:
        """Raises ConfigError. Answers may take `cleanup_s` seconds beyond `close`."""
        wall = identities.wall
        self._identities = identities
        self._directory = StoredDirectory(identities.data_dir, wall)
        self._verifier = _verifier(settings.identity, self._directory, wall)
        credentials = Credentials(identities, self._verifier, Failures(time.monotonic))
        note_use = self._directory.note_use
        desk = LateDesk(settings)
        trail = Trail(settings, plane.keeps_receipts)
        self._api = Api(
            ENDPOINTS, identities, credentials, note_use=note_use, desk=desk, trail=trail
        )
        app = make_app(plane, demo_running=demo_running, api=self._api, published=Published(desk))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=cleanup_s)
        self._starting: asyncio.Task[None] | None = None

    async def start(self, sockets: Iterable[socket.socket]) -> None:
        """Serves from now on; the keys of issuers are fetched meanwhile."""
        self._directory.start()
        if self._verifier is not None:
            # An issuer that does not answer must not keep the gateway from starting.
            self._starting = asyncio.get_running_loop().create_task(self._verifier.start())
        await self._runner.setup()
        for each in sockets:
            await web.SockSite(self._runner, each).start()

    async def issue_first_token(self) -> str | None:
        """The first admin token of this data folder; None where there was one before."""
        issued = await self._api.in_thread(self._identities.tokens.issue_first)
        return None if issued is None else str(issued.token)

    async def close(self) -> None:
        """Ends the port, then what it used."""
        await self._runner.cleanup()
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._starting
        if self._verifier is not None:
            await self._verifier.stop()
        await self._directory.close()
        await asyncio.to_thread(self._api.close)


def _verifier(
    settings: IdentitySettings, directory: StoredDirectory, wall: Callable[[], float]
) -> TokenVerifier | None:
    if not settings.admin_oidc:
        return None
    try:
        return TokenVerifier(
            settings.admin_oidc, wall=wall, monotonic=time.monotonic, directory=directory
        )
    except ValueError as error:
        raise ConfigError([Problem("identity.admin_oidc", 0, 0, str(error))]) from None
