"""Compiles the modules that are named, in the folder it runs in; build_hook.py runs it on a copy.

    python mypyc_build.py plain|profiled NAME MODULE...

NAME becomes the name of the one shared library that holds all of them. `profiled` compiles twice:
the first build counts how often each branch is taken while TRAINING runs, and the second one is
laid out by that. It needs gcc, and the folder `bench` of the project.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mypyc.build import mypycify
from setuptools import Extension, setup

from distutils.ccompiler import CCompiler  # isort: skip  # setuptools brings it

HERE = Path(__file__).resolve().parent
TRAINING = HERE.parent / "bench" / "micro.py"
CHAINS = ("bare", "headers", "key", "token", "receipt", "inspect")
ERROR_PATHS = ["-include", str(HERE / "error_paths.h")]
COUNT = ["-fprofile-generate", "-fprofile-update=single"]
# Across files as well, functions that call each other stand together.
TOGETHER = ["-flto=auto"]
# What training did not reach is compiled as it would be without a profile.
USE = ["-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile"]


def compile_parallel(  # noqa: PLR0917  # distutils calls it by position
    self: Any,
    sources: list[str],
    output_dir: str | None = None,
    macros: Any = None,
    include_dirs: Any = None,
    debug: bool = False,
    extra_preargs: Any = None,
    extra_postargs: Any = None,
    depends: Any = None,
) -> list[str]:
    """As CCompiler's, but on all cores, and only what is older than its source or a header."""
    _, objects, extra_postargs, pp_opts, build = self._setup_compile(
        output_dir, macros, include_dirs, sources, depends, extra_postargs
    )
    cc_args = self._get_cc_args(pp_opts, debug, extra_preargs)
    headers = [*Path("build").glob("*.h"), *Path("gateway").rglob("*.h")]
    newest_header = max((path.stat().st_mtime_ns for path in headers), default=0)

    def work(made: str) -> None:
        source, suffix = build[made]
        newest = max(newest_header, Path(source).stat().st_mtime_ns)
        if not Path(made).exists() or Path(made).stat().st_mtime_ns < newest:
            # Whole or not there: a compiler that is stopped leaves half a file with a fresh time.
            self._compile(made + ".part", source, suffix, cc_args, extra_postargs, pp_opts)
            Path(made + ".part").replace(made)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(work, build))
    return list(objects)


def build(name: str, extensions: list[Any], folder: str) -> None:
    """Compiles and links into the source tree; object files stay in `folder` for the next time."""
    setup(
        name=name,
        packages=[],
        py_modules=[],
        ext_modules=extensions,
        script_args=["build_ext", "--force", "--inplace", "--build-temp", folder],
    )


def with_flags(extensions: list[Any], compiler: list[str], linker: list[str]) -> None:
    """Adds flags to those that mypyc chose."""
    for extension in extensions:
        extension.extra_compile_args = [*extension.extra_compile_args, *compiler]
        extension.extra_link_args = [*(extension.extra_link_args or []), *linker]


def written_in_c() -> list[Any]:
    """The extension modules whose source is C, each named after its file."""
    return [
        Extension(".".join(path.with_suffix("").parts), [str(path)], extra_compile_args=["-O3"])
        for path in sorted(Path("gateway").rglob("_*.c"))
    ]


def build_profiled(name: str, extensions: list[Any]) -> None:
    """Compiles, trains, and compiles again by what was counted."""
    if not TRAINING.exists():
        raise SystemExit(
            f"a profiled build runs {TRAINING}, which is not here: unset SEALGATE_PROFILED"
        )
    plain = [(list(e.extra_compile_args), list(e.extra_link_args or [])) for e in extensions]
    folder = Path("build", "profiled")
    forget(folder, "*.o", "*.gcda")
    with_flags(extensions, COUNT, COUNT[:1])
    build(name, extensions, str(folder))
    for chain in CHAINS:
        subprocess.run(
            [sys.executable, "-P", str(TRAINING), "--chain", chain, "--rounds", "1"],
            env={**os.environ, "PYTHONPATH": f"{Path.cwd()}{os.pathsep}{TRAINING.parent}"},
            check=True,
        )
    forget(folder, "*.o")
    for extension, (compiler, linker) in zip(extensions, plain, strict=True):
        extension.extra_compile_args, extension.extra_link_args = compiler, linker
    with_flags(extensions, [*USE, *TOGETHER], [*USE, *TOGETHER, "-O2"])
    build(name, extensions, str(folder))
    forget(folder, "*.o")


def forget(folder: Path, *patterns: str) -> None:
    """Removes what an earlier build left, so that all is made anew."""
    for pattern in patterns:
        for path in folder.rglob(pattern):
            path.unlink()


def main() -> None:
    mode, name, *modules = sys.argv[1:]
    CCompiler.compile = compile_parallel
    extensions = mypycify(
        ["--config-file=../../pyproject.toml", "--ignore-missing-imports", *modules],
        opt_level="2",
        group_name=name,
        multi_file=True,
    )
    with_flags(extensions, ERROR_PATHS, [])
    extensions += written_in_c()
    if mode == "profiled":
        build_profiled(name, extensions)
    else:
        build(name, extensions, str(Path("build", "plain")))


if __name__ == "__main__":
    main()
