"""The wheel: what is in it, and that it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.project.tree import ROOT, name_of, source_files
from tests.project.wheels import built_wheel, install


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into; its dependencies are the test's own."""
    target = tmp_path_factory.mktemp("installed")
    install(wheel, "--target", str(target))
    return target


def run(installed: Path, *command: str) -> str:
    """Runs with the installed copy in front of the checkout, from a folder that is neither."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=installed.parent,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_wheel_claims_two_names_only(wheel: Path) -> None:
    """A third top-level name would collide with somebody else's package."""
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == {
        "gateway",
        "gateway_plugins",
    }


def test_the_wheel_holds_every_module_and_both_type_markers(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {name_of(path).removeprefix("plugins/") for path in source_files()}

    assert modules - names == set()
    assert {"gateway/py.typed", "gateway_plugins/py.typed"} <= names


def test_the_wheel_works_without_the_checkout(installed: Path) -> None:
    where = run(installed, "-c", "import gateway; print(gateway.__file__)")
    script = str(installed / "bin" / "sealgate")

    assert Path(where.strip()).is_relative_to(installed)
    assert "0.1.0" in run(installed, script, "version")
    assert run(installed, script, "check")
