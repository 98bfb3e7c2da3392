"""The vault: gives values placeholders, keeps them sealed, and restores them in the answer.

    session = vault.begin(x, spans)                     # once, with the texts as they came
    placed = session.place(items, texts)                # a mapping, a Reject, or an awaitable of it
    session.is_placeholder(text)                        # nobody's data: leave it as it is
    session.restorer.whole(kind, text)                  # answers: whole ...
    session.restorer.feed(channel, kind, text, final=)  # ... and streamed

What the answer may restore is known before it begins, because a stream cannot wait: the values of
this request, and where the provider may know more of the conversation than the request says,
everything that the conversation has in the store. Each message on a WebSocket is a request of its
own while answers run: what was restored before it still is, and what it brings as well.

The store is away:

    a value must be kept   the request is refused, or restores in its own answer only (`on_outage`)
    to read what is there  placeholders of earlier requests stay as they are; `unavailable` is set
"""

from __future__ import annotations

import asyncio
import functools
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from gateway.identity.recent import Recent
from gateway.identity.value_key import field_of
from gateway.plugin import Exchange, Fact, Reason, Reject, Runtime, Span, duration_us
from gateway.plugin.limits import StoreUnavailableError
from gateway.plugin.values import Keeping, ValueStore
from gateway_plugins.dlp.restore import Restorer, Table
from gateway_plugins.dlp.tokens import TAGGED, Minter
from gateway_plugins.dlp.vault_config import TokenizeConfig
from gateway_plugins.dlp.vault_erasure import Erasures
from gateway_plugins.dlp.vault_scope import Scope, scope_of
from gateway_plugins.dlp.vault_seal import Entry, Sealer, entry_of

VALUES_MAX: Final = 1_000
"""Values of one conversation in the store; of more, those that were written longest ago go."""
KEPT_MAX: Final = 20_000
"""Placeholders of which a worker remembers that the store has them; at most twice as many."""
TENANTS_MAX: Final = 10_000
ATTEMPTS_MAX: Final = 16
RENEWALS: Final = 8
"""A value is written again after this part of its time: it is kept for seven eighths at least."""

_AWAY: Final = Reject(Reason.VALUES_UNAVAILABLE)


class Item(NamedTuple):
    """A value that was found, and its class."""

    sort: str
    value: str


Placed: TypeAlias = Mapping[Item, str]
"""The placeholder of each item."""
Answer: TypeAlias = Placed | Reject


