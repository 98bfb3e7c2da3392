"""What is one conversation, in each API."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Exchange
from gateway.plugin.testing import make_exchange
from gateway_plugins.dlp.vault_config import ConversationConfig
from gateway_plugins.dlp.vault_scope import FIRST_MESSAGE_CHARACTERS_MAX, Scope, scope_of
from tests.unit.gateway_plugins.dlp.vaults import chat

NAMED = ConversationConfig(header="X-Conversation-Id", metadata="session")
RESPONSES = "/v1/responses"


def scope(x: Exchange, config: ConversationConfig | None = None) -> Scope:
    return scope_of(x, x.request.spans(), config)


def anonymous(headers: dict[str, str], client_ip: str = "192.0.2.1") -> Scope:
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    x = make_exchange(
        target="/v1/chat/completions", headers=headers, body=body, client_ip=client_ip
    )
    return scope(x)


def test_a_chat_is_how_it_begins() -> None:
    first, second = scope(chat("hi")), scope(chat("hi", "Hello.", "more"))
    assert first == second
    assert first != scope(chat("hi there"))
    assert not first.held


def test_an_edit_by_an_earlier_plugin_does_not_make_it_another_conversation() -> None:
    x = chat("hi", "Hello.", "more", target=RESPONSES, store=False)
    before = scope(x)
    x.request.edit(x.request.spans()[-1], "less")
    assert scope(x) == before


def test_only_the_user_begins_a_chat() -> None:
    """A system prompt may hold the date."""
    body = b'{"system":"%b","messages":[{"role":"user","content":"hi"}]}'
    texts = [
        scope(make_exchange(target="/v1/messages", body=body % day)) for day in (b"mon", b"tue")
    ]
    assert texts[0] == texts[1]


def test_of_a_long_first_message_the_beginning_counts() -> None:
    long = "x" * FIRST_MESSAGE_CHARACTERS_MAX
    assert scope(chat(f"{long}a")) == scope(chat(f"{long}b"))


@pytest.mark.parametrize(
    ("target", "members", "conversation", "held"),
    [
        (RESPONSES, {}, "all", True),
        (RESPONSES, {"previous_response_id": "resp_1"}, "all", True),
        (RESPONSES, {"store": False}, "begins:hi", False),
        (RESPONSES, {"conversation": "conv_1"}, "thread:conv_1", True),
        (RESPONSES, {"conversation": {"id": "conv_1"}}, "thread:conv_1", True),
        ("/v1/threads/thread_1/messages", {}, "thread:thread_1", True),
        ("/v1/threads/thread_1/runs", {}, "thread:thread_1", True),
        ("/v1/unheard-of", {}, "all", True),
        ("/v1beta/models/m:generateContent", {"cachedContent": "c"}, "all", True),
        ("/v1/chat/completions", {}, "begins:hi", False),
    ],
)
def test_what_the_provider_holds(
    target: str, members: dict[str, Any], conversation: str, held: bool
) -> None:
    found = scope(chat("hi", target=target, **members))
    assert (found.conversation, found.held) == (conversation, held)


@pytest.mark.parametrize(
    ("headers", "members", "conversation"),
    [
        ({"x-conversation-id": "c1"}, {}, "named:c1"),
        ({}, {"metadata": {"session": "s1"}}, "named:s1"),
        ({}, {"metadata": {"session": 7}}, "named:7"),
        ({"x-conversation-id": "c1"}, {"metadata": {"session": "s1"}}, "named:c1"),
        ({}, {"metadata": {"session": {"odd": 1}}}, "begins:hi"),
        ({}, {"metadata": "odd"}, "begins:hi"),
        ({"x-conversation-id": "x" * 513}, {}, "begins:hi"),
    ],
)
def test_what_the_client_says_goes_first(
    headers: dict[str, str], members: dict[str, Any], conversation: str
) -> None:
    assert scope(chat("hi", headers=headers, **members), NAMED).conversation == conversation


def test_without_a_verified_caller_the_credential_for_the_provider_tells_callers_apart() -> None:
    one = anonymous({"authorization": "Bearer a"})
    assert one == anonymous({"authorization": "Bearer a"}, client_ip="192.0.2.2")
    assert one.caller != anonymous({"authorization": "Bearer b"}).caller
    assert one.caller != anonymous({"x-api-key": "a"}).caller
    assert anonymous({}).caller != anonymous({}, client_ip="192.0.2.2").caller
    assert one.tenant == "default"


def test_a_signature_that_differs_in_every_request_is_one_caller() -> None:
    signed = "AWS4-HMAC-SHA256 Credential=AKID/{day}/eu/bedrock/aws4_request, Signature={day}"
    found = {anonymous({"authorization": signed.format(day=day)}).caller for day in "12"}
    assert len(found) == 1
