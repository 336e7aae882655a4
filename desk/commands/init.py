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
    from agentos.workspace.probe import model_lines, probe

    fresh = not (dir.expanduser() / CONFIGURATION).exists()
    found = probe(os.environ)
    answers = demo_answers() if demo else asked() if fresh and session.asks else Answers()
    made = init_workspace(dir, replace(answers, models=model_lines(found)))
    session.say(f"{good('✓')} {dir}: " + (f"{len(made)} files and folders made." if made else "nothing was missing."))
    for name in made:
        session.say(dim(f"    {name}"))
    tried = tell_models(session, found, try_it=fresh and not no_call)
    folder = "" if dir.expanduser().resolve() == Path.cwd() else f"  cd {dir}\n"
    session.say(f'\nNext:\n{folder}  agentos doctor\n  agentos run "Write a blog post about ..."')
    session.give({"workspace": str(dir.expanduser().absolute()), "made": made,
                  "model": tried.model_dump(mode="json") if tried else None})  # fmt: skip


def tell_models(session: Session, found: Probe, *, try_it: bool) -> Tried | None:
    """What this machine offers, and whether one real call works."""
    from agentos.models.trial import try_call
    from agentos.workspace.probe import endpoints

    for provider in found.providers:
        session.say(f"{good('✓')} {provider.variable} is set ({provider.name}).")
    for server in found.servers:
        session.say(f"{good('✓')} A model server answers at {server.base_url}: {', '.join(server.models[:3])}")
    tiers = endpoints(found)
    chosen = next(((tier, listed[0]) for tier, listed in tiers.items() if listed), None)
    if chosen is None:
        session.say(
            "  No key and no model server was found: the offline writer does the work,\n"
            "  and only rearranges your own sources."
        )
        return None
    if not try_it:
        return None
    tried = asyncio.run(try_call(chosen[1], os.environ, tier=chosen[0]))
    session.say(f"{good('✓') if tried.ok else warn('!')} {tried.sentence}")
    if tried.hint:
        session.say(dim(f"    {tried.hint}"))
    return tried


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
