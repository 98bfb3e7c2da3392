"""Every exchange of a real gateway leaves exactly one receipt, and a stranger can verify it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from openai import OpenAI

from tests.integration.gateway_process import SEALGATE, GatewayProcess, running_gateway
from tests.integration.plugin_client import CHAT, HELLO, ask

HEADER = "x-sealgate-receipt"
POLICY = """
version: 1
name: receipts
chain:
  - request_limits: {methods: [GET, POST], body_bytes_max: 100000}
  - receipt: {durability: %s}
"""
SHADOW = """
version: 1
name: shadow
chain:
  - receipt: {mode: shadow}
"""
STREAM = orjson.dumps(
    {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
)
WAIT_S = 90.0


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(
        policies=POLICY % "batched", workers=2, upstreams={"openai": "http://127.0.0.1:9"}
    ) as gateway:
        yield gateway


class Admin:
    """Calls of the admin port as its first administrator."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._base = gateway.admin_url
        wait_for(lambda: "sga_" in gateway.errors)
        self._token = re.findall(r"sga_\S+", gateway.errors)[0]

    def get(self, path: str, *, public: bool = False) -> tuple[int, bytes, dict[str, str]]:
        headers = {} if public else {"authorization": f"Bearer {self._token}"}
        return self._send(urllib.request.Request(self._base + path, headers=headers))

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
        }
        request = urllib.request.Request(self._base + path, orjson.dumps(body), headers)
        status, answer, _ = self._send(request)
        return status, orjson.loads(answer)

    def receipt(self, ref: str) -> dict[str, Any]:
        """The receipt of an exchange, as soon as it is there."""
        status, body, _ = self.get(f"/receipts/{ref}?wait=30")
        assert status == 200, body
        found: dict[str, Any] = orjson.loads(body)
        return found

    def sealgate(self, ref: str) -> dict[str, Any]:
        """Our part of it."""
        found: dict[str, Any] = self.receipt(ref)["metadata"]["sealgate"]
        return found

    def all_refs(self) -> list[str]:
        """The references of all receipts, newest first."""
        refs: list[str] = []
        after = ""
        while True:
            status, body, _ = self.get(f"/receipts?limit=200{after}")
            if status != 200:  # there is no ledger yet
                return refs
            page = orjson.loads(body)
            refs += [item["id"] for item in page["items"]]
            if page["next"] is None:
                return refs
            after = f"&after={page['next']}"

    @staticmethod
    def _send(request: urllib.request.Request) -> tuple[int, bytes, dict[str, str]]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.05)


