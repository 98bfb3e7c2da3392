"""A loopback provider that answers every request with what it was told last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

CHUNK_BYTES = 211
"""An odd size, so that events and characters are cut at any place."""


class Upstream(ThreadingHTTPServer):
    """`say` sets the answer; `url` is where a gateway finds it; `heard` is each request so far."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Handler)
        self.content_type = "application/json"
        self.encoding = ""
        self.body = b"{}"
        self.streamed = False
        self.heard: list[tuple[list[tuple[str, str]], bytes]] = []

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A gateway that refuses an answer goes away in the middle of it: nothing to tell."""

    def say(self, body: bytes, content_type: str, *, streamed: bool, encoding: str = "") -> None:
        """What the next requests are answered with; `body` has the content-encoding `encoding`."""
        self.body, self.content_type, self.streamed = body, content_type, streamed
        self.encoding = encoding


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        upstream = self.server
        upstream.heard.append((self.headers.items(), asked))
        self.send_response(200)
        self.send_header("content-type", upstream.content_type)
        if upstream.encoding:
            self.send_header("content-encoding", upstream.encoding)
            self.send_header("content-digest", "sha-256=:of the bytes as they are:")
        if not upstream.streamed:
            self.send_header("content-length", str(len(upstream.body)))
            self.end_headers()
            self.wfile.write(upstream.body)
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        body = upstream.body
        parts = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
        chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
        # All at once, so that a busy machine makes no pause: a gateway may act on silence.
        self.wfile.write(b"".join(chunks) + b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        """Nothing is printed beside the report."""


@contextmanager
def running_upstream(host: str = "127.0.0.1", port: int = 0) -> Iterator[Upstream]:
    """Serves until the block ends."""
    upstream = Upstream(host, port)
    thread = Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.shutdown()
        upstream.server_close()
        thread.join()
