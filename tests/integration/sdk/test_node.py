"""OpenAI's and Anthropic's Node SDKs, unchanged but for their base URL."""

from __future__ import annotations

import pytest

from tests.integration.sdk import node
from tests.integration.sdk.endpoints import CALL_TOOL, EMBED, HELLO, TEXT, Endpoint


@pytest.fixture(autouse=True)
def installed() -> None:
    if reason := node.missing():
        pytest.skip(reason)


def run(script: str, base_url: str) -> dict[str, object]:
    result: dict[str, object] = node.run_script(
        script, baseURL=base_url, hello=HELLO, callTool=CALL_TOOL, embed=EMBED, replyText=TEXT
    )
    return result


def test_openai(endpoint: Endpoint) -> None:
    seen = run("openai.mjs", endpoint.openai)

    assert (seen["text"], seen["streamed"], seen["response"]) == (TEXT, TEXT, TEXT)
    assert isinstance(seen["pieces"], int)
    assert seen["pieces"] > 2
    assert seen["tool"] == ["get_weather", {"city": "demo"}]
    assert seen["responseEvents"] == ["response.created", "response.completed"]
    assert isinstance(seen["dimensions"], int)
    assert seen["dimensions"] > 2
    assert seen["fileIntact"]


def test_anthropic(endpoint: Endpoint) -> None:
    seen = run("anthropic.mjs", endpoint.anthropic)

    assert (seen["text"], seen["streamed"], seen["stopReason"]) == (TEXT, TEXT, "end_turn")
    assert isinstance(seen["pieces"], int)
    assert seen["pieces"] > 2
    assert seen["tool"] == ["get_weather", {"city": "demo"}]
