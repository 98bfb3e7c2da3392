"""One form of attack: an expression, what it is worth, and a look at the structure of the hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Confirm: TypeAlias = Callable[[str, str], bool]
"""Told what was found and the 48 characters before it; says whether it counts."""


class Threat(StrEnum):
    """A class of attacks, as policies name it."""

    SQL = "sql"
    MARKUP = "markup"
    COMMAND = "command"
    PATH = "path"
    TEMPLATE = "template"
    DIRECTORY = "directory"
    SSRF = "ssrf"
    EXFILTRATION = "exfiltration"


THREATS = {
    Threat.SQL: "SQL that breaks out of a value: tautologies, UNION, stacked statements.",
    Threat.MARKUP: "Markup that runs in a browser: scripts, event handlers, `javascript:` links.",
    Threat.COMMAND: "Commands joined to a value: separators, substitutions, reverse shells.",
    Threat.PATH: "Ways out of a folder, in any encoding, and files that attackers ask for.",
    Threat.TEMPLATE: "Expressions that a template engine would evaluate.",
    Threat.DIRECTORY: "Filters of LDAP and document databases that match everything.",
    Threat.SSRF: "Addresses of the inner network and of cloud metadata, in any spelling.",
    Threat.EXFILTRATION: "Images, frames and links whose address carries data away.",
}
"""Every class with what it means; for the documentation."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one class looks for.

    `expression`, `right` and `hint` are those of `gateway.plugin.pattern.Pattern`. `weight` is how
    sure a hit is, from 0 to 1. `bites_shown` marks what does harm where a client shows a model's
    answer.
    """

    name: str
    threat: Threat
    expression: str
    weight: float
    confirm: Confirm | None = None
    bites_shown: bool = False
    right: str = ""
    hint: str = ""
