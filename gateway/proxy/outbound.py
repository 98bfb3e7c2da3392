"""The request as it is forwarded: the client's bytes, with the few changes a proxy must make."""

from __future__ import annotations

from gateway.plugin.exchange import Exchange
from gateway.policy.snapshot import Binding
from gateway.proxy.attempts import OutboundRequest
from gateway.proxy.headers import request_head, upgrade_fields
from gateway.proxy.inbound import InboundRequest
from gateway.proxy.target import Target


def outbound_request(
    x: Exchange, binding: Binding, request: InboundRequest, payload: bytes | None
) -> OutboundRequest:
    """What goes to the upstream; its head is made per target, because the host differs.

    Changed are: the route's prefix, Host, hop-by-hop fields, the framing of an edited body, and
    accept-encoding where a plugin reads the answer. Added is x-request-id, if there is none.
    """
    headers = request.headers
    if (binding.needs_text or binding.needs_response_body) and "accept-encoding" in headers:
        headers = headers.copy()
        headers.set("accept-encoding", "identity")  # what plugins can read
    added = b""
    if headers.first(b"x-request-id") is None:
        added = b"x-request-id: %b\r\n" % x.id.encode("latin-1")
    if request.upgrade:
        added += upgrade_fields(headers.raw)
    # HTTP/1.0 may leave Host out, the HTTP/1.1 that we speak may not (RFC 9112 section 3.2).
    hostless = request.http_10 and headers.first(b"host") is None
    prefix = binding.route.strip_prefix
    target_path = request.target[len(prefix) :] if prefix else request.target
    if not target_path.startswith(b"/"):
        target_path = b"/" + target_path if target_path != b"*" else target_path
    chunked, content_length = request.chunked, None
    if x.request.body_edited and payload is not None:
        chunked, content_length = False, len(payload)
    connection = request.connection
    method = request.method

    def head(target: Target) -> bytes:
        return request_head(
            b"%b %b%b HTTP/1.1\r\n" % (method, target.base_path, target_path),
            headers,
            host=target.host_header,
            connection=connection,
            chunked=chunked,
            content_length=content_length,
            added=b"host: %b\r\n%b" % (target.host_header, added) if hostless else added,
        )

    return OutboundRequest(
        method,
        head,
        request.body,
        payload=payload,
        chunked=chunked,
        upgrade=request.upgrade,
    )
