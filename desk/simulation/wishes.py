"""What the operator asks for on a day, in her words: one to four requests, of the kinds that a quarter holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from desk.simulation.business import CUSTOMERS, GERMAN_WORK, TOPICS, WORK, Customer

_AMOUNTS = (120, 180, 240, 300, 350, 380, 400, 480, 600, 750, 900, 1200, 1500)


@dataclass(frozen=True)
class Wish:
    """One request. `at` is counted from local midnight; `within`: the deadline she names, from then on."""

    at: timedelta
    text: str
    rehearse: bool = False
    within: timedelta | None = None
    budget: str | None = None


def wishes_of(rng: Random, day: int) -> list[Wish]:
    """Those of one working day, the `day`th of the quarter, in the order in which she thinks of them."""
    many = rng.choices((0, 1, 2, 3, 4), (1, 5, 6, 4, 1))[0]
    moments = sorted(timedelta(minutes=rng.randint(8 * 60, 17 * 60)) for _ in range(many))
    return [_wish(rng, day, at) for at in moments]


def _wish(rng: Random, day: int, at: timedelta) -> Wish:
    kinds = (_invoice, _post_and_invoice, _post, _brief, _unclear, _goal)
    text = rng.choices(kinds, (9, 6, 5, 3, 2, 1))[0](rng, day)
    extra = rng.random()
    if extra < 0.05:
        return Wish(at, text, rehearse=True)
    if extra < 0.12:
        return Wish(at, text, within=timedelta(hours=rng.choice((1, 4, 30))))
    return Wish(at, text, budget="0.02 EUR" if extra < 0.15 else None)


def _customer(rng: Random, day: int) -> Customer:
    known = [one for one in CUSTOMERS if one.from_day <= day]
    return rng.choices(known, [one.weight for one in known])[0]


def _amount(rng: Random) -> str:
    return f"{rng.choice(_AMOUNTS):,}"


def _invoice(rng: Random, day: int) -> str:
    who, much = _customer(rng, day).said, _amount(rng)
    if rng.random() < 0.25:
        return f"Stelle {who} {much.replace(',', '')} EUR netto für {rng.choice(GERMAN_WORK)} in Rechnung"
    return f"Invoice {who} {much} EUR net for the {rng.choice(WORK)}"


def _post_and_invoice(rng: Random, day: int) -> str:
    who, much = _customer(rng, day).said, _amount(rng)
    return f"Produce a blog post about {rng.choice(TOPICS)} and invoice {who} {much} EUR"


def _post(rng: Random, day: int) -> str:
    rush = ", no rush" if rng.random() < 0.2 else ""
    return f"Write a blog post about {rng.choice(TOPICS)}{rush}"


def _brief(rng: Random, day: int) -> str:
    return f"Research brief on {rng.choice(TOPICS)}"


def _unclear(rng: Random, day: int) -> str:
    who, work = _customer(rng, day).said, rng.choice(WORK)
    return rng.choice(
        (
            f"Invoice {who} for the {work}",
            f"Invoice {who} 1.200 EUR for the {work}",
            f"Send an invoice over {_amount(rng)} EUR for the {work}",
            f"Invoice Gamma Partners {_amount(rng)} EUR for the {work}",
        )
    )


def _goal(rng: Random, day: int) -> str:
    """No rule knows it; a small model names the workflow."""
    return f"I want something for the website that explains {rng.choice(TOPICS)}"
