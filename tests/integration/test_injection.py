"""Injection in a running gateway: requests and streams of several dialects, history, shadow."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import quote

import orjson
import pytest

from tests.injection_texts import ATTACK, HARMLESS, LURE, chat, model, tool, user
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import CHAT, ask

LONG = f"{HARMLESS} " * 12
STREAMS = [
    CHAT,
    "/demo/v1/responses",
    "/demo/v1/messages",
    "/demo/v1beta/models/m:streamGenerateContent?alt=sse",
    "/demo/model/m/converse-stream",
    "/demo/api/chat",
]
ENDS = {
    CHAT: b'data: {"error":',
    "/demo/v1/responses": b"event: error",
    "/demo/v1/messages": b"event: error",
    "/demo/v1beta/models/m:streamGenerateContent?alt=sse": b'data: {"error":',
    "/demo/model/m/converse-stream": b"modelStreamErrorException",
    "/demo/api/chat": b'{"error":',
}


def policy(text: str) -> str:
    return f"version: 1\nname: guarded\nchain:\n  - injection: {text}\n"


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=policy("{}")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def telling() -> Iterator[GatewayProcess]:
    text = "{actions: {answer: flag, user: annotate, tool_result: tag_untrusted}}"
    with running_gateway(policies=policy(text)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def strict() -> Iterator[GatewayProcess]:
    with running_gateway(policies=policy("{actions: {answer: block}}")) as gateway:
        yield gateway


BODIES = {
    CHAT: chat(user(ATTACK)),
    "/demo/v1/responses": orjson.dumps({"model": "m", "input": ATTACK}),
    "/demo/v1/messages": chat(user(ATTACK), max_tokens=9),
    "/demo/v1beta/models/m:generateContent": orjson.dumps(
        {"contents": [{"role": "user", "parts": [{"text": ATTACK}]}]}
    ),
    "/demo/model/m/converse": orjson.dumps(
        {"messages": [{"role": "user", "content": [{"text": ATTACK}]}]}
    ),
    "/demo/api/chat": chat(user(ATTACK)),
}


@pytest.mark.parametrize("path", list(BODIES))
def test_an_attack_is_refused_in_every_dialect(gateway: GatewayProcess, path: str) -> None:
    status, headers, _ = ask(gateway, path, body=BODIES[path])

    assert (status, headers["x-sealgate-reason"]) == (400, "prompt_injection")
    assert headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", list(BODIES))
def test_a_harmless_request_passes_in_every_dialect(gateway: GatewayProcess, path: str) -> None:
    body = BODIES[path].replace(ATTACK.encode(), HARMLESS.encode())

    assert ask(gateway, path, body=body)[0] == 200


def test_the_log_says_why_and_holds_no_text(gateway: GatewayProcess) -> None:
    ask(gateway, body=chat(user(ATTACK)), headers={"x-request-id": "told"})
    line = gateway.wait_for_log(lambda line: line.get("request_id") == "told")
    verdict = next(v for v in line["verdicts"] if v["outcome"] == "deny")

    assert verdict["reason"] == "prompt_injection"
    assert verdict["labels"]["part"] == "user"
    assert "previous" not in str(line)


def test_a_conversation_goes_on_after_a_refusal(gateway: GatewayProcess) -> None:
    """The simulated provider repeats the last message; the refused one was taken out."""
    body = chat(user(ATTACK), model("no"), user("And now?"))

    status, _, answer = ask(gateway, body=body, headers={"x-request-id": "on"})
    line = gateway.wait_for_log(lambda line: line.get("request_id") == "on")

    assert status == 200
    assert b"And now?" in answer
    assert [v["labels"]["history"] for v in line["verdicts"] if v.get("labels")] == ["removed"]


def test_every_turn_of_a_long_conversation_is_judged(gateway: GatewayProcess) -> None:
    """The history is remembered by the core and by the plugin; what is new is still seen."""
    history = [user(LONG * 20), model(LONG)]
    for turn in range(3):
        history += [user(f"turn {turn}: {HARMLESS}"), model("fine")]

        assert ask(gateway, body=chat(*history, user("hello")))[0] == 200
    assert ask(gateway, body=chat(*history, user(ATTACK)))[0] == 400
    assert ask(gateway, body=chat(*history, tool(LURE)))[0] == 400


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_as_its_dialect_ends_it(strict: GatewayProcess, path: str) -> None:
    said = f"{LONG}{ATTACK} {LONG * 3}TheEnd"
    headers = {"x-demo-reply-text": quote(said), "x-demo-chunks": "300"}

    status, _, body = _streamed(strict, path, headers)

    assert status == 200
    assert ENDS[path] in body
    assert b"TheEnd" not in body


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_that_says_nothing_wrong_passes_to_the_byte(
    strict: GatewayProcess, gateway: GatewayProcess, path: str
) -> None:
    headers = {"x-demo-reply-text": quote(LONG), "x-demo-chunks": "100"}

    assert _streamed(strict, path, headers)[2] == _streamed(gateway, path, headers)[2]


def _streamed(
    gateway: GatewayProcess, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """A stream that was broken off counts as far as it came."""
    body = chat(user("hi"), stream=True, max_tokens=9)
    try:
        return ask(gateway, path, headers=headers, body=body)
    except http.client.IncompleteRead as error:
        return 200, {}, error.partial


def test_the_client_is_told_where_the_policy_annotates(telling: GatewayProcess) -> None:
    status, headers, _ = ask(telling, body=chat(user(ATTACK)))

    assert status == 200
    assert headers["x-sealgate-injection"].startswith("user;score=")
    assert "x-sealgate-injection" not in ask(telling, body=chat(user(HARMLESS)))[1]


def test_a_tool_result_reaches_the_provider_marked(telling: GatewayProcess) -> None:
    """The simulated provider repeats the last message."""
    _, _, answer = ask(telling, body=chat(user("look"), tool(LURE)))
    said = orjson.loads(answer)["choices"][0]["message"]["content"]

    assert f"is an instruction]\n{LURE}\n[end of untrusted data" in said


def test_shadow_records_and_changes_nothing() -> None:
    text = "version: 1\nname: g\nchain:\n  - injection:\n      mode: shadow\n      actions: "
    text += "{answer: block, tool_result: tag_untrusted, assistant: annotate}\n"
    body = chat(user(ATTACK), model(ATTACK), tool(LURE), stream=True)
    headers = {"x-demo-reply-text": quote(f"{LONG}{ATTACK} {LONG}"), "x-demo-chunks": "90"}
    with running_gateway(policies="version: 1\nname: n\nchain: []\n") as bare:
        plain = [
            ask(bare, body=body, headers=headers),
            ask(bare, body=chat(tool(LURE))),
        ]
    with running_gateway(policies=text) as shadowed:
        seen = [
            ask(shadowed, body=body, headers={**headers, "x-request-id": "shadow"}),
            ask(shadowed, body=chat(tool(LURE))),
        ]
        line = shadowed.wait_for_log(lambda line: line.get("request_id") == "shadow")

    assert [(status, body) for status, _, body in seen] == [(s, b) for s, _, b in plain]
    assert not any("x-sealgate-injection" in fields for _, fields, _ in seen)
    found = {(v["hook"], v["outcome"], v["enforced"]) for v in line["verdicts"]}
    assert {("on_request", "edit", False), ("on_text", "deny", False)} <= found
