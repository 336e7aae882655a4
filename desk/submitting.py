"""Taking in what the operator says: the rules look at it first, for its client's key and for nonsense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.clock import SystemClock
from agentos.errors import AgentOSError

if TYPE_CHECKING:
    from agentos.workspace.load import Workspace

MOST = 10**12
"""Of any currency: what policy.toml takes, too."""


def checker(root: Path) -> Callable[[str], str | None]:
    """A check for Desk.submit: raises IntentRejected, and names the client when the rules found exactly one.

    A workspace that can't be read rejects the text too: the raw text is kept, and the operator is told what to mend.
    """

    def check(text: str) -> str | None:
        from agentos.workspace.load import load_workspace

        return understood_client(load_workspace(root), text, SystemClock().now())

    return check


def understood_client(workspace: Workspace, text: str, now: datetime) -> str | None:
    """The client that the rules find in the text. Raises IntentRejected."""
    from agentos.intents.broken import known_clients
    from agentos.intents.rules import understand

    business, clients = workspace.configuration.business, known_clients(workspace)
    client = understand(text, business=business, clients=clients, now=now).slots.get("client")
    return str(client) if client is not None else None


def asks(root: Path) -> Callable[[str], str | None]:
    """The same where only a question may be meant: one about a single client is sealed with that client's key, whether
    or not the rules understand it."""

    def check(text: str) -> str | None:
        from agentos.intents.broken import known_clients
        from agentos.intents.questions import only_asked
        from agentos.intents.rules import understand
        from agentos.workspace.load import load_workspace

        workspace = load_workspace(root)
        business, clients = workspace.configuration.business, known_clients(workspace)
        found = understand(text, business=business, clients=clients, now=SystemClock().now())
        client = only_asked(found, text, business=business, clients=clients).slots.get("client")
        return str(client) if client is not None else None

    return check


def budget_of(text: str | None) -> dict[str, str] | None:
    """ "0.50 EUR" as {"amount", "currency"}. Raises AgentOSError."""
    if text is None:
        return None
    from decimal import Decimal, InvalidOperation

    amount, _, currency = text.strip().partition(" ")
    try:
        value = Decimal(amount)
    except InvalidOperation:
        value = Decimal(-1)
    currency = currency.strip().upper()
    if (
        not value.is_finite()
        or not 0 <= value <= MOST
        or len(currency) != 3
        or not currency.isascii()
        or not currency.isalpha()
    ):
        raise AgentOSError(
            f"{text!r} is not an amount of money.", hint='As in: --budget "0.50 EUR"', code="budget.unreadable"
        )
    return {"amount": str(value), "currency": currency}
