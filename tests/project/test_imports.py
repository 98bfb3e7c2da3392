"""Each module imports alone, and a worker loads only what it serves with."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from tests.project.tree import module_name, source_files

MODULES = sorted(module_name(path) for path in source_files())

# Control plane and command line: a worker that loads one of these pays for it in memory and start.
IMPORT_PARTS = 8
NOT_IN_A_WORKER = {"aiohttp", "prometheus_client", "rich", "typer", "watchfiles"}

LIST_MODULES = "import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"


def loaded_with(module: str) -> set[str]:
    """The names in sys.modules of a fresh interpreter that imported `module` only."""
    program = LIST_MODULES.format(module=module)
    output = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, check=True
    ).stdout
    return set(orjson.loads(output))


@pytest.mark.parametrize("part", range(IMPORT_PARTS))
def test_each_module_imports_alone(part: int) -> None:
    """An import cycle shows only when the wrong module comes first; one process tries many."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] in "
        "('gateway', 'gateway_plugins')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *MODULES[part::IMPORT_PARTS]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stderr == ""
    assert run.returncode == 0


@pytest.mark.parametrize("module", ["gateway.server.worker", "gateway_plugins.ip_allowlist"])
def test_a_worker_loads_no_control_plane(module: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_with(module)}

    assert loaded & NOT_IN_A_WORKER == set()


def test_the_contract_needs_no_server() -> None:
    """A plugin author's unit test must not pay for the proxy."""
    loaded = loaded_with("gateway.plugin")

    assert {
        name for name in loaded if name.startswith(("gateway.proxy", "gateway.server"))
    } == set()
    assert loaded & {"uvloop", "httptools", "aiohttp"} == set()
