"""Where an SDK is pointed at: base URLs per provider, and what the provider will answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

TEXT = "Hello from the provider, word by word."
HELLO = "Say hello"
CALL_TOOL = "Call get_weather"
EMBED = "Embed me"
WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}

DEMO_HEADERS = {"x-demo-reply-text": TEXT}
"""Makes the simulated provider say what the fixtures of aimock say."""


PROVIDERS = ("openai", "anthropic", "gemini")
"""The upstreams that the SDKs reach."""
SIMULATED = ("straight-to-demo", "builtin-to-demo", "bare-to-demo", "prefix-to-demo")
"""The provider itself; the gateway's own `/demo`; bare and prefixed paths to an upstream."""
ALL = (*SIMULATED, "straight-to-aimock", "bare-to-aimock", "prefix-to-aimock")


@dataclass(frozen=True)
class Endpoint:
    """The base URL that a user of each SDK would set."""

    openai: str
    anthropic: str
    gemini: str

    @classmethod
    def bare(cls, url: str) -> Endpoint:
        """One host for all providers, told apart by path and headers."""
        return cls(f"{url}/v1", url, url)

    @classmethod
    def prefixed(cls, url: str) -> Endpoint:
        """One route prefix per provider."""
        return cls(f"{url}/openai/v1", f"{url}/anthropic", f"{url}/gemini")


class EndpointFinder:
    """Starts what an endpoint needs, when a test asks for it."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def __call__(self, name: str) -> Endpoint:
        path, _, provider = name.partition("-to-")
        server = f"{provider}_{'server' if path == 'straight' else 'gateway'}"
        url: str = self._request.getfixturevalue(server).url
        if path == "prefix":
            return Endpoint.prefixed(url)
        return Endpoint.bare(f"{url}/demo" if path == "builtin" else url)
