"""What the tests of limits share."""

from __future__ import annotations

import pytest

from gateway.plugin import Runtime
from tests.unit.gateway_plugins.rate_limit.limit_world import WALL, Store


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def runtime(store: Store) -> Runtime:
    return Runtime(counters=lambda _: store, wall=lambda: WALL)
