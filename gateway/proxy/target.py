"""Targets: where requests go, compiled once from the settings so that nothing is left to decide."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from gateway.errors import ConfigError, Problem
from gateway.proxy.resolver import Resolver
from gateway.proxy.target_url import TargetUrl, UnusableUrlError, parse_proxy, parse_target
from gateway.proxy.upstream_tls import ClientContexts
from gateway.settings import TargetSettings, UpstreamSettings


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The way through an outbound HTTP proxy (RFC 9110 section 9.3.6)."""

    resolver: Resolver
    request: bytes = field(repr=False)
    """The whole CONNECT request; holds the proxy's credentials."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Target:
    """One address of an upstream; compared by identity.

    Exactly one of `unix_path`, `tunnel` and `resolver` says how to get there.
    """

    label: str
    """The URL without any credential, for metrics and logs."""
    scheme: str
    host: str
    port: int
    base_path: bytes
    """Goes before the path of every request; empty or `/like/this`."""
    host_header: bytes
    weight: int
    unix_path: str | None = None
    resolver: Resolver | None = field(default=None, repr=False)
    tunnel: Tunnel | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str | None = None


def compile_targets(
    name: str, settings: UpstreamSettings, contexts: ClientContexts
) -> tuple[Target, ...]:
    """The targets of the upstream `name`; raises ConfigError with every problem found."""
    place = f"upstreams.{name}"
    problems: list[Problem] = []
    if settings.url is not None and settings.targets:
        message = "an upstream has either url or targets"
        problems.append(Problem(f"{place}.url", 0, 0, message, "move the url into targets"))
    proxy = _compile(f"{place}.proxy", settings.proxy, parse_proxy, problems)
    targets: list[Target] = []
    for where, written in _written(place, settings):
        url = _compile(where, written.url, parse_target, problems)
        if url is None:
            continue
        try:
            _refuse_combination(url, settings)
            tls = contexts.get(settings.tls, f"{place}.tls") if url.scheme == "https" else None
            targets.append(_target(url, written.weight, settings, proxy, tls))
        except UnusableUrlError as error:
            problems.append(Problem(where, 0, 0, error.message, error.hint))
        except ConfigError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigError(problems)
    return tuple(targets)


def _written(place: str, settings: UpstreamSettings) -> list[tuple[str, TargetSettings]]:
    if settings.url is not None:
        return [(f"{place}.url", TargetSettings(url=settings.url))]
    return [(f"{place}.targets[{n}].url", target) for n, target in enumerate(settings.targets)]


def _compile(
    place: str,
    url: str | None,
    parse: Callable[[str], TargetUrl],
    problems: list[Problem],
) -> TargetUrl | None:
    if url is None:
        return None
    try:
        return parse(url)
    except UnusableUrlError as error:
        problems.append(Problem(place, 0, 0, error.message, error.hint))
        return None


def _refuse_combination(url: TargetUrl, settings: UpstreamSettings) -> None:
    if url.unix_path is not None and settings.proxy is not None:
        raise UnusableUrlError(
            "a Unix socket cannot be reached through a proxy",
            "give this target an upstream of its own, without proxy",
        )
    if url.link_local and not settings.allow_link_local:
        raise UnusableUrlError(
            "link-local and cloud metadata addresses hand out this machine's credentials",
            "set allow_link_local: true on this upstream if it really is there",
        )


def _target(
    url: TargetUrl,
    weight: int,
    settings: UpstreamSettings,
    proxy: TargetUrl | None,
    tls: ssl.SSLContext | None,
) -> Target:
    resolver, tunnel = None, None
    if proxy is not None:
        tunnel = Tunnel(
            Resolver(proxy.host, proxy.port, allow_link_local=settings.allow_link_local),
            _connect_request(url, proxy),
        )
    elif url.unix_path is None:
        resolver = Resolver(url.host, url.port, allow_link_local=settings.allow_link_local)
    return Target(
        label=url.label,
        scheme=url.scheme,
        host=url.host,
        port=url.port,
        base_path=url.path.encode("ascii"),
        host_header=url.authority.encode("ascii"),
        weight=weight,
        unix_path=url.unix_path,
        resolver=resolver,
        tunnel=tunnel,
        tls=tls,
        server_name=(settings.tls.server_name or url.host) if tls is not None else None,
    )


def _connect_request(url: TargetUrl, proxy: TargetUrl) -> bytes:
    host = f"[{url.host}]" if ":" in url.host else url.host
    authority = f"{host}:{url.port}".encode("ascii")
    request = b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n"
    if proxy.userinfo:
        user, _, password = proxy.userinfo.partition(":")
        token = base64.b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password))
        request += b"Proxy-Authorization: Basic " + token + b"\r\n"  # RFC 7617 section 2
    return request + b"\r\n"
