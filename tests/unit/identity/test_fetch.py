"""What is fetched is small, comes from where the settings say, and over TLS that is verified."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from gateway.identity.fetch import ANSWER_BYTES_MAX, Fetcher, FetchError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fetching(**settings: object) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(**settings)  # type: ignore[arg-type]  # a test's own words
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def hello(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"hello")


async def test_a_document_is_fetched() -> None:
    async with serving(hello) as port, fetching() as fetcher:
        assert await fetcher.get(f"http://127.0.0.1:{port}/x") == b"hello"
        assert await fetcher.get(f"http://localhost:{port}/x") == b"hello"


async def test_nothing_but_200_is_a_document_and_no_redirect_is_followed() -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        status = int(request.path[1:])
        return web.Response(status=status, headers={"location": "/200"}, body=b"hello")

    async with serving(answer) as port, fetching() as fetcher:
        for status in (204, 301, 302, 307, 308, 403, 404, 500):
            with pytest.raises(FetchError, match=f"answered {status}") as raised:
                await fetcher.get(f"http://127.0.0.1:{port}/{status}")
            assert raised.value.status == status

    assert "/200" not in asked


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
async def test_an_answer_over_the_limit_is_not_read_to_its_end(compressed: bool) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.Response(body=b" " * (ANSWER_BYTES_MAX + 1))
        if compressed:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(flood) as port, fetching() as fetcher:
        with pytest.raises(FetchError, match="larger than"):
            await fetcher.get(f"http://127.0.0.1:{port}/")


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    given_up = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await given_up.wait()
        return web.Response()

    async with serving(hang) as port, fetching(timeout_s=0.05) as fetcher:
        with pytest.raises(FetchError, match="no answer within"):
            await fetcher.get(f"http://127.0.0.1:{port}/")
        given_up.set()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://100.100.100.200/",
        "https://[fd00:ec2::254]/",
    ],
)
async def test_metadata_services_are_not_asked(url: str) -> None:
    async with fetching(allow_http=True) as fetcher:
        with pytest.raises(FetchError, match="link-local or metadata"):
            await fetcher.get(url)


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://127.0.0.1/", "file:///etc/passwd"])
async def test_other_urls_are_not_opened(url: str) -> None:
    async with fetching() as fetcher:
        with pytest.raises(FetchError):
            await fetcher.get(url)


async def test_a_host_that_a_document_named_must_be_public() -> None:
    async with serving(hello) as port, fetching() as fetcher:
        fetcher.public_only = frozenset({"127.0.0.1", "localhost"})
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(FetchError, match="not public"):
                await fetcher.get(f"http://{host}:{port}/")


async def test_the_certificate_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    async with serving(hello, context) as port:
        url = f"https://127.0.0.1:{port}/"
        async with fetching() as fetcher:
            with pytest.raises(FetchError, match="certificate of the server was not accepted"):
                await fetcher.get(url)
        async with fetching(ca_file=ca_file) as fetcher:
            assert await fetcher.get(url) == b"hello"


async def test_a_fault_says_no_url(tmp_path: Path) -> None:
    async with fetching() as fetcher:
        with pytest.raises(FetchError) as raised:
            await fetcher.get("http://127.0.0.1:1/?token=CANARY")

    assert "CANARY" not in str(raised.value)
