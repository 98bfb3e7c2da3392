"""Logs of other nodes as they publish them: in a folder, or below a URL."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Final, Protocol
from urllib.parse import urlsplit

from gateway.ledger.store import LedgerError
from gateway.receipts.files import LogFolder
from gateway.receipts.tiles import TILE_WIDTH, Tile

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 1_048_576
_OK: Final = 200
_NOT_FOUND: Final = 404


class LogSource(Protocol):
    """The files of one log."""

    def checkpoint(self) -> str:
        """The log's checkpoint. Raises OSError."""

    def fetch(self, tile: Tile) -> bytes:
        """A tile, the full one where the partial one is gone already. Raises LookupError."""


class LogUrl:
    """A log that a web server publishes, such as the admin port of a node at `/log`.

    Each request ends after `TIMEOUT_S` without a byte. Raises LedgerError for no such URL.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        try:
            port = address.port
        except ValueError:
            port = None
        if address.scheme not in {"http", "https"} or not address.hostname or address.query:
            raise LedgerError(f"{url}: write a folder, or a URL such as http://node-1:9901/log")
        self._is_plain = address.scheme == "http"
        self._host, self._port = address.hostname, port
        self._path = address.path.rstrip("/")

    def checkpoint(self) -> str:
        """The log's checkpoint. Raises OSError."""
        return self._get("checkpoint").decode()

    def fetch(self, tile: Tile) -> bytes:
        """A tile, the full one where the partial one is gone already. Raises LookupError."""
        for each in (tile, Tile(tile.level, tile.index, TILE_WIDTH)):
            try:
                return self._get(each.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LookupError(f"{tile.path} cannot be read: {error}") from None
        raise LookupError(f"{tile.path} is missing")

    def _get(self, path: str) -> bytes:
        try:
            connection = self._connection()
            try:
                connection.request("GET", f"{self._path}/{path}")
                response = connection.getresponse()
                body = response.read(ANSWER_BYTES_MAX + 1)
            finally:
                connection.close()
        except HTTPException as error:
            raise OSError(str(error) or type(error).__name__) from None
        if response.status == _NOT_FOUND:
            raise FileNotFoundError(f"{path} is missing")
        if response.status != _OK or len(body) > ANSWER_BYTES_MAX:
            raise OSError(f"{path}: status {response.status}, {len(body)} bytes")
        return body

    def _connection(self) -> HTTPConnection:
        if self._is_plain:
            return HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        context = create_default_context()
        return HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)


def source_of(text: str) -> LogSource:
    """The log that a folder or a URL names. Raises LedgerError."""
    return LogUrl(text) if "://" in text else LogFolder(Path(text))