@contextlib.contextmanager
def stream_in_progress(gateway: GatewayProcess) -> Iterator[tuple[http.client.HTTPResponse, str]]:
    """A stream of which the first event has come, and the reference that its head told."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    headers = {
        "content-type": "application/json",
        "x-demo-chunks": "1000",
        "x-demo-chunk-delay-ms": "1000",
    }
    connection.request("POST", CHAT, STREAM, headers)
    response = connection.getresponse()
    ref = response.headers[HEADER]
    assert response.read1(10)
    try:
        yield response, ref
    finally:
        response.close()
        connection.close()


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SEALGATE), "verify", *arguments], capture_output=True, text=True, check=False
    )


class Case(NamedTuple):
    """A call, and what its receipt says of it."""

    call: dict[str, Any]
    status: int
    outcome: str = "served"
    end: str = "complete"
    streamed: bool = False


CASES = {
    "whole": Case({}, 200),
    "streamed": Case({"body": STREAM}, 200, streamed=True),
    "refused": Case({"method": "DELETE", "body": None}, 405, "refused", "cut_by_policy"),
    "too large": Case({"body": b"x" * 100_001}, 413, "refused", "cut_by_policy"),
    "error of the provider": Case({"headers": {"x-demo-status": "503"}}, 503),
    "upstream away": Case({"path": "/openai/v1/chat/completions"}, 502, "failed", "upstream_lost"),
    "no body": Case({"path": "/demo/v1/models", "method": "GET", "body": None}, 200),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_exchange_leaves_one_receipt(gateway: GatewayProcess, name: str) -> None:
    case, admin = CASES[name], Admin(gateway)
    answered, headers, _ = ask(gateway, **case.call)
    ref = headers[HEADER]

    sealgate = admin.sealgate(ref)
    assert answered == case.status == sealgate["status"]
    assert (sealgate["outcome"], sealgate["stream"]["outcome"]) == (case.outcome, case.end)
    assert (sealgate["stream"]["events"] > 0) == case.streamed
    assert admin.all_refs().count(ref) == 1


def test_a_receipt_with_its_proof_verifies_offline(gateway: GatewayProcess, tmp_path: Path) -> None:
    admin = Admin(gateway)
    ref = ask(gateway)[1][HEADER]
    receipt, proof, keys = (tmp_path / name for name in ("receipt.json", "proof", "keys.json"))
    receipt.write_bytes(admin.get(f"/receipts/{ref}?wait=30")[1])
    proof.write_bytes(admin.get(f"/receipts/{ref}?format=proof&wait=30")[1])
    keys.write_bytes(admin.get("/.well-known/sonate-keys.json", public=True)[1])

    good = verify("receipt", str(receipt), "--proof", str(proof), "--keys", str(keys))
    receipt.write_bytes(receipt.read_bytes().replace(b'"status":200', b'"status":201'))
    bad = verify("receipt", str(receipt), "--proof", str(proof), "--keys", str(keys))

    assert good.returncode == 0, good.stdout
    assert bad.returncode == 1, bad.stdout


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_an_export_verifies_offline(gateway: GatewayProcess, tmp_path: Path, form: str) -> None:
    admin = Admin(gateway)
    for _ in range(3):
        admin.receipt(ask(gateway)[1][HEADER])
    ref = ask(gateway)[1][HEADER]
    assert admin.get(f"/receipts/{ref}?format=proof&wait=30")[0] == 200
    path = f"/api/audit/export?tenant=default&format={form}"
    status, body, headers = admin.get(path)
    export, keys = tmp_path / f"export.{form}", tmp_path / "keys.json"
    export.write_bytes(body)
    keys.write_bytes(admin.get("/.well-known/sonate-keys.json", public=True)[1])
    more: list[str] = ["--keys", str(keys)]
    if form == "csv":
        size = headers["x-sealgate-log-size"]
        manifest = tmp_path / "manifest.json"
        manifest.write_bytes(admin.get(f"{path}&manifest=only&size={size}")[1])
        more += ["--manifest", str(manifest)]

    assert status == 200
    good = verify("export", str(export), *more)
    assert good.returncode == 0, good.stdout
    assert re.search(r"receipts +\d+", good.stdout)

    export.write_bytes(body.replace(b"default", b"defaulT", 1))
    assert verify("export", str(export), *more).returncode == 1


def test_projections_of_a_receipt_are_served(gateway: GatewayProcess) -> None:
    admin = Admin(gateway)
    ref = ask(gateway)[1][HEADER]
    native = admin.receipt(ref)
    v1 = orjson.loads(admin.get(f"/receipts/{ref}?format=v1")[1])
    credential = orjson.loads(admin.get(f"/receipts/{native['id']}?format=vc")[1])

    assert v1["version"] == "1.0"
    assert v1["metadata"]["receipt"] == native["id"]
    assert credential["credentialSubject"]["receipt"] == native
    assert admin.get(f"/receipts/{ref}?format=pdf")[0] == 422
    assert admin.post("/verify", {"document": native})[1]["states"]["integrity"] == "valid"
    changed = {**native, "session_id": "another"}
    assert admin.post("/verify", {"document": changed})[1]["ok"] is False


def test_acts_of_administrators_are_in_the_same_log(gateway: GatewayProcess) -> None:
    admin = Admin(gateway)
    ref = ask(gateway)[1][HEADER]
    admin.receipt(ref)

    def acts() -> list[dict[str, Any]]:
        body = admin.get("/api/audit/export?format=ndjson&action=receipts.read")[1]
        rows = [orjson.loads(line) for line in body.splitlines()]
        return [row["record"]["detail"] for row in rows if "record" in row]

    wait_for(lambda: any(act["target"] == ref for act in acts()))
    assert {act["outcome"] for act in acts() if act["target"] == ref} == {"done"}


def test_a_client_that_leaves_has_a_receipt_of_what_it_got(gateway: GatewayProcess) -> None:
    admin = Admin(gateway)
    with stream_in_progress(gateway) as (_, ref):
        pass

    sealgate = admin.sealgate(ref)
    assert (sealgate["outcome"], sealgate["stream"]["outcome"]) == ("aborted", "client_gone")
    assert sealgate["stream"]["events"] >= 1


@pytest.mark.parametrize("streamed", [False, True])
def test_the_sdk_of_openai_sees_the_reference(gateway: GatewayProcess, streamed: bool) -> None:
    with OpenAI(base_url=f"{gateway.url}/demo/v1", api_key="none") as client:
        answer = client.chat.completions.with_raw_response.create(
            model="demo", messages=[{"role": "user", "content": "hello"}], stream=streamed
        )
        ref = answer.headers[HEADER]
        parsed = answer.parse()
        if streamed:
            assert list(parsed)

    assert Admin(gateway).sealgate(ref)["status"] == 200


def test_shadow_mode_names_no_receipt() -> None:
    with running_gateway(policies=SHADOW) as gateway:
        status, headers, _ = ask(gateway)

    assert status == 200
    assert HEADER not in headers


@pytest.mark.parametrize("durability", ["strict", "batched"])
def test_a_killed_worker_leaves_receipts_of_its_streams(durability: str) -> None:
    with running_gateway(policies=POLICY % durability) as gateway:
        admin = Admin(gateway)
        whole = ask(gateway)[1][HEADER]
        with stream_in_progress(gateway) as (_, ref):
            os.kill(gateway.worker_pids()[0], signal.SIGKILL)
            sealgate = admin.sealgate(ref)

        assert sealgate["stream"]["outcome"] == "gateway_crash"
        assert admin.sealgate(whole)["status"] == 200
        gateway.wait_for_log("worker replaced")
        assert admin.sealgate(ask(gateway)[1][HEADER])["status"] == 200


def test_four_workers_make_one_chain_and_lose_nothing(tmp_path: Path) -> None:
    with running_gateway(policies=POLICY % "batched", workers=4) as gateway:
        admin = Admin(gateway)
        refs: list[str] = []

        def work() -> None:
            refs.extend(ask(gateway, body=HELLO)[1][HEADER] for _ in range(25))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(refs)) == 200
        wait_for(lambda: set(admin.all_refs()) == set(refs))
        for ref in refs[-8:]:
            assert admin.get(f"/receipts/{ref}?format=proof&wait=30")[0] == 200
        export, keys = tmp_path / "all.ndjson", tmp_path / "keys.json"
        export.write_bytes(admin.get("/api/audit/export?tenant=default&format=ndjson")[1])
        keys.write_bytes(admin.get("/.well-known/sonate-keys.json", public=True)[1])

    found = verify("export", str(export), "--keys", str(keys))
    assert found.returncode == 0, found.stdout
    rows = [orjson.loads(line) for line in export.read_bytes().splitlines()]
    receipts = [row["receipt"] for row in rows if "receipt" in row]
    seqs = [receipt["metadata"]["sealgate"]["seq"] for receipt in receipts]
    assert seqs == list(range(1, 201))


def test_two_nodes_have_a_log_each() -> None:
    with (
        running_gateway(policies=POLICY % "batched") as one,
        running_gateway(policies=POLICY % "batched") as two,
    ):
        refs = [(node, ask(node)[1][HEADER]) for node in (one, two)]
        logs = {Admin(node).sealgate(ref)["log"]["origin"] for node, ref in refs}
        assert Admin(one).get(f"/receipts/{refs[1][1]}")[0] == 404

    assert len(logs) == 2
