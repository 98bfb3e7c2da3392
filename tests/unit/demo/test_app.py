"""The simulated provider as a whole: dialects, errors, ids."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.demo.asking import HELLO, DemoClient, post


async def test_the_same_request_gives_the_same_bytes(client: DemoClient) -> None:
    body = {"model": "m", "messages": HELLO, "stream": True}

    first = await post(client, "/v1/chat/completions", body)
    second = await post(client, "/v1/chat/completions", body)

    assert first == second


async def test_the_list_of_models_is_in_the_client_s_dialect(client: DemoClient) -> None:
    seen = []
    for headers in ({}, {"anthropic-version": "2023-06-01"}, {"x-goog-api-key": "k"}):
        async with client.get("/v1/models", headers=headers) as response:
            seen.append(sorted(await response.json()))

    assert seen == [["data", "object"], ["data", "first_id", "has_more", "last_id"], ["models"]]


async def test_a_response_has_the_request_id_it_was_sent(client: DemoClient) -> None:
    async with client.get("/api/version", headers={"x-request-id": "r1"}) as response:
        assert response.headers["x-request-id"] == "r1"
    async with client.get("/v1/models", headers={"anthropic-version": "1"}) as response:
        assert response.headers["request-id"] == "req_demo"


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/v1/chat/completions", {}, ("error", "message")),
        ("/v1/messages", {}, ("error", "message")),
        ("/v1beta/models/g:generateContent", {}, ("error", "message")),
        ("/api/chat", {}, ("error",)),
        ("/model/m/converse", {}, ("message",)),
    ],
)
async def test_an_error_is_in_the_client_s_dialect(
    client: DemoClient, path: str, body: Any, place: tuple[str, ...]
) -> None:
    status, raw = await post(client, path, body, {"x-demo-status": "529"})

    found = orjson.loads(raw)
    for key in place:
        found = found[key]
    assert (status, found) == (529, "This error was asked for [demo_status, request req_demo]")


async def test_an_error_that_was_asked_for_says_nothing_of_retries(
    client: DemoClient,
) -> None:
    """A provider leaves that to its status; the refusals of the gateway say it."""
    async with client.get("/v1/models", headers={"x-demo-status": "503"}) as response:
        assert not {"x-should-retry", "x-sealgate-reason"} & set(response.headers)


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"{", {}, "the body is not JSON"),
        (b"[]", {}, "the body is not a JSON object"),
        (b"{}", {"x-demo-fault": "explode"}, "x-demo-fault must be one of"),
    ],
)
async def test_what_is_not_understood_is_a_native_400(
    client: DemoClient, body: bytes, headers: dict[str, str], message: str
) -> None:
    async with client.post("/v1/messages", data=body, headers=headers) as response:
        found = await response.json()

    assert response.status == 400
    assert message in found["error"]["message"]


async def test_an_unknown_path_is_a_native_404(client: DemoClient) -> None:
    status, raw = await post(client, "/v1/nothing", {})

    assert (status, orjson.loads(raw)["error"]["code"]) == (404, "not_found")


async def test_waits_change_nothing_of_what_is_said(client: DemoClient) -> None:
    body = {"messages": HELLO, "stream": True}
    waits = {"x-demo-latency-ms": "1", "x-demo-chunk-delay-ms": "1"}

    at_once = await post(client, "/v1/chat/completions", body)

    assert await post(client, "/v1/chat/completions", body, waits) == at_once


async def test_one_model_is_described_in_the_client_s_dialect(client: DemoClient) -> None:
    seen = []
    for headers in ({}, {"anthropic-version": "2023-06-01"}, {"x-goog-api-key": "k"}):
        async with client.get("/v1/models/demo-1", headers=headers) as response:
            seen.append(await response.json())

    assert [model.get("object", model.get("type")) for model in seen] == ["model", "model", None]
    assert seen[2]["name"] == "models/demo-1"
