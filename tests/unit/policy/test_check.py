"""`sealgate check`: all that a reload would refuse, and what it would only regret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.check import Report, check
from gateway.settings import Settings
from tests.policies import policy
from tests.policy_plugins import Keeper, registry


def checked(folder: Path, *texts: str, profile: str | None = None) -> Report:
    for letter, text in zip("abcdef", texts, strict=False):
        (folder / f"{letter}.yaml").write_text(text)
    return check(folder, Settings(profile=profile), registry())


def test_good_policies_are_counted_and_named_by_their_digest(tmp_path: Path) -> None:
    report = checked(tmp_path, policy(name="a"), policy(name="b", match="{routes: [openai]}"))

    assert report.ok
    assert str(report) == f"ok: 2 policies, digest {report.digest}"


def test_problems_are_told_with_their_places(tmp_path: Path) -> None:
    report = checked(tmp_path, policy(mode="of"), policy(name="b", match="{routes: [opnai]}"))

    assert not report.ok
    assert str(report).splitlines() == [
        f"{tmp_path}/a.yaml:3:7: mode must be 'enforce', 'shadow' or 'off' (did you mean \"off\"?)",
        "1 problem",
    ]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    report = check(tmp_path / "none", Settings())

    assert str(report) == f"{tmp_path}/none: cannot be read: No such file or directory\n1 problem"


def test_a_policy_that_no_request_can_reach_is_a_warning(tmp_path: Path) -> None:
    report = checked(
        tmp_path,
        policy(name="wide", match="{paths: ['/v1/*']}"),
        policy(name="narrow", match="{paths: [/v1/chat]}"),
    )

    assert report.ok
    assert str(report.warnings[0]) == (
        f'{tmp_path}/b.yaml:3:1: warning: no request can reach "narrow": "wide" takes them all '
        f"({tmp_path}/a.yaml) (narrow the match of the other, or give this one a name that sorts "
        "before it)"
    )


def test_a_warning_is_told_once_for_all_profiles(tmp_path: Path) -> None:
    report = checked(
        tmp_path,
        policy(name="wide", match="{paths: ['/v1/*']}"),
        policy(name="narrow", match="{paths: [/v1/chat]}"),
        policy(name="other", profile="strict"),
    )

    assert len(report.warnings) == 1


def test_every_profile_is_checked(tmp_path: Path) -> None:
    texts = (policy(name="a"), policy("[{nope: {}}]", name="b", profile="strict"))

    assert not checked(tmp_path, *texts).ok
    assert not checked(tmp_path, *texts, profile="strict").ok


def test_a_folder_for_profiles_only_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    report = checked(tmp_path, policy(name="a", profile="x"), policy(name="b", profile="y"))

    assert report.ok
    assert report.policies == 2


def test_a_profile_that_nobody_names_is_a_problem(tmp_path: Path) -> None:
    assert "did you mean" in str(
        checked(tmp_path, policy(name="a", profile="strict"), profile="strct")
    )


def test_secrets_are_not_read_and_plugins_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build has neither the secrets nor the databases of the gateway."""
    monkeypatch.delenv("A_KEY", raising=False)
    Keeper.log.clear()

    report = checked(tmp_path, policy('[{keeper: {token: "${A_KEY}", fail: start}}]'))

    assert report.ok
    assert Keeper.log == []


def test_a_secret_in_a_policy_is_found_by_the_check_as_well(tmp_path: Path) -> None:
    assert "never written into a policy" in str(
        checked(tmp_path, policy("[{keeper: {token: sk-live-1}}]"))
    )
