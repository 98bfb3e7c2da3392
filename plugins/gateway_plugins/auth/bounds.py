"""What a credential itself is bound to, whatever its roles allow: models and scopes.

A request whose operation names no model (a list of models, an upload) is not touched by a bound on
models. One that may name a model in its body is judged when the body was read, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.identity.access import Access, Situation
from gateway.identity.roles import Role
from gateway.patterns import compile_patterns
from gateway.plugin import CLIENT_ADDRESS, Exchange, Principal, Reason, Reject
from gateway.providers.operations import OPERATIONS, OTHER, operation_of

BOUNDS_MAX: Final = 1000
"""Combinations of models and scopes that are remembered; then the memory starts anew."""
NAME_CHARACTERS_MAX: Final = 128
"""Longer names of models are not repeated to the client."""

_ALL: Final = Role(allow=("*",))
_NAMES_MODEL: Final = frozenset(o.name for o in OPERATIONS if o.has_model) | {OTHER}
_INSUFFICIENT: Final = (
    ("www-authenticate", 'Bearer realm="sealgate", error="insufficient_scope"'),
)
_NO_MODEL: Final = Reject(
    Reason.MODEL_DENIED, "the request names none, and the credential needs one"
)


class Bound:
    """One combination of models and scopes, compiled."""

    def __init__(self, models: tuple[str, ...], scopes: frozenset[str]) -> None:
        self._admits = compile_patterns(models)
        self._access = Access((_ALL,), scopes) if scopes else None

    def judge(self, x: Exchange, model: str | None, wall: Callable[[], float]) -> Reject | bool:
        """The refusal, True where all is well, or False where that depends on the model.

        `model` is None as long as it is not known, and "" where the request names none.
        """
        operation = operation_of(x.request.method, x.path)
        if self._access is not None:
            situation = Situation(
                now_s=wall(), address=x.fact(CLIENT_ADDRESS), model=model, dialect=x.dialect
            )
            permitted = self._access.rule(operation).judge(situation)
            if permitted is None:
                return False
            if not permitted:
                text = f"the scopes of the credential do not cover {operation}"
                return Reject(Reason.PERMISSION_DENIED, text, headers=_INSUFFICIENT)
        if self._admits is None or operation not in _NAMES_MODEL:
            return True
        if model is None:
            return False
        if not model:
            return True if operation == OTHER else _NO_MODEL
        if self._admits(model):
            return True
        shown = model if len(model) <= NAME_CHARACTERS_MAX and model.isprintable() else ""
        return Reject(Reason.MODEL_DENIED, f"the credential is not for {shown or 'it'}")


class Bounds:
    """The bounds of all principals, each compiled once."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], frozenset[str]], Bound] = {}

    def of(self, principal: Principal) -> Bound:
        """What `principal` is bound to."""
        key = (principal.models, principal.scopes)
        bound = self._known.get(key)
        if bound is None:
            if len(self._known) >= BOUNDS_MAX:
                self._known.clear()
            bound = self._known[key] = Bound(*key)
        return bound
