"""The helpers for plugin authors show what a plugin did, hook by hook."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gateway.plugin import (
    CLIENT_ADDRESS,
    Exchange,
    Outcome,
    Plugin,
    PluginConfig,
    Reason,
    Reject,
    Reply,
    TextStream,
)
from gateway.plugin.testing import make_exchange, make_response, play, running


class Recorder(Plugin):
    name = "recorder"

    class Config(PluginConfig):
        answer: str = ""
        skip: bool = False

    def __init__(self, config: Config, runtime: object) -> None:
        super().__init__(config, runtime)  # type: ignore[arg-type]  # kept loose for the test
        self.life: list[str] = []
        if config.skip:
            self.skips_hooks = frozenset({"on_request"})

    async def start(self) -> None:
        self.life.append("start")

    async def stop(self) -> None:
        self.life.append("stop")

    async def on_request_headers(self, x: Exchange) -> Reject | Reply | None:
        self.life.append("on_request_headers")
        if self.config.answer == "reject":
            return Reject(Reason.PLUGIN_DENIED, code="recorded")
        return Reply(204, (("x-a", "1"),), b"b") if self.config.answer == "reply" else None

    def on_request(self, x: Exchange) -> None:
        self.life.append("on_request")
        x.request.replace_body(b"new")

    def on_response_headers(self, x: Exchange) -> None:
        assert x.response is not None
        self.life.append(f"on_response_headers {x.response.status} {x.response.local}")

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        self.life.append(f"on_text {text.text}")
        return Reject(Reason.PLUGIN_DENIED) if text.text == "bad" else None

    def on_complete(self, x: Exchange) -> None:
        self.life.append("on_complete")
        x.flag("done", label="x")


async def test_hooks_run_in_the_order_of_an_exchange() -> None:
    async with running(Recorder) as recorder:
        x = make_exchange(body=b"{}")
        played = await play(
            recorder,
            x,
            response=make_response(),
            texts=[TextStream("c", "a"), TextStream("c", "bad")],
        )

    assert recorder.life == [
        "start",
        "on_request_headers",
        "on_request",
        "on_response_headers 200 False",
        "on_text a",
        "on_text bad",
        "on_complete",
        "stop",
    ]
    assert played.outcomes == {
        "on_request_headers": Outcome.ALLOW,
        "on_request": Outcome.EDIT,
        "on_response_headers": Outcome.EDIT,
        "on_text": Outcome.DENY,
        "on_complete": Outcome.FLAG,
    }
    assert played.verdicts[-1].labels == {"label": "x"}


@pytest.mark.parametrize(("answer", "status"), [("reject", 400), ("reply", 204)])
async def test_an_answer_of_the_plugin_is_a_local_response(answer: str, status: int) -> None:
    async with running(Recorder, {"answer": answer}) as recorder:
        played = await play(recorder, make_exchange(), response=make_response())

    assert recorder.life[2:4] == [f"on_response_headers {status} True", "on_complete"]
    assert played.answer is not None


async def test_a_hook_that_is_skipped_does_not_run() -> None:
    async with running(Recorder, {"skip": True}) as recorder:
        played = await play(recorder, make_exchange())

    assert "on_request" not in played.outcomes


async def test_an_exchange_looks_as_the_core_makes_it() -> None:
    x = make_exchange("GET", "/v1/models?x=1", headers=[("A", "1"), ("a", "2")], client_ip="::1")

    assert (x.request.method, x.request.path, x.request.query) == ("GET", "/v1/models", "x=1")
    assert x.request.headers.get_all("a") == ["1", "2"]
    assert x.fact(CLIENT_ADDRESS) == ip_address("::1")
    assert make_exchange(client_ip="nobody").fact(CLIENT_ADDRESS) is None
    assert make_exchange(body=b"{}").request.headers.get("content-length") == "2"
