"""`agentos init`: a workspace with working examples. Questions only on a terminal."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentos.workspace.find import CONFIGURATION
from desk.options import as_command
from desk.render.style import dim, good, warn
from desk.session import Session

if TYPE_CHECKING:
    from agentos.models.trial import Tried
    from agentos.workspace.answers import Answers
    from agentos.workspace.model import ModelEndpoint
    from agentos.workspace.probe import Probe


@as_command("init")
@click.argument("dir", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="With a made-up business that can invoice at once.")
@click.option("--no-call", is_flag=True, help="Don't try a real call to the model that was found.")
def command(session: Session, dir: Path, demo: bool, no_call: bool) -> None:
    """Make a workspace in DIR, or add what an existing one lacks. Nothing of yours is ever overwritten."""
    from agentos.workspace.answers import Answers
    from agentos.workspace.answers import demo as demo_answers
    from agentos.workspace.init import init_workspace
    from agentos.workspace.probe import probe

    fresh = not (dir.expanduser() / CONFIGURATION).exists()
    found = probe(os.environ)
    answers = demo_answers() if demo else asked() if fresh and session.asks else Answers()
    tried = try_models(found) if fresh and not no_call else []
    made = init_workspace(dir, replace(answers, models=lines_of(found, tried)))
    session.say(f"{good('✓')} {dir}: " + (f"{len(made)} files and folders made." if made else "nothing was missing."))
    for name in made:
        session.say(dim(f"    {name}"))
    tell_models(session, found, tried)
    folder = "" if dir.expanduser().resolve() == Path.cwd() else f"  cd {dir}\n"
    session.say(f'\nNext:\n{folder}  agentos doctor\n  agentos run "Write a blog post about ..."')
    first = next((one for _, one in tried), None)
    session.give({"workspace": str(dir.expanduser().absolute()), "made": made,
                  "model": first.model_dump(mode="json") if first else None})  # fmt: skip


def try_models(found: Probe) -> list[tuple[ModelEndpoint, Tried]]:
    """One real call to each place that offers a model."""
    from agentos.models.trial import try_call
    from agentos.workspace.probe import endpoints

    chosen: dict[str | None, tuple[str, ModelEndpoint]] = {}
    for tier, listed in endpoints(found).items():
        for endpoint in listed[:1]:
            chosen.setdefault(endpoint.base_url, (tier, endpoint))
    return [(one, asyncio.run(try_call(one, os.environ, tier=tier))) for tier, one in chosen.values()]


def lines_of(found: Probe, tried: list[tuple[ModelEndpoint, Tried]]) -> str:
    """For agentos.toml: what works is used; what was tried in vain stands there as an example, with what failed."""
    from agentos.workspace.probe import commented, model_lines, without

    failed = {endpoint.base_url: one.sentence for endpoint, one in tried if not one.ok}
    places = {*(one.base_url for one in found.providers), *(one.base_url for one in found.servers)}
    examples = [commented(without(found, places - {place}), why) for place, why in failed.items()]
    return "\n".join(part for part in (*examples, model_lines(without(found, failed))) if part)


def tell_models(session: Session, found: Probe, tried: list[tuple[ModelEndpoint, Tried]]) -> None:
    """What this machine offers, and whether one real call works."""
    for provider in found.providers:
        session.say(f"{good('✓')} {provider.variable} is set ({provider.name}).")
    for server in found.servers:
        session.say(f"{good('✓')} A model server answers at {server.base_url}: {', '.join(server.models[:3])}")
    for _, one in tried:
        session.say(f"{good('✓') if one.ok else warn('!')} {one.sentence}")
        if one.hint:
            session.say(dim(f"    {one.hint}"))
        if not one.ok:
            session.say(f"    So {one.model} is not used: its lines stand in {CONFIGURATION}, commented out.")
    if not (found.providers or found.servers) or (tried and not any(one.ok for _, one in tried)):
        why = "No model that works" if tried else "No key and no model server"
        session.say(f"  {why} was found: the offline writer does the work,\n  and only rearranges your own sources.")


def asked() -> Answers:
    """The few things that an invoice needs and nobody can guess. Enter leaves the commented example."""
    from agentos.workspace.answers import Answers

    click.echo("A few questions; enter skips one, and everything can be changed in agentos.toml.")

    def ask(text: str, default: str = "") -> str | None:
        said: str = click.prompt(text, default=default, show_default=bool(default))
        return said.strip() or None

    street = ask("Street and number")
    address = (street, ask("Postcode") or "", ask("City") or "", (ask("Country", "DE") or "DE").upper())
    return Answers(
        owner=ask("Your name"),
        name=ask("Your business"),
        address=(address[0] or "", *address[1:]) if street else None,
        email=ask("Mail address"),
        vat_id=ask("VAT id"),
        iban=ask("IBAN"),
        currency=(ask("Currency", "EUR") or "EUR").upper(),
        language=ask("Language of your texts (en, de)", "en") or "en",
        timezone=ask("Time zone", "Europe/Berlin") or "Europe/Berlin",
        amounts="gross" if click.confirm("Is a bare amount gross?", default=False) else "net",
    )
