"""`agentos export DIR`: the operator's files as they are, and the log as pages, JSON lines and CSV that link them.

Needs neither a valid agentos.toml nor anything that runs. Of clients who were forgotten there is no file, no mail, no
invoice and no line; the ledger stays whole, for books with a hole in them are no books.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from agentos.backup.copying import copy_file, sync_tree, walk
from agentos.effects.mail.outbox import Entry, Outbox
from agentos.errors import WorkspaceError
from agentos.export import pages
from agentos.export.timeline import card_rows, monthly_costs, rows
from agentos.platform import Store
from agentos.secrets.keyring import sync_folder

Tell = Callable[[str], None]
_PLACES = {
    "agentos.toml": "settings/agentos.toml", "policy.toml": "settings/policy.toml", "rules.toml": "settings/rules.toml",
    "monitor.toml": "settings/monitor.toml", "recipes": "settings/recipes", "clients": "clients",
    "knowledge": "knowledge", "inbox": "inbox", "books": "books",
    "outbox": "mails", "site/content/posts": "posts", "site/public": "site",
}  # fmt: skip
"""Where what lies in the workspace, and where it goes."""


@dataclass(frozen=True)
class Exported:
    path: Path
    files: int
    events: int


def export_all(store: Store, target: Path, *, now: datetime, zone: tzinfo, tell: Tell = lambda _: None) -> Exported:
    """Write the export to `target`, which must be new or empty; it appears whole or not at all. Raises AgentOSError."""
    target = Path(os.path.abspath(target.expanduser()))
    _refuse_occupied(store.root, target)
    aside = target.with_name(f".{target.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700, parents=True)
    forgotten = _Forgotten(store)
    tell("files")
    for source, below in _files(store.root, forgotten):
        copy_file(source, aside / below)
    tell("timeline")
    events = _pages(store, aside, now, zone)
    sync_tree(aside)
    if target.exists():
        target.rmdir()
    aside.rename(target)
    sync_folder(target.parent)
    return Exported(target, sum(1 for path in target.rglob("*") if path.is_file()), events)


def _refuse_occupied(root: Path, target: Path) -> None:
    if target.resolve().is_relative_to(root.resolve()):
        raise WorkspaceError(
            f"{target} lies inside the workspace.", hint="Name a folder elsewhere.", code="export.inside"
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WorkspaceError(f"{target} is not empty.", hint="Name a new folder.", code="export.occupied")


class _Forgotten:
    """Whose files are left out. Asked of a client's id, an invoice's record, and a mail's key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gone = {path.name for path in (store.root / "state" / "keys").glob("*.key") if not path.stat().st_size}
        self._outbox = Outbox(store.root / "outbox")

    def client(self, id: str | None) -> bool:
        from agentos.secrets.keyring import key_name

        return id is not None and key_name(id) in self._gone

    def __call__(self, path: Path, below: str) -> bool:
        if not self._gone:
            return False
        if below.startswith("clients/"):
            return self.client(path.stem)
        if below.startswith("books/invoices/"):
            return self.client(_client_of(path.with_suffix(".json")))
        return below.startswith("mails/") and path.suffix == ".eml" and self._mail(path)

    def _mail(self, path: Path) -> bool:
        key = Entry(path.name, "outbox", path.read_bytes()).key
        started = self._store.log.by_key(f"effect.started/{key}/1") if key else None
        return started is not None and self.client(started.subject)


def _client_of(record: Path) -> str | None:
    try:
        return str(orjson.loads(record.read_bytes()).get("client"))
    except (OSError, ValueError, AttributeError):
        return None


def _files(root: Path, forgotten: _Forgotten) -> Iterator[tuple[Path, str]]:
    for place, to in _PLACES.items():
        found = [root / place] if (root / place).is_file() else walk(root, place, [])
        for path in found:
            below = to if path == root / place else f"{to}/{path.relative_to(root / place).as_posix()}"
            if "/." not in below and not forgotten(path, below):
                yield path, below


def _pages(store: Store, to: Path, now: datetime, zone: tzinfo) -> int:
    records = [record for record in store.log.read() if record.type in pages.READ]
    told = list(rows(records, store.blobs))
    with (to / "timeline.jsonl").open("wb") as file:
        file.writelines(orjson.dumps(asdict(row)) + b"\n" for row in told)
    _csv(to / "timeline.csv", told)
    cards, costs = card_rows(records), monthly_costs(records)
    _csv(to / "cards.csv", cards)
    _csv(to / "costs.csv", costs)
    overview = pages.Overview(to, now, zone)
    for name, text in overview.pages(told, cards, costs).items():
        (to / name).write_text(text, encoding="utf-8")
    return store.log.head()[0]


def _csv(path: Path, found: list[Any]) -> None:
    """With a byte order mark, so that spreadsheets read it as UTF-8; a cell that begins like a formula is defused."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        lines = (asdict(one) for one in found)
        first = next(lines, None)
        if first is None:
            return
        writer.writerow(first)
        for line in chain([first], lines):
            writer.writerow([_cell(value) for value in line.values()])


def _cell(value: Any) -> Any:
    text = str(value)
    return (
        f"'{text}" if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not _is_number(text)) else value
    )


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
