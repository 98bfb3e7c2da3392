"""Small plugins for the tests of chain and policies, and a registry that holds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Literal

from pydantic import Field

from gateway.chain.registry import Registry
from gateway.plugin import (
    PRINCIPAL,
    Exchange,
    Fact,
    Plugin,
    PluginConfig,
    Principal,
    Reason,
    Reject,
    Runtime,
    Secret,
    TextStream,
)
from gateway.plugin.contract import Step

COLOUR: Fact[str] = Fact("colour", str)


class ProbeConfig(PluginConfig):
    label: str = ""
    level: int = Field(0, ge=0, le=9)
    colour: Literal["red", "green", "blue"] = "red"
    tags: tuple[str, ...] = ()
    nested: dict[str, int] = Field(default_factory=dict)


class Probe(Plugin):
    """Overrides every hook and says yes."""

    name: ClassVar[str] = "probe"
    Config = ProbeConfig

    def on_request_headers(self, x: Exchange) -> Step:
        return None

    def on_request(self, x: Exchange) -> Step:
        return None

    def on_response_headers(self, x: Exchange) -> Step:
        return None

    def on_response(self, x: Exchange) -> Step:
        return None

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        return None

    def on_complete(self, x: Exchange) -> Awaitable[None] | None:
        return None


class Painter(Plugin):
    """Provides a fact."""

    name: ClassVar[str] = "painter"
    provides = frozenset({COLOUR})

    def on_request_headers(self, x: Exchange) -> Step:
        x.provide(COLOUR, "blue")
        return None


class Critic(Plugin):
    """Needs the fact."""

    name: ClassVar[str] = "critic"
    requires = frozenset({COLOUR})
    on_error: ClassVar[Literal["reject", "continue"]] = "continue"

    async def on_request_headers(self, x: Exchange) -> None:
        x.flag("seen", colour=str(x.fact(COLOUR)))


class PassportConfig(PluginConfig):
    label: str = ""


class Passport(Plugin):
    """Knows the caller by a header `x-passport: TENANT SUBJECT ROLE...`, and takes it off."""

    name: ClassVar[str] = "passport"
    Config = PassportConfig
    provides = frozenset({PRINCIPAL})

    def on_request_headers(self, x: Exchange) -> Step:
        shown = x.request.headers.get("x-passport")
        if shown is None:
            return Reject(Reason.CREDENTIAL_MISSING)
        tenant, subject, *roles = shown.split()
        x.provide(PRINCIPAL, Principal(tenant, subject, "header", roles=frozenset(roles)))
        x.request.headers.remove("x-passport")
        return None


class KeeperConfig(PluginConfig):
    token: Secret | None = None
    fail: Literal["", "make", "start", "stop"] = ""
    label: str = ""


class Keeper(Plugin):
    """Holds a secret, and counts how often each instance was started and stopped."""

    name: ClassVar[str] = "keeper"
    Config = KeeperConfig
    log: ClassVar[list[str]] = []

    def __init__(self, config: KeeperConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        if config.fail == "make":
            raise ValueError("the pattern is not closed")

    async def start(self) -> None:
        self.log.append(f"start {self.config.label}")
        if self.config.fail == "start":
            raise OSError(2, "No such file or directory", "countries.mmdb")

    async def stop(self) -> None:
        self.log.append(f"stop {self.config.label}")
        if self.config.fail == "stop":
            raise OSError("cannot flush")

    def on_request_headers(self, x: Exchange) -> Step:
        return None


def registry(*more: type[Plugin]) -> Registry:
    """The plugins of this file, and `more`."""
    ours = (Probe, Painter, Critic, Keeper, Passport)
    return Registry({plugin.name: plugin for plugin in (*ours, *more)})


def plugin(name: str = "probe", **hooks: Callable[..., Any]) -> type[Plugin]:
    """A plugin class with just these hooks; each is called without `self`."""
    methods: dict[str, Any] = {key: staticmethod(hook) for key, hook in hooks.items()}
    return type(name.title(), (Plugin,), {"name": name, **methods})
