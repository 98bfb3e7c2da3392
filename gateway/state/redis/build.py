"""A RedisStore from its settings."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.plugin.secret import resolve_secret
from gateway.state.redis.address import SENTINEL_PORT, Address, Url, parse_address, parse_url
from gateway.state.redis.cluster import Cluster
from gateway.state.redis.dialing import (
    Credentials,
    Dialer,
    prepare_master,
    prepare_sentinel_master,
)
from gateway.state.redis.link import LinkOptions
from gateway.state.redis.routing import OneServer, Router
from gateway.state.redis.sentinel import Sentinels
from gateway.state.redis.store import RedisStore
from gateway.store_settings import RedisStoreSettings, StoreTlsSettings


def redis_store(name: str, settings: RedisStoreSettings, *, check_only: bool = False) -> RedisStore:
    """The store `name`, not connected. Raises ValueError where a secret or a file cannot be used.

    May block, for files. With `check_only` it is never opened, and no secret and no file is read.
    """
    url = parse_url(settings.url) if settings.url is not None else None
    tls = url.tls if url is not None else bool(settings.sentinel and settings.sentinel.tls)
    dialer = Dialer(
        context=_context(name, settings.tls) if tls and not check_only else None,
        server_name=settings.tls.server_name,
        credentials=_credentials(settings.username, settings.password, url),
        database=settings.database if url is None or url.database is None else url.database,
        connect_timeout_s=settings.connect_timeout_ms / 1000,
    )
    if not check_only:
        dialer.credentials()  # a reference that leads nowhere is told now

    def make_router(store: RedisStore) -> Router:
        options = LinkOptions(
            store=name,
            dialer=dialer,
            prepare=prepare_master if settings.sentinel is None else prepare_sentinel_master,
            deadline_s=settings.deadline_ms / 1000,
            stats=store.stats.links,
            on_ready=store.flush,
        )
        if url is None:
            return OneServer(options, _sentinels(settings, dialer))
        if settings.cluster:
            return Cluster(options, [url.address, *map(parse_address, settings.seeds)])
        return OneServer(options, _always(url.address))

    return RedisStore(
        make_router,
        prefix=settings.prefix,
        lease_fraction=settings.lease_fraction,
        lease_valid_s=settings.lease_valid_s,
        corrections_max=settings.corrections_max,
    )


def _always(address: Address) -> Callable[[], Awaitable[Address]]:
    async def locate() -> Address:
        return address

    return locate


def _sentinels(settings: RedisStoreSettings, dialer: Dialer) -> Callable[[], Awaitable[Address]]:
    asked = settings.sentinel
    if asked is None:
        raise ValueError("a redis store needs either `url` or `sentinel`")
    own = Dialer(
        context=dialer.context,
        server_name=dialer.server_name,
        credentials=_credentials(asked.username, asked.password, None),
        connect_timeout_s=dialer.connect_timeout_s,
    )
    addresses = [parse_address(text, SENTINEL_PORT) for text in asked.addresses]
    return Sentinels(own, addresses, asked.master).locate


def _credentials(
    username: str | None, password: str | None, url: Url | None
) -> Callable[[], Credentials]:
    """Asked at each connect, so that a secret file may be replaced while we run."""
    if password is None:
        found = Credentials(url.username, url.password) if url is not None else Credentials()
        return lambda: found
    return lambda: Credentials(username or "", resolve_secret(password))


def _context(name: str, settings: StoreTlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # RFC 9525 section 2: the common name is no identity.
        context.hostname_checks_common_name = False
        if not settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if settings.cert_file is not None:
            # Without a password OpenSSL would ask on the terminal, and the start would hang.
            context.load_cert_chain(settings.cert_file, settings.key_file, "")
    except (ssl.SSLError, OSError) as error:
        files = [settings.ca_file, settings.cert_file, settings.key_file]
        shown = ", ".join(str(path) for path in files if isinstance(path, Path))
        raise ValueError(
            f'the TLS files of the store "{name}" cannot be used ({shown}): '
            f"{error.strerror or error}; give PEM files, and a key without a passphrase"
        ) from None
    return context
