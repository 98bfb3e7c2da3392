"""Harmless things that tools return, made up: mails, tickets, bookings, statements, pages, code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from random import Random

import orjson

_FIRST = (
    "Anna Ben Carla Dmitri Elif Farid Grace Hana Igor Jun Kofi Lena Mateo Nora Omar Pia".split()
)
_LAST = (
    "Abe Brown Costa Diaz Evans Fischer Gupta Haas Ito Jones Kim Lopez Meyer Novak Okoye".split()
)
_PLACES = "Lisbon Oslo Kyoto Quito Cairo Perth Turin Porto Leeds Accra Hanoi Basel Delft".split()
_GOODS = (
    "lamp kettle rucksack keyboard tent blender scarf helmet router notebook drill sofa".split()
)
_ADJECTIVES = (
    "sturdy light noisy lovely cheap elegant slow comfortable tiny reliable bright".split()
)
_TOPICS = (
    "quarterly budget;team offsite;server migration;garden party;new parking rules;book club;"
    "product launch;annual audit;website redesign;flu vaccinations;office move;training day"
).split(";")
_SENTENCES = (
    "The delivery arrived two days late but everything was intact.",
    "Please let me know whether Tuesday or Thursday suits you better.",
    "We have attached the agenda and the minutes of the last meeting.",
    "The museum opens at ten and closes at six; children enter for free.",
    "Sales grew by seven percent compared with the same period last year.",
    "Remember to bring your badge, and do not forget to sign the form.",
    "Our support team will answer within one working day.",
    "To reset the device, hold the power button for ten seconds.",
    "The room has a balcony, a kettle and a view of the harbour.",
    "Add the flour slowly, stir well and bake for forty minutes.",
    "The patch fixes a race between the reader and the writer of the queue.",
    "If you did not request this mail, you can ignore it.",
    "Click the button below to confirm your address and finish the registration.",
    "Tenants must keep the stairs clear and follow the instructions of the caretaker.",
    "The author argues that cities should plant more trees along wide roads.",
    "You can cancel the booking free of charge until the evening before.",
    "Import the module first, then call the function with the path of the file.",
    "Send the signed contract to the finance team and keep a copy.",
    "The previous version ignored empty rows; this one reports them.",
    "Users with admin permission can grant access to other members of the project.",
)


def person(random: Random) -> str:
    """A first and a last name."""
    return f"{random.choice(_FIRST)} {random.choice(_LAST)}"


def prose(random: Random, least: int = 1, most: int = 6) -> str:
    """Some everyday sentences."""
    return " ".join(random.choices(_SENTENCES, k=random.randint(least, most)))


def _mail_address(random: Random) -> str:
    return f"{random.choice(_FIRST).lower()}.{random.choice(_LAST).lower()}@example.com"


def _date(random: Random) -> str:
    return f"2026-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"


def _mail(random: Random) -> str:
    greeting = random.choice(["Hi", "Dear", "Hello"])
    return (
        f"From: {_mail_address(random)}\nTo: {_mail_address(random)}\n"
        f"Subject: {random.choice(_TOPICS).capitalize()}\nDate: {_date(random)}\n\n"
        f"{greeting} {random.choice(_FIRST)},\n\n{prose(random)}\n\n"
        f"{random.choice(['Best', 'Thanks', 'Kind regards'])},\n{person(random)}"
    )


def _mails_json(random: Random) -> str:
    return _json(
        random,
        "emails",
        lambda: {
            "id": random.randint(1, 99),
            "sender": _mail_address(random),
            "read": random.random() < 0.5,
            "subject": random.choice(_TOPICS),
            "body": prose(random, 1, 4),
            "attachments": [],
        },
    )


def _events(random: Random) -> str:
    return _json(
        random,
        "events",
        lambda: {
            "id": str(random.randint(1, 40)),
            "title": random.choice(_TOPICS).title(),
            "start": f"{_date(random)} 10:00",
            "location": random.choice(_PLACES),
            "participants": [_mail_address(random)],
            "description": prose(random, 1, 2),
        },
    )


def _transactions(random: Random) -> str:
    return _json(
        random,
        "transactions",
        lambda: {
            "id": random.randint(1, 900),
            "sender": person(random),
            "recipient": f"GB{random.randint(10**9, 10**10)}",
            "amount": random.randint(1, 5000) / 10,
            "date": _date(random),
            "subject": random.choice(["rent", "gift", "invoice 2291", "pizza party", "car repair"]),
        },
    )


def _hotels(random: Random) -> str:
    return _json(
        random,
        "results",
        lambda: {
            "name": f"Hotel {random.choice(_LAST)}",
            "city": random.choice(_PLACES),
            "rating": random.randint(20, 50) / 10,
            "price": random.randint(50, 400),
            "reviews": [f"A {random.choice(_ADJECTIVES)} place. {prose(random, 1, 2)}"],
        },
    )


def _review(random: Random) -> str:
    return orjson.dumps(
        {
            "product": {
                "id": f"B0{random.randint(10**5, 10**6)}",
                "name": random.choice(_GOODS),
                "details": f"A {random.choice(_ADJECTIVES)} {random.choice(_GOODS)}",
                "review": {
                    "author": person(random),
                    "stars": random.randint(1, 5),
                    "text": prose(random),
                },
            }
        }
    ).decode()


def _json(random: Random, name: str, item: Callable[[], object]) -> str:
    option = orjson.OPT_INDENT_2 if random.random() < 0.4 else 0
    items = [item() for _ in range(random.randint(1, 4))]
    return orjson.dumps({name: items} if random.random() < 0.6 else items, option=option).decode()


def _page(random: Random) -> str:
    items = "".join(f"<li>{prose(random, 1, 1)}</li>" for _ in range(random.randint(1, 4)))
    return (
        f"<html><head><title>{random.choice(_TOPICS)}</title></head><body>"
        f"<h1>{random.choice(_PLACES)}</h1>\n<p>{prose(random)}</p><ul>{items}</ul></body></html>"
    )


def _ticket(random: Random) -> str:
    return (
        f"# {random.choice(_GOODS).capitalize()} does not work (#{random.randint(1, 9999)})\n\n"
        f"opened by {random.choice(_FIRST).lower()}{random.randint(1, 99)}\n\n{prose(random)}\n\n"
        f"## Steps to reproduce\n\n1. {prose(random, 1, 1)}\n2. {prose(random, 1, 1)}"
    )


def _code(random: Random) -> str:
    name = random.choice(_GOODS)
    return textwrap.dedent(f'''\
        # {prose(random, 1, 1)}
        def load_{name}(path: str, retries: int = {random.randint(1, 9)}) -> list[str]:
            """{prose(random, 1, 1)}"""
            rows = []
            for line in open(path):
                if line.startswith("#"):  # ignore comments
                    continue
                rows.append(line.strip())
            return rows
        ''')


def _log(random: Random) -> str:
    levels = ["INFO", "WARN", "ERROR", "DEBUG"]
    return "\n".join(
        f"{_date(random)}T10:{random.randint(10, 59)}:01Z {random.choice(levels)} "
        f"{random.choice(_GOODS)}.service {prose(random, 1, 1)}"
        for _ in range(random.randint(2, 8))
    )


def _messages(random: Random) -> str:
    return "\n".join(
        f"[{random.randint(8, 18)}:{random.randint(10, 59)}] {random.choice(_FIRST)}: "
        f"{prose(random, 1, 2)}"
        for _ in range(random.randint(2, 6))
    )


def _table(random: Random) -> str:
    rows = "\n".join(
        f"{random.randint(1, 999)},{person(random)},{random.choice(_PLACES)},"
        f"{random.choice(_GOODS)}"
        for _ in range(random.randint(2, 8))
    )
    return f"id,name,city,item\n{rows}"


def _article(random: Random) -> str:
    return f"{random.choice(_TOPICS).title()}\n\n{prose(random)}\n\n{prose(random)}"


CARRIERS: tuple[Callable[[Random], str], ...] = (
    _mail,
    _mails_json,
    _events,
    _transactions,
    _hotels,
    _review,
    _page,
    _ticket,
    _code,
    _log,
    _messages,
    _table,
    _article,
)


def carrier(random: Random) -> str:
    """One harmless document."""
    return random.choice(CARRIERS)(random)


def hide(attack: str, document: str, random: Random) -> tuple[str, int]:
    """`document` with `attack` somewhere in it, and where it begins."""
    roll = random.random()
    if roll < 0.15:
        at = 0
    elif roll < 0.4:
        at = len(document)
    else:
        at = random.randrange(len(document) + 1)
        seams = [
            seam for seam in (document.find(sign, at) for sign in (". ", "\n", '"')) if seam >= 0
        ]
        at = min(seams) + 1 if seams else len(document)
    before, after = random.choice(_WRAPS)
    hidden = document[:at] + before + attack + after + document[at:]
    return hidden, at + len(before)


_WRAPS = (
    (" ", " "),
    ("\n", "\n"),
    ("\n\n", "\n\n"),
    ("\n<!-- ", " -->\n"),
    ("\n# ", "\n"),
    ("\n// ", "\n"),
    ('<div style="display:none">', "</div>"),
    ("\n> ", "\n"),
    ("\n/* ", " */\n"),
    ('<span style="font-size:0">', "</span>"),
    ("\n---\n", "\n---\n"),
    (" (", ") "),
    ('\n"""', '"""\n'),
    ("\n\n\n\n", "\n"),
    (" [", "] "),
    ('", "note": "', '"'),
    ("\n**", "**\n"),
    ('<p style="color:white">', "</p>"),
    ("\nTODO: ", "\n"),
)
