"""How an answer is written: its body as it comes, and what is whole perhaps later.

A whole answer may wait until its record is written, so that no client has one without the other.

write_body   a part of a body
write_last   the answer is complete: written, or held where the step that records it gathers
let_go       after `on_complete`: goes out now, unless that step sees to it itself
"""

from __future__ import annotations

from typing import Final

from gateway.plugin.evidence import Evidence
from gateway.proxy.headers import chunk
from gateway.proxy.inbound import ClientConnection

FRAMED_APART_BYTES: Final = 524_288
"""A part from here on is not copied into its chunk."""


def write_body(client: ClientConnection, data: bytes, *, chunked: bool) -> None:
    """`data` is not empty."""
    if not chunked:
        client.write(data)
    elif len(data) < FRAMED_APART_BYTES:
        client.write(chunk(data))
    else:  # RFC 9112 section 7.1, as `chunk` writes it
        client.write(b"%x\r\n" % len(data))
        client.write(data)
        client.write(b"\r\n")


def write_last(evidence: Evidence | None, client: ClientConnection, data: bytes) -> None:
    """`data` is the whole answer, or the end of one that has begun."""
    if evidence is not None and evidence.gathers and client.hold(data):
        evidence.held = client
    else:
        client.write(data)


def let_go(evidence: Evidence) -> None:
    """Sends what is held and nobody has taken on."""
    held = evidence.held
    if held is not None and not evidence.due:
        # Not twice: by then the connection may hold the answer to its next request.
        evidence.held = None
        held.release()
