"""`agentos log`: read and follow the log, verify it, export it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
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

    for type in types:
        _known_type(type)
    return Filter(session.desk.task(task).id if task else None, types, at(since), at(until))


def _known_type(wanted: str) -> None:
    """Raises UsageError for what no event is called: silence would look like an empty log."""
    from difflib import get_close_matches

    from agentos.events.types import FACTS

    if any(_matches(type, wanted) for type in FACTS):
        return
    families = {type.partition(".")[0] for type in FACTS}
    near = get_close_matches(wanted, sorted({*FACTS, *families}), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Families: {', '.join(sorted(families))}."
    raise click.UsageError(f"There is no type of event {wanted!r}. {hint}")


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
    """Recompute the chain of hashes, compare it with what was noted outside, check the database and every blob. Exit
    code 1 when something was changed, cut or lost; the platform is stopped then."""
    from agentos.damage import verify_all
    from desk.render.style import bad, dim, good, line

    verdict = verify_all(session.store, lambda done: session.say(dim(f"  {done} events ...")))
    if verdict.ok:
        session.say(f"{good('The log is whole:')} {verdict.events} events, {verdict.blobs} blobs.")
    else:
        where = f"first bad event: {verdict.first_bad}" if verdict.first_bad is not None else "the events are whole"
        where += f", {len(verdict.faults)} faults" if len(verdict.faults) > 1 else ""
        session.say(f"{bad('The log is not what was written:')} {line(verdict.why)} ({where})")
        session.say("The platform is stopped. Keep a copy of state/, and restore a backup: agentos restore")
    session.give({"ok": verdict.ok, "events": verdict.events, "blobs": verdict.blobs, "first_bad": verdict.first_bad,
                  "why": verdict.why})  # fmt: skip
    return 0 if verdict.ok else 1


@command.command("check")
@click.option("--list", "listed", is_flag=True, help="Say what is checked, and check nothing.")
@common
def check(session: Session, listed: bool) -> int:
    """Hold the log against every invariant of the design. Exit code 1 when one is violated."""
    from agentos.invariants.check import check as report_of
    from agentos.invariants.check import invariants
    from desk.render.invariants import check_lines, list_lines

    if listed:
        session.show(list_lines(invariants(), session.width))
        session.give([{"code": one.code, "says": one.says} for one in invariants()])
        return 0
    report = report_of(session.store)
    session.show(check_lines(report, session.wide))
    session.give(
        {"ok": report.ok, "events": report.events, "unreadable": report.unreadable, "checked": dict(report.checked),
         "violations": [asdict(one) for one in report.violations]}
    )  # fmt: skip
    return 0 if report.ok else 1


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
@click.option("--no-blobs", is_flag=True, help="Leave out drafts, sources and other large texts.")
@click.option("--force", is_flag=True, help="Write over an export that is there already.")
@common
def export(session: Session, dir: Path, format: Literal["jsonl", "parquet"], no_blobs: bool, force: bool) -> None:
    """Write the log to DIR: JSON lines, or one Parquet file a day; and what its events name by digest (drafts, sources,
    large results) to DIR/blobs. Clients' data stands in it in the open: only you can read the files, and they never go
    where a site is published or agents read."""
    from agentos.events.export import export as export_to

    _outside_of_what_is_read(session.root, dir)
    store = session.store
    files: list[Any] = export_to(store.log, dir, format=format, blobs=None if no_blobs else store.blobs, force=force)
    blobs = [path for path in files if path.parent.name == "blobs"]
    for path in files:
        if path not in blobs:
            session.say(str(path))
    if blobs:
        session.say(f"{dir / 'blobs'}: {len(blobs)} texts, each named by its digest in the events")
    session.give({"files": [str(path) for path in files]})
