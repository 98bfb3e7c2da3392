"""Callers whom the connection or the proxy in front identifies, where no credential does."""

from __future__ import annotations

from collections.abc import Callable

from gateway.identity.directory import StoredDirectory
from gateway.plugin import (
    PRINCIPAL,
    ClientCertificate,
    Exchange,
    Principal,
    Reason,
    Reject,
    Runtime,
)
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.auth import Auth
from tests.unit.gateway_plugins.auth.conftest import NOW_S

KEYS = {"api_keys": True}


class Connection:
    """The other end, as a test says it is."""

    def __init__(
        self, peer_ip: str = "10.1.1.1", certificate: ClientCertificate | None = None
    ) -> None:
        self.peer_ip = peer_ip
        self.tls = certificate is not None
        self._certificate = certificate

    def certificate(self) -> ClientCertificate | None:
        return self._certificate


async def ask(auth: Auth, x: Exchange) -> Reject | None:
    played = await play(auth, x)
    assert played.answer is None or isinstance(played.answer, Reject)
    return played.answer


CERTIFICATE = ClientCertificate(
    fingerprint="ab",
    uris=("spiffe://prod/ns/agents/sa/crawler",),
    dns_names=("crawler.acme.internal",),
    not_after=NOW_S + 60,
)
RULES = {"mtls": {"rules": [{"uri": "spiffe://prod/ns/*/sa/crawler", "tenant": "acme"}]}}


class TestCertificates:
    async def test_the_certificate_of_the_connection_identifies(self, runtime: Runtime) -> None:
        x = make_exchange()
        x.peer = Connection("192.0.2.1", CERTIFICATE)
        async with running(Auth, RULES, runtime) as auth:
            assert await ask(auth, x) is None

        principal = x.fact(PRINCIPAL)
        assert principal is not None
        assert (principal.tenant, principal.subject, principal.method) == (
            "acme", CERTIFICATE.uris[0], "mtls"
        )  # fmt: skip

    async def test_a_trusted_proxys_own_certificate_is_not_its_clients(
        self, runtime: Runtime
    ) -> None:
        x = make_exchange()
        x.peer = Connection("10.1.1.1", CERTIFICATE)
        async with running(Auth, RULES, runtime) as auth:
            refused = await ask(auth, x)

        assert refused is not None
        assert refused.reason is Reason.CREDENTIAL_MISSING

    async def test_a_key_goes_before_the_certificate(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(headers={"x-api-key": issue()})
        x.peer = Connection("192.0.2.1", CERTIFICATE)
        async with running(Auth, {**RULES, **KEYS}, runtime) as auth:
            assert await ask(auth, x) is None
            bad = make_exchange(headers={"x-api-key": "sg_x"})
            bad.peer = Connection("192.0.2.1", CERTIFICATE)
            assert await ask(auth, bad) is not None

        principal = x.fact(PRINCIPAL)
        assert principal is not None
        assert principal.method == "key"

    async def test_a_proxy_may_tell_of_it(self, runtime: Runtime) -> None:
        config = {"mtls": {**RULES["mtls"], "forwarded_header": "X-Forwarded-Client-Cert"}}
        told = {"x-forwarded-client-cert": f"Hash=ab;URI={CERTIFICATE.uris[0]}"}
        async with running(Auth, config, runtime) as auth:
            trusted = make_exchange(headers=told)
            trusted.peer = Connection("10.1.1.1")
            assert await ask(auth, trusted) is None
            assert isinstance(trusted.fact(PRINCIPAL), Principal)
            assert len(trusted.request.headers) == 0

            lying = make_exchange(headers=told)
            lying.peer = Connection("192.0.2.1")
            assert await ask(auth, lying) is not None
            assert len(lying.request.headers) == 0


NAMED = {
    "header": {
        "subject": "x-forwarded-user",
        "tenant_header": "x-forwarded-tenant",
        "tenants": ["acme"],
        "roles_header": "x-forwarded-groups",
    }
}
TOLD = {"X-Forwarded-User": "ada", "X-Forwarded-Tenant": "acme", "X-Forwarded-Groups": "a, b"}


class TestHeaders:
    async def test_a_trusted_proxy_is_believed(self, runtime: Runtime) -> None:
        x = make_exchange(headers=TOLD)
        x.peer = Connection()
        async with running(Auth, NAMED, runtime) as auth:
            assert await ask(auth, x) is None

        principal = x.fact(PRINCIPAL)
        assert principal is not None
        assert (principal.tenant, principal.subject, principal.roles) == (
            "acme", "ada", {"a", "b"}
        )  # fmt: skip
        assert len(x.request.headers) == 0

    async def test_nobody_else_is_believed_and_the_headers_go(self, runtime: Runtime) -> None:
        async with running(Auth, {**NAMED, "optional": True}, runtime) as auth:
            for peer in (Connection("192.0.2.1"), None):
                x = make_exchange(headers=TOLD)
                x.peer = peer
                assert await ask(auth, x) is None
                assert x.fact(PRINCIPAL) is None
                assert len(x.request.headers) == 0

    async def test_the_headers_go_beside_a_key_too(
        self, runtime: Runtime, issue: Callable[..., str]
    ) -> None:
        x = make_exchange(headers={**TOLD, "x-api-key": issue()})
        x.peer = Connection("192.0.2.1")
        async with running(Auth, {**NAMED, **KEYS}, runtime) as auth:
            assert await ask(auth, x) is None

        assert len(x.request.headers) == 0

    async def test_the_upstream_may_see_what_is_believed(self, runtime: Runtime) -> None:
        config = {"header": {**NAMED["header"], "forward": True}}
        async with running(Auth, {**config, "optional": True}, runtime) as auth:
            for peer, seen in ((Connection(), 3), (Connection("192.0.2.1"), 0)):
                x = make_exchange(headers=TOLD)
                x.peer = peer
                await ask(auth, x)
                assert len(x.request.headers) == seen

    async def test_without_trusted_proxies_nobody_is(self, directory: StoredDirectory) -> None:
        x = make_exchange(headers=TOLD)
        x.peer = Connection()
        async with running(Auth, NAMED, Runtime(directory=directory)) as auth:
            refused = await ask(auth, x)

        assert refused is not None
        assert "the connection proves no caller" in refused.message
