"""`agentos log`: read and follow the log, verify it, export it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from agentos.errors import Refused
from agentos.events.record import Record
from desk.options import common
from desk.render.event import event_line
from desk.session import Session


@dataclass(frozen=True)
class Filter:
    """`types`: names, or families with a star ("effect.*")."""

    task: str | None = None
    types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, record: Record) -> bool:
        return (
            (self.task is None or record.correlation == self.task or record.stream == f"task/{self.task}")
            and (not self.types or any(_matches(record.type, one) for one in self.types))
            and (self.since is None or record.at >= self.since)
            and (self.until is None or record.at < self.until)
        )


def _matches(type: str, wanted: str) -> bool:
    family = wanted.removesuffix("*").removesuffix(".")
    return type == wanted or type.startswith(f"{family}.")


@click.group("log", invoke_without_command=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with new events as they come, until Ctrl-C.")
@click.option("--task", help="Only this task's.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type or family: effect.done, effect.")
@click.option("--since", metavar="WHEN", help="2h, 18:00, today, 2026-12-01.")
@click.option("--until", metavar="WHEN", help="The same.")
@common
@click.pass_context
def command(
    ctx: click.Context, session: Session, follow: bool, task: str | None, types: tuple[str, ...],
    since: str | None, until: str | None,
) -> None:  # fmt: skip
    """The log: every event in order. With --json one object a line."""
    if ctx.invoked_subcommand is not None:
        return
    wanted = _filter(session, task, types, since, until)
    head, _ = session.store.log.head()
    for record in _recorded(session, wanted, head):
        _tell(session, record)
    if follow:
        _follow(session, wanted, head)


def _filter(session: Session, task: str | None, types: tuple[str, ...], since: str | None, until: str | None) -> Filter:
    from desk.moments import moment_past

    def at(text: str | None) -> datetime | None:
        return moment_past(text, session.now, session.zone) if text else None

    return Filter(session.desk.task(task).id if task else None, types, at(since), at(until))


def _recorded(session: Session, wanted: Filter, head: int) -> Iterator[Record]:
    from agentos.clock import micros

    begin = micros(wanted.since) if wanted.since else None
    records = session.store.log.read(since_micros=begin)
    return (record for record in records if record.seq <= head and wanted.takes(record))


def _tell(session: Session, record: Record) -> None:
    if session.as_json:
        import orjson

        click.echo(orjson.dumps(record.as_json()).decode())
    else:
        session.say(event_line(record, session.zone, session.wide))


def _follow(session: Session, wanted: Filter, after: int) -> None:
    import asyncio

    async def tail() -> None:
        async for record in session.store.log.tail(after):
            if wanted.takes(record):
                _tell(session, record)

    with suppress(KeyboardInterrupt):  # how following ends
        asyncio.run(tail())


@command.command("verify")
@common
def verify(session: Session) -> int:
    """Recompute the chain of hashes, compare it with what was noted outside, check every blob. Exit code 1 when
    something was changed, cut or lost."""
    from agentos.events.verify import verify as verdict_of
    from agentos.events.witness import witness_of
    from desk.render.style import bad, good, line

    verdict = verdict_of(session.store.log, session.store.blobs, witness_of(session.root).notes())
    if verdict.ok:
        session.say(f"{good('The log is whole:')} {verdict.events} events, {verdict.blobs} blobs.")
    else:
        where = f"first bad event: {verdict.first_bad}" if verdict.first_bad is not None else "the events are whole"
        session.say(f"{bad('The log is not what was written:')} {line(verdict.why)} ({where})")
        session.say("Stop with `agentos stop`, keep a copy of state/, and restore a backup.")
    session.give({"ok": verdict.ok, "events": verdict.events, "blobs": verdict.blobs, "first_bad": verdict.first_bad,
                  "why": verdict.why})  # fmt: skip
    return 0 if verdict.ok else 1


OPEN_FOLDERS = ("site", "knowledge", "outbox", "books", "clients", "recipes", "inbox")
"""Folders of a workspace that are published, sent, shared or read by agents."""


def _outside_of_what_is_read(root: Path, target: Path) -> None:
    real = target.resolve()
    for name in OPEN_FOLDERS:
        if real.is_relative_to((root / name).resolve()):
            raise Refused(
                f"The log holds clients' data in the open, and {name}/ is published or read.",
                hint="Name a folder outside the workspace, such as one on an encrypted disk.",
                code="export.place",
            )


@command.command("export")
@click.argument("dir", type=click.Path(path_type=Path))
@click.option("--format", "format", type=click.Choice(["jsonl", "parquet"]), default="jsonl", show_default=True)
@click.option("--force", is_flag=True, help="Write over an export that is there already.")
@common
def export(session: Session, dir: Path, format: Literal["jsonl", "parquet"], force: bool) -> None:
    """Write the log to DIR: JSON lines, or one Parquet file a day. Clients' data stands in it in the open: only you can
    read the files, and they never go where a site is published or agents read."""
    from agentos.events.export import export as export_to

    _outside_of_what_is_read(session.root, dir)
    files: list[Any] = export_to(session.store.log, dir, format=format, force=force)
    for path in files:
        session.say(str(path))
    session.give({"files": [str(path) for path in files]})
