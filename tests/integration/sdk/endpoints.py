"""Where an SDK is pointed at: base URLs per provider, and what the provider will answer."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Endpoint:
    """The base URL that a user of each SDK would set. `demo`: the simulated provider answers."""

    openai: str
    anthropic: str
    gemini: str
    demo: bool

    @classmethod
    def bare(cls, url: str, *, demo: bool) -> Endpoint:
        """One host for all providers, told apart by path and headers."""
        return cls(f"{url}/v1", url, url, demo)

    @classmethod
    def prefixed(cls, url: str, *, demo: bool) -> Endpoint:
        """One route prefix per provider."""
        return cls(f"{url}/openai/v1", f"{url}/anthropic", f"{url}/gemini", demo)
