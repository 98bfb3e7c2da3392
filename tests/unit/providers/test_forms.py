"""Which form is spoken on a path, and what becomes of bodies in none."""

from __future__ import annotations

import pytest

from gateway.plugin.text import UNPARSED
from gateway.providers.forms import form_of, request_reader, response_reader
from gateway.settings import Dialect
from tests.spans import gaps, rows


@pytest.mark.parametrize(
    ("dialect", "path", "name"),
    [
        (Dialect.OPENAI, "/v1/chat/completions", "openai_chat"),
        (Dialect.AZURE, "/openai/deployments/m/chat/completions", "openai_chat"),
        (Dialect.GEMINI, "/v1beta/openai/chat/completions", "openai_chat"),
        (Dialect.OPENAI, "/v1/completions", "openai_chat"),
        (Dialect.OPENAI, "/v1/responses", "openai_responses"),
        (Dialect.OPENAI, "/v1/responses/resp_1", "openai_responses"),
        (Dialect.OPENAI, "/v1/embeddings", "openai"),
        (Dialect.OPENAI, "/v1/moderations", "openai"),
        (Dialect.OPENAI, "/v1/threads/t/messages", "openai"),
        (Dialect.OPENAI, "/v1/messages", "anthropic"),
        (Dialect.ANTHROPIC, "/v1/messages/", "anthropic"),
        (Dialect.ANTHROPIC, "/v1/messages/count_tokens", "anthropic"),
        (Dialect.ANTHROPIC, "/v1/messages/batches", "anthropic"),
        (Dialect.GEMINI, "/v1beta/models/m:generateContent", "gemini"),
        (Dialect.BEDROCK, "/model/m/converse-stream", "bedrock_converse"),
        (Dialect.BEDROCK, "/model/m/invoke", "bedrock_invoke"),
        (Dialect.OLLAMA, "/api/generate", "ollama"),
        (Dialect.MCP, "/anything", "mcp"),
        (Dialect.UNKNOWN, "/v1/chat/completions", None),
    ],
)
def test_the_path_tells_the_form_then_the_dialect(
    dialect: Dialect, path: str, name: str | None
) -> None:
    for _ in range(2):  # the second time it is remembered
        form = form_of(dialect, path)
        assert (None if form is None else form.name) == name


def test_any_number_of_paths_may_come() -> None:
    for number in range(3000):
        assert form_of(Dialect.OPENAI, f"/v1/x/{number}") is not None
    assert form_of(Dialect.OPENAI, "/v1/" + "x" * 5000 + "/chat/completions") is not None


@pytest.mark.parametrize(
    ("content_type", "body", "gap", "kinds"),
    [
        (b"application/json", b'{"input":"hi"}', None, ["text"]),
        (b"text/plain", b'{"input":"hi"}', None, ["text"]),
        (b"text/html", b"<p>no</p>", "unknown_dialect", ["raw"]),
        (b"multipart/form-data; boundary=x", b"--x\r\nname", "binary", ["raw"]),
        (b"audio/wav", b"\xff\xfe", "binary", []),
        (b"application/json", b"no", "invalid_json", ["raw"]),
        (None, b"\xff", "invalid_utf8", []),
    ],
)
def test_what_is_announced_decides_what_no_json_means(
    content_type: bytes | None, body: bytes, gap: str | None, kinds: list[str]
) -> None:
    form = form_of(Dialect.OPENAI, "/v1/embeddings")

    document = request_reader(form, content_type)(body, UNPARSED)

    assert gaps(document) == ({gap} if gap else set())
    assert [kind for _, kind, _ in rows(document)] == kinds if gap is None else True
    assert [span.kind for span in document.spans] == kinds


def test_without_a_dialect_json_rpc_names_itself_and_the_rest_is_raw() -> None:
    rpc = b'{"jsonrpc":"2.0","params":{"arguments":{"a":"b"}}}'

    for reader in (request_reader(None, None), response_reader(None, None)):
        assert {kind for _, kind, _ in rows(reader(rpc, UNPARSED))} == {"tool_call_arguments"}
        other = reader(b'{"a":"b"}', UNPARSED)
        assert ([span.kind for span in other.spans], gaps(other)) == (["raw"], {"unknown_dialect"})
