"""Rows of code: prompts that files hold, which are harmless, and orders to a model that hide there.

Both stand in the same surroundings, so that neither code nor a comment nor a quoted prompt says
which of the two it is. Nearly all is for the head of data alone: users do write to the model, and
what is normal in a comment says little about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from training.injection.demonstrations import Demonstrations, Say
from training.injection.holders import catalogue, command_line, held, in_test, pipeline, registry
from training.injection.rows import Row

_COMMENTS = (
    ("# ", ""),
    ("// ", ""),
    ("/* ", " */"),
    ('"""', '"""'),
    ("<!-- ", " -->"),
    ("-- ", ""),
    ("; ", ""),
    ("{{/* ", " */}}"),
    ("rem ", ""),
    ('NOTE = "', '"'),
    ('print("', '")'),
    ('logger.info("', '")'),
    ('assert reply != "', '"'),
    ('fixture = {"body": "', '"}'),
    ('"description": "', '",'),
    ("description: ", ""),
    ('const banner = "', '";'),
    ('"text": "', '",'),
    ("'''", "'''"),
    ('raise ValueError("', '")'),
    ("* ", ""),
    ("echo ", ""),
)
_SHOWN_CHARS = 1800


class Programs:
    """The families; `pieces` are pieces of real code, `say` draws from the grammar."""

    def __init__(
        self, say: Say, prompts: Demonstrations, pieces: list[str], random: Random
    ) -> None:
        self.say, self.prompts, self.pieces, self.random = say, prompts, pieces, random
        self.plain = prompts.without_requests()

    def rows(self) -> Iterator[Row]:
        """Every row of every family."""
        yield from self._held()
        yield from self._pasted()
        yield from self._texts()
        yield from self._remarks()
        yield from self._notes()

    def _held(self) -> Iterator[Row]:
        """Prompts in files, most beside other code."""
        for _ in range(6000):
            text = self._file(self.prompts)
            yield Row(text, 0, "tool", "own benign held prompt", bare=True)
        for _ in range(1000):
            yield Row(self.prompts.prompt(), 0, "tool", "own benign held prompt", bare=True)

    def _pasted(self) -> Iterator[Row]:
        """The same as people paste it."""
        for _ in range(600):
            yield Row(self._file(self.plain), 0, "user", "own benign held prompt")
        for _ in range(400):
            yield Row(self.plain.shots(), 0, "user", "own benign shots")

    def _file(self, prompts: Demonstrations) -> str:
        roll = self.random.random()
        if roll < 0.15:
            text = in_test(prompts.prompt(), self.say("shot_answer"), self.random)
        else:
            count = 1 if roll < 0.6 else self.random.randint(2, 4)
            texts = [held(prompts.prompt(), self.random) for _ in range(count)]
            text = self.random.choice(("", "\n")).join(texts)
        return text if self.random.random() < 0.35 else self._beside(text)[0]

    def _texts(self) -> Iterator[Row]:
        makers: tuple[Callable[[Say, Random], str], ...] = (
            catalogue,
            command_line,
            pipeline,
            registry,
        )
        for make in makers:
            for _ in range(400):
                text = make(self.say, self.random)
                yield Row(text, 0, "tool", "own benign texts in code", bare=True)

    def _remarks(self) -> Iterator[Row]:
        """What people write to each other in comments, at the places where orders hide too."""
        for _ in range(1200):
            text = self._surroundings()
            for _ in range(self.random.randint(1, 4)):
                text, _ = self._placed("code_remark", text)
            yield Row(text, 0, "tool", "own benign remark", bare=True)

    def _notes(self) -> Iterator[Row]:
        """Orders to a model in comments and strings, and each time a twin without one.

        Only orders that are addressed: without an address they are what comments are like. The twin
        has a remark in the same surroundings, so that nothing of these tells of an attack.
        """
        for _ in range(3000):
            around = self._surroundings()
            text, place = self._placed("code_note", around)
            yield Row(text, 1, "tool", "own code note", place, bare=True)
            text, _ = self._placed("code_remark", around)
            yield Row(text, 0, "tool", "own benign remark", bare=True)

    def _surroundings(self) -> str:
        roll = self.random.random()
        if roll < 0.55:
            return self._piece()
        if roll < 0.75:
            return self._beside(held(self.prompts.prompt(), self.random))[0]
        if roll < 0.9:
            return held(self.prompts.prompt(), self.random)
        make = self.random.choice((catalogue, command_line, pipeline, registry))
        return make(self.say, self.random)

    def _piece(self) -> str:
        return self.random.choice(self.pieces)[: self.random.randint(300, _SHOWN_CHARS)]

    def _beside(self, text: str) -> tuple[str, tuple[int, int]]:
        """The text between two lines of a piece of real code, and where."""
        return _between(text, self._piece(), self.random)

    def _placed(self, rule: str, text: str) -> tuple[str, tuple[int, int]]:
        """A text of the rule as a comment or a string on a line of its own, and where it stands."""
        before, after = self.random.choice(_COMMENTS)
        remark = " ".join(self.say(rule).split())
        if '"' in before:
            remark = remark.replace('"', "'")
        return _between(f"{before}{remark}{after}\n", text, self.random)


def _between(inserted: str, text: str, random: Random) -> tuple[str, tuple[int, int]]:
    lines = text.splitlines(keepends=True)
    at = random.randint(0, len(lines))
    following = lines[at] if at < len(lines) else ""
    indent = following[: len(following) - len(following.lstrip(" \t"))].rstrip("\n")
    before = "".join(lines[:at])
    if before and not before.endswith("\n"):
        before += "\n"
    start = len(before) + len(indent)
    whole = before + indent + inserted + "".join(lines[at:])
    return whole, (start, start + len(inserted.rstrip("\n")))
