"""Clients whose file can't be read just now: known well enough to say so, and for nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agentos.errors import WorkspaceError
from agentos.intents.model import OpenQuestion, Understanding
from agentos.workspace.load import Problem, Workspace
from agentos.workspace.model import Client
from agentos.workspace.read import decode, read_bytes

RETRY = "retry"
_NAMES = re.compile(r"^\s*(?:name|aliases)\s*=\s*(.+)$", re.MULTILINE)
_QUOTED = re.compile(r"""["']([^"'\n]{2,100})["']?""")


def stand_ins(workspace: Workspace) -> dict[str, tuple[Client, Problem]]:
    """id -> a client by that id and the names that its file seems to hold, with what is wrong with the file.

    Confidential, because the file may say so.
    """
    found: dict[str, tuple[Client, Problem]] = {}
    for problem in workspace.problems:
        path = re.fullmatch(r"clients/(.+)\.toml(?::\d+)?", problem.where)
        identity = re.sub(r"[^a-z0-9]+", "-", path[1].casefold()).strip("-") if path else ""
        if path is None or not identity or identity in workspace.clients:
            continue
        names = [path[1].replace("-", " "), *_names(workspace, f"{path[1]}.toml")]
        client = Client(id=identity, name=names[0], aliases=tuple(names[1:]), confidential=True)
        found[identity] = client, problem
    return found


def known_clients(workspace: Workspace) -> dict[str, Client]:
    """Whom a text may mean: the clients, and those whose file has to be mended first."""
    return {**workspace.clients, **{identity: client for identity, (client, _) in stand_ins(workspace).items()}}


def _names(workspace: Workspace, file: str) -> list[str]:
    try:
        text = decode(read_bytes(workspace.root, workspace.clients_dir / file), file)
    except WorkspaceError:
        return []
    return [name for line in _NAMES.findall(text) for name in _QUOTED.findall(line)]


def mended_first(found: Understanding, broken: Mapping[str, tuple[Client, Problem]]) -> Understanding:
    """Where the request is for a client whose file is broken: the question that names file, line and what is wrong."""
    identity = found.slots.get("client")
    if identity not in broken:
        return found
    problem = broken[str(identity)][1]
    text = f"{problem.message} {problem.hint} Mend the file, then answer “{RETRY}”; or name another client."
    question = OpenQuestion(slot="client", text=text, choices=(RETRY,))
    slots = {name: value for name, value in found.slots.items() if name != "client"}
    return found.model_copy(update={"slots": slots, "questions": (question, *found.questions)})
