"""The listener's TLS context, made again when its files change."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError, Problem
from gateway.plugin.peer import ClientCertificate
from gateway.settings import TlsSettings

_log = logging.getLogger("sealgate.tls")

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Certificates:
    """`context` serves new connections; a running connection keeps the one it began with."""

    def __init__(self, settings: TlsSettings) -> None:
        """Reads the files. Raises ConfigError."""
        self._settings = settings
        self._seen = self._signature()
        self.context = make_context(settings)

    def changed(self) -> bool:
        """Whether a file is another one than at the last read, also behind a swapped link."""
        return self._signature() != self._seen

    def reload(self) -> bool:
        """Reads the files again; false, with a log line, when they are no good: the old stay."""
        self._seen = self._signature()
        try:
            self.context = make_context(self._settings)
        except ConfigError as error:
            _log.error("certificates not reloaded", extra={"fields": {"error": str(error)}})
            return False
        _log.info("certificates reloaded")
        return True

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_identity(path) for path in _files(self._settings))


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """A server context for HTTP/1.1. Raises ConfigError naming the setting and the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.set_alpn_protocols(["http/1.1"])
    for path in _files(settings):
        _check_readable(path)
    try:
        # A password prompt would hang a server; an encrypted key is an error instead.
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        message = f"no usable certificate with key ({settings.key_file}): {_said(error)}"
        hint = "the certificate chain and the unencrypted key in PEM form, which belong together"
        raise ConfigError([Problem(str(settings.cert_file), 0, 0, message, hint)]) from None
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except (ssl.SSLError, OSError) as error:
            message = f"no usable CA certificate: {_said(error)}"
            raise ConfigError([Problem(str(settings.client_ca_file), 0, 0, message)]) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def peer_certificate(transport: asyncio.BaseTransport) -> ClientCertificate | None:
    """The certificate that the other end of a TLS connection proved to have, or None.

    There is one only where the context asked for it, and then the handshake has verified it.
    """
    tls = transport.get_extra_info("ssl_object")
    fields = tls.getpeercert() if tls is not None else None
    if not fields:
        return None
    names: Iterable[tuple[str, str]] = fields.get("subjectAltName", ())
    subject: Iterable[Iterable[tuple[str, str]]] = fields.get("subject", ())
    return ClientCertificate(
        fingerprint=hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest(),
        uris=_values(names, "URI"),
        dns_names=_values(names, "DNS"),
        emails=_values(names, "email"),
        common_names=_values((each for part in subject for each in part), "commonName"),
        not_after=_not_after(fields),
    )


def _values(pairs: Iterable[tuple[str, str]], kind: str) -> tuple[str, ...]:
    return tuple(value for name, value in pairs if name == kind)


def _not_after(fields: dict[str, Any]) -> float | None:
    written = fields.get("notAfter")
    return None if written is None else float(ssl.cert_time_to_seconds(written))


def _files(settings: TlsSettings) -> list[Path]:
    files = [settings.cert_file, settings.key_file, settings.client_ca_file]
    return [path for path in files if path is not None]


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _check_readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise ConfigError([Problem(str(path), 0, 0, message)]) from None


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _said(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error)
