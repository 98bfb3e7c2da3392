"""The provider's key takes the place of whatever the client presents."""

from __future__ import annotations

import pytest

from gateway.credential_settings import CredentialSettings
from gateway.plugin.exchange import RequestView
from gateway.plugin.headers import Headers, spellings
from gateway.providers.client_credentials import CREDENTIAL_HEADERS
from gateway.proxy.credentials import UpstreamCredential, withhold_own, without_protocol_key
from gateway.proxy.upstream import UpstreamError
from gateway.reasons import Reason
from gateway.settings import Dialect


def credential(*keys: str, **settings: str) -> UpstreamCredential:
    made = UpstreamCredential(
        "up", CredentialSettings.model_validate({"keys": "${KEY}", **settings})
    )
    made.set_keys(keys)
    return made


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        (Dialect.OPENAI, b"authorization: Bearer k\r\n"),
        (Dialect.ANTHROPIC, b"x-api-key: k\r\n"),
        (Dialect.GEMINI, b"x-goog-api-key: k\r\n"),
        (Dialect.AZURE, b"api-key: k\r\n"),
        (Dialect.BEDROCK, b"authorization: Bearer k\r\n"),
        (Dialect.OLLAMA, b"authorization: Bearer k\r\n"),
        (Dialect.UNKNOWN, b"authorization: Bearer k\r\n"),
    ],
)
def test_each_dialect_has_its_form(dialect: Dialect, line: bytes) -> None:
    assert credential("k").line(dialect) == line


def test_a_form_of_its_own_holds_for_all() -> None:
    made = credential("k", header="X-Token", format="Token {key}")

    assert {made.line(dialect) for dialect in Dialect} == {b"X-Token: Token k\r\n"}
    assert b"x_token" in made.dropped


def test_several_keys_take_turns() -> None:
    made = credential("a", "b", "c")
    used = [made.line(Dialect.ANTHROPIC)[-3:-2] for _ in range(6)]

    assert sorted(used[:3]) == [b"a", b"b", b"c"]
    assert used[3:] == used[:3]


def test_fewer_keys_than_before_still_take_turns() -> None:
    made = credential("a", "b", "c")
    for _ in range(2):
        made.line(Dialect.OPENAI)
    made.set_keys(("d",))

    assert made.line(Dialect.ANTHROPIC) == b"x-api-key: d\r\n"


def test_every_spelling_of_the_clients_own_stays_here() -> None:
    dropped = credential("k").dropped

    assert spellings(*CREDENTIAL_HEADERS, "x-amz-security-token") <= dropped
    assert {b"connection", b"expect"} <= dropped


def test_without_a_key_nothing_goes_out() -> None:
    with pytest.raises(UpstreamError) as raised:
        credential().line(Dialect.OPENAI)

    assert raised.value.reason is Reason.UPSTREAM_UNAVAILABLE


def test_it_does_not_show_its_keys() -> None:
    assert "CANARY" not in repr(credential("CANARY"))


def test_a_key_among_the_subprotocols_is_taken_off_a_copy() -> None:
    offered = b"realtime, openai-insecure-api-key.sk-1, beta"
    headers = Headers([(b"Sec-WebSocket-Protocol", offered), (b"a", b"b")])

    assert without_protocol_key(headers).get("sec-websocket-protocol") == "realtime, beta"
    assert headers.get("sec-websocket-protocol") == offered.decode()
    assert without_protocol_key(Headers([])).raw == []


KEY = "sg_" + "k" * 49


@pytest.mark.parametrize("key", [KEY, "sga_" + "k" * 49, "sg_"])
@pytest.mark.parametrize(
    "fields",
    [
        [("Authorization", "Bearer {}")],
        [("authorization", "bEARER   {}")],
        [("authorization", "{}")],
        [("X-Api-Key", "{}"), ("x_api_key", "{}")],
        [("x-goog-api-key", "{}")],
        [("api-key", "{}")],
        [("x-sealgate-key", "anything at all")],
        [("x-api-key", "sk-1"), ("x-api-key", "{}")],
        [("sec-websocket-protocol", "openai-insecure-api-key.{}")],
    ],
)
def test_what_is_ours_is_withheld_where_no_plugin_took_it_off(
    fields: list[tuple[str, str]], key: str
) -> None:
    raw = [(name.encode(), value.format(key).encode()) for name, value in fields]
    request = RequestView("POST", f"/v1/x?a=1&key={key}", Headers([*raw, (b"Kept", b"1")]))
    withhold_own(request)

    assert request.headers.raw == [(b"Kept", b"1")]
    assert request.target == "/v1/x?a=1"


def test_what_is_the_providers_passes() -> None:
    raw = [
        (b"Authorization", b"Bearer sk-proj-sg_x"),
        (b"x-api-key", b"sk-ant-sga_"),
        (b"Sec-WebSocket-Protocol", b"realtime,openai-insecure-api-key.sk-1"),
    ]
    request = RequestView("POST", "/v1/x?key=AIzasg_&sg_=1", Headers(list(raw)))
    withhold_own(request)

    assert request.headers.raw == raw
    assert not request.target_edited
