"""The verifier alone: a wheel with `gateway/receipts` in it, that needs PyNaCl and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import orjson
import pytest

from gateway.receipts.command import parser
from gateway.receipts.key_documents import sonate_keys
from tests.project.tree import ROOT
from tests.project.wheels import built_wheel, install
from tests.receipt_samples import RING, a_log

VERIFIER = ROOT / ".ci" / "verifier"
NEEDED = ("PyNaCl", "cffi", "pycparser")


def copy_distribution(name: str, target: Path) -> None:
    """Puts a distribution of this environment into another one, without any index."""
    found = distribution(name)
    for file in found.files or ():
        source = Path(str(found.locate_file(file)))
        if ".." not in file.parts and "__pycache__" not in file.parts and source.is_file():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / file)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(VERIFIER, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the verifier and PyNaCl, and nothing else; its `bin`."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in NEEDED:
        copy_distribution(name, packages)
    install(wheel, python=("--python", str(folder / "bin" / "python")))
    return folder / "bin"


def run(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(environment / "sealgate-verify"), *arguments],
        cwd=environment,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_nothing_but_receipts(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]

    assert all(name.startswith("gateway/receipts/") for name in names)
    assert {"gateway/receipts/command.py", "gateway/receipts/page/verify.html"} <= set(names)


def test_the_verifier_has_the_gateways_version_and_needs_pynacl_only() -> None:
    own = tomllib.loads((VERIFIER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    gateway = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert own["version"] == gateway["version"]
    assert (
        [line for line in gateway["dependencies"] if line in own["dependencies"]]
        == ["PyNaCl>=1.6.2"]
        == own["dependencies"]
    )


def test_a_receipt_is_verified_without_the_gateway(environment: Path, tmp_path: Path) -> None:
    log = a_log(3)
    receipt, keys = tmp_path / "receipt.json", tmp_path / "keys.json"
    receipt.write_bytes(log.sealed[1].data)
    keys.write_bytes(orjson.dumps(sonate_keys(RING.keys)))
    (tmp_path / "proof").write_text(log.proof(1), encoding="utf-8")
    pins = ("--keys", str(keys), "--proof", str(tmp_path / "proof"), "--json")
    good = run(environment, "receipt", str(receipt), *pins)
    receipt.write_bytes(log.sealed[1].data.replace(b'"status":200', b'"status":500'))
    bad = run(environment, "receipt", str(receipt), *pins)
    modules = "import sys, gateway.receipts.command; print(*sys.modules)"
    loaded = subprocess.run(
        [str(environment / "python"), "-c", modules], capture_output=True, text=True, check=True
    ).stdout.split()

    assert (good.returncode, bad.returncode) == (0, 1), good.stderr
    assert orjson.loads(good.stdout)["completeness"] == "valid"
    assert "orjson" not in loaded
    assert {name for name in loaded if name.startswith("gateway.")} == {
        name for name in loaded if name.startswith("gateway.receipts")
    }


def test_every_flag_of_the_verifier_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    (verbs,) = parser()._subparsers._group_actions
    flags = {
        flag
        for command in verbs.choices.values()
        for action in command._actions
        for flag in action.option_strings
        if flag not in {"-h", "--help"}
    }

    assert {name for name in [*verbs.choices, *flags] if f"`{name}" not in page} == set()
