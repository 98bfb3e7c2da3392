"""The answer's way to the client is chosen: raw, shown event by event, or shown whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from gateway.chain.runner import run
from gateway.plugin.exchange import Exchange, ResponseView
from gateway.plugin.headers import Headers
from gateway.plugin.verdict import Reject, Reply
from gateway.providers.content_coding import DecodeError
from gateway.providers.stream_decoding import StreamDecoder
from gateway.providers.streaming import StreamKind, is_encoded, stream_kind
from gateway.proxy.fiber import outside
from gateway.proxy.headers import response_head
from gateway.proxy.inbound import ClientConnection
from gateway.proxy.inspection import (
    coverage_field,
    not_looked_at,
    ready_response,
    stream_transform,
    too_large,
    unread_request,
    unreadable_stream,
)
from gateway.proxy.relay import Relay
from gateway.proxy.transform import Transform
from gateway.proxy.unpacked_stream import unpacked
from gateway.proxy.upstream import ResponseHead
from gateway.proxy.witness import RECEIPT_HEADER, answer_field

if TYPE_CHECKING:
    from gateway.chain.compiled import Chain
    from gateway.plugin.contract import Answer, Step
    from gateway.policy.snapshot import Binding

_WITHOUT_BODY: Final = frozenset({204, 304})


async def settle(step: Step) -> Answer:
    """The answer of a step that may have to be waited for."""
    if step is None or isinstance(step, (Reject, Reply)):
        return step
    return await outside(step)


async def start_answer(
    x: Exchange,
    binding: Binding,
    relay: Relay,
    client: ClientConnection,
    head: ResponseHead,
    *,
    buffer_bytes_max: int,
) -> Answer:
    """Runs the response hooks and starts the relay, or says what is answered instead.

    Raises UpstreamError if the upstream breaks off while its body is held for a plugin.
    """
    response = ResponseView(head.status, head.phrase, Headers(head.headers, head.index))
    x.response = response
    kind = stream_kind(head.content_type)
    response.streamed = kind is not None
    chain = binding.chain
    if chain.reads_answer and x.coverage is None:
        x.coverage = unread_request()
    if chain.response_headers:
        step = run(chain.response_headers, x)
        answer = None if step is None else await settle(step)
        if answer is not None:
            return answer
    without_body = (
        head.status in _WITHOUT_BODY or x.request.method == "HEAD" or head.content_length == 0
    )
    transform: Transform | None = None
    body = None
    if without_body:
        pass
    elif kind is not None:
        shown = _show_stream(x, binding, relay, kind, response)
        if isinstance(shown, Reject):
            return shown
        transform = shown
    elif binding.needs_response_body:
        answer = await _show_whole(x, binding, relay, buffer_bytes_max)
        if answer is not None:
            return answer
        body = response.body
    elif chain.reads_answer:
        not_looked_at(x)
    if relay.meter is not None and not without_body and kind is None and body is None:
        transform = relay.meter.body(head.status, response.headers)
    _start(
        x, chain, relay, client, head,
        kind=kind, transform=transform, body=body, without_body=without_body,
    )  # fmt: skip
    return None


def _show_stream(
    x: Exchange, binding: Binding, relay: Relay, kind: StreamKind, response: ResponseView
) -> Transform | Reject | None:
    """What a streamed answer goes through; None where it passes unread."""
    shows, meter, headers = binding.needs_text, relay.meter, response.headers
    if not shows and binding.chain.reads_answer:
        not_looked_at(x)
    if not shows and meter is None:
        return None
    decoder: StreamDecoder | None = None
    readable = True
    if is_encoded(headers):
        try:
            decoder = StreamDecoder.of(headers)
        except DecodeError as error:
            readable = False
            reject = unreadable_stream(x, binding, error.gap) if shows else None
            if reject is not None:
                return reject
    transform = stream_transform(x, binding, kind) if shows and readable else None
    if meter is not None:
        transform = meter.stream(response.status, kind if readable else None, transform)
    if decoder is None or transform is None:
        return transform
    return unpacked(x, binding.chain.text, decoder, transform, headers)


async def _show_whole(x: Exchange, binding: Binding, relay: Relay, bytes_max: int) -> Answer:
    response = cast("ResponseView", x.response)
    response.body = await relay.whole_body(bytes_max)
    if relay.meter is not None:
        relay.meter.whole(response.status, response.headers, response.body)
    if response.body is None:
        return too_large(x, binding)
    await ready_response(x, response, binding)
    return await settle(run(binding.chain.response, x))


def _start(
    x: Exchange,
    chain: Chain,
    relay: Relay,
    client: ClientConnection,
    head: ResponseHead,
    *,
    kind: StreamKind | None,
    transform: Transform | None,
    body: bytes | None,
    without_body: bool,
) -> None:
    """Chooses the framing and writes the head.

    The upstream's framing is kept, but for: a body that ends with the connection becomes chunked; a
    changed body gets a new length; HTTP/1.0 knows no chunks, so there the connection ends the body.
    """
    response = cast("ResponseView", x.response)
    content_length = len(body) if body is not None and response.body_edited else None
    chunked = head.chunked or head.close_delimited
    changes = transform is not None and transform.changes
    if changes or (content_length is not None and chunked):
        chunked, content_length = True, None
    if x.request.http_version == "1.0" and chunked:
        chunked = False
        client.close_after()
    added = b"x-sealgate-request-id: %b\r\n" % x.id.encode("latin-1")
    if x.evidence is not None:
        if RECEIPT_HEADER in head.index:
            response.headers.remove(RECEIPT_HEADER.decode())  # of another gateway behind this one
        added += answer_field(x, chain)
    if x.coverage is not None:
        added += coverage_field(x, streamed=kind is not None)
    if not client.keep_open():
        added += b"connection: close\r\n"
    relay.start(
        response_head(
            response.status,
            response.phrase,
            response.headers,
            chunked=chunked,
            connection=head.connection,
            content_length=content_length,
            added=added,
        ),
        chunked=chunked,
        # No event can be added to what goes out compressed.
        kind=None if kind is None or is_encoded(response.headers) else kind,
        without_body=without_body,
        body=body,
        transform=transform,
    )


def local_answer(
    response: ResponseView, x: Exchange, client: ClientConnection, chain: Chain | None
) -> bytes:
    """The bytes of an answer of our own."""
    body = response.body or b""
    added = b"x-sealgate-request-id: %b\r\n" % x.id.encode("latin-1")
    added += answer_field(x, chain)
    if x.coverage is not None:
        added += coverage_field(x, streamed=False)
    if not client.keep_open():
        added += b"connection: close\r\n"
    without_body = x.request.method == "HEAD" or response.status in _WITHOUT_BODY
    content_length = None if response.status in _WITHOUT_BODY else len(body)
    head = response_head(
        response.status,
        response.phrase,
        response.headers,
        chunked=False,
        content_length=content_length,
        added=added,
    )
    return head if without_body else head + body
