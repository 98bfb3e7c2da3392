from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.configuration import load_configuration
from gateway.errors import ConfigError
from gateway.settings import Settings


def load(text: str | None = None, folder: Path | None = None, **arguments: Any) -> Settings:
    file = None
    if text is not None and folder is not None:
        file = folder / "gateway.yaml"
        file.write_text(text)
    arguments.setdefault("environment", {})
    return load_configuration(file=file, **arguments).settings


def test_without_anything_the_defaults_hold() -> None:
    assert load() == Settings()


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    text = "listener: {host: 10.0.0.1, port: 1}\nworkers: 3\ndrain_timeout_s: 4\n"
    settings = load(
        text,
        tmp_path,
        environment={"SEALGATE_PORT": "2", "SEALGATE_WORKERS": "auto", "PERFORMANCE_WORKERS": "9"},
        flags={("listener", "port"): ("--port", 5)},
    )

    assert settings.listener.host == "10.0.0.1"
    assert settings.listener.port == 5
    assert settings.workers == "auto"
    assert settings.drain_timeout_s == 4
    assert settings.admin.port == 8081


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("listner: {}", '1:1: unknown setting "listner" (did you mean "listener"?)'),
        (
            "listener:\n  tls:\n    cert: a\n    cert_file: b\n    key_file: c\n",
            '3:5: unknown setting "cert" in listener.tls (did you mean "cert_file"?)',
        ),
        ("listener:\n  port: 70000\n", "2:9: listener.port must be at most 65535"),
        ("workers: many\n", "1:10: workers must be a whole number or 'auto'"),
        (
            "log: {level: infos}\n",
            (
                "1:14: log.level must be 'debug', 'info', 'warning' or 'error' "
                '(did you mean "info"?)'
            ),
        ),
        (
            "upstreams:\n  openai: {urls: x}\n",
            '2:12: unknown setting "urls" in upstreams.openai (did you mean "url"?)',
        ),
        ("listener: {tls: {cert_file: a}}\n", '1:17: "key_file" is missing (add "key_file")'),
        (
            "- a\n",
            (
                "1:1: the file is not a mapping of settings "
                "(write settings as `name: value`, one per line)"
            ),
        ),
    ],
)
def test_a_fault_in_the_file_is_shown_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, tmp_path)

    assert str(caught.value) == f"{tmp_path / 'gateway.yaml'}:{line}"


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("a: 1\nb: 2\nworkers: x\n", tmp_path, environment={"SEALGATE_PROT": "1"})

    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"SEALGATE_PROT": "1"},
            "SEALGATE_PROT: unknown environment variable (did you mean SEALGATE_PORT?)",
        ),
        ({"SEALGATE_PORT": "x"}, "SEALGATE_PORT: listener.port must be a whole number"),
        (
            {"PERFORMANCE_WORKERS": "0"},
            "PERFORMANCE_WORKERS: workers must be at least 1 or 'auto'",
        ),
        (
            {"SEALGATE_ROUTES": "[{name: a"},
            "SEALGATE_ROUTES:2:1: not valid YAML: did not find expected ',' or '}'",
        ),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(
    environment: Mapping[str, str], line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment=environment)

    assert str(caught.value).splitlines()[0] == line


def test_a_fault_in_a_flag_names_the_flag() -> None:
    with pytest.raises(ConfigError, match=r"^--port: listener\.port must be"):
        load(flags={("listener", "port"): ("--port", 99999)})


def test_a_value_is_never_shown(tmp_path: Path) -> None:
    """It may be a secret that stands in the wrong place."""
    with pytest.raises(ConfigError) as caught:
        load("workers: sk-canary\nlog: sk-canary\nupstreams: sk-canary\n", tmp_path)

    assert "canary" not in str(caught.value)


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = (
        "policies: rules\ndata_dir: /var/lib/sealgate\n"
        "listener: {tls: {cert_file: a.pem, key_file: b.pem}}\n"
        "upstreams: {own: {url: 'https://x', tls: {ca_file: ca.pem}}}\n"
    )
    settings = load(text, tmp_path)

    assert settings.policies == tmp_path / "rules"
    assert settings.data_dir == Path("/var/lib/sealgate")
    assert settings.listener.tls is not None
    assert settings.listener.tls.cert_file == tmp_path / "a.pem"
    assert settings.upstreams["own"].tls.ca_file == tmp_path / "ca.pem"


def test_relative_paths_of_flags_count_from_the_working_folder() -> None:
    settings = load(flags={("policies",): ("--policies", Path("rules"))})

    assert settings.policies == Path("rules")


def test_the_environment_reaches_settings_that_the_file_only_began(tmp_path: Path) -> None:
    settings = load(
        "listener: {tls: {cert_file: /a, key_file: /b}}\nupstreams: {openai: {url: 'http://x'}}\n",
        tmp_path,
        environment={
            "SEALGATE_LISTENER_TLS_MIN_VERSION": "1.3",
            "SEALGATE_UPSTREAMS_OPENAI_TIMEOUTS_CONNECT_MS": "7",
        },
    )

    assert settings.listener.tls is not None
    assert settings.listener.tls.min_version == "1.3"
    assert settings.upstreams["openai"].url == "http://x"
    assert settings.upstreams["openai"].timeouts.connect_ms == 7


@pytest.mark.parametrize("text", [None, "\xff"])
def test_an_unreadable_file_is_one_clear_line(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "gateway.yaml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigError, match=r"gateway\.yaml: (the configuration cannot be read|the)"):
        load_configuration(file=file, environment={})
