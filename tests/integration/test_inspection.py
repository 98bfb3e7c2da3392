"""Texts edited in a running gateway: bodies, compressed bodies, streams, and what is said of it."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from urllib.parse import quote

import brotli
import orjson
import pytest
import zstandard

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.masker_plugin import installed, policy
from tests.integration.plugin_client import CHAT, ask

SECRET = "alice@example.com"
FULL = "request=full; response=full; tools=full"


def chat(text: str, *, stream: bool = False) -> bytes:
    return orjson.dumps(
        {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return installed(tmp_path_factory.mktemp("masker"))


@pytest.fixture(scope="module")
def gateway(environment: dict[str, str]) -> Iterator[GatewayProcess]:
    with running_gateway(policies=policy(SECRET), environment=environment) as gateway:
        yield gateway


def test_a_request_reaches_the_provider_edited(gateway: GatewayProcess) -> None:
    """The simulated provider repeats what it was told."""
    status, headers, body = ask(gateway, body=chat(f"I am {SECRET}."))

    assert status == 200
    assert orjson.loads(body)["choices"][0]["message"]["content"].endswith("I am [masked].")
    assert headers["x-sealgate-coverage"] == FULL


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
    ],
)
@pytest.mark.parametrize("size", [10, 100_000])
def test_a_compressed_request_is_read_and_sent_decoded_where_it_was_edited(
    gateway: GatewayProcess, encoding: str, pack: object, size: int
) -> None:
    noise = "".join(chr(97 + n * n % 23) for n in range(size))
    body = pack(chat(f"{noise} {SECRET}"))  # type: ignore[operator]  # one of two functions

    status, _, answer = ask(gateway, body=body, headers={"content-encoding": encoding})

    assert status == 200
    assert SECRET.encode() not in answer
    assert b"[masked]" in answer or size > 1000


def test_a_bomb_is_refused(gateway: GatewayProcess) -> None:
    body = gzip.compress(bytes(5_000_000))

    status, headers, answer = ask(gateway, body=body, headers={"content-encoding": "gzip"})

    assert (status, headers["x-sealgate-reason"]) == (400, "uninspectable")
    assert "encoding_bomb" in orjson.loads(answer)["error"]["message"]
    assert headers["x-sealgate-coverage"].startswith("request=none;")


@pytest.mark.parametrize(
    ("body", "gap"),
    [
        (b'{"messages":[],"messages":[{"role":"user","content":"x"}]}', "duplicate_keys"),
        (b'{"messages":[{"content":"\xff"}]}', "invalid_utf8"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        ('{"messages":[]}'.encode("utf-16"), "invalid_utf8"),
        (b'{"messages":' + b"[" * 1500 + b"]" * 1500 + b"}", "too_deep"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_be_read_in_two_ways_is_refused(
    gateway: GatewayProcess, body: bytes, gap: str
) -> None:
    status, headers, answer = ask(gateway, body=body)

    assert (status, headers["x-sealgate-reason"]) == (400, "uninspectable")
    assert gap in orjson.loads(answer)["error"]["message"]


def test_an_encoding_that_nobody_knows_is_refused(gateway: GatewayProcess) -> None:
    status, headers, _ = ask(gateway, headers={"content-encoding": "rot13"})

    assert (status, headers["x-sealgate-reason"]) == (400, "uninspectable")


def test_a_picture_passes_and_is_said(gateway: GatewayProcess) -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    body = orjson.dumps({"messages": [{"role": "user", "content": [part]}]})

    status, headers, _ = ask(gateway, body=body, headers={"x-request-id": "picture"})

    assert status == 200
    assert headers["x-sealgate-coverage"] == "request=partial; response=full; tools=full"
    line = gateway.wait_for_log(lambda line: line.get("request_id") == "picture")
    assert line["coverage"] == "request=partial; response=full; tools=full"
    assert ("on_request", "flag", "uninspected") in [
        (v["hook"], v["outcome"], v["reason"]) for v in line["verdicts"]
    ]
    for row in (
        'sealgate_coverage_total{level="partial",part="request"}',
        'sealgate_uninspected_total{gap="image",part="request"}',
    ):
        gateway.wait_until(lambda _, row=row: row in gateway.admin("/metrics")[1].decode())


def test_a_whole_answer_is_edited(gateway: GatewayProcess) -> None:
    status, headers, body = ask(gateway, headers={"x-demo-reply-text": quote(f"It is {SECRET}!")})

    message = orjson.loads(body)["choices"][0]["message"]
    assert (status, message["content"]) == (200, "It is [masked]!")
    assert int(headers["content-length"]) == len(body)


def test_every_turn_of_a_long_conversation_is_edited(gateway: GatewayProcess) -> None:
    """The history is remembered; what is in it is masked again, and what is new as well."""
    history = [{"role": "user", "content": f"{SECRET} " + "x" * 20_000}]
    for turn in range(4):
        history.append({"role": "user", "content": f"turn {turn} of {SECRET}"})
        body = orjson.dumps({"model": "m", "messages": history, "user": "bob"})

        status, _, answer = ask(gateway, body=body)

        said = orjson.loads(answer)["choices"][0]["message"]["content"]
        assert (status, said.endswith(f"turn {turn} of [masked]")) == (200, True)


PATHS = [
    CHAT,
    "/demo/v1/responses",
    "/demo/v1/messages",
    "/demo/v1beta/models/m:streamGenerateContent?alt=sse",
    "/demo/model/m/converse-stream",
    "/demo/api/chat",
]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaks_from_a_stream_of_any_dialect(gateway: GatewayProcess, path: str) -> None:
    headers = {"x-demo-reply-text": quote(f"It is {SECRET}!"), "x-demo-chunks": "9"}

    status, fields, body = ask(gateway, path, headers=headers, body=chat("hi", stream=True))

    assert status == 200
    assert fields["x-sealgate-coverage"] == "request=full; response=streamed; tools=streamed"
    # Whatever the dialect puts between the portions, no long part of the secret is left.
    assert not re.search(rb"alice|example|lice@", body)


def test_a_plugin_that_wants_everything_read_refuses_a_picture(environment: dict[str, str]) -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    body = orjson.dumps({"messages": [{"role": "user", "content": [part]}]})
    strict = policy(SECRET, "block")

    with running_gateway(policies=strict, environment=environment) as gateway:
        status, headers, answer = ask(gateway, body=body)

    assert (status, headers["x-sealgate-reason"]) == (400, "uninspectable")
    assert "image" in orjson.loads(answer)["error"]["message"]


def test_a_policy_may_let_pass_what_cannot_be_read(environment: dict[str, str]) -> None:
    body = gzip.compress(bytes(5_000_000))

    with running_gateway(policies=policy(SECRET, "pass"), environment=environment) as gateway:
        status, headers, _ = ask(gateway, body=body, headers={"content-encoding": "gzip"})

    assert status == 400  # the provider's own answer: it is no JSON
    assert headers["x-sealgate-coverage"].startswith("request=none;")
    assert "x-sealgate-reason" not in headers
