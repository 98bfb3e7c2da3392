"""Bedrock's methods."""

from __future__ import annotations

from tests.unit.demo.asking import HELLO, SAID, WEATHER, DemoClient, answer


async def test_bedrock_converses(client: DemoClient) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}

    whole = await answer(client, "/model/a.b-v1%3A0/converse", body)
    invoked = await answer(client, "/model/a.b-v1%3A0/invoke", {"messages": HELLO})

    assert whole["output"]["message"]["content"] == [{"text": SAID}]
    assert whole["usage"] == {"inputTokens": 2, "outputTokens": 12, "totalTokens": 14}
    assert (invoked["model"], invoked["content"][0]["text"]) == ("a.b-v1:0", SAID)


async def test_bedrock_calls_a_tool_and_reads_its_result(client: DemoClient) -> None:
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


async def test_bedrock_streams_frames(client: DemoClient) -> None:
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
