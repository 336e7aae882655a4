"""`agentos backfill`: days of history replayed, as they were or under another policy or at other models' prices."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.options import as_command
from desk.render.style import counted, dim
from desk.session import Session

if TYPE_CHECKING:
    from agentos.platform import Platform
    from graphs.whatif import Change


@as_command("backfill")
@click.option("--from", "first", metavar="DATE", help="The first day, as in 2026-11-01; that of the first task else.")
@click.option("--to", "last", metavar="DATE", help="The last day; that of the last task otherwise.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="What if this had held?")
@click.option("--model", "models", multiple=True, metavar="TIER=MODEL", help="What if it had cost this? large=2.50/10")
@click.option("--again", is_flag=True, help="Begin anew, even where an interrupted one could go on.")
def command(
    session: Session, first: str | None, last: str | None, policy: Path | None, models: tuple[str, ...], again: bool
) -> int:
    """Replay every task of those days, calling nothing; with --policy or --model in a log of its own, side by side with
    what happened. Interrupted, it goes on where it was. Reports are kept in state/replays/."""
    from desk.backfilling import Asked, replayed, what_if
    from graphs.course import course

    platform = session.platform
    days = _days(platform, first, last)
    asked = Asked.of(days, policy, models)
    with course(session.root / "state" / "replays", asked.name, asked.to_dict(), again=again) as under_way:
        if under_way.done:
            session.say(dim(f"  {counted(len(under_way.done), 'day')} done before it was interrupted"))
        if asked.is_what_if:
            return what_if(session, platform, days, _change(platform, policy, models), under_way)
        return replayed(session, platform, days, under_way)


def _days(platform: Platform, first: str | None, last: str | None) -> list[date]:
    from graphs.backfill import days_of, span_of, zone_of

    span = span_of(platform.log, zone_of(platform))
    begin, end = (_date(said) if said else None for said in (first, last))
    if span is None:
        return []
    begin, end = begin or span[0], end or span[1]
    if begin > end:
        raise click.UsageError(f"{begin} comes after {end}.")
    return list(days_of(max(begin, span[0]), min(end, span[1])))


def _date(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise click.UsageError(f"{said!r} is no date; as in: --from 2026-11-01") from None


def _change(platform: Platform, policy: Path | None, models: tuple[str, ...]) -> Change:
    from agentos.policy.load import parse_policy
    from agentos.workspace.read import decode
    from graphs.whatif import Change
    from graphs.whatif.change import priced

    settings, at = platform.workspace.configuration.models, platform.clock.now()
    rules = parse_policy(decode(policy.read_bytes(), policy.name)) if policy is not None else None
    return Change(rules, dict(priced(said, settings, at) for said in models))
