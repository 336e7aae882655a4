"""What one call of the command knows: which workspace, how to speak, and the store once it is opened."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentos.workspace.find import find_workspace
from agentos.workspace.zone import zone_of

if TYPE_CHECKING:
    from agentos.platform import Platform, Store
    from agentos.tasks.answers import Desk
    from agentos.tasks.lease import Lease


@dataclass
class Session:
    """`as_json`: one JSON value on stdout and nothing else there."""

    named: Path | None = None
    as_json: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _root: Path | None = None
    _store: Store | None = None
    _platform: Platform | None = None
    _leases: ExitStack = field(default_factory=ExitStack)
    _held: dict[str, Lease] = field(default_factory=dict)

    # -- the workspace

    @property
    def root(self) -> Path:
        """Raises WorkspaceError where there is none."""
        if self._root is None:
            self._root = find_workspace(self.named, os.environ, Path.cwd())
        return self._root

    @property
    def store(self) -> Store:
        """The log and its neighbours: needs neither a valid agentos.toml nor anything heavy."""
        if self._store is None:
            from agentos.platform import open_store

            self._store = open_store(self.root)
        return self._store

    @property
    def desk(self) -> Desk:
        from agentos.tasks.answers import Desk

        return Desk(self.store, via=self.via)

    via: str = "terminal"

    @property
    def platform(self) -> Platform:
        """Everything, agents and outside systems too. Raises WorkspaceError when a file of the workspace is wrong."""
        if self._platform is None:
            from graphs.opening import open_platform

            self._platform = open_platform(self.root)
            if self._store is not None:
                self._store.close()
            self._store = self._platform.store
        return self._platform

    def hold(self, task: str) -> str:
        """Keep the task from others (`agentos up` starts a run at once) until this command has advanced it. Where
        somebody has it already, that one goes on with it."""
        from agentos.tasks.lease import Lease, Taken

        with suppress(Taken):
            self._held[task] = self._leases.enter_context(Lease(self.store.leases, task))
        return task

    def lease_of(self, task: str) -> Lease | None:
        """What `hold` took, to advance under it without letting anybody in between."""
        return self._held.get(task)

    def let_go(self) -> None:
        self._held.clear()
        self._leases.close()

    def reopen(self) -> None:
        """Read the workspace's files anew where they are used next: a person may have mended one meanwhile."""
        if self._platform is not None:
            self._platform.store.close()
            self._platform = self._store = None

    @property
    def zone(self) -> tzinfo:
        """The business's time zone; UTC where agentos.toml names none that can be read."""
        return zone_of(self.root)

    def close(self) -> None:
        self.let_go()
        if self._store is not None:
            self._store.close()

    # -- speaking

    @property
    def asks(self) -> bool:
        """Whether a person sits at the other end: only then is anything asked."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    @property
    def width(self) -> int:
        import shutil

        return min(shutil.get_terminal_size((80, 24)).columns, 80) - 2

    @property
    def wide(self) -> int:
        """For one line an item: as wide as the terminal is; where there is none, nothing is cut that a pipe wants."""
        import shutil

        return max(shutil.get_terminal_size().columns, 60) if sys.stdout.isatty() else 1000

    def say(self, text: str = "") -> None:
        """To a person. Says nothing where JSON was asked for."""
        if not self.as_json:
            click.echo(text, color=colours())

    def show(self, lines: list[str]) -> None:
        if lines:
            self.say("\n".join(lines))

    def warn(self, text: str) -> None:
        click.echo(text, err=True, color=colours())

    def give(self, value: Any) -> None:
        """The JSON answer, where it was asked for."""
        if self.as_json:
            import orjson

            option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
            click.echo(orjson.dumps(value, default=str, option=option).decode(), nl=False)


def colours() -> bool | None:
    """None lets click strip colours where there is no terminal; NO_COLOR (no-color.org) strips them everywhere."""
    return False if os.environ.get("NO_COLOR") else None
