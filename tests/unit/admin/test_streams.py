"""Answers in pieces: whole ones end properly, broken ones never do."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import aiohttp
import pytest

from gateway.admin.endpoint import Endpoint
from gateway.admin.receipt_forms import Stream
from gateway.ledger.store import LedgerAwayError
from tests.unit.admin import admin_world


def pieces(*, breaks: bool) -> Iterator[bytes]:
    yield b"one,"
    yield b"two"
    if breaks:
        raise LedgerAwayError("the ledger went away")


@pytest.mark.parametrize("breaks", [False, True])
async def test_what_is_broken_off_does_not_look_whole(
    world: admin_world.World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    breaks: bool,
) -> None:
    endpoint = Endpoint(
        *("GET", "/pieces", "pieces", "admin.audit.export", "Some pieces"),
        lambda _: Stream(pieces(breaks=breaks), "text/plain", {"x-a": "b"}),
        ledger=True,
    )
    monkeypatch.setattr(admin_world, "ENDPOINTS", (*admin_world.ENDPOINTS, endpoint))
    with caplog.at_level(logging.ERROR):
        async with admin_world.serving(world) as client:
            if breaks:
                with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
                    await client.call("GET", "/pieces")
            else:
                answer = await client.call("GET", "/pieces")
                assert (answer.body, answer.headers["x-a"]) == (b"one,two", "b")
                assert answer.headers["cache-control"] == "no-store"

    assert ("export broken off" in caplog.text) is breaks
