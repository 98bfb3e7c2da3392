"""Wheels as these tests build and install them: offline."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def built_wheel(project: Path, folder: Path) -> Path:
    """The wheel of a project, built offline with the pinned back end."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, *options: str, python: Sequence[str] = ()) -> None:
    """Installs a wheel without its dependencies and without an index; `python`: pip's own flags."""
    quiet = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", *python, "install", *quiet, *options, str(wheel)],
        check=True,
        capture_output=True,
    )
