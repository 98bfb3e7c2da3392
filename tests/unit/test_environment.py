from __future__ import annotations

import pytest

from gateway.configuration import load_configuration
from gateway.environment import (
    FOREIGN,
    FOREIGN_PREFIXES,
    NOT_SETTINGS,
    SHORT,
    annotation_at,
    read_environment,
    setting_paths,
    variable_name,
)
from gateway.settings import Settings


def test_no_two_settings_share_a_variable() -> None:
    names = [variable_name(path) for path, _ in setting_paths()]

    assert len({*names, *SHORT, *NOT_SETTINGS}) == len(names) + len(SHORT) + len(NOT_SETTINGS)


def test_every_name_of_the_tables_means_a_setting_that_exists() -> None:
    for path in [*SHORT.values(), *(p for p in FOREIGN.values() if isinstance(p, tuple))]:
        assert annotation_at(path) is not None, path


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("SEALGATE_PORT", "9000", ("listener", "port"), 9000),
        ("SEALGATE_LISTENER_PORT", "9000", ("listener", "port"), 9000),
        ("SEALGATE_ADMIN_HOST", "::1", ("admin", "host"), "::1"),
        ("SEALGATE_LISTENER_PROXY_PROTOCOL", "true", ("listener", "proxy_protocol"), True),
        (
            "SEALGATE_TRUSTED_PROXIES",
            "10.0.0.0/8, ::1",
            ("trusted_proxies",),
            ("10.0.0.0/8", "::1"),
        ),
        ("SEALGATE_DRAIN_TIMEOUT_S", "1.5", ("drain_timeout_s",), 1.5),
        ("SEALGATE_PROFILE", "007", ("profile",), "007"),
        ("SECURITY_MAX_BODY_BYTES", "5", ("listener", "limits", "body_bytes_max"), 5),
        ("PERFORMANCE_WORKERS", "2", ("workers",), 2),
        ("INTEGRATION_OPENAI_URL", "http://x", ("upstreams", "openai", "url"), "http://x"),
        ("SEALGATE_UPSTREAMS_MY_AI_URL", "http://x", ("upstreams", "my_ai", "url"), "http://x"),
        (
            "SEALGATE_UPSTREAMS_OPENAI_FAILOVER_ON_STATUS",
            "429,503",
            ("upstreams", "openai", "failover", "on_status"),
            (429, 503),
        ),
        (
            "SEALGATE_UPSTREAMS_OPENAI_TLS_CA_FILE",
            "/a",
            ("upstreams", "openai", "tls", "ca_file", "as_posix"),
            "/a",
        ),
        (
            "SEALGATE_ROUTES",
            "[{name: a, match: {hosts: [h]}, upstream: openai}]",
            ("routes", "0", "match", "hosts"),
            ("h",),
        ),
    ],
)
def test_a_variable_sets_its_setting(
    name: str, value: str, path: tuple[str, ...], expected: object
) -> None:
    found: object = load_configuration(environment={name: value}).settings
    for part in path:
        if isinstance(found, dict):
            found = found[part]
        elif isinstance(found, tuple):
            found = found[int(part)]
        else:
            found = getattr(found, part)
            found = found() if callable(found) else found

    assert found == expected


@pytest.mark.parametrize(
    "name",
    [
        *("DATABASE_URL", "OIDC_ISSUER", "JWT_SECRET", "ENTERPRISE_X"),
        *("SECURITY_X", "COMPLIANCE_MODE", "PERFORMANCE_X", "INTEGRATION_SLACK_URL"),
    ],
)
def test_names_of_other_software_are_accepted_and_told(name: str) -> None:
    configuration = load_configuration(environment={name: "canary"})

    assert configuration.settings == Settings()
    assert list(configuration.without_effect) == [name]
    assert "canary" not in str(configuration.without_effect)


def test_variables_of_nobody_are_not_looked_at() -> None:
    reading = read_environment({"PATH": "x", "HOME": "y", "SECURITY": "z", "MY_REDIS_URL": "z"})

    assert (reading.variables, reading.without_effect, reading.unknown) == ([], {}, {})


def test_our_own_name_wins_over_one_of_other_software() -> None:
    environment = {"SEALGATE_WORKERS": "3", "PERFORMANCE_WORKERS": "5"}

    assert load_configuration(environment=environment).settings.workers == 3


def test_every_prefix_says_what_it_would_need() -> None:
    assert all(FOREIGN_PREFIXES.values())
