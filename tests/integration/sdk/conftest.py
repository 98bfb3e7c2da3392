"""The servers that the SDK tests share, and the endpoints that each test runs against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.sdk import node
from tests.integration.sdk.demo_server import DemoServer
from tests.integration.sdk.endpoints import Endpoint


@pytest.fixture(scope="session")
def demo_server() -> Iterator[DemoServer]:
    server = DemoServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def aimock_server() -> Iterator[node.AimockServer]:
    if reason := node.missing():
        pytest.skip(reason)
    server = node.AimockServer()
    yield server
    server.close()


def _endpoint(name: str, request: pytest.FixtureRequest) -> Endpoint:
    if name == "demo":
        return Endpoint.bare(request.getfixturevalue("demo_server").url, demo=True)
    return Endpoint.bare(request.getfixturevalue("aimock_server").url, demo=False)


@pytest.fixture(params=["demo", "aimock"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    return _endpoint(request.param, request)
