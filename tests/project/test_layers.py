"""Imports point down: the contracts of pyproject.toml hold."""

from __future__ import annotations

from importlinter.cli import lint_imports

from tests.project.tree import ROOT


def test_imports_point_down() -> None:
    """The layers are the architecture; `[tool.importlinter]` spells them."""
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0
