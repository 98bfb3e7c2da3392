"""Callers whom a trusted proxy has identified and names in headers of its own."""

from __future__ import annotations

from typing import Final

from gateway.patterns import compile_patterns
from gateway.plugin import Headers, Principal, Reason, Reject, Runtime
from gateway_plugins.auth.config import HeaderConfig
from gateway_plugins.auth.vetting import Vetted

NAME_CHARACTERS_MAX: Final = 256

_DEFAULT_TENANT: Final = "default"


def _refused(message: str) -> Reject:
    return Reject(Reason.CREDENTIAL_INVALID, message)


_TWICE = _refused("the headers of the proxy name the caller twice")
_NO_NAME = _refused("the headers of the proxy hold something that is not a name")
_NO_TENANT = _refused("the headers of the proxy name no tenant")
_OTHER_TENANT = Reject(Reason.TENANT_DENIED, "the proxy may not speak for the tenant that it names")


class NamedByProxy:
    """Reads the headers of a proxy that is trusted; the caller of this has checked that it is."""

    def __init__(self, config: HeaderConfig, runtime: Runtime) -> None:
        self._config = config
        self._may_name = compile_patterns(config.tenants)
        self._roles = frozenset(config.roles)
        self._vetted = Vetted(runtime)
        self.names = tuple(
            name
            for name in (config.subject, config.tenant_header, config.roles_header)
            if name is not None
        )

    def identify(self, headers: Headers) -> Principal | Reject | None:
        """Who the proxy says is calling; None where it says nothing."""
        if headers.first(self._config.subject.encode("latin-1")) is None:
            return None
        told = tuple(tuple(headers.get_all(name)) for name in self.names)
        known = self._vetted.get(told)
        if known is not None:
            return known
        return self._vetted.put(told, self._read(headers))

    def _read(self, headers: Headers) -> Principal | Reject:
        config = self._config
        tenant = config.tenant or _DEFAULT_TENANT
        singles = [name for name in (config.subject, config.tenant_header) if name is not None]
        if any(len(headers.get_all(name)) > 1 for name in singles):
            return _TWICE
        if config.tenant_header is not None:
            tenant = headers.get(config.tenant_header) or ""
            if not tenant:
                return _NO_TENANT
            if self._may_name is not None and not self._may_name(tenant):
                return _OTHER_TENANT
        subject = headers.get(config.subject) or ""
        roles = self._roles | self._listed(headers)
        if not all(map(_is_name, (subject, tenant, *roles))):
            return _NO_NAME
        return Principal(tenant=tenant, subject=subject, method="header", roles=roles)

    def _listed(self, headers: Headers) -> frozenset[str]:
        name = self._config.roles_header
        if name is None:
            return frozenset()
        listed = ",".join(headers.get_all(name)).split(",")
        return frozenset(role.strip() for role in listed if role.strip())


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_CHARACTERS_MAX and text.isprintable()
