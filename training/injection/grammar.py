"""Grammars of texts: `(a|b)` chooses, `x?` is optional, `<name>` inserts, a backslash escapes.

A name that is no rule stands for itself, so that markup can be written as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TypeAlias

Node: TypeAlias = tuple[str, object]

FOLDER = Path(__file__).parent / "grammar"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[a-z]+)?")
_RULE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z]+)?")
_DEPTH_MAX = 30


class Grammar:
    """Rules by name; `sample` gives one text of a rule."""

    def __init__(self, *files: str) -> None:
        self.rules: dict[str, list[Node]] = {}
        for file in files:
            self._read((FOLDER / file).read_text(encoding="utf-8"))

    def _read(self, text: str) -> None:
        name = ""
        for line in text.splitlines():
            if not line or line.startswith("# "):
                continue
            if _RULE.fullmatch(line):
                name = line
                self.rules.setdefault(name, [])
            else:
                self.rules[name].append(_Parser(line).sequence(""))

    def sample(self, rule: str, random: Random) -> str:
        """One text of `rule`."""
        return " ".join(self._rule(rule, random, 0).split(" ")).strip()

    def _rule(self, rule: str, random: Random, depth: int) -> str:
        if depth > _DEPTH_MAX:
            return ""
        return self._text(random.choice(self.rules[rule]), random, depth)

    def _text(self, node: Node, random: Random, depth: int) -> str:
        kind, value = node
        if kind == "text":
            return str(value)
        if kind == "rule":
            name = str(value)
            return self._rule(name, random, depth + 1) if name in self.rules else f"<{name}>"
        nodes: list[Node] = value  # type: ignore[assignment]  # the kind tells the type
        if kind == "choice":
            return self._text(random.choice(nodes), random, depth)
        if kind == "maybe":
            return self._text(nodes[0], random, depth) if random.random() < 0.5 else ""
        return "".join(self._text(part, random, depth) for part in nodes)


class _Parser:
    """Recursive descent over one line."""

    def __init__(self, line: str) -> None:
        self.line, self.at = line, 0

    def sequence(self, stops: str) -> Node:
        parts: list[Node] = []
        while self.at < len(self.line) and self.line[self.at] not in stops:
            char = self.line[self.at]
            if char == "?" and parts:
                self.at += 1
                parts[-1] = ("maybe", [parts[-1]])
            else:
                parts.append(self._element(char))
        return ("sequence", parts)

    def _element(self, char: str) -> Node:
        self.at += 1
        if char == "\\" and self.at < len(self.line):
            self.at += 1
            escaped = self.line[self.at - 1]
            return ("text", "\n" if escaped == "n" else escaped)
        if char == "(" and not self._is_smiley():
            return self._choice()
        if char == "<":
            found = _NAME.match(self.line, self.at)
            if found and self.line[found.end() : found.end() + 1] == ">":
                self.at = found.end() + 1
                return ("rule", found.group())
        return ("text", char)

    def _is_smiley(self) -> bool:
        return ")" not in self.line[self.at :]

    def _choice(self) -> Node:
        choices = [self.sequence("|)")]
        while self.line[self.at : self.at + 1] == "|":
            self.at += 1
            choices.append(self.sequence("|)"))
        self.at += 1
        return ("choice", choices)
