"""What `sealgate scan` prints of a text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError, Problem
from gateway.scan.injection import DATA_ROLES, FLAGGED, OPERATOR_ROLES, TOOL_DESCRIPTION, judge

ROLES = ("user", "assistant", *sorted(OPERATOR_ROLES), TOOL_DESCRIPTION, *sorted(DATA_ROLES))
_SHOWN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Description:
    """The judgement as lines for people."""

    flagged: bool
    text: str


def read_text(file: Path | None) -> str:
    """The text of a file or of standard input; bytes that are not UTF-8 are replaced."""
    data = sys.stdin.buffer.read() if file is None else _bytes_of(file)
    return data.decode("utf-8", "replace")


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        hint = "name a file that can be read, or give the text on standard input"
        raise ConfigError([Problem(str(file), 0, 0, str(error.strerror), hint)]) from None


def describe(text: str, role: str) -> Description:
    """What would be found in `text`, and why. Raises ConfigError on an unknown role."""
    if role not in ROLES:
        hint = f"choose from {', '.join(ROLES)}"
        raise ConfigError([Problem("--role", 0, 0, f'unknown role "{role}"', hint)])
    found = judge(text, role)
    flagged = found.score > FLAGGED
    lines = [f"{'flagged' if flagged else 'not flagged'}: score {found.score:.3f} as {role}"]
    if flagged:
        passage = " ".join(text[found.start : found.stop].split())
        lines.append(f"passage: characters {found.start} to {found.stop}")
        lines.append(f"  {passage[:_SHOWN_CHARS]}")
        if found.encoding:
            lines.append(f"hidden as: {found.encoding}")
        if found.phrases:
            lines.append(f"phrases: {', '.join(found.phrases)}")
    lines.append("weighs most:")
    lines += [f"  {part.weight:+.2f}  {' '.join(part.text.split())}" for part in found.parts]
    return Description(flagged, "\n".join(lines))
