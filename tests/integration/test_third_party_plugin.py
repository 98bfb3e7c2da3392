"""A plugin from outside: built as its own wheel, installed, found, configured, run, named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, finish, running_gateway, start_gateway
from tests.integration.plugin_client import ask
from tests.project.tree import ROOT

SOURCE = Path(__file__).with_name("third_party_plugin")
OFFLINE = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
POLICY = """
version: 1
name: teams
chain:
  - team_header: {teams: [search, ads]}
"""


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the plugin's wheel was installed into; the gateway stays where it is."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copytree(SOURCE, folder / "source")
    wheels, target = str(folder / "wheels"), folder / "installed"
    pip("wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", wheels, str(folder / "source"))
    pip(
        "install", *OFFLINE, "--find-links", wheels, "--target", str(target), "sealgate-team-header"
    )
    return target


def with_plugin(installed: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def gateway(installed: Path) -> Iterator[GatewayProcess]:
    with running_gateway(policies=POLICY, environment=with_plugin(installed)) as gateway:
        yield gateway


def test_it_is_run_and_its_refusal_reaches_the_client_in_the_dialect(
    gateway: GatewayProcess,
) -> None:
    status, headers, body = ask(gateway, headers={"x-team": "nobody"})

    error = orjson.loads(body)["error"]
    assert status == 400
    assert headers["x-sealgate-reason"] == "team_unknown"
    assert error["code"] == "team_unknown"
    assert "send x-team with one of search, ads" in error["message"]


def test_it_is_configured_and_lets_pass_what_it_admits(gateway: GatewayProcess) -> None:
    assert ask(gateway, headers={"x-team": "ads"})[0] == 200


def test_it_is_named_in_the_log_and_the_metrics(gateway: GatewayProcess) -> None:
    ask(gateway, headers={"x-team": "search", "x-request-id": "named"})

    line = gateway.wait_for_log(lambda line: line.get("request_id") == "named")
    (verdict,) = line["verdicts"]
    assert (verdict["plugin"], verdict["hook"], verdict["outcome"], verdict["reason"]) == (
        "team_header", "on_request_headers", "flag", "team"
    )  # fmt: skip
    gateway.wait_until(lambda _: 'plugin="team_header"' in gateway.admin("/metrics")[1].decode())


def test_a_wrong_configuration_is_told_with_its_place(installed: Path) -> None:
    gateway = start_gateway(
        policies=POLICY.replace("teams: [", "team: ["), environment=with_plugin(installed)
    )
    try:
        assert gateway.wait() != 0
        assert 'policy.yaml:5:19: unknown key "team" (did you mean "teams"?)' in gateway.errors
    finally:
        finish(gateway)


def test_without_the_wheel_the_policy_is_refused() -> None:
    gateway = start_gateway(policies=POLICY)
    try:
        assert gateway.wait() != 0
        assert 'unknown plugin "team_header"' in gateway.errors
    finally:
        finish(gateway)


def test_the_readme_shows_this_plugin() -> None:
    """The example that people copy is the one that is tested, in 20 lines."""
    readme = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
    code = (SOURCE / "team_header.py").read_text(encoding="utf-8")

    assert f"```python\n{code}```" in readme
    assert f"```toml\n{(SOURCE / 'pyproject.toml').read_text(encoding='utf-8')}```" in readme
    assert len(code.splitlines()) <= 20


async def test_the_test_that_the_how_to_shows_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCE))
    page = (ROOT / "docs" / "how-to" / "write-a-plugin.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "write-a-plugin.md", "exec"), names)  # noqa: S102  # our own page

    await names["test_a_request_without_a_team_is_refused"]()
