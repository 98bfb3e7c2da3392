from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigError
from gateway.server.certificates import Certificates
from gateway.settings import TlsSettings


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def settings(tmp_path: Path, authority: trustme.CA) -> TlsSettings:
    issue(tmp_path, authority)
    return TlsSettings(cert_file=tmp_path / "cert.pem", key_file=tmp_path / "key.pem")


def issue(folder: Path, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    (folder / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())


def test_a_changed_file_is_noticed_and_makes_a_new_context(
    tmp_path: Path, settings: TlsSettings, authority: trustme.CA
) -> None:
    certificates = Certificates(settings)
    before = certificates.context
    assert not certificates.changed()

    issue(tmp_path, authority)

    assert certificates.changed()
    assert certificates.reload()
    assert certificates.context is not before
    assert not certificates.changed()


def test_a_swapped_link_is_noticed(
    tmp_path: Path, settings: TlsSettings, authority: trustme.CA
) -> None:
    """Kubernetes replaces mounted secrets by swapping the link to their folder."""
    (tmp_path / "..data").symlink_to(tmp_path)
    linked = TlsSettings(
        cert_file=tmp_path / "..data" / "cert.pem", key_file=tmp_path / "..data" / "key.pem"
    )
    certificates = Certificates(linked)
    (tmp_path / "next").mkdir()
    issue(tmp_path / "next", authority)

    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to(tmp_path / "next")

    assert certificates.changed()


def test_bad_files_leave_the_old_context_in_place(tmp_path: Path, settings: TlsSettings) -> None:
    certificates = Certificates(settings)
    before = certificates.context

    (tmp_path / "cert.pem").unlink()

    assert certificates.changed()
    assert not certificates.reload()
    assert certificates.context is before
    assert not certificates.changed()  # the same bad files are not tried again and again


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cert_file": "absent.pem"}, r"absent\.pem: cannot be read: No such file"),
        ({"key_file": "cert.pem"}, r"cert\.pem: no usable certificate with key"),
        ({"client_ca_file": "key.pem"}, r"key\.pem: no usable CA certificate"),
    ],
)
def test_an_error_names_the_file(
    tmp_path: Path, settings: TlsSettings, changes: dict[str, str], message: str
) -> None:
    paths = {name: tmp_path / value for name, value in changes.items()}

    with pytest.raises(ConfigError, match=message):
        Certificates(settings.model_copy(update=paths))
