"""Who may read an answer in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Reason, Reject, Reply
from gateway.plugin.testing import make_exchange, make_response, play, running
from gateway_plugins.security_headers import SecurityHeaders, cors

APP = "https://app.example.com"
LISTED = {"cors": {"origins": [APP, "https://*.corp.example", "https://*.dev.example:8443"]}}
ANY = {"cors": {"origins": ["*"]}}


async def preflight(config: dict[str, Any], origin: str, **more: str) -> Reject | Reply | None:
    asked = {"origin": origin, "access-control-request-method": "POST", **more}
    async with running(SecurityHeaders, config) as plugin:
        x = make_exchange("OPTIONS", headers={k: v for k, v in asked.items() if v is not None})
        return (await play(plugin, x)).answer


async def marked(
    config: dict[str, Any], origin: str | None, sent: list[tuple[str, str]] | None = None
) -> list[tuple[str, str]]:
    response = make_response(headers=sent or [])
    x = make_exchange(headers={} if origin is None else {"origin": origin})
    async with running(SecurityHeaders, config) as plugin:
        await play(plugin, x, response=response)
    return list(response.headers)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (APP, True),
        ("https://a.corp.example", True),
        ("https://a.b-c.corp.example", True),
        ("https://a.dev.example:8443", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://app.example.com.evil.example", False),
        ("https://xapp.example.com", False),
        ("https://corp.example", False),
        ("https://.corp.example", False),
        ("https://evil.example/.corp.example", False),
        ("https://evil.example#.corp.example", False),
        ("https://evil.example:1.corp.example", False),
        ("https://a..corp.example", False),
        ("https://evilcorp.example", False),
        ("https://a.dev.example", False),
        ("HTTPS://APP.EXAMPLE.COM", False),
        ("null", False),
        ("", False),
        (f"https://{'a' * 250}.corp.example", False),
    ],
)
async def test_only_listed_origins_are_let_in(origin: str, allowed: bool) -> None:
    answer = await preflight(LISTED, origin)

    if allowed:
        assert isinstance(answer, Reply)
        assert dict(answer.headers)["access-control-allow-origin"] == origin
    else:
        assert isinstance(answer, Reject)
        assert answer.reason is Reason.ORIGIN_DENIED
    assert (("access-control-allow-origin", origin) in await marked(LISTED, origin)) == allowed


async def test_a_preflight_is_answered_in_full() -> None:
    config = {"cors": {"origins": [APP], "credentials": True, "max_age_s": 60}}
    asked = "authorization, content-type,x-stainless-lang"

    answer = await preflight(config, APP, **{"access-control-request-headers": asked})

    assert answer == Reply(
        204,
        (
            ("access-control-allow-origin", APP),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "x-request-id, retry-after"),
            ("access-control-allow-methods", "GET, POST, DELETE"),
            ("access-control-max-age", "60"),
            (
                "vary",
                "origin, access-control-request-method, access-control-request-headers",
            ),
            ("access-control-allow-headers", asked),
        ),
    )


@pytest.mark.parametrize(
    ("listed", "asked", "allowed"),
    [
        (["*"], "x-a", "x-a"),
        (["*"], "x-a\t, X-B", "x-a\t, X-B"),
        (["*"], "x-a\x00", None),
        (["*"], "x a", None),
        (["*"], "x-a,", None),
        (["*"], "x" * 5000, None),
        (["*"], None, None),
        (["authorization", "x-a"], "x-b", "authorization, x-a"),
        ([], "x-b", None),
    ],
)
async def test_only_well_formed_header_names_are_repeated(
    listed: list[str], asked: str | None, allowed: str | None
) -> None:
    config = {"cors": {"origins": [APP], "headers": listed}}
    more = {} if asked is None else {"access-control-request-headers": asked}

    answer = await preflight(config, APP, **more)

    assert isinstance(answer, Reply)
    assert dict(answer.headers).get("access-control-allow-headers") == allowed


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {}),
        ("OPTIONS", {"origin": APP}),
        ("OPTIONS", {"access-control-request-method": "POST"}),
        ("POST", {"origin": APP, "access-control-request-method": "POST"}),
        ("GET", {"origin": "https://evil.example"}),
    ],
)
async def test_what_is_no_preflight_goes_on(method: str, headers: dict[str, str]) -> None:
    """A request of an origin that is not listed too: the browser keeps its answer from the page."""
    async with running(SecurityHeaders, LISTED) as plugin:
        assert (await play(plugin, make_exchange(method, headers=headers))).answer is None


async def test_a_refusal_can_be_read_by_the_page() -> None:
    """Else the page would see a network error in place of the reason."""
    async with running(SecurityHeaders, LISTED) as plugin:
        x = make_exchange(headers={"origin": APP})
        x.response = make_response(403)
        x.response.local = True
        plugin.on_response_headers(x)

    assert x.response.headers.get("access-control-allow-origin") == APP
    assert x.response.headers.get("vary") == "origin"
    assert x.response.headers.get("cache-control") == "no-store"


@pytest.mark.parametrize("origin", [APP, "https://evil.example", None])
async def test_what_the_upstream_says_of_origins_is_replaced(origin: str | None) -> None:
    """Some providers allow all; two values would make the browser refuse the answer."""
    sent = [
        ("Access-Control-Allow-Origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("Access-Control-Expose-Headers", "*"),
        ("Content-Type", "text/plain"),
    ]

    got = await marked(LISTED, origin, sent)

    assert got[0] == ("Content-Type", "text/plain")
    allowed = [value for name, value in got if name.lower() == "access-control-allow-origin"]
    assert allowed == ([APP] if origin == APP else [])
    assert "access-control-allow-credentials" not in dict(got)


@pytest.mark.parametrize(
    ("config", "sent", "vary"),
    [
        (LISTED, [], ["origin"]),
        (LISTED, [("Vary", "Accept-Encoding")], ["Accept-Encoding", "origin"]),
        (LISTED, [("Vary", "accept, Origin")], ["accept, Origin"]),
        (LISTED, [("vary", "a"), ("vary", "*")], ["a", "*"]),
        (LISTED, [("Vary", "x-origin")], ["x-origin", "origin"]),
        (ANY, [], []),
    ],
)
async def test_caches_are_told_that_the_answer_depends_on_the_origin(
    config: dict[str, Any], sent: list[tuple[str, str]], vary: list[str]
) -> None:
    """Also on the answer to a request without an origin, which a cache may hand to a page."""
    got = await marked(config, None, sent)

    assert [value for name, value in got if name.lower() == "vary"] == vary


@pytest.mark.parametrize("origin", ["https://any.example", "null"])
async def test_a_star_allows_every_origin_and_names_none(origin: str) -> None:
    answer = await preflight(ANY, origin)

    assert isinstance(answer, Reply)
    assert dict(answer.headers)["access-control-allow-origin"] == "*"
    assert ("access-control-allow-origin", "*") in await marked(ANY, origin)


async def test_a_preflight_is_marked_once() -> None:
    async with running(SecurityHeaders, LISTED) as plugin:
        asked = {"origin": APP, "access-control-request-method": "POST"}
        x = make_exchange("OPTIONS", headers=asked)
        await play(plugin, x)

    assert x.response is not None
    assert x.response.headers.get_all("access-control-allow-origin") == [APP]
    assert len(x.response.headers.get_all("vary")) == 1


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cors, "ORIGINS_MAX", 10)
    async with running(SecurityHeaders, LISTED) as plugin:
        for number in range(100):
            headers = {"origin": f"https://{number}.evil.example"}
            await play(plugin, make_exchange(headers=headers), response=make_response())

        assert plugin._cors is not None
        assert len(plugin._cors._known) <= 10
