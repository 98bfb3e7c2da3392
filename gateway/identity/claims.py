"""What verified claims come to: a tenant, a user, roles, as the settings of the issuer map them.

A path such as `realm_access.roles` leads into nested objects; a claim whose own name holds dots
(`https://example.com/roles`) is taken first, as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.issuers import IssuerSettings
from gateway.patterns import compile_patterns
from gateway.plugin.identity import ANONYMOUS_TENANT, Principal

NAME_CHARACTERS_MAX: Final = 256
LISTED_MAX: Final = 200
"""Roles or scopes of one token that are looked at."""
NUMBER_MAX: Final = 2**53


class ClaimError(ValueError):
    """Which claim is missing or unusable; the message holds no value of it."""


class ClaimedTenantError(ClaimError):
    """The tenant is one that the issuer may not speak for."""


class ClaimMapping:
    """Compiled once per issuer."""

    def __init__(self, issuer: IssuerSettings) -> None:
        self._issuer = issuer
        self._may_name = compile_patterns(issuer.tenants)
        self._roles = frozenset(issuer.roles)

    def principal(self, claims: Mapping[str, Any], expires_at: float) -> Principal:
        """Who `claims` are about. Raises ClaimError."""
        issuer = self._issuer
        scopes = _listed(claims, issuer.scopes_from) if issuer.scopes_from is not None else ()
        return Principal(
            tenant=self._tenant(claims),
            subject=issuer.subject_prefix + _name(claims, issuer.subject_from),
            method="jwt",
            roles=self._roles | frozenset(self._mapped_roles(claims)),
            scopes=frozenset(scopes),
            claims=_named(claims, issuer.claims),
            expires_at=expires_at,
        )

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        path = self._issuer.tenant_from
        if path is None:
            return self._issuer.tenant or ANONYMOUS_TENANT
        tenant = _name(claims, path)
        if self._may_name is not None and not self._may_name(tenant):
            raise ClaimedTenantError("its issuer may not speak for the tenant that it names")
        return tenant

    def _mapped_roles(self, claims: Mapping[str, Any]) -> Iterable[str]:
        for path in self._issuer.roles_from:
            for value in _listed(claims, path):
                if not self._issuer.role_map:
                    yield value
                else:
                    yield from self._issuer.role_map.get(value, ())


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """What stands at `path`, or None."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def number_at(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), or None where there is none. Raises ClaimError."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError(f"its `{name}` is not a number")
    if not 0 <= value < NUMBER_MAX:
        raise ClaimError(f"its `{name}` is no time")
    return float(value)


def texts_at(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """A claim that is a text or a list of texts; empty where it is neither."""
    value = claims.get(name)
    listed = value if isinstance(value, list) else [value]
    return frozenset(each for each in listed if isinstance(each, str))


def _name(claims: Mapping[str, Any], path: str) -> str:
    value = claim_at(claims, path)
    if not isinstance(value, str) or not _is_name(value):
        raise ClaimError(f"its `{path}` is missing or is not a name")
    return value


def _is_name(text: str) -> bool:
    """Whether `text` can stand in records: bounded, and without controls or odd spaces."""
    return 0 < len(text) <= NAME_CHARACTERS_MAX and text.isprintable()


def _listed(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Words of a text (RFC 8693 section 4.2: `scope`), or the texts of a list."""
    value = claim_at(claims, path)
    listed = value.split(" ") if isinstance(value, str) else value
    if not isinstance(listed, list):
        return ()
    texts = [each for each in listed[:LISTED_MAX] if isinstance(each, str)]
    return tuple(text for text in texts if _is_name(text))


def _named(claims: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    found = {path: claim_at(claims, path) for path in paths}
    return {path: value for path, value in found.items() if value is not None}
