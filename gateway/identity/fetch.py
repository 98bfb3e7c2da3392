"""Small documents over HTTPS from servers that the configuration names, with all bounds set.

No redirect is followed, no proxy is taken from the environment, an answer over its limit is not
read to its end, and a name that leads to a link-local or cloud metadata address is not connected
to: the addresses that are checked are those that are used.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gateway.issuers import check_url, is_loopback_host
from gateway.networks import is_link_local

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

ANSWER_BYTES_MAX: Final = 262_144
TIMEOUT_S: Final = 5.0
_OK = 200


class FetchError(Exception):
    """Why a document could not be had: for logs; no credential is in it.

    `status` is that of the answer, 0 where there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Fetcher:
    """Fetches from any number of servers; `close` it in the loop in which it was used."""

    def __init__(
        self,
        *,
        allow_http: bool = False,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._allow_http = allow_http
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self.public_only: frozenset[str] = frozenset()
        """Hosts that must be public, because a document named them and not the configuration."""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a 200 answer. Raises FetchError."""
        return await self._request("GET", url, headers=headers)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a 200 answer to a JSON document. Raises FetchError."""
        sent = {"content-type": "application/json", **(headers or {})}
        return await self._request("POST", url, headers=sent, data=body)

    async def close(self) -> None:
        """Closes what is open."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(self, method: str, url: str, **more: Any) -> bytes:
        if "aiohttp" not in sys.modules:
            # Only workers that fetch carry it, and loading it must not hold up what they serve.
            await asyncio.to_thread(importlib.import_module, "aiohttp")
        import aiohttp  # noqa: PLC0415  # workers that fetch nothing must not load it

        try:
            check_url(url, allow_http=self._allow_http)
            self._check_literal(urlsplit(url).hostname or "")
            if self._session is None:
                self._session = await self._open()
            async with self._session.request(method, url, allow_redirects=False, **more) as answer:
                if answer.status != _OK:
                    raise FetchError(f"the server answered {answer.status}", answer.status)
                return await _bounded(answer.content)
        except TimeoutError:
            raise FetchError(f"there was no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError(_said(error)) from None

    def _check_literal(self, host: str) -> None:
        """An address in the URL needs no resolver, so it is judged here."""
        try:
            ip_address(host)
        except ValueError:
            return
        self._check_address(host, host)

    def _check_address(self, host: str, address: str) -> None:
        if is_link_local(address):
            raise FetchError("its host is a link-local or metadata address")
        if host in self.public_only and not ip_address(address.partition("%")[0]).is_global:
            raise FetchError("its host was named by a document and is not public")
        if ip_address(address.partition("%")[0]).is_loopback and not is_loopback_host(host):
            raise FetchError("its host name leads to this machine")

    async def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  # workers that fetch nothing must not load it
        from aiohttp.abc import AbstractResolver  # noqa: PLC0415  # workers that fetch nothing must not load it
        from aiohttp.resolver import ThreadedResolver  # noqa: PLC0415  # workers that fetch nothing must not load it

        fetcher = self

        class Guarded(AbstractResolver):
            """Gives only addresses that may be connected to."""

            def __init__(self) -> None:
                self._inner = ThreadedResolver()

            async def resolve(
                self, host: str, port: int = 0, family: Any = 0
            ) -> list[ResolveResult]:
                found = await self._inner.resolve(host, port, family)
                for result in found:
                    fetcher._check_address(host, result["host"])
                return found

            async def close(self) -> None:
                await self._inner.close()

        context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
        connector = aiohttp.TCPConnector(
            resolver=Guarded(), ssl=context, limit=4, force_close=True, use_dns_cache=False
        )
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        # Key servers need no cookies, and would not keep one client's from another's.
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        )


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    data = bytearray()
    async for part in content.iter_any():
        data += part
        if len(data) > ANSWER_BYTES_MAX:
            raise FetchError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
    return bytes(data)


def _said(error: Exception) -> str:
    """What went wrong, without the URL: a query could hold a secret."""
    if isinstance(error, ssl.SSLError) or type(error).__name__.startswith("ClientConnectorC"):
        return "the TLS certificate of the server was not accepted"
    return f"the server could not be reached ({type(error).__name__})"
