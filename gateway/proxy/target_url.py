"""Reads the URLs of targets and outbound proxies strictly; every refusal says how to mend it.

A URL is never quoted in a message, because someone may have put a key into it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from gateway.networks import is_link_local

_PORTS = {"http": 80, "https": 443}
_PORT_MAX = 65_535
UNIX_PATH_BYTES_MAX = 107
"""`sun_path` holds 108 bytes with its end mark (unix(7)); 104 on some systems, found on use."""
# RFC 3986 appendix A: what a URL may consist of. Anything else is percent-encoded.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_PATH = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
# RFC 1123 section 2.1, and the underscore that container networks use.
_HOST_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
_HOST_MAX = 253
_USERINFO = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*")


class UnusableUrlError(Exception):
    """A URL cannot be used: `message` says what is wrong, `hint` what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """A URL in parts; `host` without brackets, `path` without a final slash."""

    scheme: str
    host: str
    port: int
    authority: str
    """Host and, unless it is the scheme's own, port: the value of the Host field."""
    path: str = ""
    unix_path: str | None = None
    userinfo: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """The URL again, without credentials."""
        if self.unix_path is not None:
            return f"unix:{self.unix_path}" + (f":{self.path}" if self.path else "")
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def link_local(self) -> bool:
        """Whether the host is written as a link-local or cloud metadata address."""
        try:
            return is_link_local(self.host)
        except ValueError:
            return False  # a name: its addresses are judged when it is resolved


def parse_target(url: str) -> TargetUrl:
    """Reads the URL of a target; raises UnusableUrlError."""
    if url.startswith("unix:"):
        return _parse_unix(url.removeprefix("unix:"))
    parsed = _parse_http(url, ("http", "https"), "http://, https:// or unix:/path/to.sock")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UnusableUrlError(
            "a target URL cannot hold a user name or password",
            "credentials pass through in the client's own headers",
        )
    return parsed


def parse_proxy(url: str) -> TargetUrl:
    """Reads the URL of an outbound proxy; raises UnusableUrlError."""
    parsed = _parse_http(url, ("http",), "http://[user:password@]host:port")
    if parsed.path:
        raise UnusableUrlError("a proxy URL has no path", "write http://host:port")
    return parsed


def _parse_http(url: str, schemes: tuple[str, ...], form: str) -> TargetUrl:
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in schemes:
        raise UnusableUrlError("the URL's scheme is missing or unknown", f"write {form}")
    if not _URL.fullmatch(rest):
        raise UnusableUrlError(
            "the URL is empty or holds a character that no URL may hold",
            "percent-encode it; write a host name with other letters in its xn-- form",
        )
    if "?" in rest or "#" in rest:
        raise UnusableUrlError(
            "the URL has a query or a fragment",
            "write scheme, host, port and base path only",
        )
    authority, slash, path = rest.partition("/")
    userinfo, _, authority = authority.rpartition("@")
    if not _USERINFO.fullmatch(userinfo):
        raise UnusableUrlError(
            "the user name or password holds a character that must be percent-encoded",
            "write %40 for @ and %3A for a colon in the user name",
        )
    host, port = _host_and_port(authority, _PORTS[scheme])
    shown = f"[{host}]" if ":" in host else host
    if port != _PORTS[scheme]:
        shown += f":{port}"
    return TargetUrl(scheme, host, port, shown, _base_path(slash + path), None, userinfo)


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise UnusableUrlError("the IPv6 address is not valid", "write http://[2001:db8::1]:80")
        return host.lower(), _port(rest[1:] if rest else None, default_port)
    host, colon, port = authority.partition(":")
    labels_fit = all(_HOST_LABEL.fullmatch(label) for label in host.split("."))
    if not labels_fit or len(host) > _HOST_MAX:
        raise UnusableUrlError("the host name is not valid", "write it as in http://example.com")
    return host.lower(), _port(port if colon else None, default_port)


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isdigit() and len(text) <= len(str(_PORT_MAX)) and 0 < int(text) <= _PORT_MAX):
        raise UnusableUrlError("the port is not a number from 1 to 65535", "as in http://host:8000")
    return int(text)


def _is_ipv6(host: str) -> bool:
    try:
        # A zone (fe80::1%eth0) has no place in a URL that others can use too.
        return "%" not in host and ipaddress.IPv6Address(host) is not None
    except ValueError:
        return False


def _base_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise UnusableUrlError(
            "the base path holds a character that must be percent-encoded",
            "write %25 for a percent sign",
        )
    segments = [segment.lower().replace("%2e", ".") for segment in path.split("/")]
    if "." in segments or ".." in segments or "" in segments[1:-1]:
        raise UnusableUrlError(
            "the base path has an empty segment, `.` or `..`", "write it as in http://host/base"
        )
    return path.removesuffix("/")


def _parse_unix(rest: str) -> TargetUrl:
    if rest.startswith("///"):  # unix:///run/x.sock, as other tools write it
        rest = rest.removeprefix("//")
    path, colon, base = rest.partition(":/")
    if not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise UnusableUrlError(
            "the path of the Unix socket is not absolute",
            "write unix:/path/to.sock or unix:/path/to.sock:/base/path",
        )
    if len(path.encode()) > UNIX_PATH_BYTES_MAX:
        raise UnusableUrlError(
            f"the path of the Unix socket is longer than {UNIX_PATH_BYTES_MAX} bytes",
            "put the socket into a folder with a shorter path",
        )
    if "?" in base or "#" in base:
        raise UnusableUrlError("the base path has a query or a fragment", "leave it out")
    return TargetUrl(
        "unix", "localhost", 0, "localhost", _base_path("/" + base if colon else ""), path
    )
