"""A location database in MaxMind's format that follows its file."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Literal, TypeAlias

import maxminddb

from gateway.plugin import ConfigError, Problem

Kind: TypeAlias = Literal["country", "asn"]
_Identity: TypeAlias = tuple[int, int, int]

# Parts of a database's own type name, such as `GeoLite2-Country` or `DBIP-ASN-Lite`.
_TYPE_NAMES: dict[Kind, tuple[str, ...]] = {
    "country": ("country", "city", "enterprise", "location"),
    "asn": ("asn", "isp", "enterprise"),
}


class Database:
    """One file: opened once, opened again when it changed, never given up for a broken one."""

    def __init__(self, path: Path, kind: Kind, log: logging.Logger) -> None:
        self._path = path
        self._kind = kind
        self._log = log
        self._reader: maxminddb.Reader | None = None
        self._v4_only = False
        self._seen: _Identity | None = None
        self._failed = False

    async def open(self) -> None:
        """Raises ConfigError where the file cannot be used."""
        try:
            self._seen, reader = await asyncio.to_thread(self._load)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            hint = "give the path of an .mmdb file"
            raise ConfigError([Problem(str(self._path), 0, 0, _said(error), hint)]) from error
        self._serve(reader)

    async def refresh(self) -> bool:
        """Serves the file anew if it changed; true where answers may differ from now on."""
        identity = await asyncio.to_thread(self._identity)
        if identity == self._seen:
            return False
        self._seen = identity  # also of a file that turns out broken: it is told once
        try:
            self._seen, reader = await asyncio.to_thread(self._load)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            said = _said(error)
            self._log.error("%s: %s; what was read before stays in use", self._path, said)
            return False
        self._serve(reader)
        self._log.info("%s was read again", self._path)
        return True

    def find(self, address: IPv4Address | IPv6Address) -> dict[str, Any] | None:
        """What the database holds on `address`; raises LookupError where it cannot be read."""
        if self._reader is None:
            raise LookupError("the database is not open")
        if self._v4_only and isinstance(address, IPv6Address):
            return None
        try:
            record = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError) as error:
            if not self._failed:  # once for a file, not once for a request
                self._failed = True
                self._log.error("%s: a lookup failed: %s", self._path, error)
            raise LookupError(str(error)) from error
        return record if isinstance(record, dict) else None

    def close(self) -> None:
        """Lets go of the file; `find` fails from now on."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _serve(self, reader: maxminddb.Reader) -> None:
        self.close()
        self._reader = reader
        self._failed = False
        self._v4_only = reader.metadata().ip_version == 4  # noqa: PLR2004  # the IP version

    def _identity(self) -> _Identity | None:
        """What tells one version of the file from another; None where there is no file."""
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_ino, state.st_size

    def _load(self) -> tuple[_Identity | None, maxminddb.Reader]:
        # The identity first: a file that changes in between is then read once more, never missed.
        identity = self._identity()
        reader = maxminddb.open_database(str(self._path), maxminddb.MODE_AUTO)
        kind = reader.metadata().database_type.lower()
        other: Kind = "asn" if self._kind == "country" else "country"
        if _is(kind, other) and not _is(kind, self._kind):
            reader.close()
            raise ValueError(f"this is a database of type {kind}, not a database by {self._kind}")
        return identity, reader


def _is(database_type: str, kind: Kind) -> bool:
    return any(name in database_type for name in _TYPE_NAMES[kind])


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    if isinstance(error, maxminddb.InvalidDatabaseError):
        return "this is no database in MaxMind's format, or a damaged one"
    return str(error)
