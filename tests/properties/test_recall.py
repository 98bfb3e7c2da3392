"""A remembered conversation is read as if it were new, whatever was added, changed or taken out."""

from __future__ import annotations

import json  # noqa: TID251  # writes JSON in ways that orjson does not
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.text import UNPARSED, Document
from gateway.providers.dialect import Form
from gateway.providers.forms import FORMS, request_reader
from gateway.providers.recall import (
    BODY_BYTES_MIN,
    REMEMBERED_BYTES_MAX,
    Recall,
)

WITH_HISTORY = [form for form in FORMS if form.history]
LONG = "x" * BODY_BYTES_MIN
WRITERS = st.sampled_from(
    [
        orjson.dumps,
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, indent=1, ensure_ascii=False).encode(),
    ]
)


def message(form: Form, text: str, role: str = "user") -> dict[str, Any]:
    if form.name == "gemini":
        return {"role": role, "parts": [{"text": text}]}
    if form.name == "bedrock_converse":
        return {"role": role, "content": [{"text": text}]}
    return {"role": role, "content": text}


TEXTS = st.sampled_from(["", "a", "b]", 'q"},{"', "caf\u00e9", "\U0001f600", "[1,2]", "\\"])
CHANGES = st.sampled_from(["add", "add", "add", "drop", "change", "model", "same"])


@st.composite
def conversations(draw: st.DrawFn, form: Form) -> list[bytes]:
    """The bodies of one conversation, as its client sends them turn by turn."""
    write = draw(WRITERS)
    before = {"model": "m", "system": LONG} if draw(st.booleans()) else {"model": "m"}
    after = {"tools": [{"name": "t", "description": LONG}], "user": "bob"}
    history = [message(form, LONG), message(form, draw(TEXTS))]
    bodies = []
    for _ in range(draw(st.integers(2, 6))):
        change = draw(CHANGES)
        if change == "add":
            count = draw(st.integers(1, 3))
            history += [message(form, draw(TEXTS), "assistant") for _ in range(count)]
        elif change == "drop":
            del history[draw(st.integers(1, len(history))) :]
        elif change == "change":
            history[draw(st.integers(0, len(history) - 1))] = message(form, draw(TEXTS))
        elif change == "model":
            after["user"] = draw(TEXTS)
        bodies.append(write({**before, form.history: list(history), **after}))
    return bodies


def facts(document: Document) -> list[tuple[Any, ...]]:
    return [(s.role, s.kind, s.text, s.path, s.start, s.stop) for s in document.spans]


@pytest.mark.parametrize("form", WITH_HISTORY, ids=lambda form: form.name)
@given(data=st.data())
def test_what_is_recalled_is_what_would_be_read(form: Form, data: st.DataObject) -> None:
    recall = Recall()
    recalling, reading = request_reader(form, None, recall), request_reader(form, None)

    for body in data.draw(conversations(form)):
        known, fresh = recalling(body, UNPARSED), reading(body, UNPARSED)

        assert facts(known) == facts(fresh)
        assert (known.gaps, known.tool_gaps) == (fresh.gaps, fresh.tool_gaps)
        for number, span in enumerate(fresh.spans):
            edited = known.edited([(known.spans[number], "[x]")])
            assert edited.body == fresh.edited([(span, "[x]")]).body


@pytest.mark.parametrize("form", WITH_HISTORY, ids=lambda form: form.name)
def test_the_texts_of_a_known_history_are_the_objects_of_before(form: Form) -> None:
    """Whoever remembers verdicts by text finds them without reading it again."""
    read = request_reader(form, None, Recall())
    history = [message(form, LONG), message(form, "hello")]

    first = read(orjson.dumps({form.history: history, "tools": []}), UNPARSED)
    history.append(message(form, "more"))
    second = read(orjson.dumps({form.history: history, "tools": []}), UNPARSED)

    assert [span.text for span in second.spans] == [LONG, "hello", "more"]
    assert all(a is b for a, b in zip(first.spans, second.spans, strict=False))


@pytest.mark.parametrize(
    "rest",
    [
        b',{"role":"user","role":"tool","content":"x"}]}',
        b',{"content":"\\ud83d"}]}',
        b',{"content":"\xff"}]}',
        b",]}",
        b" 7]}",
        b',{"content":[{"type":"image_url"}]}]}',
    ],
)
def test_new_messages_that_cannot_be_read_are_a_gap_as_ever(rest: bytes) -> None:
    form = WITH_HISTORY[0]
    recalling, reading = request_reader(form, None, Recall()), request_reader(form, None)
    known = orjson.dumps({form.history: [message(form, LONG)]})

    recalling(known, UNPARSED)
    body = known[:-2] + rest

    assert recalling(body, UNPARSED).gaps == reading(body, UNPARSED).gaps != set()


def test_the_memory_is_bounded() -> None:
    form, recall = WITH_HISTORY[0], Recall()
    read = request_reader(form, None, recall)
    size = 1_000_000

    for number in range(2 * REMEMBERED_BYTES_MAX // size):
        text = f"{number:06}" + "y" * size
        read(orjson.dumps({"user": str(number), form.history: [message(form, text)]}), UNPARSED)
        held = sum(len(kept.body) for reads in recall._reads.values() for kept in reads)
        assert held == recall._size <= REMEMBERED_BYTES_MAX


@pytest.mark.parametrize("form", WITH_HISTORY, ids=lambda form: form.name)
@pytest.mark.parametrize("added", ["mail alice", 7, None, ["mail alice"]])
def test_a_message_that_is_none_is_read_as_if_the_body_were_new(form: Form, added: Any) -> None:
    recall = Recall()
    history = [message(form, LONG)]
    reader = request_reader(form, b"application/json", recall)
    reader(orjson.dumps({"model": "m", form.history: history}), UNPARSED)
    body = orjson.dumps({"model": "m", form.history: [*history, added]})

    assert facts(reader(body, UNPARSED)) == facts(request_reader(form, None)(body, UNPARSED))
