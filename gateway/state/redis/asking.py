"""One command to the server that has its keys: sent on where a cluster says so."""

from __future__ import annotations

from typing import Any, Protocol

from gateway.plugin.limits import StoreUnavailableError
from gateway.state.redis.routing import Router
from gateway.state.redis.wire import Call, Question, ServerError, pack

REDIRECTS_MAX = 4
"""Nodes of a cluster that one call is sent on to."""

_ASKING = pack(("ASKING",))


class Connected(Protocol):
    """The store whose connections and names of keys are used."""

    @property
    def router(self) -> Router | None: ...

    def base(self, tag: str) -> str: ...


async def ask(store: Connected, base: str, command: bytes) -> Any:
    """The answer of the server that has the keys of `base`. Raises StoreUnavailableError."""
    router = store.router
    link = None if router is None else router.link(base)
    if router is None or link is None or link.away:
        raise StoreUnavailableError("the store is away")
    question = Question(command)
    due = link.send(question)
    for _ in range(REDIRECTS_MAX):
        try:
            return await question.future
        except ConnectionError as error:
            raise StoreUnavailableError(f"the store did not answer: {error}") from None
        except ServerError as error:
            text = str(error)
        target = router.redirect(text)
        if target is None:
            router.link(base).error_reply(text)
            raise StoreUnavailableError(f"the store refused: {text.partition(' ')[0]}")
        question = Question(command)
        target[0].send_at_once([Call(_ASKING), question] if target[1] else [question], due)
    raise StoreUnavailableError("the store moves its keys")
