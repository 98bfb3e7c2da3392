"""TLS towards an upstream: one context per distinct setting, made when the settings are read."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.errors import ConfigError, Problem
from gateway.settings import UpstreamTlsSettings


class ClientContexts:
    """Makes client contexts and keeps them: loading the system's CAs takes milliseconds."""

    def __init__(self) -> None:
        self._made: dict[UpstreamTlsSettings, ssl.SSLContext] = {}

    def get(self, settings: UpstreamTlsSettings, place: str) -> ssl.SSLContext:
        """The context for `settings`, whose path in the settings is `place`.

        Raises ConfigError if a file cannot be used. The server name is no part of a context.
        """
        key = settings.model_copy(update={"server_name": None})
        context = self._made.get(key)
        if context is None:
            context = self._made[key] = _context(settings, place)
        return context


def _context(settings: UpstreamTlsSettings, place: str) -> ssl.SSLContext:
    context = _trust(settings.ca_file, f"{place}.ca_file")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9525 section 2: the common name is no identity.
    context.hostname_checks_common_name = False
    # RFC 7301: we speak nothing newer, so a server must not choose h2.
    context.set_alpn_protocols(["http/1.1"])
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        _load_identity(context, settings.cert_file, settings.key_file, place)
    elif settings.key_file is not None:
        raise _unusable(f"{place}.key_file", "a key needs its certificate", "set cert_file too")
    return context


def _trust(ca_file: Path | None, place: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise _unusable(
            place, f"{ca_file} holds no PEM certificate", "give the CA certificates in PEM form"
        ) from error
    except OSError as error:
        raise _unusable(place, f"{ca_file}: {error.strerror}", "check the path") from error


def _load_identity(
    context: ssl.SSLContext, cert_file: Path, key_file: Path | None, place: str
) -> None:
    def refuse_password() -> str:
        # Without this OpenSSL would ask on the terminal and the start would hang.
        raise _unusable(
            f"{place}.key_file", "the private key is encrypted", "store it without a passphrase"
        )

    try:
        context.load_cert_chain(cert_file, key_file, refuse_password)
    except ssl.SSLError as error:
        raise _unusable(
            f"{place}.cert_file",
            f"{cert_file} and its private key do not fit together or are not in PEM form",
            "give the certificate chain, and the key in key_file or in the same file",
        ) from error
    except OSError as error:
        name = error.filename or cert_file
        raise _unusable(
            f"{place}.cert_file", f"{name}: {error.strerror}", "check cert_file and key_file"
        ) from error


def _unusable(place: str, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(place, 0, 0, message, hint)])
