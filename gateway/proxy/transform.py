"""What the relay knows of whatever reads or changes a body on its way to the client."""

from __future__ import annotations

from typing import Protocol

from gateway.plugin.verdict import Reject


class Transform(Protocol):
    """What a body goes through on its way to the client.

    Once `reject` is set, nothing more goes out. `cut` says that the body is over, in order,
    whatever else comes. `changes` is false where the bytes come out as they went in.
    """

    reject: Reject | None
    cut: bool
    changes: bool

    def feed(self, data: bytes) -> bytes:
        """What of `data`, and of what was held before, may go out now."""

    def finish(self) -> bytes:
        """The rest, at the end of the body."""

    @property
    def waits(self) -> bool:
        """Whether bytes are held that could go out in part."""

    def nudge(self) -> bytes:
        """What of them may go out, because nothing else comes for a while."""
