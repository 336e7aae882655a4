"""What the operator writes in `agentos.toml` and `clients/*.toml`, as typed values.

Everything has a default or may be absent: what is wrong stops with file and line, what is missing is asked when
first needed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PLACEHOLDER = "(edit me)"
"""Ends a name that the template of an earlier version wrote: nobody's name."""
MOST_DAYS = 3660
"""Ten years: a longer span is a slip, and one of a million years is no date any more."""
MOST_SECONDS = 3600.0
"""The longest anything outside is waited for."""


class Settings(BaseModel):
    """Base of all configuration: frozen, and a misspelt key is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, such as EUR")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2, such as DE")]
Name = Annotated[str, AfterValidator(lambda text: "" if text.strip().endswith(PLACEHOLDER) else text.strip())]
Percent = Annotated[Decimal, Field(ge=0, le=100)]


class Address(Settings):
    street: str
    postcode: str
    city: str
    country: Country


class InvoiceSettings(Settings):
    """`pattern` is a str.format over year, month and number: "{year}-{number:04}"."""

    pattern: str = "{year}-{number:04}"
    credit_note_pattern: str = "CN-{year}-{number:04}"
    next_number: int = Field(default=1, ge=1, le=10**9)
    payment_days: int = Field(default=14, ge=0, le=MOST_DAYS)


class Business(Settings):
    """The operator's business as it stands on an invoice and under a post. An empty name is not known yet."""

    name: Name = ""
    owner: str | None = None
    address: Address | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    vat_id: str | None = None
    tax_number: str | None = None
    iban: str | None = None
    bic: str | None = None
    bank: str | None = None
    currency: Currency = "EUR"
    language: str = "en"
    timezone: str = "Europe/Berlin"
    amounts: Literal["net", "gross"] = Field(default="net", description="what a bare amount means")
    vat_rate: Percent | None = Field(default=None, description="the standard rate in percent, such as 19")
    small_business: bool = Field(default=False, description="exempt as a small business: invoices carry no VAT")
    invoice: InvoiceSettings = InvoiceSettings()


class Instalment(Settings):
    """One part of a payment schedule: `share` percent of the gross, due `days` after the invoice date."""

    share: Percent
    days: int = Field(ge=0, le=MOST_DAYS)


class Client(Settings):
    """One file in `clients/`; `id` is the file's stem and the only thing that ids and tags ever show."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    contact: str | None = None
    address: Address | None = None
    email: str | None = None
    language: str | None = None
    currency: Currency | None = None
    vat_id: str | None = None
    vat: Literal["standard", "reduced", "exempt", "reverse_charge", "outside_scope"] = "standard"
    vat_rate: Percent | None = None
    exemption_reason: str | None = None
    payment_days: int | None = Field(default=None, ge=0, le=MOST_DAYS)
    schedule: tuple[Instalment, ...] = ()
    confidential: bool = False
    notes: str = ""


class ModelEndpoint(Settings):
    """One model of a tier. Prices are per million tokens and override the price package; a local model costs 0."""

    model: str
    base_url: str | None = None
    api_key_env: str | None = Field(default=None, description="name of the environment variable that holds the key")
    local: bool = False
    timeout_seconds: float = Field(default=60, gt=0, le=MOST_SECONDS)
    structured: Literal["json_schema", "prompt"] = "json_schema"
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    max_output_tokens: int = Field(default=4096, gt=0, le=10**7)


class ModelSettings(Settings):
    """Each tier is an ordered list: the first that answers is used. All empty: the offline writer does the work."""

    small: tuple[ModelEndpoint, ...] = ()
    large: tuple[ModelEndpoint, ...] = ()
    local: tuple[ModelEndpoint, ...] = ()


class SmtpSettings(Settings):
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    username: str | None = None
    password_env: str | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"


class MailSettings(Settings):
    """Without `smtp`, mail is written to `outbox/` as .eml files. `hold_minutes` is how long it can be recalled."""

    from_address: str | None = None
    hold_minutes: int = Field(default=0, ge=0, le=24 * 60 * MOST_DAYS)
    smtp: SmtpSettings | None = None


class SiteSettings(Settings):
    title: str | None = None
    url: str = "http://localhost/"
    branch: str = "main"


class WebSettings(Settings):
    """Pages may be read only from these hosts (a leading dot takes subdomains) and from URLs the operator named."""

    allow: tuple[str, ...] = ()
    timeout_seconds: float = Field(default=20, gt=0, le=MOST_SECONDS)
    max_bytes: int = Field(default=5_000_000, gt=0, le=10**9)


class Hours(Settings):
    """The overnight lane, in the business's time zone: "22:00" to "06:00"."""

    overnight_from: str = "22:00"
    overnight_to: str = "06:00"


class Configuration(Settings):
    """`agentos.toml`."""

    business: Business
    models: ModelSettings = ModelSettings()
    mail: MailSettings = MailSettings()
    site: SiteSettings = SiteSettings()
    web: WebSettings = WebSettings()
    hours: Hours = Hours()
