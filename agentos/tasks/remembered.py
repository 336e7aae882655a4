"""What the operator has answered about the business and its clients before: a fold over the log, for later tasks.

The files win: an answer only fills what they leave open, and whoever uses one says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agentos.effects.invoice.identity import UnreadableError, is_open, read_answer, toml_lines
from agentos.events.log import Reader
from agentos.workspace.load import Workspace


@dataclass(frozen=True)
class Remembered:
    """One answer: `slot` is "business.iban" or "client.email", `client` the id of the task's client."""

    slot: str
    answer: str
    task: str
    client: str | None
    at: datetime

    @property
    def file(self) -> str:
        return "agentos.toml, under [business]" if self.slot.startswith("business.") else f"clients/{self.client}.toml"

    @property
    def lines(self) -> list[str]:
        """What to put into `file`, so that it need not be remembered."""
        return toml_lines(read_answer(self.slot, self.answer))

    def fills(self, workspace: Workspace) -> bool:
        """Whether the files still leave it open."""
        side = workspace.configuration.business if self.slot.startswith("business.") else None
        known = side or workspace.clients.get(self.client or "")
        return known is not None and all(is_open(known, key) for key in read_answer(self.slot, self.answer))


def remembered(log: Reader) -> list[Remembered]:
    """The newest readable answer for each slot (and client), in the order of the log. What a client's forgetting took
    with it is gone here, too."""
    found: dict[tuple[str, str | None], Remembered] = {}
    for record in log.read(types=("approval.answered",)):
        slot = "" if record.forgotten else str(record.data["slot"])
        about_client = slot.startswith("client.") and record.subject is not None
        if not (slot.startswith("business.") or about_client):
            continue
        try:
            if not read_answer(slot, record.data["answer"]):
                continue
        except UnreadableError:
            continue
        one = Remembered(slot, record.data["answer"], record.correlation or "", record.subject, record.at)
        key = (slot, record.subject if about_client else None)
        found.pop(key, None)
        found[key] = one
    return list(found.values())
