"""Tokens are judged as RFC 7519 and RFC 8725 ask; what is refused says why and nothing more."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.identity.jwt import TOKENS_MAX, TokenVerifier
from gateway.issuers import IssuerSettings
from gateway.plugin.identity import IdentityUnavailableError, Principal
from gateway.plugin.verdict import Reject
from gateway.reasons import Reason
from tests.tokens import AUDIENCE, ISSUER, Signer, claims, hmac_token, key_set
from tests.unit.identity.attacks import ATTACKS, NOW_S, ForgedToken

SIGNER = Signer()


class Clock:
    def __init__(self) -> None:
        self.now_s = float(NOW_S)

    def __call__(self) -> float:
        return self.now_s


class Revocations:
    """A directory that knows only what is revoked and who has which role."""

    def __init__(self) -> None:
        self.generation = 1
        self.revoked: set[tuple[str, str]] = set()
        self.roles_by_user: dict[str, frozenset[str]] = {}
        self.readable = True

    def revoke(self, kind: str, name: str) -> None:
        self.revoked.add((kind, name))
        self.generation += 1

    def is_revoked(
        self, kind: str, name: str, *, tenant: str = "", issued_at: float | None = None
    ) -> bool:
        if not self.readable:
            raise IdentityUnavailableError
        return (kind, name) in self.revoked

    def roles_of(self, tenant: str, subject: str) -> frozenset[str]:
        return self.roles_by_user.get(subject, frozenset())

    def principal_of_key(self, presented: str) -> Principal | Reject:
        raise LookupError(presented)

    def roles(self) -> dict[str, Any]:
        return {}

    def note_use(self, key_id: str) -> None:
        """Not asked here."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def verifier(
    folder: Path, clock: Clock, *, directory: Revocations | None = None, **settings: Any
) -> AsyncIterator[TokenVerifier]:
    """Believes SIGNER's tokens, whose keys stand in a file."""
    file = folder / "keys.json"
    file.write_bytes(orjson.dumps(settings.pop("keys", None) or key_set(SIGNER)))
    written = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": file, **settings}
    made = TokenVerifier(
        [IssuerSettings.model_validate(written)],
        wall=clock,
        monotonic=clock,
        directory=directory,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def judged(verifier: TokenVerifier, token: str) -> Principal | Reject:
    found = verifier.verify(token.encode())
    return await found if inspect.isawaitable(found) else found


async def test_a_good_token_is_its_user(tmp_path: Path, clock: Clock) -> None:
    async with verifier(tmp_path, clock) as tokens:
        found = await judged(tokens, SIGNER.sign(claims(NOW_S)))

    assert isinstance(found, Principal)
    assert (found.subject, found.tenant, found.method) == ("ada", "default", "jwt")
    assert found.expires_at == NOW_S + 3600


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_refused_and_told_why(
    attack: ForgedToken, tmp_path: Path, clock: Clock
) -> None:
    async with verifier(tmp_path, clock, keys=key_set(SIGNER, Signer("ec", "ES256"))) as tokens:
        found = await judged(tokens, attack.make())

    assert isinstance(found, Reject), attack.name
    assert found.reason is attack.reason
    assert attack.said in found.message
    assert "Error" not in found.message
    assert "Traceback" not in found.message


async def test_the_skew_is_granted_and_ends(tmp_path: Path, clock: Clock) -> None:
    token = SIGNER.sign(claims(NOW_S, exp=NOW_S))
    async with verifier(tmp_path, clock, skew_s=30) as tokens:
        clock.now_s = NOW_S + 29.9
        assert isinstance(await judged(tokens, token), Principal)
        clock.now_s = NOW_S + 30
        refused = await judged(tokens, token)

    assert isinstance(refused, Reject)
    assert refused.reason is Reason.CREDENTIAL_EXPIRED


async def test_a_token_without_a_name_of_its_key_needs_that_there_is_one_key(
    tmp_path: Path, clock: Clock
) -> None:
    token = SIGNER.sign(claims(NOW_S), kid=None)
    async with verifier(tmp_path, clock) as tokens:
        assert isinstance(await judged(tokens, token), Principal)
    async with verifier(tmp_path, clock, keys=key_set(SIGNER, Signer("k2", number=1))) as tokens:
        assert isinstance(await judged(tokens, token), Reject)


@pytest.mark.parametrize("kind", ["RSA", "ES256", "ES384", "ES512", "EdDSA"])
async def test_every_kind_of_key_verifies(kind: Any, tmp_path: Path, clock: Clock) -> None:
    signer = Signer("k", kind)
    async with verifier(tmp_path, clock, keys=key_set(signer)) as tokens:
        assert isinstance(await judged(tokens, signer.sign(claims(NOW_S))), Principal)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_an_rsa_key_has_all_rsa_signatures(
    algorithm: str, tmp_path: Path, clock: Clock
) -> None:
    token = SIGNER.sign(claims(NOW_S), algorithm, alg=algorithm)
    async with verifier(tmp_path, clock) as tokens:
        assert isinstance(await judged(tokens, token), Principal)
    async with verifier(tmp_path, clock, algorithms=["ES256"]) as tokens:
        assert isinstance(await judged(tokens, token), Reject)


class TestMemory:
    async def test_a_known_token_is_not_verified_again(self, tmp_path: Path, clock: Clock) -> None:
        token = SIGNER.sign(claims(NOW_S))
        async with verifier(tmp_path, clock) as tokens:
            first = await judged(tokens, token)

            assert tokens.verify(token.encode()) is first

    async def test_a_revocation_forgets_it(self, tmp_path: Path, clock: Clock) -> None:
        token = SIGNER.sign(claims(NOW_S, jti="t1", tenant="acme"))
        directory = Revocations()
        for kind, name in [("jti", "t1"), ("subject", "ada"), ("tenant", "default")]:
            directory.revoked.clear()
            async with verifier(tmp_path, clock, directory=directory) as tokens:
                assert isinstance(await judged(tokens, token), Principal)
                directory.revoke(kind, name)
                refused = await judged(tokens, token)

            assert isinstance(refused, Reject), kind
            assert refused.reason is Reason.CREDENTIAL_REVOKED

    async def test_roles_that_an_administrator_bound_are_added(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        directory = Revocations()
        directory.roles_by_user["ada"] = frozenset({"auditor"})
        async with verifier(tmp_path, clock, directory=directory, roles="user") as tokens:
            found = await judged(tokens, SIGNER.sign(claims(NOW_S)))

        assert isinstance(found, Principal)
        assert found.roles == {"auditor", "user"}

    async def test_where_revocations_cannot_be_read_nobody_is_let_in(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        directory = Revocations()
        directory.readable = False
        async with verifier(tmp_path, clock, directory=directory) as tokens:
            found = await judged(tokens, SIGNER.sign(claims(NOW_S)))

        assert isinstance(found, Reject)
        assert found.reason is Reason.IDENTITY_UNAVAILABLE

    async def test_it_is_bounded(self, tmp_path: Path, clock: Clock) -> None:
        signer = Signer("ed", "EdDSA")
        async with verifier(tmp_path, clock, keys=key_set(signer)) as tokens:
            for number in range(TOKENS_MAX + 1):
                tokens.verify(signer.sign(claims(NOW_S, sub=f"user {number}")).encode())

            assert len(tokens._known) == 1


class TestStrongSignIn:
    async def test_a_token_must_say_so(self, tmp_path: Path, clock: Clock) -> None:
        plain, strong = claims(NOW_S, acr="1"), claims(NOW_S, acr="phr", amr=["pwd", "hwk"])
        async with verifier(tmp_path, clock, acr=["phr"], amr=["hwk", "otp"]) as tokens:
            refused = await judged(tokens, SIGNER.sign(plain))
            half = await judged(tokens, SIGNER.sign({**strong, "amr": ["pwd"]}))
            passed = await judged(tokens, SIGNER.sign(strong))

        assert isinstance(passed, Principal)
        for found in (refused, half):
            assert isinstance(found, Reject)
            assert found.reason is Reason.MFA_REQUIRED
            (challenge,) = [value for name, value in found.headers if name == "www-authenticate"]
            assert 'error="insufficient_user_authentication"' in challenge
            assert 'acr_values="phr"' in challenge


class TestIssuers:
    async def test_each_has_its_own_keys(self, tmp_path: Path, clock: Clock) -> None:
        """A key of one issuer proves nothing about another."""
        other = Signer("k1", number=1)
        files = []
        for name, signer in [("a", SIGNER), ("b", other)]:
            files.append(tmp_path / name)
            files[-1].write_bytes(orjson.dumps(key_set(signer)))
        issuers = [
            IssuerSettings(issuer=f"https://{file.name}", audience=("x",), jwks_file=file)
            for file in files
        ]
        tokens = TokenVerifier(issuers, wall=clock, monotonic=clock)
        await tokens.start()
        good = claims(NOW_S, iss="https://a", aud="x")

        assert isinstance(await judged(tokens, SIGNER.sign(good)), Principal)
        assert isinstance(await judged(tokens, other.sign(good)), Reject)
        await tokens.stop()

    def test_the_same_one_twice_is_an_error(self, clock: Clock) -> None:
        issuer = IssuerSettings(issuer=ISSUER, audience=("x",))
        with pytest.raises(ValueError, match="stands twice"):
            TokenVerifier([issuer, issuer], wall=clock, monotonic=clock)

    async def test_a_shared_secret_verifies_nothing_but_hmac(self, clock: Clock) -> None:
        secret = b"0123456789abcdef0123456789abcdef"
        issuer = IssuerSettings(issuer=ISSUER, audience=(AUDIENCE,))
        tokens = TokenVerifier([issuer], wall=clock, monotonic=clock, secrets={ISSUER: secret})
        await tokens.start()

        assert isinstance(await judged(tokens, hmac_token(secret, claims(NOW_S))), Principal)
        assert isinstance(await judged(tokens, hmac_token(b"x" * 32, claims(NOW_S))), Reject)
        assert isinstance(await judged(tokens, SIGNER.sign(claims(NOW_S))), Reject)
        await tokens.stop()

    def test_a_short_secret_is_an_error(self, clock: Clock) -> None:
        issuer = IssuerSettings(issuer=ISSUER, audience=("x",))
        with pytest.raises(ValueError, match="fewer than 32 bytes"):
            TokenVerifier([issuer], wall=clock, monotonic=clock, secrets={ISSUER: b"short"})

    async def test_whose_a_token_claims_to_be_is_told_without_believing_it(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        async with verifier(tmp_path, clock) as tokens:
            assert tokens.trusts_issuer_of(Signer(number=1).sign(claims(NOW_S)).encode())
            assert not tokens.trusts_issuer_of(SIGNER.sign(claims(NOW_S, iss="https://x")).encode())
            assert not tokens.trusts_issuer_of(b"sk-proj-x")