class Vault:
    """All that one use of `dlp` needs to tokenise."""

    def __init__(self, config: TokenizeConfig, runtime: Runtime) -> None:
        """Raises ValueError, with the cure, where the store cannot be used."""
        self.config = config
        self.store: ValueStore = runtime.values(config.store)
        self.ttl_us = duration_us(config.ttl)
        self._runtime = runtime
        self._sessions: Fact[Session] = Fact("dlp session", Session)
        self._root: Callable[[str], bytes] | None = None
        self._keys: dict[str, bytes] = {}
        self.kept: Recent[tuple[str, str], float] = Recent(KEPT_MAX)
        self.erasures = Erasures(runtime, self.store, tag_of, self.kept.clear)

    async def start(self) -> None:
        """Reads the key. Raises ConfigError where it cannot be used."""
        self._root = await asyncio.to_thread(self._runtime.tenant_keys)
        self.erasures.start()

    async def stop(self) -> None:
        """Ends what runs in the background."""
        await self.erasures.stop()

    def begin(self, x: Exchange, spans: Sequence[Span]) -> Session:
        """The session of an exchange whose request has these texts; a further one goes on."""
        before = x.facts.get(self._sessions)
        session = Session(self, scope_of(x, spans, self.config.conversation), before)
        x.facts[self._sessions] = session
        return session

    def session(self, x: Exchange) -> Session | None:
        """What `begin` made; None where it was not called."""
        return x.facts.get(self._sessions)

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant, from which everything else of it comes."""
        key = self._keys.get(tenant)
        if key is None:
            if self._root is None:
                raise RuntimeError("the vault was not started")
            if len(self._keys) >= TENANTS_MAX:
                self._keys.clear()
            key = self._keys[tenant] = self._root(tenant)
        return key

    @property
    def now(self) -> float:
        """Seconds of a clock that is never set back."""
        return self._runtime.monotonic()

    @property
    def second(self) -> int:
        """Seconds since 1970."""
        return int(self._runtime.wall())


class Session:
    """One exchange: its placeholders, and who may see what is behind them."""

    __slots__ = (
        "_field_key", "_held", "_minter", "_sealer", "_vault", "conversation", "orders_seen",
        "restorer", "table", "tenant", "unavailable",
    )  # fmt: skip

    def __init__(self, vault: Vault, scope: Scope, before: Session | None = None) -> None:
        key = vault.tenant_key(scope.tenant)
        place = f"scope\0{scope.caller}\0{scope.conversation}".encode("utf-8", "surrogatepass")
        self._vault = vault
        self._held = scope.held
        self._field_key = key
        self.tenant = scope.tenant
        self.conversation = hmac.digest(key, place, "sha256")[:16].hex()
        """Names the conversation in the store, in verdicts and for erasing; tells nothing of it."""
        secret = hmac.digest(key, b"mint\0" + self.conversation.encode(), "sha256")
        self._minter = Minter(secret, vault.config.style)
        self._sealer = Sealer(key, self.conversation)
        self.orders_seen = vault.erasures.seen
        if before is None:
            self.table = Table()
            self.restorer = Restorer(self.table)
        else:
            # Answers run, and the beginning of a placeholder may be held: `restorer` goes on.
            self.table, self.restorer = before.table, before.restorer
            if before.orders_seen != self.orders_seen:
                self.table.keep_last(0)  # what may still be restored is read from the store
            elif len(self.table) > 2 * VALUES_MAX:
                self.table.keep_last(VALUES_MAX)
        self.unavailable = False
        """Whether the store was away, so that placeholders of before may stay as they are."""

    def is_placeholder(self, text: str) -> bool:
        """Whether it stands for a value of this conversation already."""
        return text in self.table

    def place(self, items: Iterable[Item], texts: Sequence[str]) -> Answer | Awaitable[Answer]:
        """A placeholder for each item, none of which stands in `texts` by chance.

        `texts` are all of the request. With no items, makes ready what the answer may restore.
        """
        minted = {item: self._minter.mint(*item) for item in dict.fromkeys(items)}
        standing = _standing(minted.values(), texts)
        clash = not standing.isdisjoint(minted.values())
        if clash:
            # Is it ours, left there by an earlier answer, or does it stand there by chance?
            step = self._read()
            if isinstance(step, Mapping):
                return self._put(minted, texts, standing, step)
            return self._put_later(minted, texts, standing, step)
        return self._put(minted, texts, standing, {}, read=self._held or bool(standing))

    # -- within ---------------------------------------------------------------------------------

    async def _put_later(
        self,
        minted: dict[Item, str],
        texts: Sequence[str],
        standing: set[str],
        step: Awaitable[Mapping[str, Entry]],
    ) -> Answer:
        answer = self._put(minted, texts, standing, await step)
        return answer if isinstance(answer, Mapping | Reject) else await answer

    def _put(
        self,
        minted: dict[Item, str],
        texts: Sequence[str],
        standing: set[str],
        known: Mapping[str, Entry],
        *,
        read: bool = False,
    ) -> Answer | Awaitable[Answer]:
        placed = {
            item: self._settle(item, first, texts, standing, known)
            for item, first in minted.items()
        }
        for entry in known.values():
            self._admit(entry)
        return self._keep(placed, read=read)

    def _settle(
        self,
        item: Item,
        placeholder: str,
        texts: Sequence[str],
        standing: set[str],
        known: Mapping[str, Entry],
    ) -> str:
        """The first placeholder that is free, or is this value's already."""
        for attempt in range(1, ATTEMPTS_MAX):
            entry = known.get(placeholder)
            ours = entry is not None and entry.field == self._field(item)
            if (ours or placeholder not in standing) and self.table.add(placeholder, item.value):
                return placeholder
            placeholder = self._minter.mint(*item, attempt)
            standing |= _standing((placeholder,), texts)
        raise RuntimeError("no placeholder is free")

    def _keep(self, placed: Placed, *, read: bool) -> Answer | Awaitable[Answer]:
        vault = self._vault
        now, second = vault.now, vault.second
        fields: dict[str, str] = {}
        fresh: list[str] = []
        for item, placeholder in placed.items():
            if (vault.kept.get((self.conversation, placeholder)) or 0.0) <= now:
                field = self._field(item)
                fields[field] = self._sealer.seal(field, second, placeholder, item.value)
                fresh.append(placeholder)
        if not fields and not read:
            return placed
        try:
            step = vault.store.keep(self._keeping(fields, read=read))
        except StoreUnavailableError:
            return self._away(placed, fresh)
        if isinstance(step, Mapping):
            return self._kept(placed, fresh, step)
        return self._keep_later(placed, fresh, step)

    async def _keep_later(
        self, placed: Placed, fresh: Sequence[str], step: Awaitable[Mapping[str, str]]
    ) -> Answer:
        try:
            found = await step
        except StoreUnavailableError:
            return self._away(placed, fresh)
        return self._kept(placed, fresh, found)

    def _kept(self, placed: Placed, fresh: Sequence[str], found: Mapping[str, str]) -> Answer:
        vault = self._vault
        renew_at = vault.now + vault.ttl_us / RENEWALS / 1e6
        for placeholder in fresh:
            vault.kept.put((self.conversation, placeholder), renew_at)
        for entry in _entries(found):
            self._admit(entry)
        return placed

    def _away(self, placed: Placed, fresh: Sequence[str]) -> Answer:
        if fresh and self._vault.config.on_outage == "closed":
            return _AWAY
        self.unavailable = True
        return placed

    def _read(self) -> Mapping[str, Entry] | Awaitable[Mapping[str, Entry]]:
        """What the conversation has in the store, by placeholder."""
        try:
            step = self._vault.store.keep(self._keeping({}, read=True))
        except StoreUnavailableError:
            self.unavailable = True
            return {}
        if isinstance(step, Mapping):
            return {entry.placeholder: entry for entry in _entries(step)}
        return self._read_later(step)

    async def _read_later(self, step: Awaitable[Mapping[str, str]]) -> Mapping[str, Entry]:
        try:
            return {entry.placeholder: entry for entry in _entries(await step)}
        except StoreUnavailableError:
            self.unavailable = True
            return {}

    def _admit(self, entry: Entry) -> None:
        """Lets the answer restore what the store has, unless it was to be erased."""
        erasures = self._vault.erasures
        if not erasures.covers(self.tenant, self.conversation, entry):
            self.table.add(entry.placeholder, functools.partial(self._sealer.open, entry))

    def _keeping(self, fields: Mapping[str, str], *, read: bool) -> Keeping:
        ttl_ms = self._vault.ttl_us // 1_000
        return Keeping(tag_of(self.tenant), self.conversation, fields, ttl_ms, VALUES_MAX, read)

    def _field(self, item: Item) -> str:
        return f"{field_of(self._field_key, item.value)}.{item.sort}"


def tag_of(tenant: str) -> str:
    """The store's tag for all values of a tenant."""
    return f"values:{tenant}"


def _standing(placeholders: Iterable[str], texts: Iterable[str]) -> set[str]:
    """What stands in the texts already: these placeholders, and whatever looks like tagged ones."""
    others = [placeholder for placeholder in placeholders if not placeholder.startswith("<")]
    found: set[str] = set()
    for text in texts:
        if "<" in text:
            found.update(TAGGED.findall(text))
        found.update([placeholder for placeholder in others if placeholder in text])
    return found


def _entries(found: Mapping[str, str]) -> Iterable[Entry]:
    for field, text in found.items():
        entry = entry_of(field, text)
        if entry is not None:
            yield entry
