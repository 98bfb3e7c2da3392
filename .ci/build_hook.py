"""Compiles the hot modules with mypyc into the wheel; off unless asked for.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true hatchling build -t wheel

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
SETUP = """
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup
from distutils.ccompiler import CCompiler


def compile(self, sources, output_dir=None, macros=None, include_dirs=None, debug=False,
            extra_preargs=None, extra_postargs=None, depends=None):
    '''As CCompiler's, but on all cores, and only what is older than its source or a header.'''
    _, objects, extra_postargs, pp_opts, build = self._setup_compile(
        output_dir, macros, include_dirs, sources, depends, extra_postargs)
    cc_args = self._get_cc_args(pp_opts, debug, extra_preargs)
    headers = max((path.stat().st_mtime_ns for path in Path("build").glob("*.h")), default=0)

    def work(made):
        source, suffix = build[made]
        newest = max(headers, Path(source).stat().st_mtime_ns)
        if not Path(made).exists() or Path(made).stat().st_mtime_ns < newest:
            # Whole or not there: a compiler that is stopped leaves half a file with a fresh time.
            self._compile(made + ".part", source, suffix, cc_args, extra_postargs, pp_opts)
            os.replace(made + ".part", made)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(work, build))
    return objects


CCompiler.compile = compile
setup(
    name={name!r},
    packages=[],
    py_modules=[],
    ext_modules=mypycify(
        ["--config-file=../../pyproject.toml", "--ignore-missing-imports", *sys.argv[1:]],
        opt_level="2",
        group_name={name!r},
        multi_file=True,
    ),
    script_args=["build_ext", "--inplace"],
)
"""


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
        done = subprocess.run(
            [sys.executable, "-c", SETUP.format(name=GROUP), *modules],
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
