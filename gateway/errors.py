"""The typed errors of configuration: what is wrong, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field


class SealgateError(Exception):
    """Anything the operator can mend; its text is fit to be printed as it is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file: where it stands, what is wrong, what to write instead.

    `line` and `column` count from 1; 0 means the whole file.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass
class ConfigError(SealgateError):
    """Files or settings that cannot be used; all problems are listed, not only the first."""

    problems: list[Problem] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class PluginLoadError(SealgateError):
    """A plugin cannot be found, or is not a plugin."""
