"""Documents become written policies; the golden tests pin the wording, these the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.errors import ConfigError
from gateway.plugin.secret import resolve_secret
from gateway.policy.loader import read_documents
from gateway.policy.models import Mode
from gateway.policy.parser import Parser, WrittenPolicy
from tests.policies import bundle, policy
from tests.policy_plugins import KeeperConfig, Probe, ProbeConfig, registry


def parse(*texts: str, profile: str | None = None) -> list[WrittenPolicy]:
    return Parser(registry(), resolve_secret).parse(read_documents(bundle(*texts)), profile)


def test_what_every_use_may_say_is_kept_apart_from_the_plugins_own_keys() -> None:
    (parsed,) = parse(policy("[{probe: {label: x, mode: shadow, timeout_ms: 5}}]"))
    (use,) = parsed.uses

    assert use.plugin is Probe
    assert use.config == ProbeConfig(label="x")
    assert (use.settings.mode, use.settings.timeout_ms) == (Mode.SHADOW, 5)


def test_a_plugin_without_configuration_gets_its_defaults() -> None:
    (parsed,) = parse(policy("[{probe: {}}, {probe: }]"))

    assert [use.config for use in parsed.uses] == [ProbeConfig(), ProbeConfig()]


def test_policies_of_other_profiles_are_left_out_unread() -> None:
    texts = (policy(name="a"), policy("[{no_such: {}}]", name="b", profile="strict"))

    assert [parsed.file.name for parsed in parse(*texts)] == ["a"]
    with pytest.raises(ConfigError, match="unknown plugin"):
        parse(*texts, profile="strict")


def test_all_problems_of_all_files_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(policy("[{probe: {lable: x, level: 10}}, {nope: {}}]"), policy(mode="of"))

    assert str(caught.value).splitlines() == [
        'a.yaml:3:18: unknown key "lable" (did you mean "label"?)',
        "a.yaml:3:35: level must be at most 9",
        'a.yaml:3:42: unknown plugin "nope" (known: critic, keeper, painter, passport, probe)',
        "b.yaml:3:7: mode must be 'enforce', 'shadow' or 'off' (did you mean \"off\"?)",
    ]


@pytest.mark.parametrize("value", ['"5"', "true", "5.5", "[5]"])
def test_values_are_never_converted(value: str) -> None:
    """Text that looks like a number is a fault of the writer and not a number."""
    with pytest.raises(ConfigError, match="level must be a whole number"):
        parse(policy(f"[{{probe: {{level: {value}}}}}]"))


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALGATE_TEST_TOKEN", "s3cret")

    (parsed,) = parse(policy('[{keeper: {token: "${SEALGATE_TEST_TOKEN}"}}]'))

    assert parsed.uses[0].config == KeeperConfig(token=SecretStr("s3cret"))
    assert "s3cret" not in repr(parsed)


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")

    (parsed,) = parse(policy(f'[{{keeper: {{token: "file:{tmp_path}/token"}}}}]'))

    assert parsed.uses[0].config == KeeperConfig(token=SecretStr("s3cret"))


def test_a_secret_that_stands_in_a_policy_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(policy("[{keeper: {token: sk-live-123}}]"))

    assert "sk-live" not in str(caught.value)


def test_problems_know_their_places_within_lists_and_mappings() -> None:
    text = "version: 1\nname: p\nchain:\n  - probe:\n      nested:\n        a: 1\n        b: x\n"

    with pytest.raises(ConfigError, match=r"a\.yaml:7:12: nested\.b must be a whole number"):
        parse(text)
