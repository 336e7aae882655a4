"""What is decided about, what is known while deciding, and what can come of it. All frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from agentos.effects.port import Amounts
from agentos.money import Money

Urgency = Literal["low", "normal", "high"]


@dataclass(frozen=True)
class EffectAction:
    """An effect before it starts.

    to: whom it reaches, as the system writes it (a mail address); None where it reaches nobody in particular.
    influenced_by: labels of recipient, amounts, URL and path, not of the text, after clearing by exact match.
    forced_reasons: sentences of others that make it ask: a compliance hit, a flagged figure, written offline.
    confidence: 0 to 1, None where nothing was to be checked.
    follows: kinds ("invoice.issue") of the effects of the same task without which it does not start.
    undo: it takes something back. What an undo sends out is an effect of its own, with undo=False.
    """

    system: str
    verb: str
    account: str
    key: str
    digest: str
    subject: str | None = None
    to: str | None = None
    amounts: Amounts | None = None
    reversible: Literal["free", "compensable", "final"] = "final"
    influenced_by: frozenset[str] = frozenset()
    forced_reasons: tuple[str, ...] = ()
    confidence: float | None = None
    follows: frozenset[str] = frozenset()
    rehearsal: bool = False
    undo: bool = False

    @property
    def kind(self) -> str:
        return f"{self.system}.{self.verb}"


@dataclass(frozen=True)
class ModelAction:
    """One model call. `cost` and `tokens` are upper bounds over all its attempts; cost None: the price is unknown."""

    tier: str
    local: bool
    confidential: bool
    cost: Money | None
    tokens: int
    model: str = ""


@dataclass(frozen=True)
class ReadAction:
    """Fetching a page."""

    url: str
    named_by_operator: bool


Action = EffectAction | ModelAction | ReadAction


@dataclass(frozen=True)
class Spend:
    """Settled costs plus open reservations; one amount per currency, unconverted."""

    costs: tuple[Money, ...] = ()
    tokens: int = 0


@dataclass(frozen=True)
class LookAlike:
    """An earlier effect of the same kind for the same client that still stands. `amount` is gross."""

    key: str
    number: str
    amount: Money
    at: datetime


@dataclass(frozen=True, order=True)
class Reason:
    """Why something asks, waits or is refused. `code` is stable; `about` tells two of one code apart (a key)."""

    code: str
    text: str
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reason:
        return cls(data["code"], data["text"], data.get("about", ""))

    @property
    def identity(self) -> tuple[str, str]:
        """What a grant is for: the same reason with a newer figure in its sentence is not a new reason."""
        return self.code, self.about


@dataclass(frozen=True)
class Context:
    """All facts a decision rests on, gathered by the caller from the log (inside the transaction when it is a claim).

    day_sums: gross sums of this kind of effect for this client today, without this one; one amount per currency.
    task_budget: `--budget`, or what the operator raised it to; None: the policy's.
    granted: reasons that stood on a card the operator approved, for exactly this effect key and digest.
    overnight: the night's hours in `timezone`, from agentos.toml. web_allow: `[web] allow` from agentos.toml.
    """

    now: datetime
    timezone: tzinfo = UTC
    stopped: bool = False
    client_known: bool = False
    recipient_matches_client: bool = False
    task: Spend = Spend()
    day: Spend = Spend()
    month: Spend = Spend()
    cards_today: int = 0
    day_sums: tuple[Money, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()
    first_of_kind: bool = False
    task_budget: Money | None = None
    urgency: Urgency = "normal"
    deadline: datetime | None = None
    granted: tuple[Reason, ...] = ()
    overnight: tuple[str, str] = ("22:00", "06:00")
    web_allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allow:
    pass


@dataclass(frozen=True)
class NeedsApproval:
    """`reasons` are sorted and never empty; they are what the card shows and a grant covers."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Defer:
    """Not now: park until `until` (UTC) and decide again."""

    until: datetime
    why: Reason


@dataclass(frozen=True)
class Refuse:
    """Not at all, and no approval changes it. `hint` is what the operator can edit or run."""

    code: str
    text: str
    hint: str = ""


Decision = Allow | NeedsApproval | Defer | Refuse
