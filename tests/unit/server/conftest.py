"""Listeners that are drained at the end of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.server.drain import drain
from gateway.settings import LimitSettings
from tests.unit.server.front import Front, FrontMaker


@pytest.fixture
async def fronts() -> AsyncIterator[FrontMaker]:
    made: list[Front] = []

    def make(limits: LimitSettings | None = None, **options: Any) -> Front:
        made.append(Front(limits or LimitSettings(), **options))
        return made[-1]

    yield make
    for front in made:
        front.echo.go.set()
        await drain(front.service, front.listener, 1)
    await asyncio.sleep(0)  # uvloop frees a closed transport one turn later
