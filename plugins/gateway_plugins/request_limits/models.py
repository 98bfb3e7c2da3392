"""Which models a policy admits."""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin import Reason, Reject
from gateway_plugins.request_limits.globs import Globs

MODELS_MAX: Final = 1000
"""Model names whose verdict is remembered; then the memory starts anew."""
NAME_CHARACTERS_MAX: Final = 128
"""Longer names are judged, but neither remembered nor repeated to the client."""

NO_NAME: Final = ""
"""What a request that names no model is judged as."""


class Models:
    """An allow list (as written) and a deny list (in any case); deny beats allow."""

    def __init__(self, allowed: tuple[str, ...], denied: tuple[str, ...]) -> None:
        self._allowed = Globs(allowed)
        # Some providers ignore case: what is denied must not return in capitals.
        self._denied = Globs(pattern.casefold() for pattern in denied)
        self._known: dict[str, Reject | None] = {}

    def __bool__(self) -> bool:
        return bool(self._allowed or self._denied)

    def judge(self, name: str) -> Reject | None:
        """The verdict on one model; the empty name stands for none at all."""
        if name in self._known:
            return self._known[name]
        reject = None if self._admits(name) else Reject(Reason.MODEL_DENIED, _message(name))
        if len(name) <= NAME_CHARACTERS_MAX:
            if len(self._known) >= MODELS_MAX:
                self._known.clear()
            self._known[name] = reject
        return reject

    def judge_body(self, parsed: dict[str, Any], *, named_by_path: bool) -> Reject | None:
        """The verdict on the `model` of a body, and on the `models` that may stand in for it."""
        names = [parsed["model"]] if "model" in parsed else []
        spare = parsed.get("models")
        names += spare if isinstance(spare, list) else []
        if not names and not named_by_path:
            names = [NO_NAME]
        for name in names:
            reject = self.judge(name) if isinstance(name, str) else _NO_TEXT
            if reject is not None:
                return reject
        return None

    def _admits(self, name: str) -> bool:
        if name and self._denied.match(name.casefold()):
            return False
        return not self._allowed or self._allowed.match(name)


_NO_TEXT: Final = Reject(Reason.MODEL_DENIED, "it is not a text")


def short_name(parsed: dict[str, Any]) -> str | None:
    """The model that a body names, as records may hold it."""
    name = parsed.get("model")
    return name if isinstance(name, str) and len(name) <= NAME_CHARACTERS_MAX else None


def _message(name: str) -> str:
    if not name:
        return "the request names none, and only listed ones are allowed"
    if len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        return ""
    return name
