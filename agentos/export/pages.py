"""The pages of an export: jinja2 with everything escaped, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from agentos.effects.mail.outbox import Entry
from agentos.effects.site.post import parse
from agentos.errors import Permanent
from agentos.export.timeline import CardRow, Cost, Row

READ = frozenset(
    {
        "intent.received", "intent.rejected", "task.completed", "task.failed", "task.cancelled", "approval.requested",
        "approval.granted", "approval.denied", "approval.answered", "approval.edited", "approval.expired",
        "approval.superseded", "approval.withdrawn", "effect.started", "effect.done", "effect.found", "effect.failed",
        "effect.in_doubt", "number.voided", "workspace.file_changed", "platform.stopped", "platform.started",
        "platform.restored", "platform.backed_up", "model.settled",
    }
)  # fmt: skip
"""Types that a reader without AgentOS is told about; `agentos log export` gives all."""


@dataclass(frozen=True)
class Item:
    """One thing in a list: what it is, something about it, and its files as (label, address)."""

    title: str
    about: str
    links: tuple[tuple[str, str], ...]


class Overview:
    """`folder` is the export so far: what lies there is what the pages link."""

    def __init__(self, folder: Path, now: datetime, zone: tzinfo) -> None:
        self._folder, self._now, self._zone = folder, now, zone

    def pages(self, told: list[Row], cards: list[CardRow], costs: list[Cost]) -> dict[str, str]:
        """File name -> HTML."""
        environment, made = _environment(self._zone), self._now.astimezone(self._zone)
        groups = {
            "Invoices": list(self._invoices()), "Posts": list(self._posts()), "Mails": list(self._mails()),
            "Clients": list(self._plain("clients")), "Knowledge": list(self._plain("knowledge")),
            "Books": list(self._books()), "Settings": list(self._plain("settings")),
        }  # fmt: skip
        days = [
            (day, list(group)) for day, group in groupby(reversed(told), key=lambda row: _local(row.at, self._zone)[0])
        ]
        shared = {"made": f"{made:%d %B %Y, %H:%M}", "style": _template("style.css")}
        counts = {"timeline": len(told), "cards": len(cards), "costs": len(costs)}
        return {
            "index.html": environment.get_template("index.html").render(groups=groups, counts=counts, **shared),
            "timeline.html": environment.get_template("timeline.html").render(days=days, **shared),
            "cards.html": environment.get_template("cards.html").render(cards=cards[::-1], costs=costs[::-1], **shared),
        }

    def _invoices(self) -> Iterator[Item]:
        for path in sorted(self._folder.glob("books/invoices/*.json")):
            try:
                data: dict[str, Any] = orjson.loads(path.read_bytes())
                receipt, kind = data["receipt"], data["kind"]
            except (ValueError, KeyError, TypeError):
                continue
            name = "Credit note" if kind == "credit_note" else "Invoice"
            about = f"{receipt.get('client', '')}, {receipt.get('issued_on', '')}, {receipt.get('gross', '')} " + str(
                receipt.get("currency", "")
            )
            links = [
                (label, self._link(path.with_suffix(suffix))) for label, suffix in (("PDF", ".pdf"), ("XML", ".xml"))
            ]
            yield Item(f"{name} {data.get('number', path.stem)}", about, tuple(links))

    def _posts(self) -> Iterator[Item]:
        for path in sorted(self._folder.glob("posts/*.md")):
            try:
                post = parse(path.name, path.read_bytes())
                title, about = post.title, post.date.isoformat()
            except Permanent:
                title, about = path.stem, ""
            page = self._folder / "site" / "posts" / f"{path.stem}.html"
            links = [("read", self._link(page))] if page.exists() else []
            yield Item(title, about, (*links, ("Markdown", self._link(path))))

    def _mails(self) -> Iterator[Item]:
        for path in sorted(self._folder.glob("mails/**/*.eml"), key=lambda one: one.name):
            mail = Entry(path.name, "outbox", path.read_bytes())
            state = path.parent.name if path.parent.name != "mails" else "in the outbox"
            about = f"to {mail.header('To') or '?'}, {path.name[:10]}, {state}"
            yield Item(mail.header("Subject") or path.name, about, (("mail", self._link(path)),))

    def _books(self) -> Iterator[Item]:
        for path in sorted(self._folder.glob("books/*")):
            if path.is_file():
                yield Item(path.name, "", (("open", self._link(path)),))

    def _plain(self, folder: str) -> Iterator[Item]:
        for path in sorted((self._folder / folder).rglob("*")):
            if path.is_file():
                yield Item(path.relative_to(self._folder / folder).as_posix(), "", (("open", self._link(path)),))

    def _link(self, path: Path) -> str:
        return quote(path.relative_to(self._folder).as_posix())


def _environment(zone: tzinfo) -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(autoescape=True, loader=FunctionLoader(_template), undefined=StrictUndefined)
    environment.filters["local"] = lambda at: _local(at, zone)[1]
    environment.filters["moment"] = lambda at: " ".join(_local(at, zone)) if at else ""
    return environment


def _local(at: str, zone: tzinfo) -> tuple[str, str]:
    """("28 November 2026", "14:05") in the business's time zone."""
    local = datetime.fromisoformat(at).astimezone(zone)
    return f"{local.day} {local:%B %Y}", f"{local:%H:%M}"


def _template(name: str) -> str:
    return files("agentos.export").joinpath("templates", name).read_text("utf-8")
