"""What is known about the business when a workspace is made."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answers:
    """Values for `agentos.toml`; None leaves the commented example. `address` is (street, postcode, city, country).

    `models` is TOML text for the models section (from `probe.model_lines`), never holding a key.
    """

    name: str | None = None
    owner: str | None = None
    address: tuple[str, str, str, str] | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    vat_id: str | None = None
    tax_number: str | None = None
    iban: str | None = None
    bic: str | None = None
    bank: str | None = None
    currency: str = "EUR"
    language: str = "en"
    timezone: str = "Europe/Berlin"
    amounts: str = "net"
    vat_rate: int | None = None
    site_title: str | None = None
    from_address: str | None = None
    models: str = field(default="", repr=False)


def demo() -> Answers:
    """A made-up business with everything an invoice needs. The IBAN is the one banks print in examples; the VAT id
    has the
    German form and belongs to nobody."""
    return Answers(
        name="Lang Energy Writing",
        owner="Heide Lang",
        address=("Lindenweg 7", "10115", "Berlin", "DE"),
        email="heide@lang-energy.example",
        phone="+49 30 5550123",
        website="https://lang-energy.example/",
        vat_id="DE999999999",
        tax_number="11/222/33333",
        iban="DE89370400440532013000",
        bic="COBADEFFXXX",
        bank="Commerzbank",
        vat_rate=19,
        site_title="Lang Energy Writing",
        from_address="heide@lang-energy.example",
    )
