"""Callers by their client certificate, seen by the listener or told by a trusted proxy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.plugin import ClientCertificate, Principal, Reason, Reject, Runtime
from gateway_plugins.auth.config import NAME_KINDS, CertificateRule, MtlsConfig
from gateway_plugins.auth.vetting import Vetted

NAME_CHARACTERS_MAX: Final = 256

_NO_RULE = Reject(Reason.CREDENTIAL_INVALID, "no rule of the policy fits the client certificate")
_EXPIRED = Reject(Reason.CREDENTIAL_EXPIRED, "the client certificate is past its validity")
_MALFORMED = Reject(
    Reason.CREDENTIAL_INVALID, "what the proxy tells of the client certificate cannot be read"
)
# What a `*` may stand for, so that a pattern holds for one part of a hierarchical name only.
_WITHIN: Final = {"uri": "[^/]*", "dns": "[^.]*", "email": "[^@]*", "common_name": ".*"}


class Certificates:
    """Maps certificates to principals by the rules of the policy."""

    def __init__(self, config: MtlsConfig, runtime: Runtime) -> None:
        self._rules = tuple(_Rule(rule) for rule in config.rules)
        self._wall = runtime.wall
        self._vetted = Vetted(runtime)

    def identify(self, certificate: ClientCertificate) -> Principal | Reject:
        """Who the holder of `certificate` is, or why it is refused."""
        if certificate.not_after is not None and self._wall() >= certificate.not_after:
            return _EXPIRED  # a connection may outlive the certificate that it began with
        known = self._vetted.get(certificate)
        if known is not None:
            return known
        return self._vetted.put(certificate, self._match(certificate))

    def identify_forwarded(self, value: str) -> Principal | Reject:
        """The same for what a trusted proxy told."""
        certificate = read_forwarded(value)
        return _MALFORMED if certificate is None else self.identify(certificate)

    def _match(self, certificate: ClientCertificate) -> Principal | Reject:
        for rule in self._rules:
            name = rule.fits(certificate)
            if name is not None:
                return Principal(
                    tenant=rule.tenant,
                    subject=rule.subject or name,
                    method="mtls",
                    roles=rule.roles,
                    expires_at=certificate.not_after,
                )
        return _NO_RULE


class _Rule:
    """One rule, compiled."""

    def __init__(self, rule: CertificateRule) -> None:
        self.tenant = rule.tenant
        self.subject = rule.subject
        self.roles = frozenset(rule.roles)
        self._kind = next(kind for kind in NAME_KINDS if getattr(rule, kind) is not None)
        parts = str(getattr(rule, self._kind)).split("*")
        # DNS names ignore case (RFC 4343), the others do not.
        flags = re.IGNORECASE if self._kind == "dns" else re.NOFLAG
        self._pattern = re.compile(_WITHIN[self._kind].join(map(re.escape, parts)), flags)

    def fits(self, certificate: ClientCertificate) -> str | None:
        """The name of the certificate that fits, or None."""
        names = {
            "uri": certificate.uris,
            "dns": certificate.dns_names,
            "email": certificate.emails,
            "common_name": certificate.common_names,
        }
        for name in names[self._kind]:
            fits = len(name) <= NAME_CHARACTERS_MAX and name.isprintable()
            if fits and self._pattern.fullmatch(name):
                return name
        return None


# One pair of Envoy's x-forwarded-client-cert: `Key=value`, where a value with , ; = is quoted.
_PAIR = re.compile(
    r"""(?P<key>[A-Za-z]+)=
    (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<plain>[^",;=]*+))
    (?P<end>[;,]|\Z)""",
    re.VERBOSE,
)
FORWARDED_CHARACTERS_MAX: Final = 16_384


def read_forwarded(value: str) -> ClientCertificate | None:
    """The newest element of x-forwarded-client-cert: what the trusted proxy itself has seen.

    Only URIs and DNS names are taken: the subject is written in forms that cannot be told apart.
    None where the field breaks its grammar anywhere: an open quote in an older element, which a
    client may have written, could swallow the newest one.
    """
    if len(value) > FORWARDED_CHARACTERS_MAX:
        return None
    newest: list[tuple[str, str]] = []
    for key, text, ends_element in _pairs(value):
        if key is None:
            return None
        newest.append((key.lower(), text))
        if ends_element:
            newest.clear()
    return _certificate(newest) if newest else None


def _pairs(value: str) -> Iterator[tuple[str | None, str, bool]]:
    """Key, value, and whether another element follows; a key of None where it cannot be read."""
    place, end = 0, ";"
    while end:
        pair = _PAIR.match(value, place)
        if pair is None:
            yield None, "", False
            return
        place, end = pair.end(), pair["end"]
        quoted = pair["quoted"]
        text = pair["plain"] if quoted is None else quoted.replace('\\"', '"')
        yield pair["key"], text, end == ","
        while end == "," and value[place : place + 1] == " ":
            place += 1


def _certificate(pairs: list[tuple[str, str]]) -> ClientCertificate:
    def named(key: str) -> tuple[str, ...]:
        return tuple(text for name, text in pairs if name == key and text)

    return ClientCertificate(
        fingerprint=next(iter(named("hash")), ""),
        uris=named("uri"),
        dns_names=named("dns"),
    )
