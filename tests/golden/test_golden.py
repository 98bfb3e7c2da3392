"""Every golden policy compiles to what its file says, or fails with exactly its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.golden import adapt, golden_files, split

FILES = golden_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_policy_becomes_what_its_golden_file_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEALGATE_TEST_TOKEN", raising=False)
    text, expected = split(path)

    assert adapt(text) == expected


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.parent.name == "broken"], ids=lambda path: path.stem
)
def test_a_broken_policy_is_explained_in_one_line_with_its_place(path: Path) -> None:
    _, expected = split(path)
    (line,) = expected.splitlines()

    assert line.startswith(("policy.yaml", "a.yaml", "b.yaml", "policies:"))
    assert len(line) < 240


def test_there_are_enough_of_them() -> None:
    by_kind = {kind: sum(p.parent.name == kind for p in FILES) for kind in ("broken", "good")}

    assert by_kind["broken"] >= 30
    assert by_kind["good"] >= 12
