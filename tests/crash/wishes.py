"""What the operator of the harness asks for, and what must be there in the end: each thing once, and nothing else."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.orders import RECIPE
from tests.crash.worlds import REFUSES


@dataclass(frozen=True)
class Wish:
    """`ends`: how its task must close. `leaves`: what must really stand in the worlds then, named as `counting` names
    it. `answers`: to questions, by slot; `cancels`: at its first card; `undoes`: once it is done."""

    name: str
    says: str
    ends: str
    leaves: tuple[str, ...]
    answers: Mapping[str, str] = field(default_factory=dict)
    cancels: bool = False
    undoes: bool = False


WISHES = (
    Wish(
        "produce",
        "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR",
        "completed",
        ("publish", "issue", "book", "mail"),
    ),
    Wish("invoice", "Invoice Acme Studio 310 EUR net for a talk", "completed", ("issue", "book", "mail")),
    Wish("post", "Publish a blog post about noise and siting of heat pumps", "completed", ("publish",)),
    Wish(
        "order",
        "Order some paper for the printer",
        "completed",
        ("silent order", "lagging order"),
        answers={"workflow": "order", "topic": "paper"},
    ),
    Wish("cancelled", "Invoice Beta 5,000 EUR net for a book", "cancelled", (), cancels=True),
    Wish(
        "undone",
        "Invoice Beta 830 EUR net for a workshop",
        "completed",
        ("issue", "book", "mail", "credit", "reverse"),
        undoes=True,
    ),
    Wish(
        "refused",
        "Invoice Nobody Ltd 90 EUR net for a call",
        "failed",
        ("issue", "book", "credit", "reverse"),
    ),
)


def named(names: Sequence[str]) -> tuple[Wish, ...]:
    """The wishes of these names, in their usual order; all where none is named."""
    return tuple(wish for wish in WISHES if not names or wish.name in names)


def expected(wishes: Sequence[Wish]) -> Counter[str]:
    return Counter(f"{wish.name}: {thing}" for wish in wishes for thing in wish.leaves)


_NOBODY = f"""\
name = "Nobody Ltd"
contact = "Nemo Nobody"
address = {{ street = "Nowhere 1", postcode = "50667", city = "Köln", country = "DE" }}
email = "nemo@{REFUSES}"
language = "en"
vat = "standard"
payment_days = 14
"""


def furnish(root: Path, smtp: int) -> None:
    """What the wishes need in a fresh workspace: the mail server, the client who refuses, the recipe of the shop."""
    settings = root / "agentos.toml"
    section = f'[mail.smtp]\nhost = "127.0.0.1"\nport = {smtp}\nsecurity = "none"\n\n[site]'
    settings.write_text(settings.read_text().replace("[site]", section, 1))
    (root / "clients" / "nobody.toml").write_text(_NOBODY)
    (root / "recipes" / "order.toml").write_text(RECIPE)


def rename_sender(root: Path, sender: str) -> None:
    """Each workspace writes from an address of its own, so that the mail server's record tells them apart."""
    settings = root / "agentos.toml"
    settings.write_text(settings.read_text().replace("heide@lang-energy.example", sender))


def sender_of(root: Path) -> str:
    sender: str = tomllib.loads((root / "agentos.toml").read_text())["mail"]["from_address"]
    return sender
