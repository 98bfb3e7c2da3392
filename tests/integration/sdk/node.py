"""The Node side of the SDK tests: where node is, the mock provider, and scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).resolve().parents[1] / "node"
_MAJOR_MIN = 20
_LISTENING = re.compile(r"listening on (http://\S+)")
_SCRIPT_SECONDS_MAX = 50


def missing() -> str:
    """What must be installed before these tests can run; empty if nothing."""
    node = shutil.which("node")
    if node is None:
        return f"Node is missing: install nodejs {_MAJOR_MIN} or newer, with npm"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < _MAJOR_MIN:
        return f"Node {version.strip()} is too old: install nodejs {_MAJOR_MIN} or newer"
    if not (FOLDER / "node_modules" / "openai").is_dir():
        return "the Node packages are missing: run `npm ci` in tests/integration/node"
    return ""


def run_script(name: str, **arguments: str) -> Any:
    """Runs tests/integration/node/NAME and gives the JSON that it prints."""
    done = subprocess.run(
        ["node", name, orjson.dumps(arguments).decode()],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=_SCRIPT_SECONDS_MAX,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


class AimockServer:
    """The mock provider `@copilotkit/aimock`, as a process; started when made."""

    def __init__(self) -> None:
        command = ["node", "node_modules/@copilotkit/aimock/dist/cli.js", "--strict"]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--chunk-size", "6", "--fixtures", "aimock.json"],
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = self._read_url()

    def _read_url(self) -> str:
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            found = _LISTENING.search(line)
            if found:
                return found[1]
        raise RuntimeError(f"aimock did not start: {''.join(lines)}")

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()
