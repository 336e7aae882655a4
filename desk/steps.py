"""How far a long command is: one line on a terminal that is written over, and nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from desk.render.style import dim
from desk.session import Session, colours


@contextmanager
def steps(session: Session, what: str) -> Iterator[Callable[[str], None]]:
    shown = not session.as_json and sys.stderr.isatty()

    def tell(step: str) -> None:
        if shown:
            click.echo(f"\r\x1b[K{dim(f'{what}: {step}')}", err=True, nl=False, color=colours())

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
