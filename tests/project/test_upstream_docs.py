"""The page on upstreams names every setting with its default, and every built-in address."""

from __future__ import annotations

import re

import pytest

from gateway.environment import setting_paths
from gateway.proxy.builtin_upstreams import BUILTIN_URLS, EXAMPLE_URLS
from gateway.settings import UpstreamSettings
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "reference" / "upstreams.md").read_text(encoding="utf-8")
SETTINGS = [path for path, _ in setting_paths(UpstreamSettings)]


@pytest.mark.parametrize("path", SETTINGS, ids=".".join)
def test_every_setting_of_an_upstream_is_explained(path: tuple[str, ...]) -> None:
    assert f"`{'.'.join(path)}" in PAGE


@pytest.mark.parametrize("path", [path for path in SETTINGS if len(path) > 1], ids=".".join)
def test_numbers_stand_with_their_default(path: tuple[str, ...]) -> None:
    value: object = UpstreamSettings()
    for name in path:
        value = getattr(value, name, None)
    if type(value) is int:
        row = next(line for line in PAGE.splitlines() if f"`{'.'.join(path)}`" in line)

        assert re.search(rf"[ |]{value}[ ,|]", row)


@pytest.mark.parametrize("name", [*BUILTIN_URLS, *EXAMPLE_URLS])
def test_every_built_in_upstream_is_listed(name: str) -> None:
    url = {**BUILTIN_URLS, **EXAMPLE_URLS}[name]

    assert any(f"`{name}`" in line and f"`{url}`" in line for line in PAGE.splitlines())
