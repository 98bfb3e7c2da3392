"""What of an exchange was inspected, and what becomes of what could not be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from gateway.plugin.verdict import Reject
from gateway.reasons import Reason

if TYPE_CHECKING:
    from gateway.plugin.exchange import Exchange


class Gap(StrEnum):
    """A kind of content that no plugin can read as text."""

    UNKNOWN_DIALECT = "unknown_dialect"
    UNKNOWN_ENCODING = "unknown_encoding"
    ENCODING_BOMB = "encoding_bomb"
    BINARY = "binary"
    IMAGE = "image"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEYS = "duplicate_keys"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    LONE_SURROGATES = "lone_surrogates"


GAPS: Final[Mapping[Gap, str]] = {
    Gap.UNKNOWN_DIALECT: "A body or event of no known dialect; it is shown as one raw text.",
    Gap.UNKNOWN_ENCODING: "A content-encoding that the gateway cannot decode, or a broken one.",
    Gap.ENCODING_BOMB: "A compressed body that grows beyond the limits of the decoder.",
    Gap.BINARY: "Sound, video, files, references to stored files, bytes that are no text.",
    Gap.IMAGE: "Pictures, embedded or linked.",
    Gap.TOO_LARGE: "More than is held for plugins.",
    Gap.TOO_DEEP: "JSON nested or branched beyond all reason.",
    Gap.DUPLICATE_KEYS: "A JSON key that stands twice: two readers may take different values.",
    Gap.INVALID_UTF8: "Text that is not UTF-8.",
    Gap.INVALID_JSON: "What should be JSON and is not; it is shown as one raw text.",
    Gap.LONE_SURROGATES: "Half a character in JSON escapes, shown as U+FFFD.",
}
"""Every gap with what it means; for the documentation."""

Action: TypeAlias = Literal["block", "pass", "flag"]
OnUninspectable: TypeAlias = Action | dict[Gap, Action]
"""What a policy writes: one action for all gaps, or an action for some of them."""

DEFAULT_ACTIONS: Final[Mapping[Gap, Action]] = {
    gap: "flag"
    if gap in {Gap.UNKNOWN_DIALECT, Gap.BINARY, Gap.IMAGE, Gap.LONE_SURROGATES}
    else "block"
    for gap in Gap
}
"""What is honest in ordinary traffic is flagged; what serves to hide something is refused."""


class Uninspectable:
    """The actions of one use of a plugin that reads texts."""

    __slots__ = ("_actions",)

    def __init__(self, config: OnUninspectable | None = None) -> None:
        if isinstance(config, str):
            self._actions: dict[Gap, Action] = dict.fromkeys(Gap, config)
        else:
            self._actions = {**DEFAULT_ACTIONS, **(config or {})}

    def judge(self, x: Exchange, gaps: Iterable[Gap]) -> Reject | None:
        """The refusal that `gaps` call for; else flags `x`, where one is to be flagged."""
        flagged: list[str] = []
        for gap in gaps:
            action = self._actions[gap]
            if action == "block":
                return Reject(Reason.UNINSPECTABLE, gap.value)
            if action == "flag":
                flagged.append(gap.value)
        if flagged:
            x.flag("uninspected", gaps=",".join(sorted(flagged)))
        return None


DEFAULT_UNINSPECTABLE: Final = Uninspectable()
_HIDDEN: Final = frozenset({Gap.UNKNOWN_ENCODING, Gap.INVALID_UTF8, Gap.TOO_LARGE})
SHOWN_ONLY: Final = Uninspectable({gap: "block" if gap in _HIDDEN else "pass" for gap in Gap})
"""For a plugin that looks at streams without `reads_text`: what cannot be shown is refused."""


class PartCoverage:
    """How much of one part was inspected: `unread` if nothing, `gaps` tell why not all."""

    __slots__ = ("gaps", "unread")

    def __init__(self) -> None:
        self.gaps: set[Gap] = set()
        self.unread = False

    def note(self, gaps: Iterable[Gap], *, unread: bool = False) -> None:
        """Adds what was found; `unread` says that nothing of it could be read."""
        self.gaps.update(gaps)
        self.unread = self.unread or unread

    @property
    def level(self) -> str:
        """`full`, `partial` or `none`."""
        if self.unread:
            return "none"
        return "partial" if self.gaps else "full"


class Coverage:
    """What the plugins that read texts could see of one exchange.

    `tools` is about descriptions, arguments and results of tools, in both directions. A part that
    was not there at all is fully inspected.
    """

    __slots__ = ("request", "response", "tools")

    def __init__(self) -> None:
        self.request = PartCoverage()
        self.response = PartCoverage()
        self.tools = PartCoverage()

    def parts(self) -> tuple[tuple[str, PartCoverage], ...]:
        """Every part with its name."""
        return (("request", self.request), ("response", self.response), ("tools", self.tools))

    @property
    def gaps(self) -> str:
        """Everything that could not be inspected, in any part, as one list."""
        if not self.request.gaps and not self.response.gaps and not self.tools.gaps:
            return ""
        found = self.request.gaps | self.response.gaps | self.tools.gaps
        return ",".join(sorted(gap.value for gap in found))

    def __str__(self) -> str:
        return "; ".join(f"{name}={part.level}" for name, part in self.parts())
