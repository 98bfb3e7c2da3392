"""What `sealgate check` says of policies with limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.check import check
from gateway.settings import Settings

HEAD = "version: 1\nname: p\nchain:\n"
LIMIT = "{per: ip, requests: 60, window: 60s}"


def report(folder: Path, chain: str, **settings: object) -> str:
    (folder / "policy.yaml").write_text(HEAD + chain, encoding="utf-8")
    return str(check(folder, Settings.model_validate(settings)))


@pytest.mark.parametrize(
    "use",
    [
        "rate_limit: {limits: [{per: key, requests: 60, window: 60s}]}",
        "rate_limit: {key_limits: all}",
        "concurrency: {limits: [{per: [tenant, model], running: 5}]}",
    ],
)
def test_a_caller_that_nobody_verified_cannot_be_counted(tmp_path: Path, use: str) -> None:
    plugin = use.partition(":")[0]

    told = report(tmp_path, f"  - {use}\n  - auth: {{api_keys: true}}\n")

    assert f'policy.yaml:4:5: {plugin} needs the fact "principal"' in told
    assert f"(move auth before {plugin})" in told


def test_a_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    told = report(tmp_path, "  - rate_limit: {limits: [{per: ip, requests: 60}]}\n")

    assert "policy.yaml:4:27: limits[0]: requests need a window, such as `window: 60s`" in told


def test_memory_is_refused_with_several_workers_and_the_cure_is_told(tmp_path: Path) -> None:
    told = report(tmp_path, f"  - rate_limit: {{limits: [{LIMIT}]}}\n", workers=2)

    assert "policy.yaml:4:5: rate_limit cannot be set up" in told
    assert "kind: redis" in told


def test_shedding_alone_needs_no_store(tmp_path: Path) -> None:
    told = report(tmp_path, "  - concurrency: {shed: {}}\n", workers=2, stores={})

    assert "problem" not in told


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = report(tmp_path, f"  - rate_limit: {{store: shared, limits: [{LIMIT}]}}\n")

    assert 'gateway.yaml has no store "shared"' in told
