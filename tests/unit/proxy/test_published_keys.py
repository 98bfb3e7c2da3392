"""Which requests are answered with public keys, and with which."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from gateway.ledger.opening import open_keys
from gateway.plugin.exchange import RequestView
from gateway.plugin.headers import Headers
from gateway.proxy.published_keys import KEPT_S, PublishedKeys
from gateway.receipts.keys import RECEIPTS
from gateway.settings import Settings

AT = "2026-01-02T03:04:05.678Z"
NAMES = ("did.json", "jwks.json", "sonate-pubkey.json", "sonate-keys.json")


def asked(path: str, method: str = "GET") -> RequestView:
    return RequestView(method, path, Headers([]), host="llm.example.com:8443", scheme="https")


def settings_in(folder: Path) -> Settings:
    return Settings.model_validate({"data_dir": folder})


@pytest.mark.parametrize("name", NAMES)
def test_each_document_names_the_key_and_no_secret(tmp_path: Path, name: str) -> None:
    settings = settings_in(tmp_path)
    keys = open_keys(settings)
    keys.ensure(AT)
    reply = PublishedKeys(settings).answer(asked(f"/.well-known/{name}"))

    assert reply is not None
    assert reply.status == 200
    assert orjson.loads(reply.body)
    for purpose in ("receipts", "log"):
        seed = (keys.folder / f"{purpose}.key").read_bytes().strip()
        assert seed not in reply.body
    assert name != "did.json" or b"did:web:llm.example.com%3A8443" in reply.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/.well-known/jwks.json"),
        ("GET", "/.well-known/sealgate-vkeys.txt"),
        ("GET", "/.well-known/../jwks.json"),
        ("GET", "/jwks.json"),
    ],
)
def test_nothing_else_is_answered(tmp_path: Path, method: str, path: str) -> None:
    settings = settings_in(tmp_path)
    open_keys(settings).ensure(AT)
    assert PublishedKeys(settings).answer(asked(path, method)) is None


def test_a_key_shows_once_it_is_made_and_what_was_read_is_kept_a_while(tmp_path: Path) -> None:
    now = 100.0
    settings = settings_in(tmp_path)
    published = PublishedKeys(settings, lambda: now)
    assert published.answer(asked("/.well-known/jwks.json")) is None
    keys = open_keys(settings)
    keys.ensure(AT)
    assert published.answer(asked("/.well-known/jwks.json")) is None
    now += KEPT_S
    before = published.answer(asked("/.well-known/sonate-keys.json"))
    keys.prepare_next(RECEIPTS)
    keys.take_over(RECEIPTS, AT, 7)
    assert published.answer(asked("/.well-known/sonate-keys.json")) == before
    now += KEPT_S
    assert published.answer(asked("/.well-known/sonate-keys.json")) != before
