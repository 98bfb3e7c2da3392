"""Several policies in a running gateway: which one serves, as log and client see it."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator

import pytest

from tests.integration.gateway_process import GatewayProcess, LogLine, running_gateway
from tests.integration.plugin_client import HELLO, ask


def bare(name: str, *lines: str) -> str:
    """A policy that adds nothing; the log names it."""
    return "\n".join(["version: 1", f"name: {name}", *lines, "chain: []\n"])


BY_HEAD = {
    "a-everything.yaml": bare("everything"),
    "b-embeddings.yaml": bare("embeddings", "match: {paths: [/v1/embeddings]}"),
    "c-blue.yaml": bare("blue", "match: {headers: {x-team: blue}, methods: [POST]}"),
    "d-strict.yaml": bare("strict", "profile: strict"),
}
BY_MODEL = {
    "guarded.yaml": """
version: 1
name: guarded
match: {models: ["guarded-*"]}
chain:
  - request_limits: {models_denied: ["*"]}
""",
    "open.yaml": """
version: 1
name: open
chain:
  - request_limits: {body_bytes_max: 1, when: {models: [tiny]}}
""",
}
HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def by_head() -> Iterator[GatewayProcess]:
    with running_gateway(policies=BY_HEAD) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def by_model() -> Iterator[GatewayProcess]:
    with running_gateway(policies=BY_MODEL) as gateway:
        yield gateway


request_ids = (f"policies-{number}" for number in itertools.count())


def served(gateway: GatewayProcess, path: str, **headers: str) -> LogLine:
    """The log line of one request."""
    request_id = next(request_ids)
    ask(gateway, path, headers={**headers, "x-request-id": request_id})
    return gateway.wait_for_log(lambda line: line.get("request_id") == request_id)


def model(name: str) -> bytes:
    return HELLO.replace(b'"demo"', f'"{name}"'.encode())


def test_the_particular_comes_before_the_general(by_head: GatewayProcess) -> None:
    assert served(by_head, "/demo/v1/embeddings")["policy"] == "embeddings"
    assert served(by_head, "/demo/v1/chat/completions")["policy"] == "everything"
    assert served(by_head, "/demo/v1/chat/completions", **{"x-team": "blue"})["policy"] == "blue"


def test_what_no_policy_covers_is_refused() -> None:
    with running_gateway(policies=bare("demo", "match: {routes: [demo]}")) as gateway:
        status, headers, _ = ask(gateway, "/vllm/v1/chat/completions")

        assert ask(gateway)[0] == 200
    assert (status, headers["x-sealgate-reason"]) == (403, "no_policy")


@pytest.mark.parametrize("path", ["/demo/v1/x/../embeddings", "/demo/v1/%2e%2e/v1/embeddings"])
def test_a_path_in_disguise_is_refused(by_head: GatewayProcess, path: str) -> None:
    status, headers, _ = ask(by_head, path)

    assert (status, headers["x-sealgate-reason"]) == (400, "ambiguous_request")


def test_a_profile_comes_first() -> None:
    with running_gateway(policies=BY_HEAD, arguments=["--profile", "strict"]) as gateway:
        assert served(gateway, "/demo/v1/chat/completions")["policy"] == "strict"
        assert served(gateway, "/demo/v1/embeddings")["policy"] == "strict"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (HELLO, 200, None),
        (model("guarded-1"), 400, "model_denied"),
        (model("tiny"), 413, "body_too_large"),
        (HELLO[:-1] + b',"model":"guarded-1"}', 400, "ambiguous_request"),
        (HELLO[:-1] + b',"Model":"guarded-1"}', 400, "ambiguous_request"),
        (model("guarded-1").decode().encode("utf-16"), 400, "uninspectable"),
        (model("guarded-1")[:-1], 400, "uninspectable"),
        (iter([model("guarded-1")[:20], model("guarded-1")[20:]]), 400, "model_denied"),
    ],
)
def test_the_model_of_the_body_chooses_and_cannot_be_hidden(
    by_model: GatewayProcess, body: bytes, status: int, reason: str | None
) -> None:
    got, headers, _ = ask(by_model, body=body)

    assert (got, headers.get("x-sealgate-reason")) == (status, reason)


def test_compression_hides_no_model(by_model: GatewayProcess) -> None:
    body = gzip.compress(model("guarded-1"))

    _, headers, _ = ask(by_model, body=body, headers={"content-encoding": "gzip"})

    assert headers["x-sealgate-reason"] == "uninspectable"


@pytest.mark.parametrize("name", ["guarded-1", "tiny"])
def test_a_query_cannot_speak_for_the_body(by_model: GatewayProcess, name: str) -> None:
    plain = "/demo/v1/chat/completions?model=demo"

    assert ask(by_model, plain, body=model(name))[0] in {400, 413}


def test_a_socket_that_names_its_model_later_is_refused(by_model: GatewayProcess) -> None:
    """426 makes clients such as codex fall back to HTTP at once."""
    status, headers, _ = ask(
        by_model, "/demo/v1/responses", method="GET", headers=HANDSHAKE, body=None
    )

    assert (status, headers["x-sealgate-reason"]) == (426, "upgrade_unsupported")


def test_requests_without_a_body_name_no_model(by_model: GatewayProcess) -> None:
    assert ask(by_model, "/demo/v1/models", method="GET", body=None)[0] == 200
