"""The business that is simulated: its clients with their habits of paying, and what its operator writes about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Habit:
    """How a client pays. `days`: after the invoice's date, from and to. `parts`: in how many payments.

    `unpaid`: the share of its invoices that it does not pay at all.
    """

    days: tuple[int, int]
    parts: int = 1
    unpaid: float = 0.0


@dataclass(frozen=True)
class Customer:
    """`said`: how the operator names it. `weight`: how often it orders. `file`: clients/ID.toml, empty where the
    template has one. `from_day`: it becomes a client on this day of a quarter."""

    id: str
    said: str
    habit: Habit
    weight: int = 2
    file: str = field(default="", repr=False)
    from_day: int = 0


def _file(name: str, contact: str, address: str, mail: str, more: str = "") -> str:
    street, postcode, city, country = address.split("|")
    place = f'{{ street = "{street}", postcode = "{postcode}", city = "{city}", country = "{country}" }}'
    return f'name = "{name}"\ncontact = "{contact}"\naddress = {place}\nemail = "{mail}"\n{more}'


CUSTOMERS = (
    Customer("acme-studio", "Acme Studio", Habit((3, 12)), weight=4),
    Customer("beta-ltd", "Beta Ltd", Habit((18, 45))),
    Customer(
        "stadtwerke-auental", "Stadtwerke Auental", Habit((10, 16), parts=2), 3,
        _file("Stadtwerke Auental AG", "Petra Nimmer", "Werkstraße 3|04109|Leipzig|DE", "rechnung@auental.example",
              'language = "de"\nvat = "standard"\npayment_days = 14\n'),
    ),
    Customer(
        "holt-and-daughter", "Holt and Daughter", Habit((25, 50), unpaid=0.3), 2,
        _file("Holt and Daughter Ltd", "Maria Holt", "8 Mill Road|D04 C5Y6|Dublin|IE", "office@holt.example",
              'vat_id = "IE7654321A"\nvat = "reverse_charge"\npayment_days = 21\n'),
    ),
    Customer(
        "haus-und-grund-kiel", "Haus und Grund Kiel", Habit((1, 6)), 2,
        _file("Haus und Grund Kiel e.V.", "Jens Petersen", "Hafenstraße 20|24103|Kiel|DE", "kasse@hugkiel.example",
              'language = "de"\nvat = "standard"\npayment_days = 7\n'),
    ),
    Customer(
        "nordlicht-magazin", "Nordlicht Magazin", Habit((14, 30)), 2,
        _file("Nordlicht Magazin GmbH", "Ella Brandt", "Am Markt 9|18055|Rostock|DE", "buchhaltung@nordlicht.example",
              'vat = "standard"\npayment_days = 14\n'), from_day=20,
    ),
    Customer(
        "kern-legal", "Kern Legal", Habit((5, 15)), 1,
        _file("Kern Legal PartG", "Dr. Ute Kern", "Königsallee 60|40212|Düsseldorf|DE", "office@kern-legal.example",
              'vat = "standard"\npayment_days = 14\nconfidential = true\n'), from_day=35,
    ),
)  # fmt: skip

BY_ID: Mapping[str, Customer] = MappingProxyType({one.id: one for one in CUSTOMERS})

TOPICS = (
    "flow temperature in older houses", "radiators and heat pumps", "noise of heat pumps", "where to site a heat pump",
    "hydraulic balancing", "the heating curve", "seasonal performance", "insulation before a heat pump",
    "grants for heat pumps", "what a heat pump costs", "heat pumps for older houses", "heat pumps and neighbours",
)  # fmt: skip
WORK = (
    "workshop", "talk in Leipzig", "interview", "site visit", "editorial review", "newsletter text", "fact sheet",
    "column", "panel discussion", "translation of the brochure", "podcast episode", "training",
)  # fmt: skip
GERMAN_WORK = ("den Workshop", "den Vortrag", "die Beratung", "das Interview", "die Redaktion")
REASONS = (
    "The tone is too promotional.", "Not this month; the client asked to wait.", "We have said this already.",
    "The amount is not what we agreed.", "It needs a practical example first.",
)  # fmt: skip
CANCELLED = ("The client called it off.", "I will write this one myself.", "No longer needed.")
