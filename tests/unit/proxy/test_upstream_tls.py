"""TLS settings become one context each, and unusable files a line that says what to do."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.errors import ConfigError
from gateway.proxy.upstream_tls import ClientContexts
from gateway.settings import UpstreamTlsSettings


def context_of(**settings: object) -> ssl.SSLContext:
    return ClientContexts().get(UpstreamTlsSettings.model_validate(settings), "upstreams.x.tls")


def refusal_of(**settings: object) -> str:
    with pytest.raises(ConfigError) as caught:
        context_of(**settings)
    return str(caught.value)


def test_certificates_are_verified_by_default() -> None:
    context = context_of()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_verification_can_be_turned_off() -> None:
    context = context_of(verify=False)

    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


def test_a_configured_ca_replaces_those_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))

    assert len(context_of(ca_file=path).get_ca_certs()) == 1


def test_equal_settings_share_a_context_whatever_the_server_name() -> None:
    contexts = ClientContexts()
    first = contexts.get(UpstreamTlsSettings(server_name="a.test"), "x")

    assert contexts.get(UpstreamTlsSettings(server_name="b.test"), "y") is first
    assert contexts.get(UpstreamTlsSettings(verify=False), "z") is not first


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not PEM")

    assert refusal_of(ca_file=path) == (
        f"upstreams.x.tls.ca_file: {path} holds no PEM certificate "
        "(give the CA certificates in PEM form)"
    )


def test_a_missing_certificate_is_refused(tmp_path: Path) -> None:
    assert refusal_of(cert_file=tmp_path / "no.pem") == (
        f"upstreams.x.tls.cert_file: {tmp_path}/no.pem: No such file or directory "
        "(check cert_file and key_file)"
    )


def test_a_key_alone_is_refused(tmp_path: Path) -> None:
    assert refusal_of(key_file=tmp_path / "key.pem") == (
        "upstreams.x.tls.key_file: a key needs its certificate (set cert_file too)"
    )


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.issue_cert("a.test").cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))
    ca.issue_cert("b.test").private_key_pem.write_to_path(str(tmp_path / "b.key"))

    assert "do not fit together" in refusal_of(
        cert_file=tmp_path / "a.pem", key_file=tmp_path / "b.key"
    )


def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(tmp_path: Path) -> None:
    cert = trustme.CA().issue_cert("a.test")
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))
    key = load_pem_private_key(cert.private_key_pem.bytes(), None)
    (tmp_path / "a.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    )

    assert refusal_of(cert_file=tmp_path / "a.pem", key_file=tmp_path / "a.key") == (
        "upstreams.x.tls.key_file: the private key is encrypted (store it without a passphrase)"
    )
