"""The whole gateway as operators run it: one process tree, real signals, real files."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from tests.integration.gateway_process import (
    SEALGATE,
    GatewayProcess,
    finish,
    running_gateway,
    start_gateway,
)

BARE = "version: 1\nname: bare\nchain: []\n"
BROKEN = "version: 1\nname: broken\nchain:\n  - no_such_plugin: {}\n"
CHAT = orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hello"}]})
STREAM = orjson.dumps({"stream": True, **orjson.loads(CHAT)})
JSON = {"content-type": "application/json"}


def connect(gateway: GatewayProcess) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)


def chat(gateway: GatewayProcess, body: bytes = CHAT, **headers: str) -> tuple[int, bytes]:
    with contextlib.closing(connect(gateway)) as connection:
        connection.request("POST", "/demo/v1/chat/completions", body, {**JSON, **headers})
        response = connection.getresponse()
        return response.status, response.read()


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(workers=2, policies=BARE) as gateway:
        yield gateway


def test_a_killed_worker_is_replaced_and_its_counts_stay(gateway: GatewayProcess) -> None:
    assert chat(gateway)[0] == 200
    served = gateway.metric("sealgate_requests_total", route="demo")
    victim = gateway.worker_pids()[0]

    os.kill(victim, signal.SIGKILL)
    state = gateway.wait_until(
        lambda s: s["ready"] and victim not in [w["pid"] for w in s["workers"]]
    )

    assert sum(w["restarts"] for w in state["workers"]) >= 1
    assert chat(gateway)[0] == 200
    assert gateway.metric("sealgate_requests_total", route="demo") == served + 1
    exit_line = gateway.wait_for_log(lambda line: line.get("worker_pid") == victim)
    assert exit_line["signal"] == "SIGKILL"


def test_streams_of_other_workers_do_not_notice_that_one_is_killed() -> None:
    with running_gateway(workers=2, policies=BARE) as gateway:
        connections = [connect(gateway) for _ in range(8)]
        for connection in connections:
            headers = {**JSON, "x-demo-chunk-delay-ms": "40"}
            connection.request("POST", "/demo/v1/chat/completions", STREAM, headers)
        responses = [connection.getresponse() for connection in connections]

        os.kill(gateway.worker_pids()[0], signal.SIGKILL)

        whole, broken = 0, 0
        for response in responses:
            try:
                whole += b"[DONE]" in response.read()
            except (http.client.IncompleteRead, ConnectionResetError):
                broken += 1
        for connection in connections:
            connection.close()
        assert whole + broken == 8
        assert whole > 0 or broken == 8  # the kernel may have given one worker all of them


def test_edited_policies_take_effect_and_broken_ones_do_not(gateway: GatewayProcess) -> None:
    file = gateway.folder / "policies" / "policy.yaml"
    before = gateway.readyz()["policies"]

    file.write_text(BROKEN)
    state = gateway.wait_until(lambda s: bool(s["policies"]["last_reload_error"]))
    assert f"{file}:4:5: " in state["policies"]["last_reload_error"]
    assert state["policies"]["digest"] == before["digest"]
    assert state["ready"]
    assert chat(gateway)[0] == 200
    assert gateway.metric("sealgate_policy_last_reload_ok") == 0

    file.write_text(BARE.replace("bare", "edited"))
    state = gateway.wait_until(lambda s: s["policies"]["digest"] != before["digest"])
    assert state["policies"]["last_reload_error"] == ""
    gateway.wait_until(
        lambda s: {w["policy_version"] for w in s["workers"]} == {s["policies"]["version"]}
    )
    chat(gateway)
    assert gateway.wait_for_log(lambda line: line.get("policy") == "edited")
    assert gateway.metric("sealgate_policy_last_reload_ok") == 1


def test_sighup_reloads_policies() -> None:
    with running_gateway(policies=BARE) as gateway:
        (gateway.folder / "policies" / "second.yml.off").write_text("not a policy")
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_for_log("reload requested")
        (gateway.folder / "policies" / "policy.yaml").write_text(BARE.replace("bare", "edited"))
        gateway.send_signal(signal.SIGHUP)

        line = gateway.wait_for_log("policies reloaded")

        assert line["policy_version"] > 1


def test_a_drain_finishes_streams_and_closes_idle_connections() -> None:
    with running_gateway(policies=BARE) as gateway:
        idle = connect(gateway)
        idle.request("GET", "/demo/v1/models")
        idle.getresponse().read()
        busy = connect(gateway)
        headers = {**JSON, "x-demo-chunk-delay-ms": "50"}
        busy.request("POST", "/demo/v1/chat/completions", STREAM, headers)
        response = busy.getresponse()

        gateway.send_signal(signal.SIGTERM)

        assert idle.sock.recv(1) == b""
        assert b"[DONE]" in response.read()
        assert gateway.wait() == 0
        assert gateway.wait_for_log("drained")["connections_cut"] == 0
        idle.close()
        busy.close()
        assert gateway.exchanges[-1]["status"] == 200


def test_a_drain_ends_longer_streams_with_an_error_event() -> None:
    with running_gateway(policies=BARE, config="drain_timeout_s: 0.2\n") as gateway:
        busy = connect(gateway)
        headers = {**JSON, "x-demo-chunk-delay-ms": "5000"}
        busy.request("POST", "/demo/v1/chat/completions", STREAM, headers)
        response = busy.getresponse()

        gateway.send_signal(signal.SIGTERM)

        received = b""
        with contextlib.suppress(http.client.IncompleteRead, ConnectionResetError):
            while part := response.read1():
                received += part
        busy.close()
        assert gateway.wait() == 0
        assert b"draining" in received
        assert b"[DONE]" not in received
        assert gateway.wait_for_log("drained")["connections_cut"] == 1


def test_while_it_drains_it_is_not_ready_and_takes_no_connection() -> None:
    with running_gateway(policies=BARE) as gateway:
        busy = connect(gateway)
        headers = {**JSON, "x-demo-chunk-delay-ms": "5000"}
        busy.request("POST", "/demo/v1/chat/completions", STREAM, headers)
        busy.getresponse()

        gateway.send_signal(signal.SIGTERM)
        state = gateway.wait_until(lambda s: s["state"] == "draining")

        assert state["ready"] is False
        gateway.wait_until(lambda _: not accepts(gateway.port))
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait() == 1
        busy.close()


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("victim", ["supervisor", "forker"])
def test_no_process_outlives_the_supervisor(victim: str) -> None:
    with running_gateway(policies=BARE, workers=2) as gateway:
        children = [*gateway.worker_pids(), forker_of(gateway.pid)]
        if victim == "forker":
            os.kill(children[-1], signal.SIGKILL)
            children += [gateway.wait_for_log("forker started")["forker_pid"]]
            assert gateway.stop() == 0
        else:
            os.kill(gateway.pid, signal.SIGKILL)
            gateway.process.wait()

        for pid in children:
            wait_for_end(pid)


def forker_of(pid: int) -> int:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return int(text.split()[0])


def wait_for_end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            assert select.select([descriptor], [], [], 20)[0], pid
        finally:
            os.close(descriptor)


# -- it cannot start: one clear line, exit code 2, no traceback -------------------------------


def refused(*arguments: str, **settings: Any) -> str:
    gateway = start_gateway(arguments=arguments, **settings)
    try:
        assert gateway.wait() == 2
        assert "Traceback" not in gateway.errors
        assert len(gateway.errors.splitlines()) == 1, gateway.errors
        return gateway.errors.strip()
    finally:
        finish(gateway)


def test_a_port_in_use_is_told(gateway: GatewayProcess) -> None:
    port = str(gateway.port)

    assert refused("--port", port) == (
        f"sealgate: listener: cannot listen on 127.0.0.1:{port}: Address already in use "
        "(another program listens there; stop it or choose another port)"
    )


def test_an_admin_port_in_use_is_told(gateway: GatewayProcess) -> None:
    assert "sealgate: admin: cannot listen" in refused("--admin-port", str(gateway.admin_port))


def test_a_data_folder_in_use_is_told(gateway: GatewayProcess) -> None:
    folder = str(gateway.folder / "data")

    assert f"another gateway (pid {gateway.pid}) uses this data folder" in refused(
        "--data-dir", folder
    )


def test_a_broken_policy_is_told_with_its_place() -> None:
    assert "policy.yaml:4:5: " in refused(policies=BROKEN)


def test_a_missing_policy_folder_is_told(tmp_path: Path) -> None:
    assert f"sealgate: {tmp_path / 'absent'}" in refused("--policies", str(tmp_path / "absent"))


def test_a_broken_setting_is_told_with_its_place() -> None:
    assert 'gateway.yaml:1:1: unknown setting "listner"' in refused(config="listner: {}\n")


def test_a_missing_certificate_is_told(tmp_path: Path) -> None:
    config = f"listener: {{tls: {{cert_file: {tmp_path}/a, key_file: {tmp_path}/b}}}}\n"

    assert f"{tmp_path}/a: cannot be read: No such file" in refused(config=config)


def test_a_wrong_variable_is_told_by_name_and_never_by_value() -> None:
    line = refused(environment={"SEALGATE_PROT": "sk-canary"})

    assert line == (
        "sealgate: SEALGATE_PROT: unknown environment variable (did you mean SEALGATE_PORT?)"
    )


def test_names_of_other_software_are_logged_once_without_their_values() -> None:
    environment = {"DATABASE_URL": "postgres://:sk-canary@x", "PERFORMANCE_WORKERS": "2"}
    with running_gateway(policies=BARE, environment=environment) as gateway:
        line = gateway.wait_for_log("environment variables without effect")

        assert list(line["variables"]) == ["DATABASE_URL"]
        assert "canary" not in str(gateway.logs)


def test_the_data_folder_of_a_killed_gateway_can_be_used_again() -> None:
    with running_gateway(policies=BARE) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait()
        with running_gateway(
            policies=BARE, arguments=["--data-dir", str(first.folder / "data")]
        ) as second:
            assert chat(second)[0] == 200


# -- TLS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def write_certificate(authority: trustme.CA, folder: Path) -> str:
    """Issues a certificate into `folder` and returns the settings that name it."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    fresh = folder / "cert.new"
    fresh.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    fresh.rename(folder / "cert.pem")
    return f"cert_file: {folder}/cert.pem, key_file: {folder}/key.pem"


