from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.unit.admin.admin_world import Client, World, serving, world_in


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as made:
        yield made


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with serving(world) as made:
        yield made
