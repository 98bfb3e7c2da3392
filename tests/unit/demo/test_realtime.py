"""Realtime sessions; the SDK tests cover the rest."""

from __future__ import annotations

import aiohttp
import pytest

from gateway.demo.options import Options
from gateway.demo.realtime import Session
from tests.unit.demo.asking import DemoClient


class TestRealtime:
    async def test_an_unknown_event_is_an_error_and_no_end(self, client: DemoClient) -> None:
        async with client.ws_connect("/v1/realtime?model=m") as socket:
            opening = await socket.receive_json()
            await socket.send_str("{")
            garbled = await socket.receive_json()
            await socket.send_json({"type": "session.launch", "event_id": "e1"})
            unknown = await socket.receive_json()

        assert opening["session"]["model"] == "m"
        assert garbled["error"]["event_id"] is None
        assert (unknown["type"], unknown["error"]["event_id"]) == ("error", "e1")

    async def test_a_plain_request_is_a_native_404(self, client: DemoClient) -> None:
        async with client.get("/v1/realtime") as response:
            assert response.status == 404

    async def test_an_error_comes_in_place_of_the_upgrade(self, client: DemoClient) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await client.ws_connect("/v1/realtime", headers={"x-demo-status": "429"})

        assert raised.value.status == 429


def test_a_session_goes_from_update_to_answer_without_any_socket() -> None:
    session = Session("m", Options(reply_text="one two"))
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}

    session.opening()
    updated = list(session.receive({"type": "session.update", "session": {"instructions": "x"}}))
    added = list(session.receive({"type": "conversation.item.create", "item": item}))
    answered = list(session.receive({"type": "response.create"}))

    assert updated[0]["session"]["instructions"] == "x"
    assert [event["type"] for event in added] == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert [event["type"] for event in answered] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert answered[-1]["response"]["output"][0]["content"][0]["text"] == "one two"
    assert answered[-1]["response"]["usage"]["output_tokens"] == 2


def test_a_response_to_nothing_is_an_answer_too() -> None:
    (*_, last) = Session("m", Options()).receive({"type": "response.create"})

    assert last["response"]["status"] == "completed"
