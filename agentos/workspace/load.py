"""The operator's workspace as one value: configuration, clients, folders, and what is wrong with single client
files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agentos.errors import Missing, WorkspaceError
from agentos.workspace.checks import client_faults, configuration_faults
from agentos.workspace.find import CONFIGURATION
from agentos.workspace.model import Client, Configuration
from agentos.workspace.read import decode, inside, parse, read_bytes, relative, validate, wrong

T = TypeVar("T")

MAX_SOURCE = 16 * 1024 * 1024
"""Larger files in knowledge/ are not read in; `agentos doctor` lists them."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file that does not stop the rest: `where` is "clients/foo.toml:3"."""

    where: str
    message: str
    hint: str


@dataclass(frozen=True)
class Workspace:
    root: Path
    configuration: Configuration
    clients: dict[str, Client]
    problems: tuple[Problem, ...] = ()

    @property
    def clients_dir(self) -> Path:
        return self.root / "clients"

    @property
    def knowledge(self) -> Path:
        return self.root / "knowledge"

    @property
    def recipes(self) -> Path:
        return self.root / "recipes"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def books(self) -> Path:
        return self.root / "books"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def state(self) -> Path:
        return self.root / "state"


def load_workspace(root: Path) -> Workspace:
    """Reads `agentos.toml` and `clients/*.toml`. A wrong agentos.toml raises WorkspaceError with file and line; a wrong
    client file is a Problem and that client is unknown until it is mended."""
    configuration = load_configuration(root)
    clients, problems = load_clients(root)
    return Workspace(root, configuration, clients, problems)


def load_configuration(root: Path) -> Configuration:
    text = decode(read_bytes(root, root / CONFIGURATION), CONFIGURATION)
    configuration = validate(Configuration, parse(text, CONFIGURATION), text, CONFIGURATION)
    for key, message, expected in configuration_faults(configuration):
        raise wrong(text, CONFIGURATION, key, message, expected)
    return configuration


def load_clients(root: Path) -> tuple[dict[str, Client], tuple[Problem, ...]]:
    """Clients by id, in the order of their ids, and the files that could not be used."""
    clients: dict[str, Client] = {}
    problems: list[Problem] = []
    for path in sorted((root / "clients").glob("*.toml")):
        if path.name.startswith("."):
            continue
        try:
            client = load_client(root, path)
            clients[client.id] = client
        except WorkspaceError as error:
            problems.append(Problem(error.where, error.message, error.hint))
    return clients, tuple(problems)


def load_client(root: Path, path: Path) -> Client:
    """One client file. Its id is the file's stem: lower case letters, digits and hyphens."""
    where = relative(root, path)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", path.stem):
        raise WorkspaceError(
            "can't be a client's id.",
            where=where,
            hint="Name the file in lower case letters, digits and hyphens: acme-studio.toml",
        )
    text = decode(read_bytes(root, path), where)
    data = parse(text, where)
    if data.get("id", path.stem) != path.stem:
        raise wrong(
            text, where, ("id",), "differs from the file's name.", "Leave the line out: the file's name is the id."
        )
    client = validate(Client, {**data, "id": path.stem}, text, where)
    for key, message, expected in client_faults(client):
        raise wrong(text, where, key, message, expected)
    return client


_FOLDERS = ("clients", "knowledge", "recipes")
_SCRATCH = re.compile(r"^\.|~$|^#.*#$|\.(?:swp|swx|tmp|bak|part)$")


def edited_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file the operator edits, as (path below the workspace, bytes), in a fixed order: what history must know was
    in force. Editors' scratch files, links out of the workspace and files above MAX_SOURCE are left out; so is one that
    vanishes or can't be read while this runs (it is seen next time, and by `agentos doctor`)."""
    for path in _edited_paths(root):
        try:
            if inside(root, path) and path.stat().st_size <= MAX_SOURCE:
                yield relative(root, path), path.read_bytes()
        except OSError:
            continue


def left_out(root: Path) -> Iterator[tuple[str, str]]:
    """Files that `edited_files` does not read, with the reason."""
    for path in _edited_paths(root):
        if not inside(root, path):
            yield relative(root, path), "is a link to a place outside the workspace"
        elif path.stat().st_size > MAX_SOURCE:
            yield relative(root, path), f"is larger than {MAX_SOURCE // 2**20} MB"
        elif not os.access(path, os.R_OK):
            yield relative(root, path), "can't be read"


def _edited_paths(root: Path) -> Iterator[Path]:
    for name in (CONFIGURATION, "policy.toml", "rules.toml", "monitor.toml"):
        if (root / name).is_file():
            yield root / name
    for folder in _FOLDERS:
        # os.walk does not follow links to folders, so a loop of links ends.
        for base, folders, files in os.walk(root / folder):
            folders[:] = sorted(name for name in folders if not _SCRATCH.search(name))
            for name in sorted(files):
                path = Path(base, name)
                if not _SCRATCH.search(name) and path.is_file():
                    yield path


def require(value: T | None, what: str, where: str, hint: str = "") -> T:
    """The value, or Missing: the question to ask now that it is needed. `where` is "agentos.toml: business.vat_id"."""
    if value is None or value == "":
        raise Missing(what, where=where, hint=hint or "Set it there, or answer the question.")
    return value
