"""A task's record as files a person can read: events as JSON lines, and each blob as the text it holds.

    python -m tests.replay.recording

records the vignette anew into `tests/replay/vignette`. Do it when an agent was meant to say something else, and read
the difference that git shows.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos.clock import FixedClock
from agentos.events.record import NewEvent
from agentos.platform import Platform, Store, open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.advance import advance
from graphs.opening import open_platform

VIGNETTE = Path(__file__).parent / "vignette"
SAYS = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


async def tell(platform: Platform, says: str = SAYS) -> str:
    """The story with an operator who approves every card; returns the task's id."""
    desk = Desk(platform.store, clock=platform.clock)
    task = desk.submit(says)
    state = (await advance(platform, task)).state
    while not state.closed:
        cards = state.open_cards()
        assert cards, state.parked
        for card in cards:
            desk.approve(card.id)
        state = (await advance(platform, task)).state
    return task


def save(store: Store, folder: Path) -> None:
    """Write the log into `folder`, opened: what was sealed stands there in the clear."""
    (folder / "blobs").mkdir(parents=True)
    with open(folder / "events.jsonl", "w", encoding="utf-8") as file:
        for record in store.log.read():
            line = {name: value for name, value in record.as_json().items() if name != "hash" and value is not None}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            for name in _DIGEST.findall(json.dumps(record.data)):
                if store.blobs.path(name).exists():
                    content = store.blobs.get(name, record.subject)
                    assert content is not None
                    (folder / "blobs" / f"{name}.txt").write_bytes(content)


def load(folder: Path, root: Path) -> str:
    """Append the saved events to the log of `root`, at their own times; returns the (first) task's id.

    Blobs are sealed anew, under keys of this workspace, so their names change: events follow.
    """
    clock = FixedClock(AT)
    store = open_store(root, clock=clock)
    try:
        for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines():
            saved = json.loads(line)
            clock.at = datetime.fromisoformat(saved["at"])
            envelope = {name: saved.get(name) for name in ("key", "subject", "correlation", "causation")}
            data = _renamed(saved["data"], folder, store, saved.get("subject"))
            store.log.append(
                NewEvent(saved["type"], saved["stream"], data, **envelope, actor=saved["actor"],
                         version=saved["version"], id=saved["id"])
            )  # fmt: skip
        opened = next(iter(store.log.read(types=("task.opened",))))
        return str(opened.data["task"])
    finally:
        store.close()


def _renamed(data: dict[str, Any], folder: Path, store: Store, subject: str | None) -> dict[str, Any]:
    def name(found: re.Match[str]) -> str:
        path = folder / "blobs" / f"{found[0]}.txt"
        return store.blobs.put(path.read_bytes(), subject) if path.exists() else found[0]

    changed: dict[str, Any] = json.loads(_DIGEST.sub(name, json.dumps(data)))
    return changed


def make(folder: Path, root: Path) -> None:
    init_workspace(root, demo())
    platform = open_platform(root, clock=FixedClock(AT), environ={})
    asyncio.run(tell(platform))
    save(platform.store, folder)
    platform.store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch) / "saved", Path(scratch) / "workspace")
        shutil.rmtree(VIGNETTE, ignore_errors=True)
        shutil.copytree(Path(scratch) / "saved", VIGNETTE)
