"""The OpenID Connect provider of npm (`oidc-provider`), as a process that rotates its keys."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode

import orjson

from tests.integration.sdk.node import FOLDER

_CREDENTIALS = b64encode(b"agent:agent-secret").decode()
_GRANT = {"grant_type": "client_credentials", "resource": "urn:sealgate"}


class OidcProvider:
    """Started when made; `close` stops it. `url` is the issuer."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "oidc.mjs"],
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), "the provider did not start"
        self.url = line.removeprefix("listening on ").strip()

    def token(self) -> str:
        """An access token of the client `agent` for the audience `sealgate` (RFC 9068)."""
        form = urllib.parse.urlencode(_GRANT).encode()
        answer = self._post("/token", form, {"authorization": f"Basic {_CREDENTIALS}"})
        token: str = orjson.loads(answer)["access_token"]
        return token

    def rotate(self) -> None:
        """Signs with a fresh key; the ones before stay published."""
        self._post("/test/rotate")

    def retire(self) -> None:
        """Publishes the newest key alone."""
        self._post("/test/retire")

    def go_away(self) -> None:
        """Answers 503 from now on."""
        self._post("/test/away")

    def come_back(self) -> None:
        """Answers again."""
        self._post("/test/back")

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _post(self, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, body, headers or {})
        with urllib.request.urlopen(request, timeout=20) as response:
            answer: bytes = response.read()
        return answer
