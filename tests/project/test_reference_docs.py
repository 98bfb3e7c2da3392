"""The reference pages: tables are current, and the example of a gateway.yaml loads."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from gateway.configuration import load_configuration
from tests.project.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "reference_tables", ROOT / "docs/reference_tables.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["admin-api.md", "environment.md", "metrics.md", "permissions.md", "settings.md"]
)
def test_generated_tables_are_current(name: str) -> None:
    text = (REFERENCE / name).read_text(encoding="utf-8")

    assert "<!-- generated: " in text
    assert generator().with_tables(text) == text, "run `python docs/reference_tables.py`"


def settings_examples() -> list[tuple[Path, str]]:
    """Every YAML block of the docs that is a gateway.yaml and not a policy or a manifest."""
    starts = ("# gateway.yaml", "listener:", "upstreams:", "trusted_proxies:")
    return [
        (page, block)
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if block.startswith(starts)
    ]


@pytest.mark.parametrize(("page", "text"), settings_examples(), ids=str)
def test_every_example_of_settings_loads(page: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)

    assert load_configuration(file=file, environment={}).settings
