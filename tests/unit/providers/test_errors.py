"""Refusals in each provider's own words; the SDK tests show what the clients make of them."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import orjson
import pytest

from gateway.plugin.headers import RawHeader
from gateway.providers.errors import refusal_body, stream_error_event
from gateway.settings import Dialect

TEXT = "No. [ip_denied, request req_1]"


def refuse(dialect: Dialect, status: int = 400, **more: Any) -> tuple[dict[bytes, bytes], Any]:
    headers, body = refusal_body(
        dialect, status=status, code="ip_denied", message="No.", request_id="req_1", **more
    )
    return dict(headers), orjson.loads(body)


@pytest.mark.parametrize("dialect", [Dialect.OPENAI, Dialect.AZURE])
def test_openai_clients_find_message_type_and_code(dialect: Dialect) -> None:
    headers, body = refuse(dialect)

    assert body == {
        "error": {
            "message": TEXT,
            "type": "invalid_request_error",
            "param": None,
            "code": "ip_denied",
        }
    }
    assert headers[b"x-request-id"] == b"req_1"


def test_anthropic_clients_find_the_type_of_the_status_and_the_request_id() -> None:
    headers, body = refuse(Dialect.ANTHROPIC, 403)

    assert body == {
        "type": "error",
        "error": {"type": "permission_error", "message": TEXT},
        "request_id": "req_1",
    }
    assert headers[b"request-id"] == b"req_1"
    assert b"x-request-id" not in headers


def test_gemini_clients_find_a_numeric_code_and_the_status_word() -> None:
    _, body = refuse(Dialect.GEMINI, 429)

    error = body["error"]
    assert (error["code"], error["status"], error["message"]) == (429, "RESOURCE_EXHAUSTED", TEXT)
    assert [d.get("reason", d.get("requestId")) for d in error["details"]] == ["IP_DENIED", "req_1"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, b"ValidationException"),
        (403, b"AccessDeniedException"),
        (429, b"ThrottlingException"),
        (502, b"InternalServerException"),
        (503, b"ServiceUnavailableException"),
    ],
)
def test_bedrock_clients_read_the_error_type_from_a_header(status: int, name: bytes) -> None:
    headers, body = refuse(Dialect.BEDROCK, status)

    assert (headers[b"x-amzn-errortype"], body) == (name, {"message": TEXT})
    assert headers[b"x-amzn-requestid"] == b"req_1"


def test_ollama_clients_find_a_text() -> None:
    assert refuse(Dialect.OLLAMA)[1] == {"error": TEXT}


def test_an_unknown_client_gets_a_body_that_every_sdk_reads() -> None:
    _, body = refuse(Dialect.UNKNOWN, 403)

    assert (body["type"], body["message"], body["request_id"]) == ("error", TEXT, "req_1")
    error = body["error"]
    assert (error["type"], error["code"]) == ("permission_error", 403)
    assert (error["status"], error["message"]) == ("PERMISSION_DENIED", TEXT)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_says_whether_to_retry_and_why_it_was_refused(dialect: Dialect) -> None:
    final, _ = refuse(dialect)
    passing, _ = refuse(dialect, 503, retry=True)

    assert (final[b"x-should-retry"], passing[b"x-should-retry"]) == (b"false", b"true")
    assert final[b"x-sealgate-reason"] == b"ip_denied"
    assert final[b"content-type"] == b"application/json"


@pytest.mark.parametrize(
    ("seconds", "announced"),
    [(None, None), (0, None), (0.2, b"1"), (7, b"7"), (60, b"60"), (86_400, None)],
)
def test_a_wait_is_announced_only_as_long_as_clients_may_sleep(
    seconds: float | None, announced: bytes | None
) -> None:
    """Anthropic's SDKs would freeze for a day on `retry-after: 86400`."""
    headers, _ = refuse(Dialect.ANTHROPIC, 429, retry_after_s=seconds)

    assert headers.get(b"retry-after") == announced


def test_a_wait_of_more_than_a_minute_is_no_reason_to_retry() -> None:
    """A budget that is spent until midnight: trying again in a second only costs."""
    spent, _ = refuse(Dialect.OPENAI, 429, retry=True, retry_after_s=3600)
    full, _ = refuse(Dialect.OPENAI, 429, retry=True, retry_after_s=30)

    assert (spent[b"x-should-retry"], full[b"x-should-retry"]) == (b"false", b"true")


def event(dialect: Dialect, *, responses_api: bool = False) -> bytes:
    return stream_error_event(
        dialect,
        status=502,
        code="upstream_reset",
        message="Cut.",
        request_id="r",
        responses_api=responses_api,
    )


def test_in_a_chat_stream_the_error_is_a_data_line() -> None:
    raw = event(Dialect.OPENAI)

    assert raw.startswith(b"data: ")
    assert raw.endswith(b"\n\n")
    assert orjson.loads(raw[6:])["error"]["code"] == "upstream_reset"


def test_in_a_responses_stream_the_native_event_also_has_what_makes_the_sdk_raise() -> None:
    name, data, *_ = event(Dialect.OPENAI, responses_api=True).split(b"\n")

    body = orjson.loads(data[6:])
    assert (name, body["type"], body["code"]) == (b"event: error", "error", "upstream_reset")
    assert body["error"]["message"] == body["message"] == "Cut. [upstream_reset, request r]"


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.UNKNOWN])
def test_anthropic_clients_need_the_event_line(dialect: Dialect) -> None:
    """Without it the same data is dropped in silence."""
    name, data, *_ = event(dialect).split(b"\n")

    assert (name, orjson.loads(data[6:])["type"]) == (b"event: error", "error")


def test_in_a_gemini_stream_the_error_is_a_data_line_with_a_number() -> None:
    assert orjson.loads(event(Dialect.GEMINI)[6:])["error"]["code"] == 502


def test_in_an_ollama_stream_the_error_is_one_line() -> None:
    raw = event(Dialect.OLLAMA)

    assert (raw.count(b"\n"), list(orjson.loads(raw))) == (1, ["error"])


def test_in_a_bedrock_stream_the_error_is_an_exception_frame() -> None:
    raw = event(Dialect.BEDROCK)

    total, headers_bytes = int.from_bytes(raw[:4]), int.from_bytes(raw[4:8])
    assert total == len(raw)
    assert int.from_bytes(raw[8:12]) == crc32(raw[:8])
    assert int.from_bytes(raw[-4:]) == crc32(raw[:-4])
    assert b"modelStreamErrorException" in raw[12 : 12 + headers_bytes]
    assert b"Cut." in orjson.loads(raw[12 + headers_bytes : -4])["message"].encode()


def test_header_values_of_a_refusal_are_latin_1() -> None:
    headers: list[RawHeader]
    headers, _ = refusal_body(
        Dialect.OPENAI, status=400, code="c", message="No.", request_id="\u2028"
    )

    assert (b"x-request-id", b"?") in headers
