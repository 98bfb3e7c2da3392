"""The admin application; every answer is made from what the supervisor knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
from aiohttp import web

from gateway.admin.api import BODY_BYTES_MAX, Api
from gateway.admin.headers import HEADERS
from gateway.admin.published import Published
from gateway.networks import parse_address
from gateway.telemetry.catalogue import STORE_AWAY
from gateway.telemetry.metrics import MetricsSnapshot


class ControlPlane(Protocol):
    """What the admin port asks the supervisor."""

    def ready(self) -> bool: ...

    def status(self) -> dict[str, Any]: ...

    async def upstreams(self) -> dict[str, list[dict[str, Any]]]: ...

    async def metrics(self) -> MetricsSnapshot: ...

    def keeps_receipts(self) -> bool: ...


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(
    plane: ControlPlane,
    *,
    demo_running: Callable[[], bool],
    api: Api | None = None,
    published: Published | None = None,
) -> web.Application:
    """`/healthz`, `/readyz`, `/health/dependencies`, `/metrics`, and `api`; all else is 404."""
    pages = _Pages(plane, demo_running)
    app = web.Application(middlewares=[_check_host, _add_headers], client_max_size=BODY_BYTES_MAX)
    if api is not None:
        api.add_to(app)
    if published is not None:
        published.add_to(app)
    app.router.add_get("/healthz", pages.healthz)
    app.router.add_get("/readyz", pages.readyz)
    app.router.add_get("/health/dependencies", pages.dependencies)
    app.router.add_get("/metrics", pages.metrics)
    return app


def host_is_literal(host: str) -> bool:
    """Whether a Host header names this machine by address, or as `localhost`.

    A browser that was tricked by DNS rebinding sends the attacker's name; nobody else has reason
    to reach an admin port by a name that we do not know.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.lower() == "localhost" or parse_address(name.strip("[]")) is not None


@web.middleware
async def _check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    local = parse_address((request.transport or _NO_TRANSPORT).get_extra_info("sockname")[0])
    if local is not None and local.is_loopback and not host_is_literal(request.host):
        message = "the admin port on a loopback address answers to localhost and addresses only"
        return _json({"error": message}, status=421)
    return await handler(request)


class _NoTransport:
    def get_extra_info(self, _name: str) -> tuple[str]:
        return ("",)


_NO_TRANSPORT = _NoTransport()


@web.middleware
async def _add_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _json({"error": error.reason}, status=error.status)
    if not response.prepared:  # a stream set them itself
        response.headers.update(HEADERS)
    return response


def _json(data: dict[str, Any], *, status: int = 200) -> web.Response:
    body = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, content_type="application/json")


class _Pages:
    def __init__(self, plane: ControlPlane, demo_running: Callable[[], bool]) -> None:
        self._plane = plane
        self._demo_running = demo_running

    async def healthz(self, _request: web.Request) -> web.Response:
        """The supervisor's loop runs; says nothing of workers, so that nobody restarts all."""
        return _json({"status": "ok"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """200 while every worker serves the policies in force, else 503; the detail either way."""
        ready = self._plane.ready()
        status = {"ready": ready, **self._plane.status()}
        return _json(status, status=200 if ready else 503)

    async def dependencies(self, _request: web.Request) -> web.Response:
        """Upstreams and stores as the workers see them; 503 where all of them see one as gone."""
        workers = len(self._plane.status()["workers"])
        upstreams = await self._plane.upstreams()
        out = [
            name
            for name, targets in upstreams.items()
            if targets and all(target["ejected_by"] >= workers for target in targets)
        ]
        gauges = (await self._plane.metrics()).gauges
        away = {name: int(n) for (name,), n in gauges.get(STORE_AWAY.name, {}).items()}
        gone = [name for name, count in away.items() if count >= workers]
        body = {
            "ok": not out and not gone,
            "out_of_rotation": out,
            "upstreams": upstreams,
            "stores": {name: {"away_for_workers": count} for name, count in away.items()},
            "demo_provider": "running" if self._demo_running() else "stopped",
        }
        return _json(body, status=200 if body["ok"] else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        from gateway.admin.exposition import CONTENT_TYPE, render  # noqa: PLC0415  # half a megabyte until a scrape

        body = render(await self._plane.metrics())
        return web.Response(body=body, headers={"content-type": CONTENT_TYPE})
