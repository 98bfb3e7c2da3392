"""The upstreams that are there without any setting, and how the settings change and join them."""

from __future__ import annotations

import os
import re

from gateway.errors import Problem
from gateway.proxy.target_url import UNIX_PATH_BYTES_MAX
from gateway.settings import Settings, UpstreamSettings

BUILTIN_URLS: dict[str, str] = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "ollama": "http://127.0.0.1:11434",
    "vllm": "http://127.0.0.1:8000",
}
"""Upstreams that need no setting. The route forwards the path as received, so `/v1` is not here."""
EXAMPLE_URLS: dict[str, str] = {
    "azure": "https://NAME.openai.azure.com",
    "bedrock": "https://bedrock-runtime.REGION.amazonaws.com",
}
"""Upstreams whose address belongs to the customer: unavailable until it is set."""
DEMO_SOCKET = "demo.sock"
"""Where the simulated provider listens, in `data_dir`."""
_DEMO = "demo"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def written_upstreams(settings: Settings, problems: list[Problem]) -> dict[str, UpstreamSettings]:
    """The settings of every upstream, built-in ones with their own URL unless another is set.

    Adds to `problems` each name that cannot be used, and each upstream that has no address.
    """
    defaults = {name: UpstreamSettings(url=url) for name, url in BUILTIN_URLS.items()}
    defaults |= dict.fromkeys(EXAMPLE_URLS, UpstreamSettings())
    defaults[_DEMO] = _demo(settings)
    merged = dict(defaults)
    for name, own in settings.upstreams.items():
        if own.url is not None or own.targets:
            merged[name] = own
        elif name in defaults:
            merged[name] = own.model_copy(update={"url": defaults[name].url})
        else:
            problems.append(_without_target(name))
        if not _NAME.fullmatch(name):
            problems.append(_unusable_name(name))
    return merged


def missing_text(name: str) -> str:
    """What to tell whoever uses the upstream `name` although it has no target."""
    if name == _DEMO:
        return (
            f"the path of data_dir is too long for the demo's Unix socket ({UNIX_PATH_BYTES_MAX} "
            "bytes in all): start with a shorter --data-dir"
        )
    example = EXAMPLE_URLS.get(name, "https://HOST")
    return (
        f"the upstream {name} has no address yet: start with --upstream {name}={example} "
        f"or set upstreams.{name}.url in gateway.yaml"
    )


def _demo(settings: Settings) -> UpstreamSettings:
    # Absolute, because a worker may change its folder; the socket is bound under the same name.
    path = (settings.data_dir / DEMO_SOCKET).absolute()
    if len(os.fsencode(path)) > UNIX_PATH_BYTES_MAX:
        return UpstreamSettings()
    return UpstreamSettings(url=f"unix:{path}")


def _without_target(name: str) -> Problem:
    known = ", ".join([*BUILTIN_URLS, *EXAMPLE_URLS, _DEMO])
    hint = f"give it url or targets; the built-in upstreams are {known}"
    return Problem(f"upstreams.{name}", 0, 0, "the upstream has no address", hint)


def _unusable_name(name: str) -> Problem:
    message = "the name of an upstream has other characters than a-z, 0-9, - and _"
    return Problem(f"upstreams.{name}", 0, 0, message, "rename it; at most 63 characters")
