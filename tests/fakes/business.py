"""A real workspace with the real agents and outside systems: what the operator has, in a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos.clock import FixedClock
from agentos.platform import Platform
from agentos.tasks.answers import Desk
from agentos.tasks.state import CardState, TaskState
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.advance import advance
from graphs.opening import open_platform

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ABOUT_HERS = re.compile(
    r"[Aa]cme|workshop|books/|1,200|1,428|1\.(?:200|428),|\b(?:1200|1428)(?:[.,]0| EUR)|EUR (?:1200|1428)"
)
"""What the invoice for Acme Studio holds. Its amounts without cents could stand in any id."""


def secrets_in(text: str) -> list[str]:
    return ABOUT_HERS.findall(text)


class Shop:
    """The demo business. `models` is the TOML of its models section; `clock` is moved by tests alone."""

    def __init__(self, root: Path, *, models: str = "", environ: Mapping[str, str] | None = None) -> None:
        self.root, self.clock, self.environ = root, FixedClock(MORNING), dict(environ or {})
        if not (root / "agentos.toml").exists():
            init_workspace(root, replace(demo(), models=models))

    def open(self) -> Platform:
        """As a process does that starts now. Raises WorkspaceError."""
        self.platform = open_platform(self.root, clock=self.clock, environ=self.environ)
        self.desk = Desk(self.platform.store, clock=self.clock)
        return self.platform

    async def run(self, text: str, **more: Any) -> TaskState:
        """Open, submit, and go as far as it goes."""
        self.open()
        return await self.advance(self.desk.submit(text, **more))

    async def advance(self, task: str) -> TaskState:
        return (await advance(self.platform, task)).state

    async def approve(self, state: TaskState) -> TaskState:
        """Approve what waits, and go on."""
        for card in state.open_cards():
            self.desk.approve(card.id)
        return await self.advance(state.id)

    async def answer(self, state: TaskState, text: str) -> TaskState:
        self.desk.answer(asked(state).id, text)
        return await self.advance(state.id)

    def types(self, prefix: str = "") -> list[str]:
        return [record.type for record in self.platform.log.read() if record.type.startswith(prefix)]

    def intents(self) -> list[str]:
        """The texts of all intents, as they were given."""
        found = []
        for record in self.platform.log.read(types=("intent.received",)):
            data = record.data
            blob = self.platform.blobs.get(data["blob"], record.subject) if data["blob"] else None
            found.append(blob.decode() if blob is not None else data["text"])
        return found

    def outside(self) -> list[str]:
        """Everything that exists outside: files of the books, the outbox, and posts of the site."""
        found = [*self.root.glob("books/**/*"), *self.root.glob("outbox/**/*"), *self.root.glob("site/content/**/*")]
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in found
            if path.is_file() and not path.name.startswith(".") and path.name != "log-witness.txt"
        )

    def close(self) -> None:
        self.platform.store.close()


def asked(state: TaskState) -> CardState:
    """The one card that is open, which asks for words."""
    (card,) = state.open_cards()
    assert card.data["question"] is not None, card.title
    return card
