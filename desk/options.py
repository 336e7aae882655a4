"""The options that every command takes, and how a command gets its session."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from desk.session import Session


def as_command(name: str, help: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command with `--workspace` and `--json`, called as function(session, ...)."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=click.Command, help=help or function.__doc__, **attributes)(common(function))

    return decorate


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    @click.option("--workspace", type=click.Path(path_type=Path), expose_value=False, callback=_workspace,
                  help="The workspace's folder.")  # fmt: skip
    @click.option("--json", is_flag=True, expose_value=False, callback=_json, help="Answer as JSON.")
    @click.pass_context
    @wraps(function)
    def call(ctx: click.Context, *arguments: Any, **options: Any) -> Any:
        return function(ctx.ensure_object(Session), *arguments, **options)

    return call


def _workspace(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).named = value


def _json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).as_json = True
