"""Nothing that a user can write or see is undocumented: names are read from the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
import typer.core
import typer.main
from pydantic import BaseModel

from gateway.cli import app
from gateway.environment import FOREIGN, FOREIGN_PREFIXES, NOT_SETTINGS, SHORT
from gateway.plugin.contract import HOOKS
from gateway.reasons import REASONS
from gateway.settings import Settings
from gateway.telemetry.catalogue import CATALOGUE
from tests.project.tree import ROOT, name_of, tracked

DOCS = ROOT / "docs"
PAGES = [path for path in tracked() if path.suffix == ".md"]
PLUGINS = {p.name: p for p in entry_points(group="sealgate.plugins") if p.dist.name == "sealgate"}


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def code_words(text: str) -> set[str]:
    """What stands in code type, inline or in blocks, cut at everything that no name holds."""
    code = re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)
    return {word for part in code for word in re.findall(r"[A-Za-z0-9_$-]+", part)}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The pydantic models inside an annotation such as `tuple[A, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        if not isinstance(inner, str | int | UnionType) or isinstance(inner, UnionType):
            yield from models_in(inner)


def fields_of(model: type[BaseModel]) -> set[str]:
    """Every key that can be written below `model`, at any depth."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(field.alias or name)
        for inner in models_in(field.annotation):
            names |= fields_of(inner)
    return names


def commands() -> list[tuple[str, Any]]:
    """Every command and every group of them, by its last word."""
    found = [("", typer.main.get_command(app))]
    for _, command in found:
        if isinstance(command, typer.core.TyperGroup):
            found += command.commands.items()
    return found[1:]


def test_every_setting_is_documented() -> None:
    assert fields_of(Settings) - code_words(page("reference/settings.md")) == set()


def test_every_environment_variable_is_documented() -> None:
    names = {*SHORT, *NOT_SETTINGS, *FOREIGN, *FOREIGN_PREFIXES}

    assert names - code_words(page("reference/environment.md")) == set()


def test_every_metric_is_documented_with_its_labels() -> None:
    names = {metric.exposed_name for metric in CATALOGUE}
    labels = {label for metric in CATALOGUE for label in metric.labels}

    assert (names | labels) - code_words(page("reference/metrics.md")) == set()


def test_every_reason_is_documented_with_its_status() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", page("reference/reasons.md"), re.MULTILINE
    )
    known = {
        (reason.value, str(info.status), "yes" if info.retry else "no")
        for reason, info in REASONS.items()
    }

    assert set(rows) == known


def test_every_verb_and_flag_is_documented() -> None:
    documented = code_words(page("reference/cli.md"))
    flags = {
        flag
        for _, command in commands()
        for parameter in command.params
        for flag in parameter.opts
        if flag.startswith("--")
    }

    assert ({name for name, _ in commands()} | flags) - documented == set()


def test_every_hook_is_documented() -> None:
    assert set(HOOKS) - code_words(page("how-to/write-a-plugin.md")) == set()


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_every_plugin_has_a_page_with_all_its_keys(name: str) -> None:
    config = PLUGINS[name].load().Config

    assert fields_of(config) - code_words(page(f"plugins/{name}.md")) == set()


def test_every_plugin_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert {name for name in PLUGINS if f"docs/plugins/{name}.md" not in readme} == set()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *(e for g in groups for e in g if type(e) is str)]
    names = {re.split(r"[\[<>=;~ ]", line)[0] for line in asked}
    listed = re.findall(r"^\| ([^|]+) \|", page("dependencies.md"), flags=re.MULTILINE)

    assert names - {name for row in listed for name in row.strip().split(", ")} == set()


def links(path: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    local = [link for link in links(path) if "://" not in link and not link.startswith("mailto:")]

    assert [link for link in local if not (path.parent / link).exists()] == []


def test_every_page_is_on_the_map() -> None:
    """A page that `docs/index.md` does not lead to is a page that nobody reads."""
    mapped = {(DOCS / link).resolve() for link in links(DOCS / "index.md")}
    pages = {path for path in PAGES if path.is_relative_to(DOCS)} - {DOCS / "index.md"}

    assert {name_of(path) for path in pages - mapped} == set()
