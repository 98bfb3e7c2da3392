"""Who may reach a gateway that asks nobody who they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.policy.check import check
from gateway.policy.exposure import is_loopback
from gateway.policy.lifecycle import Compiler
from gateway.policy.loader import Bundle, load_bundle
from gateway.settings import ListenerSettings, RouteMatch, RouteSettings, Settings

AUTH = "  - auth: {api_keys: true}\n"


def policy(chain: str, head: str = "") -> str:
    return f"version: 1\nname: p\n{head}chain:{chain if chain == ' []' else chr(10) + chain}\n"


def problems(text: str, tmp_path: Path, **settings: object) -> list[str]:
    """What a gateway that listens everywhere says of a policy."""
    (tmp_path / "p.yaml").write_text(text)
    listener = ListenerSettings(host="0.0.0.0")
    found = Settings.model_validate({"listener": listener, "data_dir": tmp_path, **settings})
    return [str(problem) for problem in check(tmp_path / "p.yaml", found).problems]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.0.2.1", False),
        ("gateway.internal", False),
    ],
)
def test_tells_a_loopback_address_from_others(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    "text",
    [
        policy(" []"),
        policy("  - ip_allowlist: {allow: [10.0.0.0/8]}"),
        policy("  - auth: {api_keys: true, mode: shadow}"),
        policy("  - auth: {api_keys: true, mode: 'off'}"),
        policy("  - auth: {api_keys: true, on_error: continue}"),
        policy("  - auth: {api_keys: true, when: {methods: [POST]}}"),
        policy("  - auth: {api_keys: true, optional: true}"),
        policy(AUTH, "mode: shadow\n"),
    ],
)
def test_a_policy_that_lets_strangers_pass_is_refused(text: str, tmp_path: Path) -> None:
    found = problems(text, tmp_path)

    assert len(found) == 1
    assert '"p" serves every caller of 0.0.0.0 without asking who it is' in found[0]
    assert "--insecure" in found[0]
    assert str(tmp_path / "p.yaml") in found[0]


@pytest.mark.parametrize(
    "text",
    [
        policy(AUTH),
        policy("  - ip_allowlist: {allow: [10.0.0.0/8]}\n" + AUTH),
        policy(" []", "mode: 'off'\n") + "---",
        policy(" []", "match: {routes: [question]}\n"),
    ],
)
def test_a_policy_that_asks_or_serves_nothing_is_taken(text: str, tmp_path: Path) -> None:
    """The decision point of Envoy forwards nothing, so it has nothing to protect."""
    question = RouteSettings(name="question", match=RouteMatch(path_prefix="/q"), ext_authz=True)

    assert problems(text.removesuffix("---"), tmp_path, routes=(question,)) == []


def test_whoever_says_insecure_is_believed(tmp_path: Path) -> None:
    assert problems(policy(" []"), tmp_path, insecure=True) == []


def test_the_built_in_policy_stays_on_this_machine() -> None:
    bundle: Bundle = load_bundle(None)
    everywhere = Settings(listener=ListenerSettings(host="::"))

    with pytest.raises(ConfigError, match="without asking who it is"):
        Compiler(everywhere).compile(bundle, version=1)
    Compiler(Settings()).compile(bundle, version=1)
