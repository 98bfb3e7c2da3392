"""What README and start-up text tell a newcomer to type works as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import orjson
import pytest
import yaml

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.project.tree import ROOT, name_of, tracked

README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
POLICY_PAGES = [path for path in tracked() if path.suffix == ".md"]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="install curl")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str, program: str) -> list[str]:
    """The command lines of the console blocks that start with `program`, continuations joined."""
    joined = "".join(blocks(text, "console")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith(program)]


def policies_in(text: str) -> Iterator[str]:
    """The YAML blocks that are whole policies and name only plugins that ship with the gateway."""
    shipped = {plugin.name for plugin in entry_points(group="sealgate.plugins")}
    for block in blocks(text, "yaml"):
        if block.startswith(("version:", "# yaml-language-server")) and "\nchain:" in block:
            named = {name for use in yaml.safe_load(block)["chain"] for name in use}
            if named <= shipped:
                yield block


def shell(command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    """What `make run` starts."""
    with running_gateway() as process:
        yield process


@needs_curl
@pytest.mark.parametrize("command", commands(README, "curl"))
def test_the_readmes_requests_are_answered(command: str, gateway: GatewayProcess) -> None:
    here = command.replace(":8080", f":{gateway.port}").replace(":8081", f":{gateway.admin_port}")
    done = shell(here.replace("curl ", "curl --fail ", 1))

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout


@needs_curl
def test_what_the_gateway_prints_at_start_can_be_pasted(gateway: GatewayProcess) -> None:
    gateway.wait_until(lambda _: "export" in gateway.errors)
    printed = [line.strip() for line in gateway.errors.splitlines() if line.startswith("  curl")]
    whole, streamed, ready = [shell(line.replace("curl ", "curl --fail ", 1)) for line in printed]

    assert "You said: Hello" in whole.stdout
    assert streamed.stdout.rstrip().endswith("data: [DONE]")
    assert orjson.loads(ready.stdout)["ready"] is True


@pytest.mark.parametrize("command", commands(README, ".venv/bin/sealgate"))
def test_the_readmes_other_commands_work(command: str) -> None:
    done = shell(command.replace(".venv/bin", str(BIN)))

    assert done.returncode == 0, done.stderr + done.stdout


def test_make_run_serves() -> None:
    """The recipe only; the set-up behind it is what this very test run went through."""
    assert "sealgate serve" in shell("make --dry-run --always-make run").stdout


@pytest.mark.parametrize("path", POLICY_PAGES, ids=name_of)
def test_every_policy_in_the_docs_is_accepted(path: Path, tmp_path: Path) -> None:
    for number, text in enumerate(policies_in(path.read_text(encoding="utf-8"))):
        policy = tmp_path / f"{number}.yaml"
        policy.write_text(text)
        done = subprocess.run(
            [BIN / "sealgate", "check", str(policy)], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr + done.stdout


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= 120
