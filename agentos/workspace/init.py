"""Making a workspace: working, commented examples, and never a byte of the operator's lost."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from agentos.errors import WorkspaceError
from agentos.workspace.answers import Answers
from agentos.workspace.find import CONFIGURATION, refuse_unfinished

FOLDERS = ("clients", "knowledge", "recipes", "inbox", "site", "books", "outbox", "state")
_SCRATCH = ".agentos-init-"
_EXAMPLES_DONE = "state/examples-made"


def init_workspace(target: Path, answers: Answers | None = None) -> list[str]:
    """Makes a workspace in `target`, or adds what an existing one lacks; returns what was made, as paths below it.

    `agentos.toml` comes first, so that a run killed half-way leaves a workspace that the next run completes. Existing
    files are never touched, and examples the operator has deleted don't come back. Raises WorkspaceError for a folder
    that holds something else, a place that can't be written, or a machine without git.
    """
    answers = answers or Answers()
    if shutil.which("git") is None:
        raise WorkspaceError(
            "git is not installed; your site is kept in a git repository.",
            hint="Install git (apt install git, brew install git) and run agentos init again.",
            code="workspace.no_git",
        )
    target = target.expanduser().absolute()
    _check_target(target)
    try:
        return list(_make(target, answers))
    except OSError as error:
        raise WorkspaceError(
            f"{target} can't be written ({error.strerror}).",
            hint="Choose another folder, or mend its permissions.",
            code="workspace.read_only",
        ) from error


def _check_target(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise WorkspaceError(f"{target} is a file.", hint="Name a folder: agentos init DIR", code="workspace.occupied")
    refuse_unfinished(target)
    if not target.is_dir() or (target / CONFIGURATION).exists():
        return
    try:
        others = [entry.name for entry in target.iterdir() if not entry.name.startswith(_SCRATCH)]
    except OSError as error:
        raise WorkspaceError(f"{target} can't be read ({error.strerror}).", hint="Choose another folder.") from error
    if others:
        raise WorkspaceError(
            f"{target} is not empty and is not a workspace.",
            hint="Name an empty or a new folder.",
            code="workspace.occupied",
        )


def _make(target: Path, answers: Answers) -> Iterator[str]:
    target.mkdir(parents=True, exist_ok=True)
    for place in (target, *(target / sub for sub in ("clients", "knowledge", "recipes", "state"))):
        for stale in place.glob(f"{_SCRATCH}*"):
            stale.unlink(missing_ok=True)
    own = _own_name()
    answers = replace(answers, owner=answers.owner or own)
    template = files("agentos.workspace") / "template"
    yield from _add(
        target, CONFIGURATION, configuration_text(template.joinpath(CONFIGURATION).read_text("utf-8"), answers)
    )
    policy = files("agentos.policy") / "template.toml"
    if policy.is_file():
        yield from _add(target, "policy.toml", policy.read_text("utf-8"))
    yield from _add(target, ".gitignore", "state/\noutbox/\n")
    for folder in FOLDERS:
        if not (target / folder).is_dir():
            (target / folder).mkdir(mode=0o700 if folder == "state" else 0o755, exist_ok=True)
            yield f"{folder}/"
    if stat.S_IMODE((target / "state").stat().st_mode) != 0o700:
        (target / "state").chmod(0o700)
    if not (target / _EXAMPLES_DONE).exists():
        yield from _add_examples(target, template)
        _write(
            target / _EXAMPLES_DONE,
            "The examples were made; delete this file and run agentos init to have them again.\n",
        )
    yield from _make_site(target / "site", own or answers.name or "AgentOS", answers.email)


def _add_examples(target: Path, template: Traversable) -> Iterator[str]:
    for folder in ("clients", "knowledge", "recipes"):
        for entry in sorted(template.joinpath(folder).iterdir(), key=lambda one: one.name):
            if entry.is_file() and entry.name.endswith((".toml", ".md")):
                yield from _add(target, f"{folder}/{entry.name}", entry.read_text("utf-8"))


def _add(target: Path, name: str, text: str) -> Iterator[str]:
    if not (target / name).exists():
        _write(target / name, text)
        yield name


def _write(path: Path, text: str) -> None:
    """All of the file or none of it, and never over one that exists meanwhile."""
    scratch = path.parent / f"{_SCRATCH}{secrets.token_hex(4)}"
    try:
        with scratch.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def configuration_text(template: str, answers: Answers) -> str:
    """The template with the answers put in; every other line stays the commented example it was."""
    values: dict[str, object] = {key: getattr(answers, key) for key in (
        "name", "owner", "email", "phone", "website", "vat_id", "tax_number", "iban", "bic", "bank", "currency",
        "language", "timezone", "amounts", "vat_rate", "from_address")}  # fmt: skip
    values["title"] = answers.site_title
    text = template
    for key, value in values.items():
        if value is not None:
            text = _set(text, key, _toml(value))
    if answers.address:
        pairs = zip(("street", "postcode", "city", "country"), answers.address, strict=True)
        text = _set(text, "address", "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in pairs) + " }")
    return text.replace("#@models@\n", answers.models.rstrip() + "\n\n" if answers.models else "")


def _set(text: str, key: str, value: str) -> str:
    return re.sub(rf"^(?:# )?{key} = .*$", lambda _: f"{key} = {value}", text, count=1, flags=re.MULTILINE)


def _toml(value: object) -> str:
    """A TOML basic string is a JSON string, except that DEL must be escaped; control characters have no place in a
    name."""
    return str(value) if isinstance(value, int) else json.dumps(str(value), ensure_ascii=False).replace("\x7f", "")


def _own_name() -> str | None:
    """The operator's name as git knows it."""
    done = subprocess.run(["git", "config", "--get", "user.name"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _make_site(site: Path, name: str, email: str | None) -> Iterator[str]:
    """A repository of its own, even inside another one, that can commit without any global git configuration."""
    if (site / ".git").exists() and _git(site, "rev-parse", "--verify", "--quiet", "HEAD", check=False):
        return
    _git(site, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(site, "config", "user.name", name)
    _git(site, "config", "user.email", email or "agentos@localhost")
    _git(site, "config", "commit.gpgsign", "false")
    _git(site, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", "The site begins")
    yield "site/.git"


def _git(site: Path, *arguments: str, check: bool = True) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(site), *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if check and done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise WorkspaceError(
            f"git {arguments[0]} failed in {site}: {reason}",
            hint="Mend it and run agentos init again.",
            code="workspace.git",
        )
    return done.stdout.strip()
