"""Which folder is the workspace. Light on purpose: `agentos status` runs this before anything else (no pydantic
here)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentos.errors import WorkspaceError

CONFIGURATION = "agentos.toml"
VARIABLE = "AGENTOS_WORKSPACE"
UNFINISHED = ".restoring"
"""Folder of a restore on its way. While it is there, the workspace is neither the old one nor the new one."""


def find_workspace(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """`--workspace`, else AGENTOS_WORKSPACE, else the nearest folder from `cwd` upwards that holds `agentos.toml`.

    A folder that was named and is no workspace is an error: falling back to another one would do work in the wrong
    place. So is one whose restore was cut short.
    """
    root = find_any_workspace(explicit, environ, cwd)
    refuse_unfinished(root)
    return root


def refuse_unfinished(root: Path) -> None:
    """Raises WorkspaceError while a restore into this folder waits to be finished."""
    if (root / UNFINISHED).exists():
        raise WorkspaceError(
            f"A restore of {root} was cut short; until it is finished, nothing here can be used.",
            hint="Run the same `agentos restore` again: it goes on where it stopped.",
            code="restore.unfinished",
        )


def find_any_workspace(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The same, also where a restore waits to be finished."""
    if explicit is not None:
        return _named(cwd / explicit.expanduser(), "--workspace")
    if environ.get(VARIABLE):
        return _named(cwd / Path(environ[VARIABLE]).expanduser(), VARIABLE)
    for folder in (cwd, *cwd.parents):
        if _is_workspace(folder):
            return folder.resolve()
    raise WorkspaceError(
        f"There is no workspace here: neither {cwd} nor a folder above it holds {CONFIGURATION}.",
        hint="Make one with: agentos init DIR (or name one with --workspace DIR).",
        code="workspace.not_found",
    )


def _named(folder: Path, by: str) -> Path:
    if _is_workspace(folder):
        return folder.resolve()
    what = (
        f"holds no {CONFIGURATION}" if folder.is_dir() else "is not a folder" if folder.exists() else "does not exist"
    )
    raise WorkspaceError(
        f"The workspace named by {by} ({folder}) {what}.",
        hint=f"Make it with: agentos init {folder}",
        code="workspace.not_found",
    )


def _is_workspace(folder: Path) -> bool:
    return (folder / CONFIGURATION).is_file() or (folder / UNFINISHED).is_dir()
