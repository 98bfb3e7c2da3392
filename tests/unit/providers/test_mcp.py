"""Where the texts stand in JSON-RPC messages of the model context protocol."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.mcp import RPC, is_json_rpc
from tests.spans import Row, gaps, read_request, read_response, rows


def call(**params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def result(**members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": members}


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (call(name="f", arguments={"to": "bob"}),
         [("assistant", "tool_call_arguments", "to"), ("assistant", "tool_call_arguments", "bob")]),
        (result(content=[{"type": "text", "text": "42"}]), [("tool", "tool_result", "42")]),
        (result(structuredContent={"k": "v"}),
         [("tool", "tool_result", "k"), ("tool", "tool_result", "v")]),
        (result(tools=[{"name": "f", "description": "d"}]),
         [("tool", "tool_description", "f"), ("tool", "tool_description", "d")]),
        (result(contents=[{"uri": "file:///x", "text": "doc"}]),
         [("tool", "document", "doc"), ("tool", "other", "file:///x")]),
        (result(messages=[{"role": "user", "content": {"type": "text", "text": "hi"}}]),
         [("user", "text", "hi")]),
        (result(action="accept", content={"status": "a", "id": {"role": "b"}}),
         [("user", "text", text) for text in ("status", "a", "id", "role", "b")]),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "bad"}},
         [("tool", "other", "bad")]),
        ([call(arguments={"a": "b"})],
         [("assistant", "tool_call_arguments", "a"), ("assistant", "tool_call_arguments", "b")]),
        ([7, "w", call(arguments=["b"])],
         [("unknown", "other", "w"), ("assistant", "tool_call_arguments", "b")]),
        (call(systemPrompt="be", messages=[{"role": "user", "content": "hi"}]),
         [("user", "text", "hi"), ("system", "system", "be")]),
        (call(messages=[{"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "f", "input": {"to": "bob"}, "text": "hi"}]}]),
         [("assistant", "text", "hi"), ("assistant", "tool_call_arguments", "to"),
          ("assistant", "tool_call_arguments", "bob")]),
        (call(messages=[{"role": "user", "content": [
            {"type": "tool_result", "toolUseId": "1", "content": [{"type": "text", "text": "42"}],
             "structuredContent": {"id": "7"}}]}]),
         [("tool", "tool_result", "42"), ("tool", "tool_result", "id"),
          ("tool", "tool_result", "7")]),
        (result(action="accept", content={"status": "hi"}),
         [("user", "text", "status"), ("user", "text", "hi")]),
        (result(action="w", content={"note": "hi"}),
         [("unknown", "other", "hi"), ("tool", "other", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_a_message_is_found(message: Any, wanted: list[Row]) -> None:
    assert rows(read_response(RPC, message)) == wanted
    assert rows(read_request(RPC, message)) == wanted


@pytest.mark.parametrize(
    ("meta", "wanted"),
    [
        ({"com.example/note": "w"}, [("other", "w")]),
        ({"note": {"status": ["w"]}}, [("other", "status"), ("other", "w")]),
        ("w", [("other", "w")]),
        ({"progressToken": ["w"]}, [("other", "w")]),
        ({"progressToken": "p", "traceparent": "00-1", "tracestate": "a=b"}, []),
        ({"io.modelcontextprotocol/related-task": {"taskId": "t", "note": "w"}}, [("other", "w")]),
        ({"io.modelcontextprotocol/clientInfo": {"name": "w"},
          "io.modelcontextprotocol/protocolVersion": "2026-07-28"}, [("other", "w")]),
        ({"io.modelcontextprotocol/model-immediate-response": "w"}, [("tool_result", "w")]),
    ],
)  # fmt: skip
def test_metadata_are_read_but_for_what_the_protocol_defines(
    meta: Any, wanted: list[tuple[str, str]]
) -> None:
    for message in (call(_meta=meta), result(_meta=meta)):
        assert [(kind, text) for _, kind, text in rows(read_request(RPC, message))] == wanted


@pytest.mark.parametrize(("sort", "found"), [("image", {"image"}), ("audio", {"binary"})])
def test_what_is_no_text_is_a_gap_of_the_tools(sort: str, found: set[str]) -> None:
    document = read_response(RPC, result(content=[{"type": sort, "data": "aGk="}]))

    assert gaps(document) == found
    assert {gap.value for gap in document.tool_gaps} == found


def test_an_event_is_a_whole_message() -> None:
    read = RPC.stream.event(result(content=[{"type": "text", "text": "42"}]), b"message")

    assert [(piece.kind, piece.text) for piece in read.pieces] == [("tool_result", "42")]


@pytest.mark.parametrize(
    ("body", "is_rpc"),
    [(call(), True), ([call()], True), ({"jsonrpc": "1.0"}, False), ([], False), (7, False)],
)
def test_json_rpc_names_itself(body: Any, is_rpc: bool) -> None:
    assert is_json_rpc(body) is is_rpc
