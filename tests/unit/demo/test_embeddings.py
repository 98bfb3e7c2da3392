"""Embeddings; the SDK tests cover the rest."""

from __future__ import annotations

import struct
from base64 import b64decode

import orjson
import pytest

from gateway.demo.answer import Call, Whole
from gateway.demo.embeddings import gemini_batch_embed, gemini_embed, openai_embeddings, vector
from tests.unit.demo.asking import DemoClient, answer


async def test_embeddings_are_unit_vectors_of_the_wanted_size(
    client: DemoClient,
) -> None:
    body = {"input": ["a", [1, 2]], "dimensions": 100}

    embedded = await answer(client, "/v1/embeddings", body)

    for item in embedded["data"]:
        assert len(item["embedding"]) == 100
        assert sum(number**2 for number in item["embedding"]) == pytest.approx(1)


def test_gemini_embeds_one_text_or_several() -> None:
    content = {"parts": [{"text": "a"}]}
    one = gemini_embed(Call("/", {"content": content, "outputDimensionality": 5}))
    several = gemini_batch_embed(Call("/", {"requests": [{"content": content}] * 2}))

    assert isinstance(one, Whole)
    assert isinstance(several, Whole)
    assert orjson.loads(one.body)["embedding"]["values"] == vector("a", 5)
    assert [e["values"] for e in orjson.loads(several.body)["embeddings"]] == [vector("a")] * 2


def test_base64_holds_the_same_numbers() -> None:
    answer = openai_embeddings(Call("/", {"input": "a", "encoding_format": "base64"}))

    assert isinstance(answer, Whole)
    raw = b64decode(orjson.loads(answer.body)["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(vector("a"))


@pytest.mark.parametrize("given", [None, [], 7])
def test_nothing_to_embed_gives_nothing(given: object) -> None:
    answer = openai_embeddings(Call("/", {"input": given}))

    assert isinstance(answer, Whole)
    assert orjson.loads(answer.body)["data"] == []
