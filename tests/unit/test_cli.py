"""The command line, run in this process; `serve` is run for real in tests/integration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import __version__
from gateway.build import KIND
from gateway.cli import _say_what_next, app
from gateway.settings import ListenerSettings, Settings, TlsSettings
from tests.receipt_samples import RECEIPT_KEY, a_log

GOOD = "version: 1\nname: good\nchain: []\n"
BROKEN = "version: 1\nname: broken\nchain:\n  - ip_alowlist: {}\n"


class Result:
    def __init__(self, *arguments: str) -> None:
        found = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
        self.code = found.exit_code
        self.out = found.stdout
        self.err = found.stderr


def test_prints_the_version() -> None:
    assert Result("version").out == f"sealgate {__version__} ({KIND})\n"


def test_help_names_every_command() -> None:
    out = Result("--help").out

    for command in ("serve", "check", "explain", "schema", "plugins", "version"):
        assert re.search(rf"^\W*{command}\b", out, re.MULTILINE), command


def test_lists_the_plugins_with_their_hooks() -> None:
    out = Result("plugins").out

    assert re.search(r"ip_allowlist +on_request_headers ", out)


def test_check_says_ok_and_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    result = Result("check", str(tmp_path))

    assert result.code == 0
    assert result.out.startswith("ok: 1 policy")


def test_check_shows_the_place_and_exits_with_1(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(BROKEN)
    result = Result("check", str(tmp_path))

    assert result.code == 1
    assert f'{file}:4:5: unknown plugin "ip_alowlist" (did you mean "ip_allowlist"?)' in result.out


def test_check_looks_at_upstreams_too(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("upstreams: {openai: {url: 'ftp://x'}}\n")
    result = Result("check", "--config", str(config))

    assert result.code == 1
    assert "upstreams.openai" in result.out


def test_an_unusable_configuration_exits_with_2(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("listner: {}\n")
    result = Result("check", "--config", str(config))

    assert result.code == 2
    assert result.err == (
        f'sealgate: {config}:1:1: unknown setting "listner" (did you mean "listener"?)\n'
    )


def test_explain_shows_route_and_policy() -> None:
    result = Result("explain", "POST", "/v1/messages")

    assert result.code == 0
    assert "anthropic" in result.out


def test_schema_is_json() -> None:
    assert Result("schema").out.startswith("{")


@pytest.mark.parametrize("pair", ["openai", "=http://x", "openai="])
def test_an_upstream_that_is_no_pair_is_told(pair: str) -> None:
    result = Result("serve", "--upstream", pair)

    assert result.code == 2
    assert result.err.startswith("sealgate: --upstream: not a pair of name and URL")


def test_a_flag_that_cannot_be_used_names_the_flag() -> None:
    result = Result("serve", "--workers", "many")

    assert result.code == 2
    assert result.err.startswith("sealgate: --workers: workers must be")


@pytest.mark.parametrize(
    ("listener", "base"),
    [
        (ListenerSettings(host="0.0.0.0"), "http://127.0.0.1:1"),
        (ListenerSettings(host="::"), "http://[::1]:1"),
        (ListenerSettings(host="10.0.0.9"), "http://10.0.0.9:1"),
        (
            ListenerSettings(tls=TlsSettings(cert_file=Path("a"), key_file=Path("b"))),
            "https://127.0.0.1:1",
        ),
    ],
)
def test_what_to_try_next_names_an_address_that_answers(
    listener: ListenerSettings, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _say_what_next(Settings(listener=listener), 1, 2)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert f" {base}/demo/v1/chat/completions" in captured.err
    assert ("curl -k" in captured.err) is base.startswith("https")


def test_verify_is_the_verifier_with_its_exit_codes(tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(a_log(1).sealed[0].data)
    key = RECEIPT_KEY.public_key.hex()

    assert Result("verify", "receipt", str(receipt), "--key", key).code == 0
    assert Result("verify", "receipt", str(receipt)).code == 2
    assert Result("verify", "nonsense").code == 3
    assert "usage: sealgate verify" in Result("verify", "--help").out
