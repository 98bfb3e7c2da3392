"""The pages about policies are true: every key is there and every example loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.policy.lifecycle import Compiler
from gateway.policy.loader import Bundle, Source
from gateway.policy.models import Match, PolicyFile, UseSettings
from gateway.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "plugins" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


READERS_OWN = "team_header"
"""The plugin that a reader of the how-to writes; it is not installed here."""


def examples() -> list[tuple[str, str]]:
    """The whole policies that any page shows."""
    return [
        (f"{page.relative_to(ROOT)}", block)
        for page in PAGES
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if re.search(r"^version: 1$", block, re.MULTILINE)
        if "\nchain:" in block and READERS_OWN not in block
    ]


@pytest.mark.parametrize(("page", "text"), examples())
def test_every_policy_in_the_docs_compiles(page: str, text: str) -> None:
    (profile,) = re.findall(r"^profile: (\w+)$", text, re.MULTILINE) or [None]

    Compiler(Settings(profile=profile)).compile(Bundle(page, (Source(page, text),)), version=1)


def test_every_key_of_a_policy_is_documented() -> None:
    page = (ROOT / "docs/reference/policy-file.md").read_text(encoding="utf-8")
    keys = {*PolicyFile.model_fields, *Match.model_fields, *UseSettings.model_fields}

    assert {key for key in keys if f"`{key}`" not in page} == set()
