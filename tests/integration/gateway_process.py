"""A real `sealgate serve` on free ports, for tests that speak to it over sockets."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

SEALGATE = Path(sys.executable).with_name("sealgate")
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0

LogLine = dict[str, Any]


class GatewayProcess:
    """One running gateway; made by `running_gateway`.

    `url` is the base for clients, `admin_url` the one of the admin port. `logs` holds every line
    of standard output so far, `errors` the text of standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, scheme: str) -> None:
        self.process = process
        self.folder = folder
        self.pid = process.pid
        self.port = 0
        self.admin_port = 0
        self._scheme = scheme
        self._lines: list[LogLine] = []
        self._errors: list[str] = []
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._read_log, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def logs(self) -> list[LogLine]:
        with self._changed:
            return list(self._lines)

    @property
    def errors(self) -> str:
        with self._changed:
            return "".join(self._errors)

    @property
    def exchanges(self) -> list[LogLine]:
        """The lines of exchanges, in the order of their ends."""
        return [line for line in self.logs if line["event"] == "exchange"]

    def wait_for_log(
        self, wanted: str | Callable[[LogLine], bool], *, count: int = 1, timeout_s: float = 90.0
    ) -> LogLine:
        """The `count`th line with the event `wanted` (or for which `wanted` is true)."""
        matches = wanted if callable(wanted) else lambda line: bool(line["event"] == wanted)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = [line for line in self._lines if matches(line)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not self._threads[0].is_alive()
                if left <= 0 or ended:
                    shown = "\n".join(str(line) for line in self._lines[-20:])
                    raise AssertionError(
                        f"no log line {wanted!r}; exit code {self.process.poll()}; "
                        f"log:\n{shown}\nstderr:\n{''.join(self._errors)}"
                    )
                self._changed.wait(min(left, 0.2))

    def admin(self, path: str) -> tuple[int, bytes]:
        """Status and body of one GET on the admin port."""
        try:
            with urllib.request.urlopen(self.admin_url + path, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def readyz(self) -> dict[str, Any]:
        """The detail of readiness."""
        found: dict[str, Any] = orjson.loads(self.admin("/readyz")[1])
        return found

    def wait_until(
        self, condition: Callable[[dict[str, Any]], bool], *, timeout_s: float = 20.0
    ) -> dict[str, Any]:
        """Asks /readyz until `condition` holds of it."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not condition(state := self.readyz()):
            assert time.monotonic() < deadline, state
            pause.wait(0.02)
        return state

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples called `name` that carry these labels."""
        total = 0.0
        for line in self.admin("/metrics")[1].decode().splitlines():
            sample, _, value = line.rpartition(" ")
            carried = all(f'{key}="{text}"' in sample for key, text in labels.items())
            if sample.partition("{")[0] == name and carried:
                total += float(value)
        return total

    def worker_pids(self) -> list[int]:
        """The process ids of the workers, by worker number."""
        return [worker["pid"] for worker in self.readyz()["workers"]]

    def send_signal(self, signum: int) -> None:
        """Sends a signal to the supervisor."""
        self.process.send_signal(signum)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Asks the gateway to end and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.wait()

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Waits for the end, and returns the exit code."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        for thread in self._threads:
            thread.join(5)
        return code

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(orjson.loads(line))
                    self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                with self._changed:
                    self._errors.append(line.decode())
                    self._changed.notify_all()


def start_gateway(
    *,
    config: str | None = None,
    policies: Mapping[str, str] | str | None = None,
    upstreams: Mapping[str, str] | None = None,
    workers: int = 1,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    scheme: str = "http",
) -> GatewayProcess:
    """Starts a gateway without waiting for it; `finish` must be called at the end.

    `config` is the text of gateway.yaml. `policies` is the text of one policy, or of several by
    file name; without it, the gateway's own default is in force. `upstreams` maps names to URLs.
    """
    # Short, because the path of the demo provider's Unix socket is limited to 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="sg-"))
    command = [str(SEALGATE), "serve", "--port", "0", "--admin-port", "0"]
    command += ["--data-dir", str(folder / "data"), "--workers", str(workers)]
    if config is not None:
        (folder / "gateway.yaml").write_text(config)
        command += ["--config", str(folder / "gateway.yaml")]
    if policies is not None:
        files = {"policy.yaml": policies} if isinstance(policies, str) else policies
        (folder / "policies").mkdir()
        for name, text in files.items():
            (folder / "policies" / name).write_text(text)
        command += ["--policies", str(folder / "policies")]
    for name, url in (upstreams or {}).items():
        command += ["--upstream", f"{name}={url}"]
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    return GatewayProcess(process, folder, scheme)


def finish(gateway: GatewayProcess) -> None:
    """Ends the gateway, if it still runs, and removes its folder."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        if gateway.process.poll() is None:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.process.send_signal(signal.SIGINT)  # the second signal: at once
        gateway.wait()
    shutil.rmtree(gateway.folder, ignore_errors=True)


@contextlib.contextmanager
def running_gateway(
    *,
    config: str | None = None,
    policies: Mapping[str, str] | str | None = None,
    upstreams: Mapping[str, str] | None = None,
    workers: int = 1,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    scheme: str = "http",
) -> Iterator[GatewayProcess]:
    """A gateway that is ready; see `start_gateway`. It ends with the block."""
    gateway = start_gateway(
        config=config,
        policies=policies,
        upstreams=upstreams,
        workers=workers,
        arguments=arguments,
        environment=environment,
        scheme=scheme,
    )
    try:
        ready = gateway.wait_for_log("ready", timeout_s=START_TIMEOUT_S)
        gateway.port, gateway.admin_port = ready["port"], ready["admin_port"]
        yield gateway
    finally:
        finish(gateway)
