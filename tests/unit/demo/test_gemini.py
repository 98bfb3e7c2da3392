"""Gemini's methods; the SDK tests cover the rest."""

from __future__ import annotations

import orjson

from tests.unit.demo.asking import SAID, DemoClient, answer, post


async def test_gemini_streams_an_array_without_alt_sse(client: DemoClient) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}

    chunks = await answer(client, "/v1beta/models/g:streamGenerateContent", body)

    parts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks]
    assert "".join(parts) == SAID


async def test_gemini_knows_its_methods(client: DemoClient) -> None:
    status, raw = await post(client, "/v1beta/models/g:launch", {})

    assert (status, orjson.loads(raw)["error"]["status"]) == (400, "INVALID_ARGUMENT")
