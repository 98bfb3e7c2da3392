"""The plugin contract: one screen."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from gateway.errors import PluginLoadError
from gateway.plugin.coverage import DEFAULT_UNINSPECTABLE, Uninspectable
from gateway.plugin.evidence import Evidence
from gateway.plugin.facts import Fact
from gateway.plugin.pattern import VALUES_MAX, Pattern, Scanner
from gateway.plugin.runtime import Runtime
from gateway.plugin.verdict import Reject, Reply

if TYPE_CHECKING:
    from gateway.plugin.exchange import Exchange
    from gateway.plugin.text import TextStream

OnError: TypeAlias = Literal["reject", "continue"]
Answer: TypeAlias = Reject | Reply | None
Step: TypeAlias = Answer | Awaitable[Answer]


class PluginConfig(BaseModel):
    """What a policy writes below the plugin's name; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plugin:
    """One configured use of a plugin; override only the hooks you need, no other is called.

    A hook is a plain `def` where it computes and an `async def` where it waits. None means: go on.
    `on_text` is always plain, because a stream cannot wait per token.
    """

    name: ClassVar[str]
    """The name in policies, metrics, logs, receipts and docs."""
    Config: ClassVar[type[PluginConfig]] = PluginConfig
    requires: frozenset[Fact[Any]] = frozenset()
    """Facts that an earlier plugin provides; a policy in which none does is refused.

    `__init__` narrows or widens it where the configuration does.
    """
    provides: frozenset[Fact[Any]] = frozenset()
    """Facts that later plugins may require; `__init__` narrows it where the configuration does."""
    refuses_strangers: bool = False
    """Whether it refuses whoever it cannot name; `__init__` sets it where that is so.

    On an address that others can reach, every policy needs a use of such a plugin.
    """
    on_error: ClassVar[OnError] = "reject"
    """What an exception or a time-out of a hook means; a policy may say otherwise."""
    skips_hooks: frozenset[str] = frozenset()
    """Hooks that this use does not need as it is configured; `__init__` sets it on the instance.

    A hook named here is left out of the chain as if the class did not override it, so that a
    policy pays (a buffered body, above all) only for what it asks for.
    """
    reads_text: bool = False
    """Whether this use judges the texts of bodies; `__init__` may set it on the instance.

    For such a use the core decodes compressed bodies, keeps `x.coverage`, names it to the client,
    and does with what cannot be inspected what `on_uninspectable` says, before the hook runs.
    """
    on_uninspectable: Uninspectable = DEFAULT_UNINSPECTABLE
    """What happens to what this use cannot read; `__init__` sets it from the configuration."""
    patterns: Sequence[Pattern] = ()
    """What this use looks for; `__init__` sets it. One scan serves all uses of a chain."""
    values_max: int = VALUES_MAX
    """So many values of one text are told one by one; `__init__` may set it on the instance."""
    scanner: Scanner
    """Finds them; the core sets it when the chain is compiled, if there are `patterns`."""
    needs_usage: bool = False
    """Whether the core reads what the answer used into `x.usage`; `__init__` may set it."""

    def __init__(self, config: Any, runtime: Runtime) -> None:
        """Compiles `config` (an instance of `Config`); no input or output here, see `start`.

        Runs outside of the event loop, so that a slow compilation delays no request. What cannot be
        used is raised as ValueError, whose text is shown at the plugin's place in the policy.
        """
        self.config = config
        self.runtime = runtime

    async def start(self) -> None:
        """Opens what the plugin needs; an exception here refuses the policy."""

    async def stop(self) -> None:
        """Closes it; called once, when the last exchange that uses this instance has ended."""

    def wants_body(self, x: Exchange) -> bool:  # noqa: ARG002  # for those that override it
        """Whether `on_request` has anything to look at; asked after `on_request_headers`.

        Where every use of a policy that has `on_request` says no, the body is not held and the hook
        is not called. Without an answer of the plugin's own, it is.
        """
        return True

    def begin_evidence(self, x: Exchange, ref: str) -> Evidence | None:  # noqa: ARG002  # for those that override it
        """Overridden by a use that leaves a receipt: what the core is to note of the exchange in.

        Asked once, when the policy is chosen and before its first hook runs; of the first enforced
        use of the policy that overrides it. `ref` names the receipt. None: nothing is noted, and no
        receipt is named to the client.
        """
        return None

    def on_request_headers(self, x: Exchange) -> Step:
        """The head of the request is known, the body is not."""

    def on_request(self, x: Exchange) -> Step:
        """The whole request is known; overriding this makes the route buffer the body."""

    def on_response_headers(self, x: Exchange) -> Step:
        """The head of the response is known; called for the gateway's own answers as well."""

    def on_response(self, x: Exchange) -> Step:
        """A whole (not streamed) response body is known."""

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        """One piece of a streamed response passes; it may be held back for a while."""

    def on_complete(self, x: Exchange) -> Awaitable[None] | None:
        """The exchange is over: always called once, after refusals, faults and disconnects too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for attribute in vars(cls):
            if attribute.startswith("on_") and attribute not in (*HOOKS, *_SETTINGS):
                raise PluginLoadError(
                    f"{cls.__module__}.{cls.__qualname__}.{attribute} is not a hook; "
                    f"the hooks are {', '.join(HOOKS)}"
                )


_SETTINGS = ("on_error", "on_uninspectable")
HOOKS = (
    "on_request_headers",
    "on_request",
    "on_response_headers",
    "on_response",
    "on_text",
    "on_complete",
)
