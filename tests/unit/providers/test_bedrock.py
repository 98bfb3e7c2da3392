"""Where the texts stand in Bedrock's converse and invoke."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.coverage import Gap
from gateway.providers.anthropic import MESSAGES
from gateway.providers.bedrock import CONVERSE, INVOKE, unwrapped, wrapped
from gateway.providers.dialect import DELTA, WHOLE
from tests.spans import Row, gaps, read_request, read_response, rows


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (user({"text": "hi"}), [("user", "text", "hi")]),
        ({"system": [{"text": "be"}]}, [("system", "system", "be")]),
        (user({"toolUse": {"name": "f", "input": {"to": "bob"}}}),
         [("assistant", "tool_call_arguments", "to"), ("assistant", "tool_call_arguments", "bob")]),
        (user({"toolResult": {"content": [{"text": "42"}, {"json": {"k": "v"}}]}}),
         [("tool", "tool_result", "42"), ("tool", "tool_result", "k"),
          ("tool", "tool_result", "v")]),
        (user({"reasoningContent": {"reasoningText": {"text": "hm"}}}),
         [("user", "reasoning", "hm")]),
        (user({"document": {"name": "n", "source": {"bytes": "aGk="}}}),
         [("user", "file_name", "n")]),
        ({"toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "d"}}]}},
         [("tool", "tool_description", "f"), ("tool", "tool_description", "d")]),
        (user({"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}}),
         [("user", "text", "g"), ("user", "other", "query")]),
        ({"system": [{"guardContent": {"text": {"text": "g"}}}]}, [("system", "system", "g")]),
        (user({"document": {"name": "n", "context": "c", "source": {"text": "d"}}}),
         [("user", "file_name", "n"), ("user", "document", "c"), ("user", "document", "d")]),
        (user({"document": {"source": {"content": [{"text": "d"}, {"text": "e"}]}}}),
         [("user", "document", "d"), ("user", "document", "e")]),
        (user({"toolResult": {"content": [{"document": {"source": {"text": "d"}}}]}}),
         [("tool", "document", "d")]),
        (user({"searchResult": {"title": "t", "content": [{"text": "f"}]}}),
         [("user", "text", "t"), ("user", "text", "f")]),
        (user({"toolResult": {"content": [{"searchResult": {"content": [{"text": "f"}]}}]}}),
         [("tool", "tool_result", "f")]),
        (user({"citationsContent": {"content": [{"text": "a"}], "citations": [{"title": "t"}]}}),
         [("user", "text", "a"), ("user", "other", "t")]),
        (user({"image": {"error": {"message": "no"}, "source": {"bytes": "aGk="}}}),
         [("user", "other", "no")]),
        (user({"brand_new": {"words": "w"}}), [("user", "other", "w")]),
        (user({"document": "d", "toolResult": ["r"]}),
         [("user", "other", "d"), ("user", "other", "r")]),
        ({"promptVariables": {"status": {"text": "v"}}}, [("user", "text", "v")]),
    ],
)  # fmt: skip
def test_every_text_of_converse_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(CONVERSE, body)) == wanted


@pytest.mark.parametrize("key", ["image", "video", "document"])
def test_what_is_no_text_is_a_gap(key: str) -> None:
    found = {"image"} if key == "image" else {"binary"}

    assert gaps(read_request(CONVERSE, user({key: {"source": {"bytes": "aGk="}}}))) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ({"bytes": "aGk="}, {"binary"}),
        ({"s3Location": {"uri": "s3://b/k"}}, {"binary"}),
        ({"text": "d"}, set()),
        ({"content": [{"text": "d"}]}, set()),
    ],
)
def test_a_document_is_a_gap_where_its_bytes_stand(source: Any, found: set[str]) -> None:
    block = {"document": {"name": "n", "source": source}}
    result = user({"toolResult": {"content": [block]}})

    assert gaps(read_request(CONVERSE, user(block))) == found
    assert {gap.value for gap in read_request(CONVERSE, result).tool_gaps} == found


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"anthropic_version": "x", "messages": [{"role": "user", "content": "hi"}]},
         [("user", "text", "hi"), ("unknown", "other", "x")]),
        (user({"text": "hi"}), [("user", "text", "hi")]),
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "text", "hi")]),
        ({"prompt": "hi"}, [("user", "text", "hi")]),
        ({"inputText": "hi"}, [("user", "text", "hi")]),
        ({"prompt": {"words": ["hi"]}}, [("user", "text", "hi")]),
        ({"texts": ["a", ["b"]]}, [("user", "text", "a"), ("user", "text", "b")]),
        ({"message": "hi", "chat_history": [{"role": "USER", "message": "ho"}], "preamble": "be",
          "documents": [{"title": "t"}]},
         [("user", "text", "hi"), ("user", "text", "ho"), ("system", "system", "be"),
          ("user", "document", "t")]),
        ({"messages": ["a", {"role": "user", "content": {"words": "b"}}], "inputText": "c"},
         [("unknown", "text", "a"), ("user", "text", "b"), ("user", "text", "c")]),
        ({"messages": "a", "anthropic_version": "x", "prompt": "c"},
         [("unknown", "text", "a"), ("unknown", "other", "x"), ("user", "text", "c")]),
        (user({"type": "brand_new", "words": "w", "text": "t"}),
         [("user", "text", "t"), ("user", "text", "w")]),
    ],
)  # fmt: skip
def test_every_text_of_invoke_is_found(body: dict[str, Any], wanted: list[Row]) -> None:
    assert rows(read_request(INVOKE, body)) == wanted


def test_a_picture_or_tokens_in_a_body_of_invoke_are_a_gap() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}

    assert gaps(read_request(INVOKE, user(picture))) == {"image"}
    assert gaps(read_request(INVOKE, {"prompt": [1, 2]})) == {"binary"}


# What a message may be, with the text T, the role and the kind of it.
FORMS_OF_TEXT: list[Any] = [
    "T", {"words": "T"}, ["T"], [{"text": "T"}], [{"type": "text", "text": "T"}],
    [{"type": "input_text", "text": "T"}], [{"type": "text", "text": {"value": "T"}}],
    [{"guardContent": {"text": {"text": "T"}}}], [{"searchResult": {"content": [{"text": "T"}]}}],
    [{"citationsContent": {"content": [{"text": "T"}]}}], [{"type": "brand_new", "words": "T"}],
]  # fmt: skip
SPEAKERS = {"user": "text", "assistant": "text", "system": "system", "tool": "tool_result"}


@given(
    turns=st.lists(
        st.tuples(st.sampled_from(sorted(SPEAKERS)), st.sampled_from(FORMS_OF_TEXT)), max_size=5
    ),
    system=st.sampled_from([None, "T", [{"text": "T"}], [{"type": "text", "text": "T"}], ["T"]]),
)
def test_how_one_message_of_invoke_is_written_takes_nothing_from_another(
    turns: list[tuple[str, Any]], system: Any
) -> None:
    """A chat's string beside converse's blocks, in any order: each is read as what it is."""
    body = {
        "system": system,
        "messages": [{"role": role, "content": content} for role, content in turns],
    }
    wanted = [("system", "system", "T")] if system else []
    wanted += [(role, SPEAKERS[role], "T") for role, _ in turns]

    assert rows(read_request(INVOKE, body)) == wanted


def test_results_within_results_end_somewhere() -> None:
    opening, closing = b'[{"toolResult":{"content":', b"}}]"
    body = b'{"messages":[{"content":%b"\\u003a"%b}]}' % (opening * 300, closing * 300)

    assert gaps(read_request(CONVERSE, body)) == {"too_deep"}


@pytest.mark.parametrize(
    "body",
    [
        {"content": [{"type": "text", "text": "hi"}]},
        {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}},
        {"results": [{"outputText": "hi"}]},
        {"generation": "hi"},
    ],
)
def test_every_form_of_answer_to_invoke_is_known(body: dict[str, Any]) -> None:
    assert rows(read_response(INVOKE, body)) == [("assistant", "text", "hi")]


def test_every_text_of_an_answer_to_converse_is_found() -> None:
    content = [{"text": "hi"}, {"toolUse": {"name": "f", "input": {"k": "v"}}}]
    message = {"role": "assistant", "content": content}
    body = {"output": {"message": message, "note": "n"}, "stopReason": "x"}

    assert rows(read_response(CONVERSE, body)) == [
        ("assistant", "text", "hi"),
        ("assistant", "tool_call_arguments", "k"),
        ("assistant", "tool_call_arguments", "v"),
        ("assistant", "other", "n"),
    ]


@pytest.mark.parametrize(
    ("event", "channels"),
    [
        ({"outputText": "a"}, [("content:0", "a")]),
        ({"generation": "a"}, [("content:0", "a")]),
        ({"outputs": [{"text": "a"}]}, [("content:0", "a")]),
        ({"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "a"}}},
         [("content:1", "a")]),
        ({"type": "content_block_delta", "index": 1,
          "delta": {"type": "text_delta", "text": "a"}}, [("content:1", "a")]),
        ({"choices": [{"index": 0, "delta": {"content": "a"}}]}, [("content:0", "a")]),
        ({"brand_new": "a"}, [("other", "a")]),
    ],
)  # fmt: skip
def test_an_event_within_a_frame_is_told_by_its_form(
    event: dict[str, Any], channels: list[tuple[str, str]]
) -> None:
    read = INVOKE.stream.event(event, b"chunk")

    assert [(piece.channel, piece.text) for piece in read.pieces] == channels
    for piece in read.pieces:
        if piece.channel == "other":
            continue
        again = INVOKE.stream.event(INVOKE.stream.delta(event, piece, "rest"), b"chunk")
        assert [(p.channel, p.text) for p in again.pieces] == [(piece.channel, "rest")]


DELTAS: list[tuple[Any, str, str, str]] = [
    ({"text": "T"}, "content:1", "assistant", "text"),
    ({"toolUse": {"input": "T"}}, "tool:1", "assistant", "tool_call_arguments"),
    ({"reasoningContent": {"text": "T"}}, "reasoning:1", "assistant", "reasoning"),
    ({"toolResult": [{"text": "T"}]}, "result:1", "tool", "tool_result"),
    ({"citation": {"sourceContent": [{"text": "T"}]}}, "citation:1", "assistant", "other"),
]
"""The parts of a text in a converse stream, each with its channel, role and kind."""


@pytest.mark.parametrize(("delta", "channel", "role", "kind"), DELTAS)
def test_a_part_of_a_text_belongs_to_the_channel_of_its_block(
    delta: Any, channel: str, role: str, kind: str
) -> None:
    event = {"contentBlockIndex": 1, "delta": delta, "p": "abcd"}

    for form, name, whole in (
        (CONVERSE, b"contentBlockDelta", event),
        (INVOKE, b"chunk", {"contentBlockDelta": event}),
    ):
        (piece,) = form.stream.event(whole, name).pieces
        assert (piece.channel, piece.scope, piece.role, piece.kind, piece.mode) == (
            channel, "block:1", role, kind, DELTA,
        )  # fmt: skip
        (again,) = form.stream.event(form.stream.delta(whole, piece, "rest"), name).pieces
        assert (again.channel, again.kind, again.text) == (channel, kind, "rest")


@pytest.mark.parametrize(
    ("name", "event", "wanted"),
    [
        ("contentBlockDelta", {"delta": "T"}, [("assistant", "other")]),
        ("contentBlockDelta", {"delta": {"text": {"words": "T"}}}, [("assistant", "text")]),
        ("contentBlockDelta", {"delta": {"toolUse": {"input": ["T"]}}},
         [("assistant", "tool_call_arguments")]),
        ("contentBlockDelta", {"delta": {"toolResult": [{"json": {"T": 1}}, "T"]}},
         [("tool", "tool_result"), ("tool", "tool_result")]),
        ("contentBlockDelta", {"delta": {"toolResult": {"words": "T"}}}, [("tool", "other")]),
        ("contentBlockDelta", {"delta": {"citation": {"title": "T", "sourceContent": "T"}}},
         [("assistant", "other"), ("assistant", "other")]),
        ("contentBlockDelta", {"delta": {}, "note": "T"}, [("assistant", "other")]),
        ("contentBlockStart", {"start": {"toolUse": {"name": "T"}}},
         [("assistant", "tool_call_arguments")]),
        ("contentBlockStop", {"note": "T"}, [("assistant", "other")]),
        ("messageStart", {"role": "assistant", "note": "T"}, [("assistant", "other")]),
        ("messageStop", {"stopReason": "x", "additionalModelResponseFields": {"a": "T"}},
         [("assistant", "other")]),
        ("metadata", {"usage": {}, "trace": {"guardrail": {"modelOutput": [{"text": "T"}]}}},
         [("assistant", "other")]),
        ("modelStreamErrorException", {"message": "T"}, [("assistant", "other")]),
    ],
)  # fmt: skip
def test_what_comes_whole_in_an_event_is_a_text_of_its_own(
    name: str, event: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    read = CONVERSE.stream.event(event, name.encode())

    assert [(piece.role, piece.kind) for piece in read.pieces] == wanted
    assert {(piece.text, piece.mode) for piece in read.pieces} == {("T", WHOLE)}


def test_the_text_of_an_event_takes_nothing_from_what_stands_beside_it() -> None:
    inner = {"delta": {"text": "a"}}
    outputs = [{"text": "b", "c": "c"}, {"text": "", "d": "d"}, "e"]
    event = {"contentBlockDelta": inner, "outputText": {"f": "f"}, "outputs": outputs, "note": "g"}

    read = INVOKE.stream.event(event, b"chunk")

    assert [piece.text for piece in read.pieces] == ["a", "b", "c", "d", "e", "f", "g"]


def test_a_picture_in_a_stream_is_a_gap() -> None:
    event = {"contentBlockIndex": 0, "delta": {"image": {"source": {"bytes": "aGk="}}}}
    hidden = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "aGk="}}}

    read = CONVERSE.stream.event(event, b"contentBlockDelta")

    assert (read.pieces, read.gaps) == ([], {Gap.IMAGE})
    assert CONVERSE.stream.event(hidden, b"contentBlockDelta").gaps == {Gap.BINARY}


def test_another_event_in_a_frame_leaves_the_rest_of_its_payload() -> None:
    payload = b'{ "bytes" : "eyJhIjoxfQ==", "p":"abc" }'

    assert unwrapped(payload) == b'{"a":1}'
    assert wrapped(payload, b"{}") == b'{ "bytes" : "e30=", "p":"abc" }'
    assert unwrapped(b'{"message":"x"}') == b'{"message":"x"}'


def test_the_beginning_of_a_block_is_said_again_as_anthropic_does() -> None:
    event = {"type": "content_block_start", "index": 0,
             "content_block": {"type": "text", "text": "so al"}}  # fmt: skip
    piece = INVOKE.stream.event(event, b"chunk").pieces[0]
    fresh = INVOKE.stream.delta(event, piece, "al")

    assert fresh == MESSAGES.stream.delta(event, piece, "al")
    assert [(p.channel, p.text) for p in INVOKE.stream.event(fresh, b"chunk").pieces] == [
        (piece.channel, "al")
    ]
