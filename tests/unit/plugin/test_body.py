"""An edited body takes the fields with it that were true of the body before."""

from __future__ import annotations

import gzip

from gateway.plugin import Headers
from gateway.plugin.testing import make_exchange
from gateway.providers.forms import request_reader
from gateway.providers.openai_chat import CHAT

BODY = b'{"messages":[{"role":"user","content":"alice"}]}'
DIGESTS = [
    (b"Content-MD5", b"x"),
    (b"content-digest", b"sha-256=:x:"),
    (b"Repr-Digest", b"sha-256=:x:"),
    (b"digest", b"sha-256=x"),
]
OTHERS = [(b"content-type", b"application/json"), (b"x-digest", b"stays")]


def test_digests_go_with_what_they_were_of() -> None:
    x = make_exchange()
    request = x.request
    request.begin(Headers([*OTHERS, *DIGESTS, (b"content-encoding", b"gzip")]))
    request.body, request.decoded = gzip.compress(BODY), BODY
    request.reader = request_reader(CHAT, b"application/json")

    request.edit(request.spans()[0], "bob")

    assert request.headers.raw == OTHERS
    assert request.body == BODY.replace(b"alice", b"bob")


def test_digests_stay_where_nothing_is_edited() -> None:
    x = make_exchange()
    x.request.begin(Headers([*OTHERS, *DIGESTS]))
    x.request.body = BODY
    x.request.reader = request_reader(CHAT, b"application/json")

    x.request.edit_all([])

    assert [span.text for span in x.request.spans()] == ["alice"]
    assert x.request.headers.raw == [*OTHERS, *DIGESTS]
