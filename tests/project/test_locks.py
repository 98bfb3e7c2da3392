"""The lock files hold exactly what pyproject.toml asks for, pinned by hash."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.tree import ROOT, source_files, syntax

LOCKS = [
    "requirements.lock",
    "requirements-build.lock",
    "requirements-compile.lock",
    "requirements-test.lock",
]
TRAIN_LOCK = "requirements-train.lock"  # not installed where tests run, so its needs are not known

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def pins(lock: str) -> dict[str, str]:
    """Package name to version, for the pins that this platform installs."""
    found: dict[str, str] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        pin = PIN.match(line)
        if pin is None:
            continue
        marker = f" ; {pin['marker']}" if pin["marker"] else ""
        requirement = Requirement(f"{pin['name']}=={pin['version']}{marker}")
        if requirement.marker is None or requirement.marker.evaluate():
            found[requirement.name] = pin["version"]
    return found


def group(name: str) -> list[Requirement]:
    """A dependency group with the groups that it includes (PEP 735)."""
    found: list[Requirement] = []
    for entry in project()["dependency-groups"][name]:
        found += [Requirement(entry)] if isinstance(entry, str) else group(entry["include-group"])
    return found


def asked(lock: str) -> list[Requirement]:
    runtime = [Requirement(line) for line in project()["project"]["dependencies"]]
    return {
        "requirements.lock": runtime,
        "requirements-build.lock": group("build"),
        "requirements-compile.lock": group("compile"),
        "requirements-test.lock": [*runtime, *group("test")],
        TRAIN_LOCK: group("train"),
    }[lock]


def reached(roots: list[Requirement]) -> set[str]:
    """Every package that the roots need here, by the metadata of what is installed."""
    seen: set[str] = set()
    done: set[tuple[str, frozenset[str]]] = set()
    queue = list(roots)
    while queue:
        requirement = queue.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in done:
            continue
        done.add((name, extras))
        seen.add(name)
        for line in requires(name) or []:
            need = Requirement(line)
            markers = [{"extra": extra} for extra in ("", *extras)]
            if need.marker is None or any(need.marker.evaluate(m) for m in markers):
                queue.append(need)
    return seen


@pytest.mark.parametrize("lock", [*LOCKS, TRAIN_LOCK])
def test_every_pin_has_a_hash_and_nothing_else_stands_in_the_file(lock: str) -> None:
    """No address and no option: any index may serve the files, the hashes decide."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if PIN.match(line)]
    other = [line for line in lines if not (PIN.match(line) or HASH.match(line))]

    assert starts
    assert all(HASH.match(lines[number + 1]) for number in starts)
    assert [line for line in other if not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize("lock", [*LOCKS, TRAIN_LOCK])
def test_the_lock_satisfies_what_pyproject_asks(lock: str) -> None:
    wrong = {
        str(requirement): pins(lock).get(canonicalize_name(requirement.name))
        for requirement in asked(lock)
        if not requirement.specifier.contains(
            pins(lock).get(canonicalize_name(requirement.name), "0")
        )
    }

    assert wrong == {}, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_no_more_and_no_less_than_is_needed(lock: str) -> None:
    """Few dependencies: one that nobody asks for any more leaves with its reason."""
    assert set(pins(lock)) == reached(asked(lock)), "run `make lock`"


def test_tests_run_with_the_versions_that_are_served() -> None:
    tested = pins("requirements-test.lock")

    for lock in ("requirements.lock", "requirements-build.lock"):
        assert {name: tested.get(name) for name in pins(lock)} == pins(lock)


def test_the_build_back_end_is_the_pinned_one() -> None:
    assert set(project()["build-system"]["requires"]) <= set(
        project()["dependency-groups"]["build"]
    )


def test_what_is_imported_is_asked_for_and_what_is_asked_for_is_imported() -> None:
    """No dependency of a dependency is used as if it were ours, and none of ours is idle."""
    homes = packages_distributions()
    modules = {module for path in source_files() for module in imported(path)}
    found = {canonicalize_name(name) for module in modules for name in homes.get(module, [])}
    named = {canonicalize_name(Requirement(d).name) for d in project()["project"]["dependencies"]}
    extras = project()["project"]["optional-dependencies"].values()
    optional = {canonicalize_name(Requirement(d).name) for extra in extras for d in extra}

    # pydantic documents its core's names as its own; mypyc's whole numbers are imported for the
    # compiler alone, never while anything runs.
    companions = {"sealgate", "pydantic-core", "mypy-extensions"}
    assert found - companions - optional == named


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
