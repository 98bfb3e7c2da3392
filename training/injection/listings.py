"""Harmless texts that say the same few words over and over: lists, tables, markup, logs."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_BEGIN = "al be cor del en fa gri ho in jo ka lum ma ner op pra qui ro sen tra ul ver wi xen yo zu"
_END = "ba cus dor ent fix gle hel ics ker lo mon ner ous pad que ron set tion ul vex wer x"
_KINDS = (
    "get set find run make open read list user token key file mail link page rule system".split()
)
_ENDINGS = (".com", ".net", ".org", ".io", ".example", ".dev", ".co.uk", ".de")


def _word(random: Random) -> str:
    return random.choice(_BEGIN.split()) + random.choice(_END.split())


def _name(random: Random) -> str:
    return random.choice(_KINDS) + _word(random).title()


def _version(random: Random) -> str:
    return ".".join(str(random.randint(0, 30)) for _ in range(3))


def _site(random: Random) -> str:
    return _word(random) + random.choice(_ENDINGS)


def _shape(random: Random) -> Callable[[], str]:
    """One form of line, which all lines of a text share."""
    site, name, prefix = (
        _site(random),
        _name(random),
        random.choice(("https", "http", "git", "ssh")),
    )
    word, upper = _word(random), _word(random).upper()
    tag = random.choice(("li", "span", "td", "dt", "option", "p", "div"))
    count = random.randint
    shapes: tuple[Callable[[], str], ...] = (
        lambda: f"* [{_name(random)}]({prefix}://{site}/{_word(random)})",
        lambda: (
            f".. image:: {prefix}://{_site(random)}/{_word(random)}.svg\n   :target: {prefix}://{site}/"
        ),
        lambda: (
            f'<{tag}><a href="{_word(random)}.html#{name}">'
            f"{count(1, 20)}. {_word(random)}</a></{tag}>"
        ),
        lambda: f'<{tag} class="{word}">{_word(random)} {_word(random)}</{tag}>',
        lambda: f"\t{site}/{_word(random)} v{_version(random)}",
        lambda: f"replace {site}/{_word(random)} v{_version(random)} => ./{_word(random)}",
        lambda: f"#define {upper}_{_word(random).upper()} {count(0, 999)}",
        lambda: f"const {upper}_{_word(random).upper()} = {count(0, 99999)}",
        lambda: f"   /{word}/{name}{_word(random).title()}",
        lambda: f"from .{_word(random)} import {_name(random)} as {_name(random)}",
        lambda: f'    "{_name(random)}": (".{word}", "{_name(random)}"),',
        lambda: (
            f"{_word(random)}@{site},{_word(random).title()},{count(1, 99)},{random.choice(_KINDS)}"
        ),
        lambda: f"GET {prefix}://{site}/{_word(random)}/{count(1, 999)} 200 {count(1, 9)} ms",
        lambda: (
            f"{count(10, 23)}:{count(10, 59)} INFO {name} sent {_word(random)} to {_site(random)}"
        ),
        lambda: f"{_word(random)}{count(1, 9)}: u{count(1, 64)}, /* {_word(random)} the {word} */",
        lambda: f"|{_word(random)}|\t{_word(random)} the {word} to {_word(random)}",
        lambda: (
            f"CTRL-{chr(count(65, 90))} {_word(random)}\tgo to the {word} and {_word(random)} it"
        ),
        lambda: f"{_name(random)} = {name}({count(0, 9)}, {count(0, 9)}, {count(0, 9)})",
        lambda: (
            f"- {_word(random)}: {count(1, 99)} "
            f"{random.choice(('eggs', 'g', 'ml', 'pieces', 'items'))}"
        ),
        lambda: f'  {_word(random)}: "{_version(random)}"  # {word}',
        lambda: (
            f"{count(1, 400)}. {_word(random).title()} {_word(random)}, {word}, p. {count(1, 900)}"
        ),
        lambda: (
            f'{{"id": {count(1, 999)}, "url": "{prefix}://{site}/{_word(random)}", '
            f'"user": "{_word(random)}"}},'
        ),
    )
    return random.choice(shapes)


def listing(random: Random) -> str:
    """One text of some lines of one or two forms, now and then with a heading."""
    first, second = _shape(random), _shape(random)
    lines = [first() if random.random() < 0.85 else second() for _ in range(random.randint(8, 120))]
    if random.random() < 0.4:
        lines.insert(0, f"{_word(random).title()} {_word(random)}:\n")
    return "\n".join(lines)
