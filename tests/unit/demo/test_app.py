"""The simulated provider over a socket: every dialect, every option, every fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.demo import make_app
from gateway.demo.options import Fault
from gateway.providers.ndjson import NdjsonSplitter
from gateway.providers.sse import SseSplitter

HELLO = [{"role": "user", "content": "hello"}]
SAID = "This is the simulated provider. You said: hello"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture
async def client() -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(make_app())) as client:
        yield client


async def post(
    client: TestClient[Any, Any], path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    async with client.post(path, data=orjson.dumps(body), headers=headers) as response:
        return response.status, await response.read()


async def answer(client: TestClient[Any, Any], path: str, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, raw = await post(client, path, body, named)
    assert status == 200, raw
    return orjson.loads(raw)


def events(raw: bytes) -> list[Any]:
    data = [event.data for event in SseSplitter().feed(raw)]
    return [orjson.loads(each) for each in data if each and each != b"[DONE]"]


async def test_the_same_request_gives_the_same_bytes(client: TestClient[Any, Any]) -> None:
    body = {"model": "m", "messages": HELLO, "stream": True}

    first = await post(client, "/v1/chat/completions", body)
    second = await post(client, "/v1/chat/completions", body)

    assert first == second


async def test_openai_gives_as_many_choices_as_asked_for(client: TestClient[Any, Any]) -> None:
    body = {"model": "m", "messages": HELLO, "n": 3}

    whole = await answer(client, "/v1/chat/completions", body)
    _, streamed = await post(client, "/v1/chat/completions", body | {"stream": True})

    assert [choice["message"]["content"] for choice in whole["choices"]] == [SAID] * 3
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 36, "total_tokens": 38}
    texts = ["", "", ""]
    for chunk in events(streamed):
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == [SAID] * 3


async def test_azure_takes_the_model_from_the_deployment(client: TestClient[Any, Any]) -> None:
    path = "/openai/deployments/gpt-mine"

    chat = await answer(client, f"{path}/chat/completions?api-version=1", {"messages": HELLO})
    embedded = await answer(client, f"{path}/embeddings?api-version=1", {"input": ["a", "b"]})

    assert (chat["model"], chat["choices"][0]["message"]["content"]) == ("gpt-mine", SAID)
    assert len(embedded["data"]) == 2


async def test_embeddings_are_unit_vectors_of_the_wanted_size(
    client: TestClient[Any, Any],
) -> None:
    body = {"input": ["a", [1, 2]], "dimensions": 100}

    embedded = await answer(client, "/v1/embeddings", body)

    for item in embedded["data"]:
        assert len(item["embedding"]) == 100
        assert sum(number**2 for number in item["embedding"]) == pytest.approx(1)


async def test_ollama_streams_lines_unless_told_otherwise(client: TestClient[Any, Any]) -> None:
    _, raw = await post(client, "/api/chat", {"model": "m", "messages": HELLO})
    whole = await answer(client, "/api/chat", {"model": "m", "messages": HELLO, "stream": False})

    lines = [orjson.loads(line.data or b"") for line in NdjsonSplitter().feed(raw)]
    assert "".join(line["message"]["content"] for line in lines) == SAID
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert (whole["message"]["content"], whole["eval_count"]) == (SAID, 12)


async def test_ollama_generates_lists_and_embeds(client: TestClient[Any, Any]) -> None:
    body = {"model": "m", "prompt": "hello"}

    whole = await answer(client, "/api/generate", body | {"stream": False})
    _, raw = await post(client, "/api/generate", body)
    embedded = await answer(client, "/api/embed", {"model": "m", "input": "a"})
    async with client.get("/api/tags") as response:
        tags = await response.json()

    assert whole["response"] == SAID
    lines = [orjson.loads(line.data or b"") for line in NdjsonSplitter().feed(raw)]
    assert "".join(line["response"] for line in lines) == SAID
    assert len(embedded["embeddings"]) == 1
    assert [model["name"] for model in tags["models"]] == ["demo-1", "demo-2"]


async def test_ollama_calls_a_tool(client: TestClient[Any, Any]) -> None:
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    body = {"messages": [{"role": "user", "content": "get_weather"}], "tools": tools}

    whole = await answer(client, "/api/chat", body | {"stream": False})

    (call,) = whole["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": {"city": "demo"}}


async def test_bedrock_converses(client: TestClient[Any, Any]) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}

    whole = await answer(client, "/model/a.b-v1%3A0/converse", body)
    invoked = await answer(client, "/model/a.b-v1%3A0/invoke", {"messages": HELLO})

    assert whole["output"]["message"]["content"] == [{"text": SAID}]
    assert whole["usage"] == {"inputTokens": 2, "outputTokens": 12, "totalTokens": 14}
    assert (invoked["model"], invoked["content"][0]["text"]) == ("a.b-v1:0", SAID)


async def test_bedrock_calls_a_tool_and_reads_its_result(client: TestClient[Any, Any]) -> None:
    spec = {"name": "get_weather", "inputSchema": {"json": WEATHER}}
    config = {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}
    asked = {"role": "user", "content": [{"text": "hello"}]}
    result = {"toolUseId": "t", "content": [{"text": "21 degrees"}]}

    called = await answer(client, "/model/m/converse", {"messages": [asked], "toolConfig": config})
    told = await answer(
        client,
        "/model/m/converse",
        {"messages": [{"role": "user", "content": [{"toolResult": result}]}], "toolConfig": config},
    )

    (block,) = called["output"]["message"]["content"]
    assert (block["toolUse"]["name"], block["toolUse"]["input"]) == (
        "get_weather",
        {"city": "demo"},
    )
    assert told["output"]["message"]["content"][0]["text"].endswith("answered: 21 degrees")


async def test_bedrock_streams_frames(client: TestClient[Any, Any]) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    async with client.post("/model/m/converse-stream", json=body) as response:
        raw = await response.read()

    assert response.content_type == "application/vnd.amazon.eventstream"
    kinds, at = [], 0
    while at < len(raw):
        kinds.append(raw[at:].split(b":event-type\x07\x00", 1)[1][1:].split(b"\r", 1)[0])
        at += int.from_bytes(raw[at : at + 4])
    assert kinds[0] == b"messageStart"
    assert kinds[-1] == b"metadata"


async def test_gemini_streams_an_array_without_alt_sse(client: TestClient[Any, Any]) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}

    chunks = await answer(client, "/v1beta/models/g:streamGenerateContent", body)

    parts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks]
    assert "".join(parts) == SAID


async def test_gemini_knows_its_methods(client: TestClient[Any, Any]) -> None:
    status, raw = await post(client, "/v1beta/models/g:launch", {})

    assert (status, orjson.loads(raw)["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_the_list_of_models_is_in_the_client_s_dialect(client: TestClient[Any, Any]) -> None:
    seen = []
    for headers in ({}, {"anthropic-version": "2023-06-01"}, {"x-goog-api-key": "k"}):
        async with client.get("/v1/models", headers=headers) as response:
            seen.append(sorted(await response.json()))

    assert seen == [["data", "object"], ["data", "first_id", "has_more", "last_id"], ["models"]]


async def test_a_response_has_the_request_id_it_was_sent(client: TestClient[Any, Any]) -> None:
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
    client: TestClient[Any, Any], path: str, body: Any, place: tuple[str, ...]
) -> None:
    status, raw = await post(client, path, body, {"x-demo-status": "529"})

    found = orjson.loads(raw)
    for key in place:
        found = found[key]
    assert (status, found) == (529, "This error was asked for [demo_status, request req_demo]")


async def test_an_error_that_was_asked_for_says_nothing_of_retries(
    client: TestClient[Any, Any],
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
    client: TestClient[Any, Any], body: bytes, headers: dict[str, str], message: str
) -> None:
    async with client.post("/v1/messages", data=body, headers=headers) as response:
        found = await response.json()

    assert response.status == 400
    assert message in found["error"]["message"]


async def test_an_unknown_path_is_a_native_404(client: TestClient[Any, Any]) -> None:
    status, raw = await post(client, "/v1/nothing", {})

    assert (status, orjson.loads(raw)["error"]["code"]) == (404, "not_found")


async def test_a_stream_comes_in_as_many_pieces_as_asked_for(
    client: TestClient[Any, Any],
) -> None:
    body = {"messages": HELLO, "stream": True}

    _, raw = await post(client, "/v1/chat/completions", body, {"x-demo-chunks": "300"})

    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in events(raw)]
    assert len([delta for delta in deltas if delta]) == 300


class TestFiles:
    async def test_an_upload_can_be_listed_read_and_deleted(
        self, client: TestClient[Any, Any]
    ) -> None:
        form = aiohttp.FormData({"purpose": "user_data"})
        form.add_field("file", b"\x00\xff" * 10, filename="a.bin")
        async with client.post("/v1/files", data=form) as response:
            uploaded = await response.json()
        url = f"/v1/files/{uploaded['id']}"

        async with client.get("/v1/files") as response:
            listed = (await response.json())["data"]
        async with client.get(f"{url}/content") as response:
            content = await response.read()
        async with client.delete(url) as response:
            deleted = await response.json()
        async with client.get(url) as response:
            gone = response.status

        assert (uploaded["filename"], uploaded["bytes"]) == ("a.bin", 20)
        assert listed == [uploaded]
        assert content == b"\x00\xff" * 10
        assert (deleted["deleted"], gone) == (True, 404)

    async def test_an_upload_without_a_file_is_a_native_400(
        self, client: TestClient[Any, Any]
    ) -> None:
        form = aiohttp.FormData({"purpose": "user_data"}, default_to_multipart=True)
        async with client.post("/v1/files", data=form) as multipart:
            missing = await multipart.json()
        async with client.post("/v1/files", data=b"x") as plain:
            wrong = await plain.json()

        assert "part `file` is missing" in missing["error"]["message"]
        assert "multipart/form-data" in wrong["error"]["message"]


class TestRealtime:
    async def test_an_unknown_event_is_an_error_and_no_end(
        self, client: TestClient[Any, Any]
    ) -> None:
        async with client.ws_connect("/v1/realtime?model=m") as socket:
            opening = await socket.receive_json()
            await socket.send_str("{")
            garbled = await socket.receive_json()
            await socket.send_json({"type": "session.launch", "event_id": "e1"})
            unknown = await socket.receive_json()

        assert opening["session"]["model"] == "m"
        assert garbled["error"]["event_id"] is None
        assert (unknown["type"], unknown["error"]["event_id"]) == ("error", "e1")

    async def test_a_plain_request_is_a_native_404(self, client: TestClient[Any, Any]) -> None:
        async with client.get("/v1/realtime") as response:
            assert response.status == 404

    async def test_an_error_comes_in_place_of_the_upgrade(
        self, client: TestClient[Any, Any]
    ) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await client.ws_connect("/v1/realtime", headers={"x-demo-status": "429"})

        assert raised.value.status == 429


class TestFaults:
    """Read from a bare socket: what counts is how the connection ends."""

    async def received(
        self, client: TestClient[Any, Any], fault: Fault, *, stream: bool = True
    ) -> tuple[bytes, bool]:
        """Everything that came, and whether a reset ended it."""
        body = orjson.dumps({"messages": HELLO, "stream": stream})
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-demo-fault: %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (fault.encode(), len(body), body)
        )
        raw = b""
        try:
            while chunk := await reader.read(65_536):
                raw += chunk
        except ConnectionResetError:
            return raw, True
        finally:
            writer.close()
        return raw, False

    async def test_reset_before_head(self, client: TestClient[Any, Any]) -> None:
        assert await self.received(client, Fault.RESET_BEFORE_HEAD) == (b"", True)

    async def test_reset_mid_stream(self, client: TestClient[Any, Any]) -> None:
        raw, reset = await self.received(client, Fault.RESET_MID_STREAM)

        assert reset
        assert b"[DONE]" not in raw

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_truncate_ends_without_a_proper_end(
        self, client: TestClient[Any, Any], *, stream: bool
    ) -> None:
        raw, reset = await self.received(client, Fault.TRUNCATE, stream=stream)

        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body
        assert not reset
        assert not body.endswith((b"0\r\n\r\n", b"}"))

    async def test_garbage_is_no_http(self, client: TestClient[Any, Any]) -> None:
        raw, _ = await self.received(client, Fault.GARBAGE)

        assert raw
        assert not raw.startswith(b"HTTP/")

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_slow_head_is_whole_in_the_end(
        self, client: TestClient[Any, Any], *, stream: bool
    ) -> None:
        raw, _ = await self.received(client, Fault.SLOW_HEAD, stream=stream)

        head, _, body = raw.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(body) in head

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_silence_lasts_until_the_client_goes(
        self, client: TestClient[Any, Any], *, stream: bool
    ) -> None:
        body = {"messages": HELLO, "stream": stream}
        headers = {"x-demo-fault": "silence"}
        tasks = asyncio.all_tasks()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await post(client, "/v1/chat/completions", body, headers)

        # The handler ends once its connection is gone: nothing is left behind.
        assert client.server is not None
        await client.close()
        assert asyncio.all_tasks() <= tasks
