"""More harmless rows: orders between people and to programs, manuals, tools, code, documents.

The code and the documents are what is at hand wherever this runs: the standard library, and the
installed packages that the lock files pin.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from zlib import crc32

from training.injection.carriers import hide
from training.injection.listings import listing
from training.injection.rows import Row

_SUFFIXES = frozenset(
    ".py .pyi .pyx .c .h .cpp .hpp .js .mjs .ts .css .html .json .yaml .toml .txt .rst .md".split()
)
_DOCUMENTS = frozenset((".rst", ".md", ".txt", ""))
_SKIPPED = frozenset(
    ("site-packages", "dist-packages", "__pycache__", "idlelib", "turtledemo", "gateway_plugins")
)
_DOCSTRING = re.compile(r'^ *"""(.*?)"""', re.DOTALL | re.MULTILINE)
"""What people write about code: the most prose that is at hand."""
_PROSE_CHARS_MIN = 300
_FILE_BYTES_MAX = 400_000
_CHUNK_CHARS = (300, 3500)
_CHUNKS = {"code": 6500, "document": 5500}
_PACKAGE_CHUNKS_MAX = 150
_HELD_OUT_ONE_IN = 5


def ordinary(
    say: Callable[[str], str], document: Callable[[], str], random: Random, packages: Path
) -> Iterator[Row]:
    """Every row of every family."""
    for rule, count in (
        ("narrative", 900),
        ("mail_between", 1500),
        ("manual", 1200),
        ("faq", 900),
        ("tool_text", 1400),
        ("quoted_prompt", 700),
        ("code_prompt", 1600),
    ):
        for _ in range(count):
            text = say(rule)
            if random.random() < 0.4:
                text, _ = hide(text, document(), random)
            yield Row(text, 0, "tool", f"own benign {rule}")
    for rule, role, count in (
        ("quoted_prompt", "system", 500),
        ("tool_text", "system", 300),
        ("code_prompt", "user", 300),
        ("mail_between", "user", 300),
        ("manual", "user", 200),
    ):
        for _ in range(count):
            yield Row(say(rule), 0, role, f"own benign {rule}")
    for _ in range(2600):
        yield Row(listing(random), 0, random.choice(("tool", "tool", "user")), "own benign listing")
    yield from _found(say, random, packages)


def _found(say: Callable[[str], str], random: Random, packages: Path) -> Iterator[Row]:
    chunks: dict[str, list[str]] = {"code": [], "document": []}
    for kind, chunk in _chunks((_stdlib(), packages), random, held_out=False):
        chunks[kind].append(chunk)
    for kind, found in chunks.items():
        for chunk in random.sample(found, min(_CHUNKS[kind], len(found))):
            text = chunk
            if kind == "code" and random.random() < 0.15:
                text, _ = hide(say("code_prompt"), text, random)
            yield Row(text, 0, "tool", f"installed {kind}")


def code_pieces(packages: Path) -> list[str]:
    """Pieces of code to hide things in, of the packages that are trained on."""
    found = _chunks((_stdlib(), packages), Random(5), held_out=False)
    return [chunk for kind, chunk in found if kind == "code"]


def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def held_out(packages: Path) -> list[str]:
    """Texts of one package in five, which are not trained on: to choose the thresholds by."""
    random = Random(3)
    found = [chunk for _, chunk in _chunks((packages,), random, held_out=True)]
    return random.sample(found, min(4000, len(found)))


def _chunks(
    folders: tuple[Path, ...], random: Random, *, held_out: bool
) -> Iterator[tuple[str, str]]:
    """Pieces of whole lines, in an order that is always the same, each with its kind.

    A package gives no more than some, so that the largest ones do not drown the others.
    """
    pieces: dict[tuple[str, str], list[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if _SKIPPED.intersection(inside.parts) or path.suffix not in _SUFFIXES | {""}:
                continue
            package = inside.parts[0]
            if (crc32(package.encode()) % _HELD_OUT_ONE_IN == 0) != held_out:
                continue
            if path.is_file() and path.stat().st_size <= _FILE_BYTES_MAX:
                kind = "document" if path.suffix in _DOCUMENTS else "code"
                text = path.read_bytes().decode("utf-8", "ignore")
                pieces.setdefault((kind, package), []).extend(_pieces(text, random))
                prose = "\n\n".join(_DOCSTRING.findall(text)) if path.suffix == ".py" else ""
                if len(prose) > _PROSE_CHARS_MIN:
                    pieces.setdefault(("document", package), []).extend(_pieces(prose, random))
    for (kind, _), found in pieces.items():
        for piece in random.sample(found, min(_PACKAGE_CHUNKS_MAX, len(found))):
            yield kind, piece


def _pieces(text: str, random: Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        stop = text.find("\n", at + random.randint(*_CHUNK_CHARS))
        stop = len(text) if stop < 0 else stop
        if "\0" not in text[at:stop]:
            yield text[at:stop]
        at = stop + 1
