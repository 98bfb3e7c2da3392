"""Every way to an upstream, through a running gateway: socket, base path, TLS, proxy, full pool."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
import trustme

from tests.hostile.raw_upstream import RawUpstream, echo, listening_socket
from tests.hostile.wire import Message, TruncatedError, Wire, connect
from tests.integration.gateway_process import GatewayProcess, running_gateway

BARE_POLICY = "version: 1\nname: bare\nchain: []\n"
CREDENTIALS = b"Proxy-Authorization: Basic dTpzM2NyZXQ=\r\n"  # u:s3cret


class Server:
    """Accepts on its own thread and answers each request with its request line and Host."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self._listener = listener
        listener.settimeout(None)
        self._tls = tls
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, TruncatedError), sock:
            stream = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            with stream:
                self.serve(Wire(stream))

    def serve(self, wire: Wire) -> None:
        while True:
            request = wire.read_request()
            request.start += b" " + request.values(b"host")[0]
            wire.send(echo(request))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class ConnectProxy(Server):
    """An outbound proxy that wants credentials; remembers what it was asked."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        super().__init__(listening_socket())

    def serve(self, wire: Wire) -> None:
        head = wire.read_until(b"\r\n\r\n")
        self.heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        if CREDENTIALS not in head:
            wire.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        with socket.create_connection((host, int(port))) as far:
            wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(far, wire.sock), daemon=True)
            back.start()
            pump(wire.sock, far)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Stage:
    """A gateway, and what the tests look at behind it."""

    gateway: GatewayProcess
    plain: Server
    secure: Server
    proxy: ConnectProxy
    raw: RawUpstream
    clients: list[Wire] = field(default_factory=list)

    def send(self, target: str) -> Wire:
        client = connect(("127.0.0.1", self.gateway.port))
        self.clients.append(client)
        client.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
        return client

    def ask(self, target: str) -> Message:
        return self.send(target).read_response()

    def refusal(self, target: str) -> tuple[int, str, str]:
        answer = self.ask(target)
        error = orjson.loads(answer.body)["error"]
        return answer.status, error["code"], error["message"]


def config(stage_ports: dict[str, int], folder: Path) -> str:
    upstreams = {
        "based": 'url: "http://127.0.0.1:{plain}/base/path"',
        "unix": f'url: "unix:{folder}/u.sock:/base"',
        "tunnel": 'url: "http://127.0.0.1:{plain}", proxy: "http://u:s3cret@127.0.0.1:{proxy}"',
        "tls_tunnel": (
            'url: "https://localhost:{secure}", tls: {{ca_file: ca.pem}}, '
            'proxy: "http://u:s3cret@127.0.0.1:{proxy}"'
        ),
        "locked_out": 'url: "http://127.0.0.1:{plain}", proxy: "http://u:bad@127.0.0.1:{proxy}"',
        "secure": 'url: "https://localhost:{secure}", tls: {{ca_file: ca.pem}}',
        "untrusted": 'url: "https://localhost:{secure}"',
        "misnamed": 'url: "https://127.0.0.1:{secure}", tls: {{ca_file: ca.pem}}',
        "full": 'url: "http://127.0.0.1:{raw}", pool: {{connections_max: 1, queue_max: 0}}',
        "queued": 'url: "http://127.0.0.1:{raw}", pool: {{connections_max: 1}}',
    }
    lines = ["upstreams:"]
    lines += [f"  {name}: {{{text.format(**stage_ports)}}}" for name, text in upstreams.items()]
    lines.append("routes:")
    for name in upstreams:
        match = f"match: {{path_prefix: /{name}}}, strip_prefix: true"
        lines.append(f"  - {{name: {name}, {match}, upstream: {name}, dialect: openai}}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path, because that of a Unix socket is limited."""
    with tempfile.TemporaryDirectory(prefix="sg-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def tls(folder: Path) -> ssl.SSLContext:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def running(folder: Path, tls: ssl.SSLContext) -> Iterator[Stage]:
    unix_listener = socket.socket(socket.AF_UNIX)
    unix_listener.bind(str(folder / "u.sock"))
    unix_listener.listen()
    unix = Server(unix_listener)
    plain, secure = Server(listening_socket()), Server(listening_socket(), tls)
    proxy, raw = ConnectProxy(), RawUpstream()
    servers = {"plain": plain, "secure": secure, "proxy": proxy, "raw": raw}
    text = config({name: server.port for name, server in servers.items()}, folder)
    text = text.replace("ca.pem", str(folder / "ca.pem"))
    with running_gateway(config=text, policies=BARE_POLICY) as gateway:
        yield Stage(gateway, plain, secure, proxy, raw)
    for server in (unix, plain, secure, proxy, raw):
        server.close()


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """The stage without connections of earlier tests."""
    running.proxy.heads.clear()
    yield running
    for client in running.clients:
        client.close()
    running.clients.clear()
    running.raw.forget()


def test_a_base_path_goes_before_the_path_and_the_host_is_the_targets(stage: Stage) -> None:
    seen = b"GET /base/path/v1/x?a=%2F HTTP/1.1 127.0.0.1:" + str(stage.plain.port).encode()

    assert stage.ask("/based/v1/x?a=%2F").body == seen


def test_a_unix_socket_serves_under_the_name_localhost(stage: Stage) -> None:
    assert stage.ask("/unix/v1/x").body == b"GET /base/v1/x HTTP/1.1 localhost"


def test_tls_of_a_known_ca_is_spoken(stage: Stage) -> None:
    seen = b"GET /v1/x HTTP/1.1 localhost:%d" % stage.secure.port

    assert stage.ask("/secure/v1/x").body == seen
    assert stage.ask("/secure/v1/x").body == seen


@pytest.mark.parametrize("upstream", ["untrusted", "misnamed"])
def test_a_certificate_that_does_not_hold_is_refused(stage: Stage, upstream: str) -> None:
    status, code, _ = stage.refusal(f"/{upstream}/v1/x")

    assert (status, code) == (502, "upstream_tls_failed")


@pytest.mark.parametrize(("upstream", "server"), [("tunnel", "plain"), ("tls_tunnel", "secure")])
def test_an_outbound_proxy_opens_a_tunnel(stage: Stage, upstream: str, server: str) -> None:
    host = {"plain": "127.0.0.1", "secure": "localhost"}[server]
    authority = f"{host}:{getattr(stage, server).port}".encode()

    assert stage.ask(f"/{upstream}/v1/x").body == b"GET /v1/x HTTP/1.1 " + authority
    assert stage.proxy.heads[0].startswith(b"CONNECT " + authority + b" HTTP/1.1\r\n")


def test_the_credentials_of_a_proxy_are_in_no_log_and_no_answer(stage: Stage) -> None:
    status, code, message = stage.refusal("/locked_out/v1/x")
    assert (status, code) == (502, "upstream_connect_failed")
    stage.ask("/tunnel/v1/x")
    told = stage.gateway.errors + str(stage.gateway.logs) + message

    for secret in ("s3cret", "u:bad", "dTpiYWQ", "dTpzM2NyZXQ"):
        assert secret not in told


def test_a_full_pool_without_a_queue_refuses_at_once(stage: Stage) -> None:
    busy = stage.send("/full/v1/x")
    wire, _ = stage.raw.receive()
    status, code, _ = stage.refusal("/full/v1/x")
    assert (status, code) == (503, "upstream_queue_timeout")

    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert busy.read_response().status == 200


def test_a_client_that_leaves_gives_its_turn_to_the_next(stage: Stage) -> None:
    """The first request holds the only connection when its client goes; the second waits for it."""
    leaving = stage.send("/queued/v1/first")
    stage.raw.receive()
    waiting = stage.send("/queued/v1/second")
    leaving.reset()
    wire, seen = stage.raw.receive()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert seen.target == b"/v1/second"
    assert waiting.read_response().status == 200


@pytest.mark.parametrize("name", ["azure", "bedrock"])
def test_an_upstream_without_an_address_says_how_to_set_it(stage: Stage, name: str) -> None:
    answer = stage.ask(f"/{name}/openai/deployments/x?api-version=1")

    assert answer.status == 503
    assert f"--upstream {name}=https://".encode() in answer.body
