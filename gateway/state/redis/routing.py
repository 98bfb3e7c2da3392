"""Which server holds the counters of a tag, where there is only one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.state.redis.address import Address
from gateway.state.redis.link import Link, LinkOptions


class Router(Protocol):
    """The links of one store."""

    def link(self, base: str) -> Link:
        """Where the keys that begin with `base` are."""

    def links(self) -> list[Link]:
        """All of them."""

    def redirect(self, error: str) -> tuple[Link, bool] | None:
        """Where an error reply sends a call, and whether it must ask there; None: nowhere."""

    async def close(self) -> None:
        """Hangs up."""


class OneServer:
    """A single server, or the master that `locate` finds each time."""

    def __init__(self, options: LinkOptions, locate: Callable[[], Awaitable[Address]]) -> None:
        self._link = Link(options, locate)

    def link(self, base: str) -> Link:  # noqa: ARG002  # it holds them all
        return self._link

    def links(self) -> list[Link]:
        return [self._link]

    def redirect(self, error: str) -> tuple[Link, bool] | None:  # noqa: ARG002  # as Router
        return None

    async def close(self) -> None:
        await self._link.close()