def handshake(gateway: GatewayProcess, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET /demo/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        if not (answer := secured.recv(15)):
            raise ConnectionResetError
        assert answer == b"HTTP/1.1 200 OK"
        found = secured.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_new_certificate_files_serve_new_connections(tmp_path: Path, authority: trustme.CA) -> None:
    config = f"listener: {{tls: {{{write_certificate(authority, tmp_path)}}}}}\n"
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running_gateway(policies=BARE, config=config, scheme="https") as gateway:
        before = handshake(gateway, context)

        write_certificate(authority, tmp_path)
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_for_log("certificates reloaded")
        after = handshake(gateway, context)
        assert after != before

        (tmp_path / "cert.pem").write_text("rubbish")
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_for_log("certificates not reloaded")
        assert handshake(gateway, context) == after


def test_mutual_tls_asks_for_a_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    names = f"{write_certificate(authority, tmp_path)}, client_ca_file: {tmp_path}/ca.pem"
    known = ssl.create_default_context()
    authority.configure_trust(known)
    authority.issue_cert("client@example.org").configure_cert(known)
    unknown = ssl.create_default_context()
    authority.configure_trust(unknown)
    config = f"listener: {{tls: {{{names}}}}}\n"
    with running_gateway(policies=BARE, config=config, scheme="https") as gateway:
        assert handshake(gateway, known)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            handshake(gateway, unknown)


# -- PROXY protocol -----------------------------------------------------------------------------


def test_the_client_address_comes_from_the_proxy_protocol() -> None:
    config = "listener: {proxy_protocol: true}\ntrusted_proxies: [127.0.0.1]\n"
    addresses = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + bytes([0x13, 0x88, 0x01, 0xBB])
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + addresses
    request = b"GET /demo/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with running_gateway(policies=BARE, config=config) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
            client.sendall(header + request)
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
            client.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(15) == b""

        assert gateway.wait_for_log("exchange")["client_ip"] == "192.0.2.7"
        assert gateway.metric("sealgate_connections_refused_total", cause="proxy_protocol") == 1


def test_a_proxy_protocol_without_trusted_proxies_is_refused_at_start() -> None:
    line = refused(config="listener: {proxy_protocol: true}\n")

    assert "needs trusted_proxies" in line


def said_and_loaded(*words: str) -> tuple[str, list[str]]:
    """What a command of `sealgate` prints, and the modules that it has loaded by then."""
    code = (
        f"import sys; sys.argv = {['sealgate', *words]!r}\n"
        "from gateway.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    said, _, modules = output.rstrip("\n").rpartition("\n")
    return said, modules.split()


def test_help_answers_without_loading_the_gateway() -> None:
    said, loaded = said_and_loaded("--help")

    assert "serve" in said
    assert not {"pydantic", "aiohttp", "uvloop", "asyncio"} & set(loaded)
    assert SEALGATE.exists()


def test_a_gateway_that_runs_carries_no_other_commands() -> None:
    said, loaded = said_and_loaded("serve", "--help")

    assert "--admin-port" in said
    assert not [name for name in loaded if name.startswith("gateway.cli_")]
