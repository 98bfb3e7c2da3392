"""Chat completions; the SDK tests cover the rest."""

from __future__ import annotations

from tests.unit.demo.asking import HELLO, SAID, DemoClient, answer, events, post


async def test_openai_gives_as_many_choices_as_asked_for(client: DemoClient) -> None:
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


async def test_azure_takes_the_model_from_the_deployment(client: DemoClient) -> None:
    path = "/openai/deployments/gpt-mine"

    chat = await answer(client, f"{path}/chat/completions?api-version=1", {"messages": HELLO})
    embedded = await answer(client, f"{path}/embeddings?api-version=1", {"input": ["a", "b"]})

    assert (chat["model"], chat["choices"][0]["message"]["content"]) == ("gpt-mine", SAID)
    assert len(embedded["data"]) == 2


async def test_a_stream_comes_in_as_many_pieces_as_asked_for(
    client: DemoClient,
) -> None:
    body = {"messages": HELLO, "stream": True}

    _, raw = await post(client, "/v1/chat/completions", body, {"x-demo-chunks": "300"})

    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in events(raw)]
    assert len([delta for delta in deltas if delta]) == 300
