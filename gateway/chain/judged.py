"""What cannot be read of a body is judged before a use looks at the rest.

Apart from the compiler of chains, because every inspected exchange runs through it: compiled
(docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.plugin.contract import Step
from gateway.plugin.coverage import Uninspectable
from gateway.plugin.exchange import Exchange


class JudgedBody:
    """`on_request` or `on_response` of one use that reads texts."""

    __slots__ = ("_answering", "_hook", "_uninspectable")

    def __init__(
        self, hook: Callable[[Exchange], Step], uninspectable: Uninspectable, *, answering: bool
    ) -> None:
        self._hook = hook
        self._uninspectable = uninspectable
        self._answering = answering

    def run(self, x: Exchange) -> Step:
        """The refusal that the gaps of the body call for, or what the hook answers."""
        body = x.response if self._answering and x.response is not None else x.request
        document = body.document()
        if document is not None and document.gaps:
            reject = self._uninspectable.judge(x, document.gaps)
            if reject is not None:
                return reject
        return self._hook(x)
