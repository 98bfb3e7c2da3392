"""What a form reads of a body, as plain data."""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.plugin.text import UNPARSED, Document
from gateway.providers.dialect import Form
from gateway.providers.forms import request_reader, response_reader

Row = tuple[str, str, str]


def read_request(form: Form, body: Any) -> Document:
    return request_reader(form, None)(body_bytes(body), UNPARSED)


def read_response(form: Form, body: Any) -> Document:
    return response_reader(form, None)(body_bytes(body), UNPARSED)


def body_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def rows(document: Document) -> list[Row]:
    """Role, kind and text of each span; each stands where it says."""
    for span in document.spans:
        standing = orjson.loads(document.body[span.start : span.stop])
        assert str(standing) == span.text or span.echoes, span.path
    return [(span.role, span.kind, span.text) for span in document.spans]


def gaps(document: Document) -> set[str]:
    return {gap.value for gap in document.gaps}


def in_snake_case(value: Any) -> Any:
    """The same with the names of members in the other spelling of protobuf's JSON."""
    if isinstance(value, dict):
        return {
            re.sub("[A-Z]", lambda found: "_" + found[0].lower(), key): in_snake_case(inner)
            for key, inner in value.items()
        }
    return [in_snake_case(inner) for inner in value] if isinstance(value, list) else value
