"""Where keys are read: the environment, files, Vault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from gateway.credential_settings import VAULT_PREFIX, VaultSettings
from gateway.errors import ConfigError, Problem
from gateway.identity.fetch import Fetcher, FetchError
from gateway.plugin.secret import resolve_secret
from gateway.proxy.credentials import UpstreamCredential
from gateway.proxy.vault import Vault
from gateway.settings import Settings

RETRY_S: Final = 5.0
"""How long after a failed reading of Vault the next one is tried, at most."""

_log = logging.getLogger("sealgate.credentials")
_FILE = "file:"


class UnusableKeyError(ValueError):
    """Why a key cannot be had; the message holds nothing of it."""


class KeySource(Protocol):
    """One reference of the settings and what it last gave."""

    key: str | None

    async def refresh(self) -> bool:
        """Reads anew where that is due; whether the key is another one. Raises UnusableKeyError."""


class LocalKey:
    """A variable or a file; a file is read again when it is another one."""

    def __init__(self, reference: str) -> None:
        """Reads it. Raises UnusableKeyError."""
        self._reference = reference
        file = reference.startswith(_FILE)
        self._path = Path(reference.removeprefix(_FILE)) if file else None
        self._seen = self._signature()
        self.key: str | None = self._read()

    async def refresh(self) -> bool:
        if self._path is None:
            return False
        before = self.key
        await asyncio.to_thread(self._look)
        return self.key != before

    def _look(self) -> None:
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            self.key = self._read()

    def _read(self) -> str:
        try:
            return checked_key(resolve_secret(self._reference))
        except ValueError as error:
            raise UnusableKeyError(str(error)) from None

    def _signature(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


class VaultKey:
    """A field of a secret in Vault, read again at intervals."""

    def __init__(
        self, vault: Vault, reference: str, *, interval_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._vault = vault
        self._path, _, self._field = reference.removeprefix(VAULT_PREFIX).partition("#")
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._due_at = 0.0
        self.key: str | None = None

    async def refresh(self) -> bool:
        if self._monotonic() < self._due_at:
            return False
        self._due_at = self._monotonic() + min(self._interval_s, RETRY_S)
        try:
            key = checked_key(await self._vault.read(self._path, self._field))
        except (FetchError, ValueError) as error:
            raise UnusableKeyError(f"{self._path}: {error}") from None
        self._due_at = self._monotonic() + self._interval_s
        before, self.key = self.key, key
        return key != before


def checked_key(key: str) -> str:
    """`key`, if it can stand in a header (RFC 9110 section 5.5). Raises ValueError."""
    if not key or not key.isascii() or not key.isprintable() or key != key.strip():
        raise ValueError("the key is empty or holds characters that no header may hold")
    return key


class CredentialKeeper:
    """The credentials of all upstreams of one worker, and the task that keeps them up to date."""

    def __init__(
        self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads variables and files. Raises ConfigError with every one that cannot be used."""
        self.credentials: dict[str, UpstreamCredential] = {}
        self._sources: dict[str, list[KeySource]] = {}
        self._failing: set[KeySource] = set()
        self._fetcher: Fetcher | None = None
        self._task: asyncio.Task[None] | None = None
        self._interval_s = settings.vault.refresh_interval_s
        self._monotonic = monotonic
        problems: list[Problem] = []
        vault = self._open_vault(settings.vault)
        for name, upstream in settings.upstreams.items():
            written = upstream.credentials
            if written is None:
                continue
            self._interval_s = min(self._interval_s, written.reload_interval_s)
            self.credentials[name] = UpstreamCredential(name, written)
            self._sources[name] = sources = []
            for number, reference in enumerate(written.keys):
                try:
                    sources.append(self._source(reference, vault, settings.vault))
                except UnusableKeyError as error:
                    place = f"upstreams.{name}.credentials.keys[{number}]"
                    problems.append(Problem(place, 0, 0, str(error)))
            self._hand_over(name)
        if problems:
            raise ConfigError(problems)

    async def start(self) -> None:
        """Asks Vault for the first time, then looks for changes in the background."""
        if self._sources:
            await self.refresh()
            self._task = asyncio.get_running_loop().create_task(self._keep_fresh())

    async def close(self) -> None:
        """Ends the background task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._fetcher is not None:
            await self._fetcher.close()

    async def refresh(self) -> None:
        """Looks at every source; one that fails keeps its last key, and is logged once."""
        await asyncio.gather(*map(self._refresh_upstream, self._sources))

    # -- inner

    async def _refresh_upstream(self, name: str) -> None:
        sources = self._sources[name]
        if any(await asyncio.gather(*(self._refresh(name, source) for source in sources))):
            self._hand_over(name)
            _log.info("credential changed", extra={"fields": {"upstream": name}})

    def _open_vault(self, settings: VaultSettings) -> Vault | None:
        if settings.address is None:
            return None
        self._fetcher = Fetcher(ca_file=settings.ca_file)
        return Vault(settings, self._fetcher, monotonic=self._monotonic)

    def _source(self, reference: str, vault: Vault | None, settings: VaultSettings) -> KeySource:
        if not reference.startswith(VAULT_PREFIX):
            return LocalKey(reference)
        if vault is None:
            raise UnusableKeyError("the key is in Vault, and vault.address is not set")
        interval_s = settings.refresh_interval_s
        return VaultKey(vault, reference, interval_s=interval_s, monotonic=self._monotonic)

    async def _refresh(self, name: str, source: KeySource) -> bool:
        try:
            changed = await source.refresh()
        except UnusableKeyError as error:
            if source not in self._failing:
                self._failing.add(source)
                fields = {"upstream": name, "error": str(error), "usable": source.key is not None}
                _log.error("credential not read", extra={"fields": fields})
            return False
        self._failing.discard(source)
        return changed

    def _hand_over(self, name: str) -> None:
        keys = tuple(source.key for source in self._sources[name] if source.key is not None)
        self.credentials[name].set_keys(keys)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.refresh()
