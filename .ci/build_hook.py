"""Compiles the hot modules with mypyc into the wheel; off unless asked for.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true hatchling build -t wheel

With SEALGATE_PROFILED=1 as well, it compiles twice and runs a training load in between: see
mypyc_build.py. The image and the benchmark use that build.

The modules are listed in pyproject.toml ([tool.hatch.build.targets.wheel.hooks.custom]). Their
source is in the wheel as well, for tracebacks; Python prefers the extension modules beside it. It
needs a C compiler, Python's headers and the `compile` dependency group, and the runtime
dependencies installed, whose types mypyc reads. The work happens on a copy below build/mypyc, so
no extension module ever lies in the source tree, where it would hide an edited file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GROUP = "sealgate"
"""Names the one shared library that holds all compiled modules."""
COMPILER = Path(__file__).with_name("mypyc_build.py").resolve()
PROFILED = "SEALGATE_PROFILED"
"""Set to 1 in the environment, it asks for a build that is laid out by how it runs."""


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]  # generic only for type checkers
    """Hatchling calls `initialize` before it packs the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, and adds the extension modules to what is packed."""
        if version == "editable":
            return
        header = Path(sysconfig.get_path("include"), "Python.h")
        if shutil.which(os.environ.get("CC", "cc")) is None or not header.exists():
            raise SystemExit(
                "compiling needs a C compiler and Python's headers; as root on Debian: "
                "apt-get install gcc python3-dev"
            )
        tree = Path(self.root, "build", "mypyc")
        _copy_sources(Path(self.root), tree)
        modules = [module.removeprefix("plugins/") for module in self.config["modules"]]
        mode = "profiled" if os.environ.get(PROFILED) == "1" else "plain"
        done = subprocess.run(
            [sys.executable, str(COMPILER), mode, GROUP, *modules],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"mypyc failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        found = [p for p in tree.rglob("*.so") if "build" not in p.relative_to(tree).parts]
        build_data["force_include"].update({str(p): str(p.relative_to(tree)) for p in found})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _copy_sources(root: Path, tree: Path) -> None:
    """Fresh copies of the packages; what was compiled before stays beside them for reuse."""
    tree.mkdir(parents=True, exist_ok=True)
    for package in ("gateway", "plugins/gateway_plugins"):
        target = tree / Path(package).name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(root / package, target, ignore=shutil.ignore_patterns("__pycache__"))
