"""The `agentos` command. Every command lives in a file of its own, imported only when it is called, so that
`agentos status` answers in a blink."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from desk.session import Session

COMMANDS = {
    "init": "Make a workspace, or add what one lacks.",
    "doctor": "Say what is configured, reachable and missing, and how to mend it.",
    "run": "Have something done: TEXT is what you want, in your words.",
    "ask": "Ask what happened, what is owed, what it cost: TEXT is a question.",
    "desk": "What waits for you.",
    "show": "A card, or a task's timeline.",
    "approve": "Let a card's effects happen.",
    "deny": "Refuse a card, with a reason.",
    "answer": "Answer a card's question.",
    "edit": "Change the post or the mail on a card.",
    "status": "Tasks, what waits, what was spent today.",
    "resume": "Go on with every task that can.",
    "again": "Take up a task that was denied, failed or cancelled.",
    "cancel": "Give a task up. What was done stands.",
    "undo": "Take back the last action, a task's, or the one named.",
    "stop": "Refuse every effect and model call from now on.",
    "start": "Go on after `agentos stop`, or after a restore.",
    "reconcile": "Hold the outside world against the log.",
    "replay": "Run a task again from its record, calling nothing.",
    "backfill": "Replay days of history, as they were or under another policy or model.",
    "views": "What the log says, as tables: tasks, money, clients, costs.",
    "why": "Why a row of a view says what it says: its events.",
    "log": "The log: follow, filter, verify, check, export.",
    "check": "Hold the views against what must be true of them.",
    "monitor": "Look for what you would want to be told: late invoices, costs, failures.",
    "backup": "A consistent backup into DIR, while everything runs.",
    "restore": "Go back to a backup: the log, not the world.",
    "export": "Everything in DIR, readable without AgentOS.",
    "demo": "The whole story in a throw-away workspace.",
    "simulate": "A workspace with a history: a scripted quarter of a made-up business.",
    "up": "Dagster's page and daemon for the workspace.",
    "completion": "Print the completion script for your shell.",
}
GROUPS = (
    ("Begin", ("init", "doctor", "demo", "simulate")),
    ("Work", ("run", "ask", "resume", "again", "status")),
    ("Decide", ("desk", "show", "approve", "deny", "answer", "edit", "cancel", "undo", "stop", "start")),
    ("Look back", ("views", "why", "log", "replay", "backfill", "check", "reconcile", "monitor")),
    ("Keep", ("backup", "restore", "export")),
    ("Run", ("up", "completion")),
)


class Lazy(click.Group):
    """Knows names and one-line helps; the rest is in desk/commands/NAME.py as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"desk.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean `agentos {near[0]}`?" if near else "`agentos --help` lists the commands."
            ctx.fail(f"There is no command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in GROUPS:
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"agentos {version('agentos-solo')}")
        ctx.exit()


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96})
@click.option("--workspace", type=click.Path(path_type=Path), help="The workspace's folder.")
@click.option("--json", is_flag=True, expose_value=False, help="Answer as JSON; every command takes it, too.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version.")
@click.pass_context
def cli(ctx: click.Context, workspace: Path | None) -> None:
    """An agent operating system for a one-person company.

    Say what you want; agents do the work; nothing leaves the house without your rules allowing it.
    """
    session = ctx.ensure_object(Session)
    session.named = workspace or session.named
    ctx.call_on_close(session.let_go)


def main(arguments: list[str] | None = None) -> None:
    """The installed command. Exit codes: 0 done or parked, 1 failed, 2 wrong usage, 130 interrupted."""
    from desk.failing import guarded

    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no "✓" must not cost an answer
    session = Session(as_json="--json" in given[: given.index("--") if "--" in given else None])

    def call() -> Any:
        return cli.main(given, prog_name="agentos", standalone_mode=False, obj=session)

    sys.exit(guarded(call, session))
