"""Where an issuer keeps its keys: discovery (OpenID Connect Discovery 1.0), a URL, or a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from gateway.identity.fetch import ANSWER_BYTES_MAX, Fetcher, FetchError
from gateway.identity.strict_json import UnclearJsonError, parse_object
from gateway.issuers import IssuerSettings

WELL_KNOWN: Final = "/.well-known/openid-configuration"


class KeyLocation(Protocol):
    """Gives the text of a JWK set; raises FetchError."""

    async def read(self, *, again: bool) -> bytes:
        """The set as it is now; `again` also looks up anew where it is."""

    async def close(self) -> None: ...


def location_of(issuer: IssuerSettings) -> KeyLocation:
    """What the settings of `issuer` say."""
    if issuer.jwks_file is not None:
        return KeyFile(issuer.jwks_file)
    fetcher = Fetcher(allow_http=issuer.allow_http, ca_file=issuer.ca_file)
    if issuer.jwks_url is not None:
        return KeyUrl(fetcher, issuer.jwks_url)
    return Discovered(fetcher, issuer.issuer)


class KeyFile:
    """A set in a file, which somebody else brings up to date."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, *, again: bool) -> bytes:  # noqa: ARG002  # a file stays where it is
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            message = f"the key file {self._path} cannot be read: {error.strerror}"
            raise FetchError(message) from None

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(ANSWER_BYTES_MAX)

    async def close(self) -> None:
        """Nothing is open."""


class KeyUrl:
    """A set at one URL of the configuration."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def read(self, *, again: bool) -> bytes:  # noqa: ARG002  # the URL is given
        return await self._fetcher.get(self._url)

    async def close(self) -> None:
        await self._fetcher.close()


class Discovered:
    """A set whose URL the issuer's own configuration names."""

    def __init__(self, fetcher: Fetcher, issuer: str) -> None:
        self._fetcher = fetcher
        self._issuer = issuer
        self._url: str | None = None

    async def read(self, *, again: bool) -> bytes:
        if self._url is None or again:
            self._url = await self._discover()
        return await self._fetcher.get(self._url)

    async def close(self) -> None:
        await self._fetcher.close()

    async def _discover(self) -> str:
        """The `jwks_uri`. The document must be the issuer's own, to the letter (section 4.3)."""
        # Section 4.1: a slash at the end of the issuer is removed before the path is added.
        text = await self._fetcher.get(self._issuer.removesuffix("/") + WELL_KNOWN)
        try:
            document = parse_object(text)
        except UnclearJsonError as error:
            raise FetchError(f"the issuer's configuration cannot be used: {error}") from None
        if document.get("issuer") != self._issuer:
            raise FetchError("the configuration found there names another issuer")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise FetchError("the issuer's configuration names no jwks_uri")
        self._guard(url)
        return url

    def _guard(self, url: str) -> None:
        """A document may send us to public hosts and back to the issuer, not into our network."""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            raise FetchError("the issuer's configuration names an unusable jwks_uri") from None
        own = host == urlsplit(self._issuer).hostname
        self._fetcher.public_only = frozenset() if own else frozenset({host})
