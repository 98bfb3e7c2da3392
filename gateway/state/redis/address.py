"""Where a server is, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

PORT = 6379
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = PORT
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Url:
    """What a store's `url` says; user and password are empty where it names none."""

    address: Address
    tls: bool = False
    database: int | None = None
    username: str = ""
    password: str = ""


def parse_address(text: str, port: int = PORT) -> Address:
    """`host:port`, `host` or `[v6]:port`. Raises ValueError, which does not quote the text."""
    host, separator, number = text.rpartition(":")
    if not separator or number.endswith("]"):
        host, number = text, str(port)
    if not number.isdigit() or not 0 < int(number) <= 65_535:  # noqa: PLR2004  # the last port
        raise ValueError("the port must be a number from 1 to 65535")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError("the host is missing")
    return Address(host, int(number))


def parse_url(text: str) -> Url:
    """A checked `url` of the settings. Raises ValueError, which does not quote the text."""
    if text.startswith("unix:"):
        return Url(Address(path=text.removeprefix("unix:")))
    scheme, _, rest = text.partition("://")
    place, _, database = rest.partition("/")
    credentials, _, place = place.rpartition("@")
    username, _, password = credentials.partition(":")
    return Url(
        parse_address(place),
        scheme == "rediss",
        int(database.strip("/")) if database.strip("/") else None,
        unquote(username),
        unquote(password),
    )
