"""A vault on a store that the test holds in its hands, and exchanges of several callers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.plugin import PRINCIPAL, Exchange, Principal, Reject, Runtime
from gateway.plugin.identity import Erasure
from gateway.plugin.limits import StoreUnavailableError
from gateway.plugin.testing import make_exchange
from gateway.plugin.values import Keeping
from gateway.state.values import MemoryValues
from gateway_plugins.dlp.vault import Item, Session, Vault
from gateway_plugins.dlp.vault_config import TokenizeConfig

WALL = 1_800_000_000.0
EMAIL = Item("email", "jane.doe@acme.test")


@dataclass
class Clock:
    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class WaitingValues:
    """As a store in another process: what it gives must be awaited, and it may be away."""

    def __init__(self, held: MemoryValues) -> None:
        self.held = held
        self.away = False
        self.calls = 0

    async def keep(self, keeping: Keeping) -> Mapping[str, str]:
        self.calls += 1
        self._answer()
        return self.held.keep(keeping)

    async def names(self, tag: str) -> Sequence[str]:
        self._answer()
        return await self.held.names(tag)

    async def fields(self, tag: str, name: str) -> Mapping[str, str]:
        self._answer()
        return await self.held.fields(tag, name)

    async def remove(self, tag: str, name: str, fields: Sequence[str]) -> None:
        self._answer()
        await self.held.remove(tag, name, fields)

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailableError("away")


class Orders:
    """The directory, as far as erasing goes."""

    def __init__(self) -> None:
        self.generation = 1
        self.all: list[Erasure] = []

    def erasures(self) -> Sequence[Erasure]:
        return tuple(self.all)

    def order(self, tenant: str, conversation: str = "", start: str = "") -> None:
        number = len(self.all) + 1
        self.all.append(Erasure(f"era_{number}", tenant, conversation, start, int(WALL)))
        self.generation += 1


def keys_of(tenant: str) -> bytes:
    return hmac.digest(b"the secret of this gateway", tenant.encode(), "sha256")


@dataclass
class World:
    """One gateway: its store, its clocks, its orders to erase."""

    monotonic: Clock = field(default_factory=Clock)
    wall: Clock = field(default_factory=lambda: Clock(WALL))
    orders: Orders = field(default_factory=Orders)
    values: WaitingValues = field(init=False)

    def __post_init__(self) -> None:
        self.values = WaitingValues(MemoryValues(lambda: int(self.monotonic.seconds * 1_000_000)))

    async def vault(self, **config: Any) -> Vault:
        runtime = Runtime(
            monotonic=self.monotonic,
            wall=self.wall,
            values=lambda _: self.values,
            tenant_keys=lambda: keys_of,
            directory=self.orders,  # type: ignore[arg-type]  # only what is asked here
        )
        vault = Vault(TokenizeConfig.model_validate(config), runtime)
        await vault.start()
        return vault


def principal(tenant: str = "acme", key_id: str = "key_1", subject: str = "ada") -> Principal:
    return Principal(tenant=tenant, subject=subject, method="key", key_id=key_id)


def chat(
    *texts: str,
    who: Principal | None = None,
    target: str = "/v1/chat/completions",
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Exchange:
    """A request with these messages, in turn the user's and the assistant's."""
    messages = [
        {"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)
    ]
    name = "input" if target.endswith("responses") else "messages"
    body = orjson.dumps({"model": "m", name: messages, **members})
    x = make_exchange(target=target, headers=headers or {}, body=body)
    x.provide(PRINCIPAL, who or principal())
    return x


def begin(vault: Vault, x: Exchange) -> Session:
    return vault.begin(x, x.request.spans())


async def placed(vault: Vault, x: Exchange, *items: Item) -> tuple[Session, Mapping[Item, str]]:
    """The session of `x` with placeholders for `items`; fails where it is refused."""
    session = begin(vault, x)
    answer = await place(session, x, *items)
    assert not isinstance(answer, Reject)
    return session, answer


async def place(session: Session, x: Exchange, *items: Item) -> Mapping[Item, str] | Reject:
    step = session.place(items, [span.text for span in x.request.spans()])
    return step if isinstance(step, Mapping | Reject) else await step
