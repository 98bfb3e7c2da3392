"""Bodies made ready for the plugins that read texts, and what of an exchange they could see."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.chain.runner import run_gaps
from gateway.plugin.body import Body
from gateway.plugin.coverage import Coverage, Gap
from gateway.plugin.exchange import Exchange, ResponseView
from gateway.plugin.verdict import Reject
from gateway.policy.snapshot import Binding
from gateway.providers.content_coding import DecodeError, decoded
from gateway.providers.forms import form_of, request_reader, response_reader
from gateway.providers.recall import Recall
from gateway.providers.streaming import StreamKind, make_splitter
from gateway.proxy.fiber import outside
from gateway.proxy.refusal import dialect_of
from gateway.proxy.stream_text import StreamText
from gateway.proxy.transform import Transform
from gateway.proxy.unpacked_stream import Watched

AT_ONCE_BYTES: Final = 16_384
"""Compressed bodies up to this size are decoded on the loop: it takes less than a thread does."""

_RECALL: Final = Recall()
"""Of this worker; what it gives depends on the bytes alone, so all exchanges may share it."""


async def ready_request(x: Exchange, binding: Binding, body: bytes) -> None:
    """Holds the request's body with its reader, and reads it where a plugin judges texts."""
    request, chain = x.request, binding.chain
    request.body = body
    coverage = Coverage()
    if chain.reads_request or chain.reads_answer:
        x.coverage = coverage
    if not request.body:
        return
    form = form_of(dialect_of(x), x.path)
    recall = _RECALL if chain.reads_request else None
    request.reader = request_reader(form, request.headers.first(b"content-type"), recall)
    if not chain.reads_request:
        coverage.request.unread = True
        return
    await _decode(request)
    document = request.document()
    if document is not None:
        coverage.request.note(document.gaps, unread=document.unread)
        coverage.tools.note(document.tool_gaps)


async def ready_response(x: Exchange, response: ResponseView, binding: Binding) -> None:
    """The same for a held answer."""
    form = form_of(dialect_of(x), x.path)
    response.reader = response_reader(form, response.headers.first(b"content-type"))
    if not binding.chain.reads_answer or not response.body:
        return
    await _decode(response)
    document = response.document()
    if x.coverage is not None and document is not None:
        x.coverage.response.note(document.gaps, unread=document.unread)
        x.coverage.tools.note(document.tool_gaps)


async def _decode(view: Body) -> None:
    encoding = view.headers.first(b"content-encoding")
    body = view.body
    if not view.is_encoded() or encoding is None or body is None:
        return
    if view.headers.repeated(b"content-encoding"):
        view.unreadable = Gap.UNKNOWN_ENCODING
        return
    try:
        if len(body) <= AT_ONCE_BYTES:
            view.decoded = decoded(body, encoding)
        else:
            view.decoded = await outside(asyncio.to_thread(decoded, body, encoding))
    except DecodeError as error:
        view.unreadable = error.gap


def stream_transform(x: Exchange, binding: Binding, kind: StreamKind) -> Transform:
    """What a streamed answer goes through, once it is decoded."""
    chain = binding.chain
    shown = StreamText(x, chain, make_splitter(kind), form_of(dialect_of(x), x.path))
    return shown if shown.changes else Watched(shown)


def unreadable_stream(x: Exchange, binding: Binding, gap: Gap) -> Reject | None:
    """Whether a stream that cannot be decoded may pass unread."""
    reject = run_gaps(binding.chain.text, x, (gap,))
    _unread(x, gap)
    return reject


def too_large(x: Exchange, binding: Binding) -> Reject | None:
    """Whether an answer that is larger than what is held may pass unread."""
    reject = run_gaps(binding.chain.response, x, (Gap.TOO_LARGE,))
    _unread(x, Gap.TOO_LARGE)
    return reject


def _unread(x: Exchange, gap: Gap) -> None:
    if x.coverage is not None:
        x.coverage.response.note((gap,), unread=True)
        x.coverage.tools.note((gap,))


def unread_request() -> Coverage:
    """The coverage of an exchange whose request no plugin of the policy looks at."""
    coverage = Coverage()
    coverage.request.unread = True
    return coverage


def not_looked_at(x: Exchange) -> None:
    """The answer has a form that no plugin of the policy looks at."""
    if x.coverage is not None:
        x.coverage.response.unread = True


def coverage_field(x: Exchange, *, streamed: bool) -> bytes:
    """The header line that tells the client what was inspected; empty where nobody judges texts.

    A stream is judged while it passes, so that its head can only say that it will be.
    """
    coverage = x.coverage
    if coverage is None:
        return b""
    text = str(coverage)
    if streamed and not coverage.response.unread:
        text = "; ".join(
            f"{name}={part.level if name == 'request' else 'streamed'}"
            for name, part in coverage.parts()
        )
    return b"x-sealgate-coverage: %b\r\n" % text.encode("ascii")


def socket_coverage(x: Exchange) -> bytes:
    """The same for a WebSocket, of which nothing has passed when the client reads it."""
    coverage = x.coverage
    if coverage is None:
        return b""
    text = "; ".join(f"{name}=streamed" for name, _ in coverage.parts())
    return b"x-sealgate-coverage: %b\r\n" % text.encode("ascii")
