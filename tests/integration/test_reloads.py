"""Policies are edited a hundred times while streams run."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
from pathlib import Path

import orjson

from tests.integration.gateway_process import GatewayProcess, running_gateway

RELOADS = 100
CLIENTS = 4
STREAM = orjson.dumps(
    {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
)


def policy(number: int) -> str:
    chain = "[]" if number % 2 == 0 else "[{no_such_plugin: {}}]"
    return f"version: 1\nname: policy-{number}\nchain: {chain}\n"


def put(file: Path, text: str) -> None:
    """As an editor does: a new file in the place of the old one."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(file)


class Load:
    """Clients that stream one answer after the other until they are told to stop."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.whole = 0
        self.broken: list[str] = []
        self._gateway = gateway
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        address = ("127.0.0.1", self._gateway.port)
        with contextlib.closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
            while not self._stop.is_set():
                try:
                    self._stream(connection)
                except (OSError, http.client.HTTPException) as error:
                    self.broken.append(repr(error))
                    return

    def _stream(self, connection: http.client.HTTPConnection) -> None:
        headers = {"content-type": "application/json", "x-demo-chunk-delay-ms": "2"}
        connection.request("POST", "/demo/v1/chat/completions", STREAM, headers)
        response = connection.getresponse()
        body = response.read()
        if response.status == 200 and b"data: [DONE]" in body:
            self.whole += 1
        else:
            self.broken.append(f"{response.status} {body[-200:]!r}")


def test_a_hundred_reloads_under_load_cost_no_request() -> None:
    """Half of the files are broken: each of them is told, and the last good one is served."""
    with running_gateway(workers=2, policies=policy(0)) as gateway:
        file = gateway.folder / "policies" / "policy.yaml"
        load = Load(gateway)
        try:
            for number in range(1, RELOADS + 1):
                put(file, policy(number))
                gateway.send_signal(signal.SIGHUP)
                event = "policies not reloaded" if number % 2 else "policies reloaded"
                gateway.wait_for_log(event, count=(number + 1) // 2)
        finally:
            load.stop()

        assert load.broken == []
        assert load.whole > CLIENTS
        assert gateway.metric("sealgate_policy_reloads_total", result="ok") == RELOADS / 2
        assert gateway.metric("sealgate_policy_reloads_total", result="failed") >= RELOADS / 2
        assert gateway.metric("sealgate_worker_restarts_total") == 0
        gateway.stop()
        served_by = {line["policy"] for line in gateway.exchanges}
        assert served_by <= {f"policy-{number}" for number in range(0, RELOADS + 1, 2)}
        assert len(gateway.exchanges) == load.whole
