"""CPU of tokenising and restoring, without what finds the values: us, the best of many rounds.

python bench/tokens.py
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import time
from collections.abc import Callable, Mapping

import orjson

from gateway.plugin import PRINCIPAL, Exchange, Principal, Runtime
from gateway.plugin.testing import make_exchange
from gateway.state.values import MemoryValues
from gateway_plugins.dlp.restore import Restorer, Table
from gateway_plugins.dlp.tokens import Minter, Style
from gateway_plugins.dlp.vault import Item, Vault
from gateway_plugins.dlp.vault_config import TokenizeConfig

ROUNDS = 30
PROSE = "The quick brown fox jumps over the lazy dog, and so on. "
CALLER = Principal("acme", "ada", "key", key_id="key_1")


def best(work: Callable[[], object], times: int = 200) -> float:
    """Microseconds of this process's CPU for one call, in the best round."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        found.append(time.process_time() - began)
    return min(found) / times * 1e6


def restoring(style: Style, count: int) -> None:
    """Pieces and whole texts against a table of `count` placeholders."""
    table, minter = Table(), Minter(b"k" * 32, style)
    placeholders = [minter.mint("email", f"user{n}@acme.test") for n in range(count)]
    for number, placeholder in enumerate(placeholders):
        table.add(placeholder, f"user{number}@acme.test")
    restorer = Restorer(table)
    prose, mixed = PROSE * 18, (PROSE * 6 + placeholders[0]) * 3
    piece = best(lambda: restorer.feed("c", "text", PROSE[:40], final=False))
    plain = best(lambda: restorer.whole("text", prose))
    three = best(lambda: restorer.whole("text", mixed))
    print(f"| {style} | {count} | {piece:.1f} | {plain:.1f} | {three:.1f} |")


def request() -> Exchange:
    """A question of 1.7 kB."""
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": PROSE * 30}]})
    x = make_exchange(body=body)
    x.provide(PRINCIPAL, CALLER)
    return x


async def tokenising() -> None:
    """The vault's part of a request, with its store in memory."""
    values = MemoryValues()
    runtime = Runtime(
        values=lambda _: values,
        tenant_keys=lambda: lambda tenant: hmac.digest(b"secret", tenant.encode(), "sha256"),
    )
    vault = Vault(TokenizeConfig(), runtime)
    await vault.start()
    x = request()
    spans = x.request.spans()
    texts = [span.text for span in spans]

    def place(items: list[Item]) -> None:
        if not isinstance(vault.begin(x, spans).place(items, texts), Mapping):
            raise TypeError("the store in memory answers at once")

    for count in (0, 1, 5, 100):
        known = [Item("email", f"user{n}@acme.test") for n in range(count)]
        place(known)
        print(f"| {count} values of before | {best(lambda: place(known), 100):.0f} |")  # noqa: B023  # called here
    numbers = itertools.count()
    fresh = best(lambda: place([Item("email", f"{next(numbers)}@acme.test") for _ in range(5)]))
    print(f"| 5 new values, sealed and kept | {fresh:.0f} |")


def main() -> None:
    print("| style | placeholders | a piece of 40 | 1 kB without | 1 kB with 3 |")
    print("|---|---|---|---|---|")
    for style in ("tagged", "lookalike"):
        for count in (1, 20, 1_000):
            restoring(style, count)
    print("\n| a request | us |\n|---|---|")
    asyncio.run(tokenising())


if __name__ == "__main__":
    main()
