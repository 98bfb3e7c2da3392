"""Seeds from the environment and from files: forms that are taken, errors that help."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.ledger.key_sources import SeedSource, decode_seed
from gateway.ledger.store import LedgerError
from gateway.receipts.ed25519 import SigningKey
from gateway.settings import Settings


@given(st.binary(min_size=32, max_size=32))
def test_each_written_form_gives_the_seed(seed: bytes) -> None:
    standard, safe = base64.b64encode(seed).decode(), base64.urlsafe_b64encode(seed).decode()
    for text in (seed.hex(), seed.hex().upper(), standard, safe, safe.rstrip("="), f"{standard}\n"):
        assert decode_seed(text) == seed


@given(st.text())
def test_any_other_text_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="no seed of Ed25519") as caught:
        decode_seed(text)
    assert len(text) < 40 or text not in str(caught.value)


def test_a_seed_is_read_from_the_environment_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = os.urandom(32)
    monkeypatch.setenv("A_KEY", seed.hex())
    path = tmp_path / "key"
    path.write_text(base64.b64encode(seed).decode())
    path.chmod(0o440)
    public_key = SigningKey(seed).public_key
    for reference in ("${A_KEY}", f"file:{path}"):
        source = SeedSource("ledger.keys.receipts", reference)
        assert source.newest().public_key == public_key
        assert source.signing_as(public_key) is not None
        assert source.signing_as(bytes(32)) is None


def test_an_error_says_what_where_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_KEY", raising=False)
    monkeypatch.setenv("SHORT_KEY", "abcdef0123")
    shared = tmp_path / "key"
    shared.write_text(os.urandom(32).hex())
    shared.chmod(0o644)
    cases = {
        "${NO_KEY}": "ledger.keys.log: the environment variable NO_KEY is not set",
        "${SHORT_KEY}": "openssl rand -hex 32",
        f"file:{shared}": f"chmod 600 {shared}",
        f"file:{tmp_path}/none": "No such file",
    }
    for reference, told in cases.items():
        with pytest.raises(LedgerError, match=r"ledger\.keys\.log") as caught:
            SeedSource("ledger.keys.log", reference).newest()
        assert told in str(caught.value)
        assert "abcdef0123" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ledger": {"keys": {"receipts": "0" * 64}}}, "never written into the settings"),
        ({"ledger": {"keys": {"receipts": "${K}", "log": "${K}"}}}, "one key for receipts and log"),
        ({"ledger": {"keys": {"receipts": "transit:k"}}}, "vault.address"),
        (
            {"profile": "production", "ledger": {"keys": {"receipts": "${K}"}}},
            "ledger.keys.receipts: with `profile: production` no private key",
        ),
    ],
)
def test_settings_that_would_be_unsafe_are_refused(settings: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(settings)


def test_production_takes_files_and_vault_and_other_profiles_take_all() -> None:
    vault = {"address": "https://vault:8200", "token": "file:/t"}
    kept = {"receipts": "file:/k", "log": "transit:log"}
    Settings.model_validate({"profile": "production", "vault": vault, "ledger": {"keys": kept}})
    loose = Settings.model_validate({"profile": "trial", "ledger": {"keys": {"log": "${K}"}}})
    assert loose.ledger.keys.in_environment == ["ledger.keys.log"]
