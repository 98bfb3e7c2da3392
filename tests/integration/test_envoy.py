"""Both Envoy examples, with the real Envoy: the gateway behind it, and beside it as `ext_authz`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import trustme

from tests.hostile.raw_upstream import RawUpstream
from tests.integration.envoy_process import EnvoyProcess
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.project.tree import ROOT

EXAMPLES = ROOT / "envoy-example"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
POLICY = """
version: 1
name: example
chain:
  - ip_allowlist: {deny: [203.0.113.9]}
  - request_limits: {methods: [GET, POST]}
"""


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Clients wait for answers in threads, while the test plays the upstream."""
    with ThreadPoolExecutor() as executor:
        yield executor


@contextmanager
def gateway_for(example: str, upstream: RawUpstream) -> Iterator[GatewayProcess]:
    """The gateway with the settings of the example and a policy that refuses something."""
    with running_gateway(
        config=(EXAMPLES / example / "gateway.yaml").read_text(encoding="utf-8"),
        policies=POLICY,
        upstreams={"openai": f"http://127.0.0.1:{upstream.port}"},
    ) as gateway:
        yield gateway


class TestEdge:
    """envoy-example/edge: TLS and HTTP/2 in front."""

    @pytest.fixture
    def gateway(self, upstream: RawUpstream) -> Iterator[GatewayProcess]:
        with gateway_for("edge", upstream) as gateway:
            yield gateway

    @pytest.fixture
    def client(self, tmp_path: Path, gateway: GatewayProcess) -> Iterator[httpx2.Client]:
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            tmp_path / "both.pem"
        )
        context = ssl.create_default_context()
        authority.configure_trust(context)
        replaced = {
            "port_value: 8443": "port_value: 0",
            "port_value: 8080": f"port_value: {gateway.port}",
            "port_value: 8081": f"port_value: {gateway.admin_port}",
            "/etc/envoy/tls/tls.crt": str(tmp_path / "both.pem"),
            "/etc/envoy/tls/tls.key": str(tmp_path / "both.pem"),
        }
        folder = tmp_path / "envoy"
        folder.mkdir()
        with (
            EnvoyProcess(EXAMPLES / "edge" / "envoy.yaml", folder, replaced) as edge,
            httpx2.Client(
                base_url=f"https://127.0.0.1:{edge.port}", http2=True, verify=context
            ) as client,
        ):
            yield client

    def test_a_stream_passes_event_by_event_over_http2(
        self, client: httpx2.Client, upstream: RawUpstream, pool: ThreadPoolExecutor
    ) -> None:
        """The upstream sends the next event only after the client has the one before."""
        request = client.build_request("POST", "/openai/v1/chat/completions", json={"stream": True})
        answering = pool.submit(client.send, request, stream=True)
        wire, received = upstream.receive()
        wire.send(STREAM_HEAD)
        answer = answering.result()
        body = answer.iter_raw()
        for number in range(5):
            event = b"data: %d\n\n" % number
            wire.send(chunk(event))

            assert next(body) == event
        wire.send(b"0\r\n\r\n")

        assert received.target == b"/v1/chat/completions"
        assert list(body) == []
        assert answer.http_version == "HTTP/2"

    def test_a_refusal_comes_back_in_the_dialect_of_the_route(
        self, client: httpx2.Client, upstream: RawUpstream
    ) -> None:
        answer = client.delete("/openai/v1/files/file-1")

        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == "method_denied"
        assert upstream.untouched()

    def test_a_client_cannot_choose_its_address(
        self, client: httpx2.Client, upstream: RawUpstream, pool: ThreadPoolExecutor
    ) -> None:
        """Envoy appends the peer's address; the gateway reads from the right."""
        asking = pool.submit(
            client.get, "/openai/v1/models", headers={"x-forwarded-for": "203.0.113.9"}
        )
        wire, _ = upstream.receive()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        assert asking.result().status_code == 200

    def test_nobody_makes_the_edge_retry(
        self, client: httpx2.Client, upstream: RawUpstream, pool: ThreadPoolExecutor
    ) -> None:
        """`x-envoy-retry-on` is an order to Envoy; from a client it must mean nothing."""
        order = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
        asking = pool.submit(client.post, "/openai/v1/embeddings", headers=order, content=b"{}")
        wire, _ = upstream.receive()
        wire.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")

        assert asking.result().status_code == 500
        assert upstream.untouched()


class TestExtAuthz:
    """envoy-example/ext_authz: Envoy asks, the gateway decides, any upstream answers."""

    @pytest.fixture
    def gateway(self, upstream: RawUpstream) -> Iterator[GatewayProcess]:
        with gateway_for("ext_authz", upstream) as gateway:
            yield gateway

    @pytest.fixture
    def client(
        self, tmp_path: Path, gateway: GatewayProcess, upstream: RawUpstream
    ) -> Iterator[httpx2.Client]:
        replaced = {
            "port_value: 8000": "port_value: 0",
            "port_value: 8080": f"port_value: {gateway.port}",
            "port_value: 9000": f"port_value: {upstream.port}",
        }
        folder = tmp_path / "envoy"
        folder.mkdir()
        with (
            EnvoyProcess(EXAMPLES / "ext_authz" / "envoy.yaml", folder, replaced) as front,
            httpx2.Client(base_url=f"http://127.0.0.1:{front.port}") as client,
        ):
            yield client

    def test_an_allowed_request_reaches_the_upstream_as_it_came(
        self, client: httpx2.Client, upstream: RawUpstream, pool: ThreadPoolExecutor
    ) -> None:
        asking = pool.submit(client.post, "/any/path?x=1", content=b"body", headers={"x-a": "1"})
        wire, request = upstream.receive()
        wire.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        assert asking.result().status_code == 201
        assert request.start == b"POST /any/path?x=1 HTTP/1.1"
        assert request.body == b"body"
        assert request.values(b"x-a") == [b"1"]

    def test_a_refused_request_gets_the_gateways_answer_and_goes_nowhere(
        self, client: httpx2.Client, upstream: RawUpstream
    ) -> None:
        answer = client.delete("/any/path")

        assert answer.status_code == 405
        assert answer.headers["x-sealgate-reason"] == "method_denied"
        assert "method_denied" in answer.json()["message"]
        assert upstream.untouched()

    def test_a_refusal_speaks_the_dialect_of_the_path(self, client: httpx2.Client) -> None:
        answer = client.delete(
            "/v1/messages/batches/1", headers={"anthropic-version": "2023-06-01"}
        )

        assert answer.json()["type"] == "error"
        assert "method_denied" in answer.text

    def test_without_the_gateway_nothing_passes(
        self, client: httpx2.Client, gateway: GatewayProcess, upstream: RawUpstream
    ) -> None:
        """`failure_mode_allow: false`: no decision is a refusal."""
        gateway.stop()
        answer = client.get("/any/path")

        assert answer.status_code == 503
        assert upstream.untouched()
