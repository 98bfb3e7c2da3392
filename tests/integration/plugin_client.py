"""One small client for the tests of plugins in a running gateway."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping

import orjson

from tests.integration.gateway_process import GatewayProcess

CHAT = "/demo/v1/chat/completions"
HELLO = orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": "hello"}]})

Answer = tuple[int, dict[str, str], bytes]


def ask(
    gateway: GatewayProcess,
    path: str = CHAT,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = HELLO,
) -> Answer:
    """Status, headers (lower case, the last of each name) and body of one exchange.

    A `body` in pieces is sent chunked. Without a content type, application/json is sent.
    """
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    sent = {"content-type": "application/json", **(headers or {})}
    chunked = body is not None and not isinstance(body, bytes)
    try:
        connection.request(method, path, body, sent, encode_chunked=chunked)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read()
    finally:
        connection.close()
