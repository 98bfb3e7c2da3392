"""What the chain remembers of one exchange between its steps, for shadow uses and for streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.plugin.exchange import Exchange
from gateway.plugin.facts import Fact

if TYPE_CHECKING:
    from gateway.chain.text import TextUse


class ChainState:
    """Kept in `Exchange.chain_state`, made only where it is needed.

    `facts` are what shadow uses provided: other shadow uses see them, the exchange does not.
    `text` holds one entry per use that reads the stream.
    """

    __slots__ = ("facts", "text")

    def __init__(self) -> None:
        self.facts: dict[Fact[Any], Any] = {}
        self.text: list[TextUse] | None = None

    def keep_facts(self, x: Exchange, twin: Exchange) -> None:
        """Remembers what a shadow use provided on its copy."""
        for fact, value in twin.facts.items():
            if x.facts.get(fact) is not value:
                self.facts[fact] = value


def state_of(x: Exchange) -> ChainState:
    """The state of `x`, made on first use."""
    state = x.chain_state
    if state is None:
        state = x.chain_state = ChainState()
    return state  # type: ignore[no-any-return]  # the slot is Any, because the contract lies below


def twin_of(x: Exchange) -> Exchange:
    """The copy that a shadow use is shown, with what earlier shadow uses found out."""
    state = state_of(x)
    twin = x.shadow()
    twin.facts.update(state.facts)
    return twin
