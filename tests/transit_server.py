"""A real HTTP server that speaks what the sequencer asks of Vault's transit engine.

`POST /v1/transit/sign/KEY` and `GET /v1/transit/keys/KEY`, as Vault's API documents them, with real
Ed25519. It is not Vault: keys are in memory, and there are no policies.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from nacl.signing import SigningKey


class TransitServer:
    """`keys` maps names to versions, the first of which is 1."""

    def __init__(self) -> None:
        self.keys: dict[str, list[SigningKey]] = {}
        self.types: dict[str, str] = {}
        self.tokens = {"root-token"}
        self.down = False
        self.lies = False
        self.refuses_item = -1
        self.signed_in = 0
        self.batches: list[int] = []
        self.url = ""

    def rotate(self, name: str) -> None:
        """Makes a key, or its next version."""
        self.keys.setdefault(name, []).append(SigningKey.generate())

    def public_key(self, name: str, version: int = -1) -> bytes:
        """The public half of a version, by default the latest."""
        return bytes(self.keys[name][version].verify_key)

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
        """What Vault would."""
        if self.down:
            return 503, {"errors": ["Vault is sealed"]}
        if path == "/v1/auth/approle/login":
            self.signed_in += 1
            self.tokens.add(f"hvs.{self.signed_in}")
            auth = {"client_token": f"hvs.{self.signed_in}", "lease_duration": 3600}
            return 200, {"auth": auth}
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        engine, _, name = path.removeprefix("/v1/transit/").partition("/")
        if name not in self.keys:
            return 404, {"errors": []}
        if (method, engine) == ("GET", "keys"):
            return 200, {"data": self._shown(name)}
        return self._signed(name, orjson.loads(body))

    def _shown(self, name: str) -> dict[str, Any]:
        versions = enumerate(self.keys[name], 1)
        keys = {
            str(number): {"public_key": base64.b64encode(bytes(key.verify_key)).decode()}
            for number, key in versions
        }
        kind = self.types.get(name, "ed25519")
        return {"type": kind, "latest_version": len(keys), "keys": keys, "derived": False}

    def _signed(self, name: str, asked: dict[str, Any]) -> tuple[int, Any]:
        version = asked["key_version"]
        key = SigningKey.generate() if self.lies else self.keys[name][version - 1]
        results: list[dict[str, Any]] = []
        for number, each in enumerate(asked["batch_input"]):
            signature = key.sign(base64.b64decode(each["input"])).signature
            text = f"vault:v{version}:{base64.b64encode(signature).decode()}"
            refused = number == self.refuses_item
            results.append({"error": "internal error"} if refused else {"signature": text})
        self.batches.append(len(results))
        return 400 if self.refuses_item == 0 else 200, {"data": {"batch_results": results}}


@contextmanager
def running_transit(*names: str) -> Iterator[TransitServer]:
    """A server with these keys."""
    vault = TransitServer()
    for name in names:
        vault.rotate(name)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            token = self.headers.get("x-vault-token") or ""
            status, answer = vault.answer(self.command, self.path, token, body)
            data = orjson.dumps(answer)
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
