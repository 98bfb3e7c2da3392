"""The folded text of a channel: it grows with what comes, and is let go of from its beginning.

What is held is folded once, however often it is looked at. Places lead back as those of one folded
text do, which is why the pieces are kept where anything was folded in them.
"""

from __future__ import annotations

from bisect import bisect_right

from gateway.scan.fold import Folded, fold


class Folding:
    """What is held and what came; all places are counted from its beginning.

    Pieces are told by the characters that went before them, ever: folded (`_begins`) and as they
    came (`_origins`). Without pieces, what `text` has came as it is there. A piece that folded to
    nothing is none: it is but room behind the one before.
    """

    __slots__ = (
        "_begins", "_cut", "_gone", "_gone_as_came", "_origins", "_pieces", "size", "text",
    )  # fmt: skip

    def __init__(self) -> None:
        self.text = ""
        self.size = 0
        """Characters as they came."""
        self._cut = ""
        """An escape that is cut at the end of what came: it is not in `text` yet."""
        self._gone = 0
        self._gone_as_came = 0
        self._pieces: list[Folded] = []
        self._begins: list[int] = []
        self._origins: list[int] = []

    def add(self, text: str, *, json: bool) -> bool:
        """What came behind all that is here; whether anything of it is visible."""
        known = self.size
        self.size += len(text)
        is_plain = not self._pieces and known == len(self.text)
        if is_plain and text.isascii() and not (json and "\\" in text):
            self.text = self.text + text if known else text
            return bool(text)
        if self._cut:
            known -= len(self._cut)
            text, self._cut = self._cut + text, ""
        piece = fold(text, json=json)
        if json and piece.size < len(text):
            self._cut = text[piece.size :]
        if not is_plain or piece.text is not text:
            self._keep(piece, known)
        self.text = self.text + piece.text if self.text else piece.text
        return bool(piece.text)

    def _keep(self, piece: Folded, size: int) -> None:
        """A piece that came behind the first `size` characters."""
        if self.text and not self._pieces:
            self._pieces.append(Folded(self.text, self.text))
            self._begins.append(self._gone)
            self._origins.append(self._gone_as_came)
        if piece.text:
            self._pieces.append(piece)
            self._begins.append(self._gone + len(self.text))
            self._origins.append(self._gone_as_came + size)

    def origin(self, place: int) -> int:
        """See `Folded`."""
        if place >= len(self.text):
            return self.size - len(self._cut)
        if not self._pieces:
            return place
        number = self._number(place)
        within = self._pieces[number].origin(self._gone + place - self._begins[number])
        return self._origins[number] + within - self._gone_as_came

    def end(self, place: int) -> int:
        """See `Folded`."""
        if not place or not self._pieces:
            return place
        number = self._number(place - 1)
        within = self._pieces[number].end(self._gone + place - self._begins[number])
        return self._origins[number] + within - self._gone_as_came

    def _number(self, place: int) -> int:
        """Which piece has the character at `place`."""
        return bisect_right(self._begins, self._gone + place) - 1

    def let_go(self, place: int, size: int) -> None:
        """The folded text before `place`, which were the first `size` characters that came."""
        self.text = self.text[place:]
        self._gone += place
        self._gone_as_came += size
        self.size -= size
        if not self._pieces:
            return
        if not self.text:
            self._pieces, self._begins, self._origins = [], [], []
            return
        number = self._number(0)
        if number:
            del self._pieces[:number]
            del self._begins[:number]
            del self._origins[:number]
