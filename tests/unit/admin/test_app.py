"""The admin application over real sockets, in front of a supervisor that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.admin.app import host_is_literal, make_app
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import Metrics, MetricsSnapshot


class Plane:
    def __init__(self) -> None:
        self.is_ready = True
        self.targets: dict[str, list[dict[str, Any]]] = {}
        self.counted = Metrics()

    def ready(self) -> bool:
        return self.is_ready

    def status(self) -> dict[str, Any]:
        return {"state": "serving", "workers": [{"worker": 0}, {"worker": 1}]}

    async def upstreams(self) -> dict[str, list[dict[str, Any]]]:
        return self.targets

    async def metrics(self) -> MetricsSnapshot:
        return self.counted.snapshot()


class Admin:
    def __init__(self, session: aiohttp.ClientSession, port: int, plane: Plane) -> None:
        self.session = session
        self.port = port
        self.plane = plane

    async def get(self, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.get(url, headers=headers) as response:
            return response.status, await response.read(), response.headers

    async def json(self, path: str) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.get(url) as response:
            return response.status, await response.json()


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    plane = Plane()
    runner = web.AppRunner(make_app(plane, demo_running=lambda: True), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Admin(session, runner.addresses[0][1], plane)
    await runner.cleanup()
    await asyncio.sleep(0)


async def test_is_alive_even_when_it_is_not_ready(admin: Admin) -> None:
    admin.plane.is_ready = False

    assert await admin.json("/healthz") == (200, {"status": "ok"})
    status, body = await admin.json("/readyz")
    assert status == 503
    assert body["ready"] is False


async def test_ready_shows_the_detail(admin: Admin) -> None:
    status, body = await admin.json("/readyz")

    assert status == 200
    assert body == {"ready": True, **admin.plane.status()}


@pytest.mark.parametrize(("ejected_by", "status"), [(0, 200), (1, 200), (2, 503)])
async def test_an_upstream_is_out_when_every_worker_has_every_target_out(
    admin: Admin, ejected_by: int, status: int
) -> None:
    admin.plane.targets = {
        "openai": [{"target": "a", "ejected_by": ejected_by, "ejections": 1}],
        "azure": [],
    }

    found, body = await admin.json("/health/dependencies")

    assert found == status
    assert body["out_of_rotation"] == (["openai"] if status == 503 else [])
    assert body["demo_provider"] == "running"


@pytest.mark.parametrize(("away", "status"), [(0, 200), (1, 200), (2, 503)])
async def test_a_store_is_away_when_no_worker_reaches_it(
    admin: Admin, away: int, status: int
) -> None:
    admin.plane.counted.gauge(catalogue.STORE_AWAY, lambda: away, "default")

    found, body = await admin.json("/health/dependencies")

    assert (found, body["ok"]) == (status, status == 200)
    assert body["stores"] == {"default": {"away_for_workers": away}}


async def test_metrics_are_what_prometheus_reads(admin: Admin) -> None:
    admin.plane.counted.route('ro"ute', "up").done(200, "served", 0.002, None, 3, 4)

    status, body, headers = await admin.get("/metrics")

    text = body.decode()
    assert status == 200
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    labels = 'outcome="served",route="ro\\"ute",status="200",upstream="up"'
    assert f"sealgate_requests_total{{{labels}}} 1.0\n" in text
    bucket = 'sealgate_request_duration_seconds_bucket{le="%s",route="ro\\"ute",upstream="up"} %s\n'
    assert bucket % ("0.001", "0.0") in text
    assert bucket % ("0.0025", "1.0") in text
    assert bucket % ("+Inf", "1.0") in text


@pytest.mark.parametrize("path", ["/", "/metrics/", "/readyz/x", "//healthz"])
async def test_nothing_else_is_served(admin: Admin, path: str) -> None:
    assert (await admin.get(path))[0] == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing"])
async def test_every_answer_carries_the_protective_headers(admin: Admin, path: str) -> None:
    _, _, headers = await admin.get(path)

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_foreign_name_is_refused_on_loopback(admin: Admin) -> None:
    """A browser that DNS rebinding brought here would send the attacker's name."""
    status, body, _ = await admin.get("/metrics", Host="attacker.example")

    assert status == 421
    assert b"sealgate_requests" not in body


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        ("localhost", True),
        ("LOCALHOST:8081", True),
        ("127.0.0.1:8081", True),
        ("[::1]", True),
        ("[::1]:8081", True),
        ("10.1.2.3:8081", True),
        ("attacker.example", False),
        ("127.0.0.1.attacker.example:8081", False),
        ("localhost.attacker.example", False),
        ("", False),
        ("127.1", False),
    ],
)
def test_only_addresses_and_localhost_name_this_machine(host: str, literal: bool) -> None:
    assert host_is_literal(host) is literal
