"""A body that cannot be read in one way only is shown raw, and says why."""

from __future__ import annotations

import orjson
import pytest

from gateway.plugin.text import UNPARSED
from gateway.providers.document import read_json
from gateway.providers.gathering import TEXTS_MAX, Gatherer
from gateway.providers.json_places import KEY
from gateway.providers.openai_chat import CHAT
from tests.spans import gaps, read_request


def gather(value: object, found: Gatherer) -> None:
    found.data("user", "text", value, ())


@pytest.mark.parametrize(
    ("body", "gap", "kinds"),
    [
        (b'{"a":"x","a":"y"}', "duplicate_keys", ["raw"]),
        (b'{"a":"x","\\u0061":"y"}', "duplicate_keys", ["raw"]),
        (b'{"a":{"b":1,"b":2}}', "duplicate_keys", ["raw"]),
        (b'{"a":', "invalid_json", ["raw"]),
        (b'{"a":1}{"a":2}', "invalid_json", ["raw"]),
        (b'\xef\xbb\xbf{"a":"x"}', "invalid_json", ["raw"]),
        (b'{"a":"\xff"}', "invalid_utf8", []),
        (b"[" * 300 + b"]" * 300, "too_deep", ["raw"]),
        (b"[" * 2000 + b"]" * 2000, "too_deep", ["raw"]),
        (b"[" * 200 + b"]" * 200, "too_deep", []),
        (b"[" + b"[]," * 100_001 + b"0]", "too_deep", ["raw"]),
        (b'["\\ud83d"]', "lone_surrogates", ["text"]),
        (b'["ok"]', None, ["text"]),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_a_gap_says_why(body: bytes, gap: str | None, kinds: list[str]) -> None:
    document = read_json(gather, body)

    assert {found.value for found in document.gaps} == ({gap} if gap else set())
    assert [span.kind for span in document.spans] == kinds


def test_half_a_character_is_shown_as_a_replacement_and_sent_as_it_came() -> None:
    document = read_json(gather, b'["a\\ud83d","b"]')

    assert [span.text for span in document.spans] == ["a\ufffd", "b"]
    assert document.edited([(document.spans[1], "c")]).body == b'["a\\ud83d","c"]'
    assert document.parsed is UNPARSED


def test_an_edited_key_renames_what_is_below_it() -> None:
    document = read_json(gather, b'{"bob": {"x": "y"}, "z": "w"}')
    spans = {span.text: span for span in document.spans}

    once = document.edited([(spans["bob"], "[name]")])
    twice = once.edited([(next(s for s in once.spans if s.text == "y"), "v")])

    assert once.body == b'{"[name]": {"x": "y"}, "z": "w"}'
    assert twice.body == b'{"[name]": {"x": "v"}, "z": "w"}'
    assert spans["bob"].path == ("bob", KEY)


def test_a_span_of_an_older_document_still_names_its_place() -> None:
    document = read_json(gather, b'["aa","bb"]')

    once = document.edited([(document.spans[0], "longer")])
    twice = once.edited([(document.spans[1], "c")])

    assert twice.body == b'["longer","c"]'


def test_a_number_is_replaced_by_a_text() -> None:
    document = read_json(gather, b'{"card":4111111111111111}')
    card = document.spans[-1]

    assert card.text == "4111111111111111"
    assert document.edited([(card, "[card]")]).body == b'{"card":"[card]"}'


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b'["caf\\u00e9"]', b'["\\u00fc"]'),
        ('["caf\u00e9"]'.encode(), '["\u00fc"]'.encode()),
        (b'["plain"]', '["\u00fc"]'.encode()),
    ],
)
def test_an_edit_escapes_as_the_writer_of_the_body_did(body: bytes, written: bytes) -> None:
    document = read_json(gather, body)

    assert document.edited([(document.spans[0], "\u00fc")]).body == written


def test_no_text_is_shown_when_a_span_is_printed() -> None:
    document = read_json(gather, orjson.dumps(["secret"]))

    assert "secret" not in repr(document.spans)


def test_a_body_with_too_many_texts_is_one_raw_text() -> None:
    """Each text costs microseconds, so that their number must have an end."""
    body = orjson.dumps({"messages": [{"role": "user", "content": "x"}] * (TEXTS_MAX + 1)})

    document = read_request(CHAT, body)

    assert gaps(document) == {"too_deep"}
    assert [(span.kind, span.text) for span in document.spans] == [("raw", body.decode())]
    assert not gaps(read_request(CHAT, {"input": ["x"] * 2048}))
