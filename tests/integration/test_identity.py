"""Virtual keys and the admin API of a running gateway: what is written holds on every worker."""

from __future__ import annotations

import re
import stat
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.identity.keys import TOKEN_PREFIX, mint
from tests.integration.gateway_process import (
    SEALGATE,
    GatewayProcess,
    finish,
    running_gateway,
    start_gateway,
)

POLICY = "version: 1\nname: keys\nchain:\n  - auth: {api_keys: true}\n"
CONNECTIONS = 24
"""New connections that are tried in a row: that one of two workers gets none is 1 in 2**23."""


class Admin:
    """The admin API of one gateway, with its first token."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self.token = first_token(gateway)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """The answer's body; AssertionError for a refusal."""
        status, answer = self.status_of(method, path, body, token)
        assert status < 300, answer
        return answer

    def status_of(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        return ask(
            method,
            self.gateway.admin_url + path,
            None if body is None else orjson.dumps(body),
            f"Bearer {self.token if token is None else token}",
        )

    def cli(self, *arguments: str) -> Any:
        """A verb of the command line, run beside the gateway."""
        flags = ["--data-dir", str(self.gateway.folder / "data")]
        command = [str(SEALGATE), *arguments, *flags]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def first_token(gateway: GatewayProcess) -> str:
    """What the gateway printed for whoever started it; its lines come after it is ready."""
    found = None
    until(lambda: "sga_" in gateway.errors and gateway.errors.endswith("\n"))
    found = re.search(r"^  (sga_\w{49})$", gateway.errors, re.MULTILINE)
    assert found is not None
    return found[1]


def ask(method: str, url: str, body: bytes | None, authorization: str) -> tuple[int, Any]:
    headers = {"content-type": "application/json", "authorization": authorization}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            content = response.read()
            return response.status, orjson.loads(content) if content else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, orjson.loads(error.read())


def chat(gateway: GatewayProcess, key: str) -> int:
    """The status of one request on a connection of its own."""
    body = b'{"model":"demo","messages":[{"role":"user","content":"Hello"}]}'
    url = f"{gateway.url}/demo/v1/chat/completions"
    return ask("POST", url, body, f"Bearer {key}")[0]


def every(gateway: GatewayProcess, key: str) -> set[int]:
    """The statuses of so many connections that each worker gets some."""
    return {chat(gateway, key) for _ in range(CONNECTIONS)}


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.02)


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=POLICY, workers=2) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def admin(gateway: GatewayProcess) -> Admin:
    return Admin(gateway)


def test_a_new_key_works_on_every_worker_until_it_is_revoked(
    gateway: GatewayProcess, admin: Admin
) -> None:
    made = admin.call("POST", "/api/keys", {"subject": "ada"})
    until(lambda: every(gateway, made["key"]) == {200})

    admin.call("POST", f"/api/keys/{made['id']}/revoke")

    until(lambda: every(gateway, made["key"]) == {401})
    assert chat(gateway, "sg_" + "a" * 49) == 401


def test_what_the_command_line_writes_holds_as_well(gateway: GatewayProcess, admin: Admin) -> None:
    made = orjson.loads(admin.cli("apikeys", "create", "--subject", "bob", "--json"))
    until(lambda: every(gateway, made["key"]) == {200})

    admin.cli("revocations", "create", "subject", "bob")

    until(lambda: every(gateway, made["key"]) == {401})


def test_both_secrets_work_while_a_rotation_overlaps(gateway: GatewayProcess, admin: Admin) -> None:
    old = admin.call("POST", "/api/keys", {"subject": "carol"})
    new = admin.call("POST", f"/api/keys/{old['id']}/rotate", {"overlap_s": 3600})
    until(lambda: every(gateway, new["key"]) == {200})
    assert every(gateway, old["key"]) == {200}

    last = admin.call("POST", f"/api/keys/{old['id']}/rotate", {"overlap_s": 0})

    until(lambda: every(gateway, old["key"]) | every(gateway, new["key"]) == {401})
    assert every(gateway, last["key"]) == {200}


