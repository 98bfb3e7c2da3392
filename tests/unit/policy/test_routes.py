"""Which route a request takes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.plugin import RequestView
from gateway.plugin.testing import make_headers
from gateway.policy.routes import NEEDS_MODEL, Route, RouteTable, is_ambiguous
from gateway.settings import Dialect, Settings, TimeoutSettings


def table(*routes: dict[str, Any], **settings: Any) -> RouteTable:
    return RouteTable(Settings.model_validate({"routes": routes, **settings}))


def request(
    target: str, method: str = "POST", host: str = "", headers: dict[str, str] | None = None
) -> RequestView:
    return RequestView(method, target, make_headers(headers or {}), host=host)


def found(routes: RouteTable, *args: Any, model: str | None = None, **how: Any) -> str | None:
    route = routes.find(request(*args, **how), model)
    assert route is None or isinstance(route, Route)
    return None if route is None else route.name


@pytest.mark.parametrize(
    ("target", "name", "forwarded"),
    [
        ("/openai/v1/chat/completions", "openai", "/v1/chat/completions"),
        ("/anthropic/v1/messages?beta=true", "anthropic", "/v1/messages"),
        ("/gemini/v1beta/models", "gemini", "/v1beta/models"),
        ("/azure/openai/deployments/d/x", "azure", "/openai/deployments/d/x"),
        ("/bedrock/model/m/converse", "bedrock", "/model/m/converse"),
        ("/ollama/api/chat", "ollama", "/api/chat"),
        ("/vllm/v1/completions", "vllm", "/v1/completions"),
        ("/demo/v1/messages", "demo", "/v1/messages"),
        ("/demo", "demo", "/"),
        ("/demo/", "demo", "/"),
        ("/openai/anything/else", "openai", "/anything/else"),
        ("/openai//v1/x", "openai", "//v1/x"),
        # bare paths, as SDKs send them
        ("/v1/chat/completions", "openai", "/v1/chat/completions"),
        ("/v1/messages", "anthropic", "/v1/messages"),
        ("/v1/models/gemini-2:generateContent", "gemini", "/v1/models/gemini-2:generateContent"),
        ("/openai/deployments/d/x?api-version=1", "azure", "/openai/deployments/d/x"),
        ("/model/m/converse", "bedrock", "/model/m/converse"),
        ("/api/chat", "ollama", "/api/chat"),
    ],
)
def test_built_in_routes(target: str, name: str, forwarded: str) -> None:
    route = table().find(request(target), None)

    assert isinstance(route, Route)
    assert (route.name, route.forwarded_path(target.partition("?")[0])) == (name, forwarded)


@pytest.mark.parametrize(
    "target", ["/", "/nothing", "/openaix/v1", "/OpenAI/v1/x", "/%6fpenai/v1/x", "*", "//openai/v1"]
)
def test_another_spelling_is_another_path(target: str) -> None:
    assert found(table(), target) is None


def test_without_the_built_in_routes_only_the_operators_are_there() -> None:
    routes = table(builtin_routes=False)

    assert found(routes, "/openai/v1/x") is None
    assert found(routes, "/v1/messages") is None
    assert routes.all == ()
    assert not routes.reads_path


def test_the_operators_routes_come_first_in_their_order() -> None:
    routes = table(
        {"name": "a", "match": {"paths": ["/v1/messages"]}, "upstream": "vllm"},
        {"name": "b", "match": {"path_prefix": "/v1"}, "upstream": "vllm"},
    )

    assert found(routes, "/v1/messages") == "a"
    assert found(routes, "/v1/chat/completions") == "b"
    assert found(routes, "/anthropic/v1/messages") == "anthropic"


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/llm", "a"), ("/llm/", "a"), ("/llm/v1", "a"), ("/llmx", None), ("/LLM/v1", None)],
)
@pytest.mark.parametrize("prefix", ["/llm", "/llm/"])
def test_a_prefix_ends_where_a_segment_ends(prefix: str, target: str, expected: str | None) -> None:
    match = {"path_prefix": prefix}

    assert found(table({"name": "a", "match": match, "upstream": "vllm"}), target) == expected


def test_a_route_keeps_what_it_was_given() -> None:
    routes = table(
        {
            "name": "a",
            "match": {"path_prefix": "/llm/"},
            "upstream": "mine",
            "strip_prefix": True,
            "dialect": "anthropic",
            "timeouts": {"idle_ms": 5},
        },
        upstreams={"mine": {"url": "http://127.0.0.1:1"}},
    )

    route = routes.find(request("/llm/v1/messages"), None)

    assert isinstance(route, Route)
    assert (route.upstream, route.dialect) == ("mine", Dialect.ANTHROPIC)
    assert route.strip_prefix == "/llm"
    assert route.timeouts == TimeoutSettings(idle_ms=5)


def test_host_method_and_header_choose() -> None:
    routes = table(
        {"name": "host", "match": {"hosts": ["*.example.com"]}, "upstream": "vllm"},
        {"name": "method", "match": {"methods": ["delete"]}, "upstream": "vllm"},
        {"name": "header", "match": {"headers": {"x-team": "blue"}}, "upstream": "vllm"},
    )

    assert found(routes, "/v1/x", host="LLM.example.com:8080") == "host"
    assert found(routes, "/v1/x", "DELETE") == "method"
    assert found(routes, "/v1/x", headers={"X-Team": "blue"}) == "header"
    assert found(routes, "/v1/x", host="example.com") == "openai"


def test_a_route_by_model_waits_for_the_body() -> None:
    routes = table({"name": "a", "match": {"models": ["llama*"]}, "upstream": "vllm"})

    assert routes.find(request("/v1/chat/completions"), None) is NEEDS_MODEL
    assert found(routes, "/v1/chat/completions", model="llama-3") == "a"
    assert found(routes, "/v1/chat/completions", model="gpt-4") == "openai"
    assert found(routes, "/v1/chat/completions", model="") == "openai"


def test_a_model_in_the_path_needs_no_body() -> None:
    match = {"models": ["gemini-2*"]}
    routes = table({"name": "a", "match": match, "upstream": "gemini", "dialect": "gemini"})

    assert found(routes, "/v1beta/models/gemini-2.5-pro:generateContent") == "a"
    assert found(routes, "/v1beta/models/gemini-1:generateContent") == "gemini"


def test_a_model_in_the_query_counts_only_where_there_is_no_body() -> None:
    """Else `?model=allowed` would hide the model that the body names."""
    match = {"models": ["gpt-allowed"]}
    routes = table({"name": "a", "match": match, "upstream": "openai", "dialect": "openai"})

    assert routes.find(request("/v1/chat/completions?model=gpt-allowed"), None) is NEEDS_MODEL
    assert found(routes, "/v1/realtime?model=gpt-allowed", "GET") == "a"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (
            {"name": "a", "match": {}, "upstream": "opnai"},
            'routes[0].upstream: no upstream is called "opnai" (did you mean "openai"?)',
        ),
        (
            {"name": "a", "match": {"path_prefix": "llm"}, "upstream": "openai"},
            "routes[0].match.path_prefix: a path prefix begins with / (write /llm)",
        ),
        (
            {"name": "a", "match": {}, "upstream": "openai", "strip_prefix": True},
            "routes[0].strip_prefix: there is no prefix to take off (add match.path_prefix)",
        ),
    ],
)
def test_a_faulty_route_is_explained(route: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(route)

    assert str(caught.value) == said


def test_names_of_routes_are_unique() -> None:
    route = {"name": "a", "match": {}, "upstream": "openai"}

    with pytest.raises(
        ConfigError, match=r'routes\[1\].name: the name "a" is taken by routes\[0\]'
    ):
        table(route, route)


@pytest.mark.parametrize(
    "path",
    [
        "/openai/../anthropic/v1/messages",
        "/v1/./models",
        "/v1/..",
        "/..",
        "/v1/%2e%2e/x",
        "/v1/%2E./x",
        "/v1/.%2e",
        "/v1%2f..%2fx",
        "/v1/..%2fx",
        "/v1/..\\x",
        "/v1\\..\\x",
        "/v1/%5c../x",
        "/v1/..;/x",
        "/v1/x#y",
    ],
)
def test_a_path_that_servers_read_differently_is_ambiguous(path: str) -> None:
    assert is_ambiguous(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/models/gemini-2.5-pro:generateContent",
        "/model/anthropic.claude-v2%3A1/converse",
        "/v1/files/.hidden",
        "/v1/files/...",
        "/v1/..x/y",
        "/v1/x../y",
        "/a//b",
        "/v1/x;y",
        "/v1/%25%2e",
        "*",
    ],
)
def test_dots_within_a_segment_are_ordinary(path: str) -> None:
    assert not is_ambiguous(path)
