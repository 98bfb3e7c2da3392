"""Who is let in, as whom, and what of the credential stays behind."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.plugin import (
    PRINCIPAL,
    Exchange,
    Reason,
    Reject,
    Runtime,
)
from gateway.plugin.testing import make_exchange, play, running
from gateway.settings import Dialect
from gateway_plugins.auth import Auth
from tests.tokens import AUDIENCE, ISSUER, Signer, claims, key_set
from tests.unit.gateway_plugins.auth.conftest import NOW_S, Administrator

KEYS = {"api_keys": True}
SIGNER = Signer()
PLACES: tuple[tuple[str, Callable[[str], dict[str, Any]]], ...] = (
    ("authorization", lambda key: {"headers": {"Authorization": f"Bearer {key}"}}),
    ("small letters", lambda key: {"headers": {"authorization": f"bearer {key}"}}),
    ("bare", lambda key: {"headers": {"authorization": key}}),
    ("anthropic", lambda key: {"headers": {"X-Api-Key": key}}),
    ("google", lambda key: {"headers": {"x-goog-api-key": key}}),
    ("azure", lambda key: {"headers": {"api-key": key}}),
    ("query", lambda key: {"target": f"/v1beta/models/m:generateContent?alt=sse&key={key}"}),
    ("escaped query", lambda key: {"target": f"/v1/x?%6bey={key}"}),
    (
        "browser",
        lambda key: {
            "headers": {
                "Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{key}, beta.v1"
            }
        },
    ),
    ("own", lambda key: {"headers": {"x-sealgate-key": key}}),
    ("own, as a bearer", lambda key: {"headers": {"X-Sealgate-Key": f"Bearer {key}"}}),
)


def jwt_config(folder: Path, **more: Any) -> dict[str, Any]:
    file = put_keys(folder, SIGNER)
    return {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(file), **more}


def put_keys(folder: Path, *signers: Signer) -> Path:
    file = folder / "jwks.json"
    file.write_bytes(orjson.dumps(key_set(*signers)))
    return file


async def ask(auth: Auth, x: Exchange) -> Reject | None:
    played = await play(auth, x)
    assert played.answer is None or isinstance(played.answer, Reject)
    return played.answer


def everything_forwarded(x: Exchange) -> str:
    return x.request.target + repr(x.request.headers.raw)


class TestKeys:
    @pytest.mark.parametrize(("name", "place"), PLACES)
    async def test_a_key_is_found_wherever_an_sdk_puts_it_and_stays_behind(
        self,
        name: str,
        place: Callable[[str], dict[str, Any]],
        runtime: Runtime,
        issue: Callable[..., str],
    ) -> None:
        key = issue(roles=("user",))
        x = make_exchange(**place(key))
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, x) is None

        principal = x.fact(PRINCIPAL)
        assert principal is not None
        assert (principal.subject, principal.tenant, principal.method) == ("ada", "default", "key")
        assert key not in everything_forwarded(x)

    async def test_the_rest_of_the_query_stays_as_it_is(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(target=f"/v1/x?a=%3A&&key={issue()}&b=c%20d&=&alt=sse")
        async with running(Auth, KEYS, runtime) as auth:
            await ask(auth, x)

        assert x.request.target == "/v1/x?a=%3A&&b=c%20d&=&alt=sse"
        assert x.request.target_edited

    async def test_a_query_that_held_only_the_key_goes_whole(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(target=f"/v1/x?key={issue()}")
        async with running(Auth, KEYS, runtime) as auth:
            await ask(auth, x)

        assert (x.request.target, x.request.query) == ("/v1/x", None)

    async def test_other_subprotocols_stay(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        offered = f"realtime,openai-insecure-api-key.{issue()} , openai-beta.realtime-v1"
        x = make_exchange("GET", headers={"sec-websocket-protocol": offered})
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, x) is None

        assert x.request.headers.get("sec-websocket-protocol") == (
            "realtime, openai-beta.realtime-v1"
        )

    async def test_with_our_own_header_the_providers_credential_passes(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(
            headers={"x-sealgate-key": issue(), "authorization": "Bearer sk-1", "x-api-key": "sk-2"}
        )
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, x) is None

        assert dict(x.request.headers) == {"authorization": "Bearer sk-1", "x-api-key": "sk-2"}

    async def test_the_header_of_our_own_may_have_another_name(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(headers={"x-team-key": issue()})
        async with running(Auth, {**KEYS, "header_name": "X-Team-Key"}, runtime) as auth:
            assert await ask(auth, x) is None

        assert len(x.request.headers) == 0

    async def test_one_key_in_two_places_is_one_key(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        key = issue()
        x = make_exchange(headers={"authorization": f"Bearer {key}", "x-api-key": key})
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, x) is None

        assert len(x.request.headers) == 0

    @pytest.mark.parametrize(
        "fields",
        [
            [("authorization", "Bearer {0}"), ("x-api-key", "{1}")],
            [("x-api-key", "{0}"), ("X-Api-Key", "{1}")],
            [("x-sealgate-key", "{0}"), ("x-goog-api-key", "{1}")],
        ],
    )
    async def test_two_keys_are_refused(
        self,
        fields: list[tuple[str, str]],
        runtime: Runtime,
        issue: Callable[..., str],
    ) -> None:
        keys = issue(), issue()
        x = make_exchange(headers=[(name, value.format(*keys)) for name, value in fields])
        async with running(Auth, KEYS, runtime) as auth:
            refused = await ask(auth, x)

        assert refused is not None
        assert refused.reason is Reason.AMBIGUOUS_REQUEST
        assert "two different credentials" in refused.message

    async def test_a_key_beside_a_stranger_of_the_same_name_is_found(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        """The next hop might have taken the second field."""
        x = make_exchange(headers=[("x-api-key", "sk-1"), ("x-api-key", issue())])
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, x) is None

        assert len(x.request.headers) == 0

    @pytest.mark.parametrize(
        ("headers", "reason", "said"),
        [
            ({}, Reason.CREDENTIAL_MISSING, "send a virtual key as the API key"),
            ({"authorization": "Bearer sk-1"}, Reason.CREDENTIAL_MISSING, "a virtual key"),
            ({"x-api-key": ""}, Reason.CREDENTIAL_MISSING, "a virtual key"),
            ({"authorization": "Bearer sg_x"}, Reason.CREDENTIAL_INVALID, "form"),
            ({"authorization": "Bearer sga_x"}, Reason.CREDENTIAL_INVALID, "an admin token"),
            ({"x-sealgate-key": "sk-1"}, Reason.CREDENTIAL_INVALID, "neither a virtual key"),
            ({"x-sealgate-key": ""}, Reason.CREDENTIAL_INVALID, "neither a virtual key"),
            ({"x_api_key": "sg_x"}, Reason.CREDENTIAL_MISSING, "a virtual key"),
        ],
    )
    async def test_what_is_no_key_is_refused_with_a_challenge(
        self, headers: dict[str, str], reason: Reason, said: str, runtime: Runtime
    ) -> None:
        async with running(Auth, KEYS, runtime) as auth:
            refused = await ask(auth, make_exchange(headers=headers))

        assert refused is not None
        assert refused.reason is reason
        assert said in refused.message
        (challenge,) = [value for name, value in refused.headers if name == "www-authenticate"]
        error = 'error="invalid_token"' in challenge
        assert error is (reason is not Reason.CREDENTIAL_MISSING)  # RFC 6750 section 3.1

    async def test_a_refused_key_is_not_repeated(self, runtime: Runtime) -> None:
        async with running(Auth, KEYS, runtime) as auth:
            refused = await ask(auth, make_exchange(headers={"x-api-key": "sg_CANARY"}))

        assert "CANARY" not in repr(refused)

    async def test_optional_lets_nobody_pass_and_no_bad_key(self, runtime: Runtime) -> None:
        async with running(Auth, {**KEYS, "optional": True}, runtime) as auth:
            x = make_exchange(headers={"authorization": "Bearer sk-1"})
            assert await ask(auth, x) is None
            assert x.fact(PRINCIPAL) is None
            assert x.request.headers.get("authorization") == "Bearer sk-1"

            refused = await ask(auth, make_exchange(headers={"x-api-key": "sg_x"}))
            assert refused is not None

    async def test_a_revoked_owner_is_refused_at_the_next_look(
        self, runtime: Runtime, administrator: Administrator
    ) -> None:
        key = administrator.issue()
        async with running(Auth, KEYS, runtime) as auth:
            assert await ask(auth, make_exchange(headers={"x-api-key": key})) is None
            administrator.revoke("subject", "ada")
            refused = await ask(auth, make_exchange(headers={"x-api-key": key}))

        assert refused is not None
        assert refused.reason is Reason.CREDENTIAL_REVOKED

    async def test_a_gateway_without_keys_says_so_at_the_start(self) -> None:
        with pytest.raises(ValueError, match="keeps no keys"):
            async with running(Auth, KEYS, Runtime()):
                pass


class TestBounds:
    async def test_a_key_for_some_models_is_held_to_them_in_path_and_body(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        key = issue(models=("gpt-4*", "gemini-flash"))
        asked = [
            (make_exchange(headers={"x-api-key": key}, body=b'{"model":"gpt-4o"}'), None),
            (make_exchange(headers={"x-api-key": key}, body=b'{"model":"o3"}'), "not for o3"),
            (make_exchange(headers={"x-api-key": key}, body=b'{"x":1}'), "names none"),
            (make_exchange(headers={"x-api-key": key}, body=b"model=gpt-4o"), "does not tell"),
            (
                make_exchange(headers={"x-api-key": key}, body=b'{"model":"gpt-4o","model":"o3"}'),
                "does not tell",
            ),
            (make_exchange("GET", "/v1/models", headers={"x-api-key": key}), None),
            (make_exchange(target="/v1/files", headers={"x-api-key": key}, body=b"--b"), None),
            (make_exchange(headers={"x-api-key": key}, model="gpt-4.1", body=b"{}"), None),
            (make_exchange(headers={"x-api-key": key}, model="o3", body=b"{}"), "not for o3"),
        ]
        async with running(Auth, KEYS, runtime) as auth:
            for x, said in asked:
                refused = await ask(auth, x)
                if said is None:
                    assert refused is None
                else:
                    assert refused is not None
                    assert said in refused.message

    async def test_a_large_body_is_read_in_steps(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        body = orjson.dumps({"messages": ["x" * 400_000], "model": "o3"})
        x = make_exchange(headers={"x-api-key": issue(models=("gpt-4*",))}, body=body)
        async with running(Auth, KEYS, runtime) as auth:
            refused = await ask(auth, x)

        assert refused is not None
        assert refused.reason is Reason.MODEL_DENIED

    async def test_without_the_body_only_the_path_tells_the_model(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        key = issue(models=("gpt-4*",))
        config = {**KEYS, "read_body": False}
        async with running(Auth, config, runtime) as auth:
            assert auth.skips_hooks == {"on_request"}
            known = make_exchange(headers={"x-api-key": key}, model="gpt-4o", body=b"{}")
            assert await ask(auth, known) is None
            refused = await ask(auth, make_exchange(headers={"x-api-key": key}, body=b"{}"))

        assert refused is not None
        assert refused.reason is Reason.MODEL_DENIED

    async def test_scopes_bound_what_is_asked(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        key = issue(scopes=("chat.*", "embeddings.create:small-*"))
        async with running(Auth, KEYS, runtime) as auth:
            chat = make_exchange(headers={"x-api-key": key}, body=b'{"model":"any"}')
            assert await ask(auth, chat) is None
            files = make_exchange("GET", "/v1/files", headers={"x-api-key": key})
            refused = await ask(auth, files)
            answers = []
            for model in ("small-3", "large-3"):
                body = orjson.dumps({"model": model})
                x = make_exchange(target="/v1/embeddings", headers={"x-api-key": key}, body=body)
                answers.append(await ask(auth, x))

        assert refused is not None
        assert refused.reason is Reason.PERMISSION_DENIED
        assert 'error="insufficient_scope"' in str(refused.headers)
        assert answers[0] is None
        assert isinstance(answers[1], Reject)

    def test_what_cannot_be_bound_needs_no_body(self, runtime: Runtime, tmp_path: Path) -> None:
        config = Auth.Config.model_validate({"jwt": [jwt_config(tmp_path)]})

        assert Auth(config, runtime).skips_hooks == {"on_request"}


class TestTokens:
    async def test_a_token_is_taken_in_every_place(self, runtime: Runtime, tmp_path: Path) -> None:
        token = SIGNER.sign(claims(NOW_S))
        async with running(Auth, {"jwt": [jwt_config(tmp_path)]}, runtime) as auth:
            for _, place in PLACES:
                x = make_exchange(**place(token))
                assert await ask(auth, x) is None
                principal = x.fact(PRINCIPAL)
                assert principal is not None
                assert principal.method == "jwt"
                assert token not in everything_forwarded(x)

    async def test_a_known_token_needs_no_waiting(self, runtime: Runtime, tmp_path: Path) -> None:
        token = SIGNER.sign(claims(NOW_S))
        async with running(Auth, {"jwt": [jwt_config(tmp_path)]}, runtime) as auth:
            for _ in range(2):
                x = make_exchange(headers={"authorization": f"Bearer {token}"})
                assert auth.on_request_headers(x) is None

    async def test_an_unknown_key_waits_for_one_fetch(
        self, runtime: Runtime, tmp_path: Path
    ) -> None:
        newcomer = Signer("k2", number=1)
        config = jwt_config(tmp_path)
        async with running(Auth, {"jwt": [config]}, runtime) as auth:
            put_keys(tmp_path, SIGNER, newcomer)
            x = make_exchange(headers={"x-api-key": newcomer.sign(claims(NOW_S))})
            step = auth.on_request_headers(x)
            assert inspect.isawaitable(step)
            assert await step is None

        assert x.fact(PRINCIPAL) is not None

    async def test_a_strangers_token_is_the_providers(
        self, runtime: Runtime, issue: Callable[..., str], tmp_path: Path
    ) -> None:
        """A token for the provider (Azure, Vertex) passes beside a key of ours."""
        foreign = Signer(number=1).sign(claims(NOW_S, iss="https://sts.windows.net/x/"))
        headers = {"authorization": f"Bearer {foreign}", "api-key": issue()}
        config = {**KEYS, "jwt": [jwt_config(tmp_path)]}
        async with running(Auth, config, runtime) as auth:
            x = make_exchange(headers=headers)
            assert await ask(auth, x) is None
            assert x.request.headers.get("authorization") == f"Bearer {foreign}"

            alone = make_exchange(headers={"authorization": f"Bearer {foreign}"})
            refused = await ask(auth, alone)
            assert refused is not None
            assert "its issuer is not trusted here" in refused.message
        async with running(Auth, {**config, "optional": True}, runtime) as auth:
            assert await ask(auth, make_exchange(headers=headers)) is None

    async def test_a_key_and_a_token_of_ours_are_two_credentials(
        self, runtime: Runtime, issue: Callable[..., str], tmp_path: Path
    ) -> None:
        token = SIGNER.sign(claims(NOW_S))
        x = make_exchange(headers={"authorization": f"Bearer {token}", "x-api-key": issue()})
        async with running(Auth, {**KEYS, "jwt": [jwt_config(tmp_path)]}, runtime) as auth:
            refused = await ask(auth, x)

        assert refused is not None
        assert refused.reason is Reason.AMBIGUOUS_REQUEST

    async def test_a_token_is_nothing_to_a_policy_without_issuers(self, runtime: Runtime) -> None:
        headers = {"authorization": f"Bearer {SIGNER.sign(claims(NOW_S))}"}
        async with running(Auth, KEYS, runtime) as auth:
            refused = await ask(auth, make_exchange(headers=headers))

        assert refused is not None
        assert refused.reason is Reason.CREDENTIAL_MISSING

    async def test_what_fails_its_checks_is_told_to_the_client(
        self, runtime: Runtime, tmp_path: Path
    ) -> None:
        token = SIGNER.sign(claims(NOW_S, aud="other"))
        async with running(Auth, {"jwt": [jwt_config(tmp_path)]}, runtime) as auth:
            x = make_exchange(headers={"x-api-key": token})
            refused = await ask(auth, x)

        assert refused is not None
        assert refused.headers == (
            ("www-authenticate", 'Bearer realm="sealgate", error="invalid_token"'),
        )


async def test_gemini_is_told_by_its_own_way(runtime: Runtime, issue: Callable[..., str]) -> None:
    target = f"/v1beta/models/gemini-flash:generateContent?key={issue(models=('gemini-*',))}"
    x = make_exchange(target=target, dialect=Dialect.GEMINI, model="gemini-flash", body=b"{}")
    async with running(Auth, KEYS, runtime) as auth:
        assert await ask(auth, x) is None