def test_a_use_is_shown_soon(gateway: GatewayProcess, admin: Admin) -> None:
    made = admin.call("POST", "/api/keys", {"subject": "dave"})
    assert made["last_used_at"] is None
    until(lambda: chat(gateway, made["key"]) == 200)

    path = f"/api/keys/{made['id']}"
    until(lambda: admin.call("GET", path)["last_used_at"] is not None)
    until(lambda: admin.call("GET", "/api/tokens")["items"][0]["last_used_at"] is not None)


def test_the_files_of_identity_are_for_this_user_alone(gateway: GatewayProcess) -> None:
    data = gateway.folder / "data"

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.glob("identity*")}
    assert {"identity.db", "identity.pepper"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_health_and_metrics_ask_for_no_token_and_the_api_does(gateway: GatewayProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert gateway.admin(path)[0] == 200
    for path in ("/api/keys", "/api/whoami", "/api/openapi.json"):
        assert gateway.admin(path)[0] == 401


def test_the_first_token_is_printed_once_and_never_logged(tmp_path: Path) -> None:
    with running_gateway() as gateway:
        admin = Admin(gateway)
        assert admin.call("GET", "/api/whoami")["tenant"] is None
        data = gateway.folder / "data"
        made = admin.call("POST", "/api/keys", {"subject": "ada"})
        wrong = mint(TOKEN_PREFIX)
        assert admin.status_of("GET", "/api/keys", token=wrong)[0] == 401
        assert admin.status_of("GET", f"/api/keys/{made['key']}")[0] == 404
        gateway.wait_for_log("admin action", count=4)
        copy = tmp_path / "data"
        gateway.stop()
        data.rename(copy)
        written = b"\n".join(orjson.dumps(line) for line in gateway.logs).decode()
        assert gateway.errors.count(admin.token) == 1
        for secret in (admin.token, made["key"], wrong):
            assert secret[8:] not in written

    again = start_gateway(arguments=("--data-dir", str(copy)))
    try:
        again.wait_for_log("ready")
        again.stop()
        assert "sga_" not in again.errors
        assert "Try, without any key" in again.errors
    finally:
        finish(again)


def test_no_token_is_made_where_none_is_wanted() -> None:
    with running_gateway(config="identity: {first_token: false}\n") as gateway:
        gateway.stop()
        assert "Try, without any key" in gateway.errors
        assert "sga_" not in gateway.errors


def test_does_not_open_to_a_network_without_asking_who_calls() -> None:
    gateway = start_gateway(arguments=("--host", "0.0.0.0"))
    try:
        assert gateway.wait() == 2
        assert '"default" serves every caller of 0.0.0.0 without asking who it is' in gateway.errors
        assert "--insecure" in gateway.errors
        assert gateway.logs == []
    finally:
        finish(gateway)


@pytest.mark.parametrize("way", ["flag", "variable", "policy"])
def test_opens_to_a_network_where_that_is_wanted(way: str) -> None:
    """The listener is on every address for a moment; it serves only its own simulated provider."""
    arguments = ("--host", "0.0.0.0", *(("--insecure",) if way == "flag" else ()))
    environment = {"SEALGATE_INSECURE": "true"} if way == "variable" else {}
    policies = POLICY if way == "policy" else None
    with running_gateway(
        arguments=arguments, environment=environment, policies=policies
    ) as gateway:
        assert chat(gateway, "sg_x") == (401 if way == "policy" else 200)


def test_a_reload_does_not_open_it_either() -> None:
    with running_gateway(arguments=("--host", "0.0.0.0"), policies=POLICY) as gateway:
        file = gateway.folder / "policies" / "policy.yaml"
        file.write_text("version: 1\nname: keys\nchain: []\n")

        state = gateway.wait_until(lambda s: bool(s["policies"]["last_reload_error"]))

        assert "without asking who it is" in str(state["policies"]["last_reload_error"])
        assert chat(gateway, "sg_x") == 401
