"""The built-in policy and the shipped folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.check import check
from gateway.policy.embedded import DEFAULT_POLICY
from gateway.settings import Settings

POLICIES = Path(__file__).parents[3] / "policies"


def test_the_built_in_policy_is_the_shipped_default() -> None:
    assert (POLICIES / "default.yaml").read_text(encoding="utf-8") == DEFAULT_POLICY


@pytest.mark.parametrize("profile", [None, "strict", "sidecar"])
def test_the_shipped_policies_load_under_every_profile(profile: str | None) -> None:
    report = check(POLICIES, Settings(profile=profile))

    assert (report.problems, report.warnings) == ([], [])


def test_every_shipped_policy_names_the_schema_for_editors() -> None:
    for path in POLICIES.glob("*.yaml"):
        first, _, _ = path.read_text(encoding="utf-8").partition("\n")
        assert first == "# yaml-language-server: $schema=schema.json"
