"""The rows to train on: the prepared training split, and what the generators make."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

import orjson

from training.injection.breaks import Breaks
from training.injection.carriers import carrier, hide, prose
from training.injection.demonstrations import Demonstrations
from training.injection.disguise import DISGUISES
from training.injection.further import Further
from training.injection.grammar import Grammar
from training.injection.ordinary import code_pieces, ordinary
from training.injection.programs import Programs
from training.injection.rows import LANGUAGES, Row, Stock, attack_row
from training.injection.translations import Translations

GRAMMARS = (
    "direct.txt",
    "direct_more.txt",
    "indirect.txt",
    "agents.txt",
    "tasks.txt",
    "benign.txt",
    "benign_more.txt",
    "languages.txt",
    "languages_more.txt",
    "prompts.txt",
    "code_notes.txt",
    "breaks.txt",
)
_TRAINED_DISGUISES = ("typo", "spaced", "dashed", "leet", "zalgo", "homoglyph", "zero_width")
"""Those that leave letters to learn from; the others are undone before the text is scored."""
_UNDONE = {
    "base64",
    "base64_decode",
    "hex",
    "hex_spaced",
    "url",
    "html_entity",
    "rot13",
    "reversed",
}
_GIBBERISH_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_GIBBERISH_MARKS = "!#$%&()*+-./:;<=>?@[]^_{|}~"


def prepared(path: Path) -> list[dict[str, str | int]]:
    """The rows of a file of labelled rows, gzipped or not."""
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    return [orjson.loads(line) for line in lines]


def sources(folder: Path) -> list[Row]:
    """The prepared training split; orders inside known carriers get their place."""
    rows = prepared(folder / "train.jsonl.gz")
    orders = [str(row["text"]) for row in rows if row.get("kind") == "indirect_standalone"]
    found = []
    for row in rows:
        if row.get("enc") in _UNDONE and row["label"]:
            continue  # it is decoded before it is scored; its raw form teaches nothing
        text, label = str(row["text"]), int(row["label"])
        standalone = row.get("kind") == "indirect_standalone"
        bare = bool(label) and ("BIPIA" in str(row["source"]) or standalone)
        span = None
        if standalone:
            span = (0, len(text))
        elif bare:
            span = _place(text, orders)
        found.append(Row(text, label, str(row.get("role", "user")), str(row["source"]), span, bare))
    return found


def _place(text: str, orders: list[str]) -> tuple[int, int] | None:
    for order in orders:
        at = text.find(order)
        if at >= 0:
            return at, at + len(order)
    return None


class Generators:
    """All families of made-up rows; the same seed gives the same rows."""

    def __init__(self, seed: int, stock: Stock, packages: Path) -> None:
        self.grammar = Grammar(*GRAMMARS)
        self.random = Random(seed)
        self.stock = stock
        self.packages = packages

    def rows(self) -> Iterator[Row]:
        """Every row of every family."""
        for rule, count in (
            ("direct", 3500),
            ("extraction", 2200),
            ("jailbreak", 3200),
            ("virtual", 1200),
            ("override", 500),
        ):
            for _ in range(count):
                yield attack_row(self._mixed(rule), "user", f"own {rule}")
        yield from self._languages()
        yield from self._hidden()
        yield from self._disguised()
        yield from self._many_shot()
        yield from self._suffixes()
        yield from self._harmless()
        yield from Further(self._say, self._document, self.random).rows()
        yield from ordinary(self._say, self._document, self.random, self.packages)
        prompts = Demonstrations(self._say, self.stock, self.random)
        yield from Programs(self._say, prompts, code_pieces(self.packages), self.random).rows()
        yield from Breaks(self._say, self.stock.requests, self.random).rows()
        yield from Translations(self._say, self.random).rows()

    def _say(self, rule: str) -> str:
        text = self.grammar.sample(rule, self.random)
        roll = self.random.random()
        return text.upper() if roll < 0.04 else text.lower() if roll < 0.12 else text

    def _mixed(self, rule: str) -> str:
        """A text of `rule`, now and then behind or before something harmless."""
        text = self._say(rule)
        roll = self.random.random()
        if roll < 0.12:
            return f"{self._say('ask_benign')} {text}"
        if roll < 0.17:
            return f"{prose(self.random, 1, 3)}\n\n{text}"
        if roll < 0.22:
            return f"{text} {self._say('ask_benign')}"
        return text

    def _document(self) -> str:
        if self.random.random() < 0.5:
            return carrier(self.random)
        document = self.random.choice(self.stock.documents)
        if len(document) > 1500:
            at = self.random.randrange(len(document) - 1500)
            document = document[at : at + 1500]
        return document

    def _languages(self) -> Iterator[Row]:
        for language in LANGUAGES:
            for _ in range(150):
                yield self._foreign(language)
            for _ in range(40):
                attack = self._say(f"{language}.doc")
                text, at = hide(attack, self._document(), self.random)
                yield Row(text, 1, "tool", "own languages", (at, at + len(attack)))

    def _foreign(self, language: str) -> Row:
        random = self.random
        goal = f"{language}.goal" if random.random() < 0.7 else "goal"
        shape = random.choice(
            ("override", "override", "order", "order", "leak", "leak", "free", "doc")
        )
        if shape == "order":
            joint = random.choice((". ", ", ", ": ", "! ", " - ", ".\n"))
            text = self._say(f"{language}.override") + joint + self._say(goal)
        elif shape == "free":
            text = f"{self._say(f'{language}.free')} {self._say(goal)}"
        else:
            text = self._say(f"{language}.{shape}")
        roll = random.random()
        if roll < 0.1:
            text = f"{self._say(f'{language}.benign')} {text}"
        elif roll < 0.16:
            text = f"{self._say('ask_benign')} {text}"
        return attack_row(text, "user", "own languages")

    def _hidden(self) -> Iterator[Row]:
        for _ in range(5200):
            attack = self._say("doc_attack")
            text, at = hide(attack, self._document(), self.random)
            yield Row(text, 1, "tool", "own hidden", (at, at + len(attack)))
        for _ in range(1200):
            yield attack_row(self._say("latent"), "user", "own latent")
        for _ in range(3000):
            rule = self.random.choice(("bare_order", "agent_order"))
            attack = self._say(rule)
            text, at = hide(attack, self._document(), self.random)
            yield Row(text, 1, "tool", f"own {rule}", (at, at + len(attack)), bare=True)
        for _ in range(600):
            yield attack_row(self._say("agent_order"), "tool", "own agent_order", bare=True)

    def _disguised(self) -> Iterator[Row]:
        for _ in range(1800):
            rule = self.random.choice(("direct", "extraction", "jailbreak", "latent"))
            disguise = DISGUISES[self.random.choice(_TRAINED_DISGUISES)]
            yield attack_row(disguise(self._say(rule), self.random), "user", "own disguised")
        for _ in range(900):
            disguise = DISGUISES[self.random.choice(_TRAINED_DISGUISES)]
            rule = self.random.choice(("ask_benign", "to_people", "about"))
            yield Row(disguise(self._say(rule), self.random), 0, "user", "own benign disguised")

    def _many_shot(self) -> Iterator[Row]:
        for _ in range(400):
            turns = [
                f"{who}: {self._say(self.random.choice(('harm', 'harmtopic', 'leak')))}\n"
                f"{self.random.choice(('Assistant', 'AI', 'A', 'Bot'))}: "
                f"{self.random.choice(('Sure', 'Of course', 'Here is how', 'Gladly', 'Step 1'))}"
                f"{self.random.choice((', first you', ': ', '! You take', ', it is easy:'))}"
                for who in [self.random.choice(("User", "Human", "Q"))]
                for _ in range(self.random.randint(3, 10))
            ]
            yield attack_row("\n".join(turns), "user", "own many-shot")

    def _suffixes(self) -> Iterator[Row]:
        for _ in range(700):
            tail = " ".join(self._noise() for _ in range(self.random.randint(10, 25)))
            yield attack_row(f"{self._say('harm')} {tail}", "user", "own suffix")

    def _noise(self) -> str:
        """A made-up word with marks, as optimised suffixes have them."""
        letters = "".join(self.random.choices(_GIBBERISH_LETTERS, k=self.random.randint(1, 8)))
        marks = "".join(self.random.choices(_GIBBERISH_MARKS, k=self.random.randint(0, 3)))
        shaped = letters.title() if self.random.random() < 0.3 else letters
        return marks + shaped if self.random.random() < 0.5 else shaped + marks

    def _harmless(self) -> Iterator[Row]:
        for rule, role, count in (
            ("ask_benign", "user", 6000),
            ("to_people", "tool", 3000),
            ("about", "tool", 1200),
            ("system_prompt", "system", 2500),
            ("system_prompt", "tool", 700),
            ("to_people", "user", 800),
            ("about", "user", 500),
        ):
            for _ in range(count):
                text = self._say(rule)
                if rule == "about" and self.random.random() < 0.7:
                    text = " ".join(self._say(rule) for _ in range(self.random.randint(2, 6)))
                yield Row(text, 0, role, f"own benign {rule}")
        for language in LANGUAGES:
            for _ in range(90):
                yield Row(self._say(f"{language}.benign"), 0, "user", "own benign languages")
        for _ in range(4000):
            yield Row(self._document(), 0, "tool", "own benign carriers")
        for _ in range(2500):
            rule = self.random.choice(("to_people", "to_people", "about", "ask_benign"))
            text, _ = hide(self._say(rule), self._document(), self.random)
            yield Row(text, 0, "tool", "own benign hidden")
