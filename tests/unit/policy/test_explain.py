"""`sealgate explain`: what would serve a request, and why nothing would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.policy.explain import Explanation, explain
from gateway.settings import Settings
from tests.policies import policy
from tests.policy_plugins import registry


def explained(folder: Path, *request: Any, texts: tuple[str, ...], **how: Any) -> Explanation:
    for letter, text in zip("abcdef", texts, strict=False):
        (folder / f"{letter}.yaml").write_text(text)
    return explain(Settings(policies=folder), *request, registry=registry(), **how)


def test_route_policy_and_chain_are_named(tmp_path: Path) -> None:
    texts = (
        policy("[{probe: {mode: shadow}}, {painter: {}}]", name="z"),
        policy(name="narrow", match="{paths: [/v1/embeddings]}"),
    )

    told = explained(tmp_path, "post", "/openai/v1/chat/completions?x=1", texts=texts)

    assert told.served
    assert str(told).splitlines() == [
        "POST /openai/v1/chat/completions?x=1",
        "  route     openai, dialect openai",
        "  upstream  openai, path /v1/chat/completions",
        f"  policy    z, enforce ({tmp_path}/a.yaml:2)",
        "  not       narrow: it asks for paths /v1/embeddings",
        "  request   held whole for a plugin",
        "  answer    shown to plugins",
        "  chain     on_request_headers   probe [shadow] > painter",
        "            on_request           probe [shadow]",
        "            on_response_headers  probe [shadow]",
        "            on_response          probe [shadow]",
        "            on_text              probe [shadow]",
        "            on_complete          probe [shadow]",
    ]


def test_the_bare_proxy_says_so(tmp_path: Path) -> None:
    told = explained(tmp_path, "POST", "/demo/v1/messages", texts=(policy(),))

    assert "  route     demo, dialect anthropic" in told.lines
    assert "  chain     no plugin: bytes go straight through" in told.lines
    assert "  answer    streams through" in told.lines


def test_headers_choose_as_they_would(tmp_path: Path) -> None:
    texts = (policy(name="blue", match="{headers: {x-team: blue}}"), policy(name="z"))

    told = explained(tmp_path, "POST", "/v1/x", texts=texts, headers=[("X-Team", "blue")])
    host = explained(tmp_path, "POST", "/v1/x", texts=texts, headers=[("host", "a.example")])

    assert "policy    blue" in str(told)
    assert "policy    z" in str(host)


def test_a_choice_by_model_asks_for_the_model(tmp_path: Path) -> None:
    texts = (policy(name="gpt", match="{models: ['gpt-*']}"), policy(name="z"))

    unknown = explained(tmp_path, "POST", "/v1/x", texts=texts)
    known = explained(tmp_path, "POST", "/v1/x", texts=texts, model="gpt-4")

    assert not unknown.served
    assert "--model NAME" in str(unknown)
    assert "policy    gpt" in str(known)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/nothing", "404 no_route: No route matches this request"),
        ("/anthropic/v1/messages", "403 no_policy: No policy covers this request"),
        ("/openai/../x", "400 ambiguous_request: The request can be read in two ways"),
    ],
)
def test_a_refusal_is_told_as_the_client_would_see_it(
    tmp_path: Path, target: str, said: str
) -> None:
    told = explained(tmp_path, "POST", target, texts=(policy(match="{routes: [openai]}"),))

    assert not told.served
    assert said in str(told)


def test_a_header_that_cannot_be_sent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a header name"):
        explained(tmp_path, "GET", "/v1/x", texts=(policy(),), headers=[("a b", "c")])


def test_a_choice_by_tenant_shows_the_steps_before_it_and_asks_for_the_tenant(
    tmp_path: Path,
) -> None:
    texts = (
        policy("[{passport: {}}, {painter: {}}]", name="acme", match="{tenants: [acme]}"),
        policy("[{passport: {}}]", name="rest"),
    )

    unknown = explained(tmp_path, "POST", "/v1/x", texts=texts)
    known = explained(tmp_path, "POST", "/v1/x", texts=texts, tenant="acme")
    other = explained(tmp_path, "POST", "/v1/x", texts=texts, tenant="globex")

    assert not unknown.served
    assert list(unknown.lines) == [
        "POST /v1/x",
        "  route     openai, dialect openai",
        "  first     on_request_headers   passport",
        "  policy    the tenant of the caller decides: give --tenant NAME",
        "            acme: tenants acme",
    ]
    assert "  first     on_request_headers   passport" in known.lines
    assert "  chain     on_request_headers   painter" in known.lines
    assert f"  policy    rest, enforce ({tmp_path}/b.yaml:2)" in other.lines
    assert "  not       acme: it asks for tenants acme" in other.lines


def test_a_tenant_that_no_policy_is_for_is_refused(tmp_path: Path) -> None:
    texts = (policy("[{passport: {}}]", match="{tenants: [acme]}"),)

    told = explained(tmp_path, "POST", "/v1/x", texts=texts, tenant="globex")

    assert not told.served
    assert "no_policy" in str(told)
