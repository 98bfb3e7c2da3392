"""The JSON events of realtime sessions (WebSockets), in both directions.

The server's events have the types and channels of the responses API. A client's events configure
the session, add items, and ask for answers.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Form, Json
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import add_tools
from gateway.providers.openai_responses import ResponsesStream, add_item

_EVENT: Final = frozenset({"session", "item", "response", "audio", "delta"})
_SESSION: Final = frozenset({"instructions", "tools", "input"})


def gather(event: Any, found: Gatherer) -> None:
    """One event of either side."""
    if not isinstance(event, dict):
        found.leaves("unknown", "other", event, ())
        return
    for key in ("session", "response"):
        inner = event.get(key)
        if isinstance(inner, dict):
            _add_session(inner, (key,), found)
    item = event.get("item")
    if isinstance(item, dict):
        add_item(item, ("item",), found)
    if "audio" in event:
        found.gap(Gap.BINARY)
    found.leaves("assistant", "text", event.get("delta"), ("delta",))
    found.rest("unknown", event, (), _EVENT)


def _add_session(session: Json, path: Path, found: Gatherer) -> None:
    instructions = session.get("instructions")
    found.add("system", "system", instructions, (*path, "instructions"))
    add_tools(session.get("tools"), (*path, "tools"), found)
    items = session.get("input")
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict):
            add_item(item, (*path, "input", index), found)
    found.rest("unknown", session, path, _SESSION)


REALTIME: Final = Form("realtime", gather, gather, ResponsesStream())
