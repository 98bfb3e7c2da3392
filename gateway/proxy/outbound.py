"""The request as it is forwarded: the client's bytes, with the few changes a proxy must make."""

from __future__ import annotations

from gateway.plugin.exchange import Exchange
from gateway.policy.snapshot import Binding
from gateway.providers.client_credentials import QUERY_KEY
from gateway.proxy.credentials import UpstreamCredential, withhold_own, without_protocol_key
from gateway.proxy.headers import REQUEST_HOP_BY_HOP, request_head, upgrade_fields
from gateway.proxy.inbound import InboundRequest
from gateway.proxy.target import Target
from gateway.settings import Dialect


class OutboundRequest:
    """What goes to the upstream; its head is made per target, because the host differs.

    Changed are: the route's prefix, what a plugin took off the query, Host, hop-by-hop fields, the
    framing of an edited body, and accept-encoding where a plugin may change the answer, or where it
    is read for its usage. Added is x-request-id, if there is none. Where the upstream has a
    `credential` of ours, it stands in the place of everything that a client may present.

    `payload` is the whole body; None means that `body` still arrives and is passed on as it comes.
    """

    __slots__ = (
        "_added",
        "_asks_identity",
        "_content_length",
        "_dropped",
        "_headers",
        "_path",
        "_request",
        "body",
        "chunked",
        "method",
        "payload",
        "upgrade",
    )

    def __init__(
        self,
        x: Exchange,
        binding: Binding,
        request: InboundRequest,
        payload: bytes | None,
        credential: UpstreamCredential | None = None,
    ) -> None:
        """Raises UpstreamError where there should be a `credential` of ours and is none."""
        self._request = request
        self.method = request.method
        self.body = request.body
        self.payload = payload
        self.upgrade = request.upgrade
        self.chunked = request.chunked
        self._content_length: int | None = None
        if x.request.body_edited and payload is not None:
            self.chunked, self._content_length = False, len(payload)
        if credential is None:
            withhold_own(x.request)
        headers = request.headers
        self._asks_identity = binding.asks_identity
        self._added = b""
        self._dropped = REQUEST_HOP_BY_HOP
        if credential is not None:
            self._added = credential.line(x.dialect)
            self._dropped = credential.dropped
            if x.dialect is Dialect.GEMINI:
                x.request.remove_from_query(QUERY_KEY)
            if request.upgrade:
                headers = without_protocol_key(headers)
        self._headers = headers
        if headers.first(b"x-request-id") is None:
            self._added += b"x-request-id: %b\r\n" % x.id.encode("latin-1")
        if request.upgrade:
            self._added += upgrade_fields(headers.raw)
        prefix = binding.route.strip_prefix
        target = x.request.target.encode("latin-1") if x.request.target_edited else request.target
        path = target[len(prefix) :] if prefix else target
        self._path = path if path.startswith((b"/", b"*")) else b"/" + path

    def head(self, target: Target) -> bytes:
        """The request head for one target."""
        request, added = self._request, self._added
        # HTTP/1.0 may leave Host out, the HTTP/1.1 that we speak may not (RFC 9112 section 3.2).
        if request.http_10 and self._headers.first(b"host") is None:
            added = b"host: %b\r\n%b" % (target.host_header, added)
        return request_head(
            b"%b %b%b HTTP/1.1\r\n" % (self.method, target.base_path, self._path),
            self._headers,
            host=target.host_header,
            connection=request.connection,
            chunked=self.chunked,
            content_length=self._content_length,
            added=added,
            dropped=self._dropped,
            asks_identity=self._asks_identity,
        )
