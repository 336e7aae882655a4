"""`agentos doctor`: what is configured, reachable, missing, and how to mend it. Looks at everything, changes
nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agentos.errors import AgentOSError, WorkspaceError
from agentos.workspace.find import CONFIGURATION
from agentos.workspace.load import Workspace, left_out, load_clients, load_configuration
from agentos.workspace.model import Business, ModelEndpoint, SmtpSettings
from agentos.workspace.pulse import SILENT_HINT, silent

State = Literal["ok", "missing", "wrong", "unreachable"]
_LEAST_FREE = 500 * 1024 * 1024
_OLD_DAYS = 7
"""A backup older than this is warned of."""
_SAFE_SQLITE = (3, 51, 3)
"""The first version without the WAL-reset bug."""


@dataclass(frozen=True)
class Finding:
    """One checked thing. `mend` is what to do; empty when it is ok."""

    area: str
    state: State
    what: str
    mend: str = ""


def examine(root: Path, environ: Mapping[str, str], *, timeout: float = 2.0) -> list[Finding]:
    """All findings about the workspace at `root`; a broken part never hides the others. `timeout` is per connection."""
    findings = [_python(), _sqlite(), _git(), *_place(root)]
    try:
        workspace: Workspace | None = Workspace(root, load_configuration(root), *load_clients(root))
        findings.append(Finding("configuration", "ok", f"{CONFIGURATION} is valid."))
    except WorkspaceError as error:
        workspace = None
        findings.append(Finding("configuration", "wrong", error.message, error.hint))
    findings += [*_switch(root), *_pulse(root), *_files(root), *_backup(root)]
    if workspace is not None:
        findings += [*_identity(workspace.configuration.business), *_clients(workspace)]
        findings += _outside(workspace, environ, timeout)
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"Python {version}.")


def _sqlite() -> Finding:
    try:
        import apsw
    except ImportError:
        return Finding("sqlite", "missing", "apsw is not installed.", "Install the packages again: make setup")
    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")[:3]) < _SAFE_SQLITE:
        return Finding("sqlite", "wrong", f"SQLite {version} can lose commits.", "Upgrade apsw to 3.51.3 or later.")
    return Finding("sqlite", "ok", f"SQLite {version} (apsw).")


def _git() -> Finding:
    if shutil.which("git") is None:
        return Finding("git", "missing", "git is not installed.", "Install git: apt install git, or brew install git.")
    done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    return Finding("git", "ok", f"{done.stdout.strip()}.")


def _place(root: Path) -> Iterator[Finding]:
    for folder in (root, root / "state", root / "books", root / "outbox", root / "site"):
        name = "the workspace" if folder == root else f"{folder.name}/"
        if not folder.is_dir():
            yield Finding("folders", "missing", f"{name} does not exist.", f"Run: agentos init {root}")
        elif not _writable(folder):
            yield Finding("folders", "wrong", f"{name} can't be written.", "Mend its owner and permissions.")
    free = shutil.disk_usage(root).free
    if free < _LEAST_FREE:
        yield Finding("disk", "wrong", f"Only {free // 2**20} MB are free.", "Make room: at least 500 MB.")
    else:
        yield Finding("disk", "ok", f"{free // 2**30} GB free.")


def _switch(root: Path) -> Iterator[Finding]:
    """Only the file: `doctor` opens no log."""
    from agentos.damage import MEND
    from agentos.platform import NOT_WRITTEN, stop_reason

    file = root / "state" / "STOPPED"
    if file.exists():
        why = stop_reason(file) or "state/STOPPED is there"
        mend = f"{MEND}." if why.startswith(NOT_WRITTEN) else "Run: agentos start"
        yield Finding("switch", "wrong", f"The platform is stopped: {why}.", mend)


def _pulse(root: Path) -> Iterator[Finding]:
    for silence in silent(root):
        yield Finding("pulse", "wrong", f"{silence}.", SILENT_HINT)


def _writable(folder: Path) -> bool:
    """By writing: permission bits say little about read-only mounts and quotas."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError:
        return False
    return True


def _files(root: Path) -> Iterator[Finding]:
    if not (root / "policy.toml").is_file():
        yield Finding(
            "policy", "missing", "policy.toml does not exist: every effect asks.", f"Run: agentos init {root}"
        )
    for where, why in left_out(root):
        yield Finding(
            "files", "wrong", f"{where} {why}: it is not used.", "Put a readable, smaller copy into the workspace."
        )
    site = root / "site"
    if site.is_dir():
        done = (
            subprocess.run(
                ["git", "-C", str(site), "rev-parse", "--show-cdup"], capture_output=True, text=True, check=False
            )
            if shutil.which("git")
            else None
        )
        own = done is not None and done.returncode == 0 and not done.stdout.strip()
        what = "site/ is a git repository of its own." if own else "site/ is not a git repository of its own."
        yield Finding("site", "ok" if own else "wrong", what, "" if own else f"Run: agentos init {root}")


def _backup(root: Path) -> Iterator[Finding]:
    """When the last one was made, by the log; how it is, `agentos backup DIR --check` tells."""
    if not (root / "state" / "events.db").exists():
        return
    from agentos.platform import open_store

    how = "Run: agentos backup DIR"
    try:
        store = open_store(root)
        last = store.log.last(stream="platform", types=("platform.backed_up",))
        store.close()
    except AgentOSError as error:
        yield Finding("backup", "wrong", error.message, error.hint)
        return
    if last is None:
        yield Finding("backup", "missing", "There is no backup of this workspace yet.", how)
        return
    days = (datetime.now(UTC) - last.at).days
    ago = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
    what = f"The last backup was made {ago}: {last.data['folder']}/{last.data['backup']}."
    yield Finding("backup", "ok" if days < _OLD_DAYS else "missing", what, "" if days < _OLD_DAYS else how)


def _identity(business: Business) -> Iterator[Finding]:
    """What an invoice must carry (EN 16931; for Germany §14 UStG)."""
    needed = {
        "name": business.name or None,
        "address": business.address,
        "email": business.email,
        "iban": business.iban,
        "vat_id or business.tax_number": business.vat_id or business.tax_number,
        "vat_rate or business.small_business": business.vat_rate
        if business.vat_rate is not None
        else business.small_business or None,
    }
    missing = [f"business.{key}" for key, value in needed.items() if value is None]
    if missing:
        what = "For invoices these are not set yet: " + ", ".join(missing) + "."
        yield Finding("identity", "missing", what, f"Set them in {CONFIGURATION}, or answer when asked.")
    else:
        yield Finding("identity", "ok", "All that an invoice needs is set.")


def _clients(workspace: Workspace) -> Iterator[Finding]:
    for problem in workspace.problems:
        yield Finding("clients", "wrong", f"{problem.message}", problem.hint)
    for client in workspace.clients.values():
        missing = [name for name, value in (("address", client.address), ("email", client.email)) if value is None]
        if missing:
            what = f"{client.id} has no {' and no '.join(missing)}."
            yield Finding("clients", "missing", what, f"Set it in clients/{client.id}.toml before the first invoice.")
    if workspace.clients:
        yield Finding("clients", "ok", f"{len(workspace.clients)} client files can be used.")
    elif not workspace.problems:
        yield Finding(
            "clients", "missing", "There is no client yet.", "Add a file to clients/ before the first invoice."
        )


def _outside(workspace: Workspace, environ: Mapping[str, str], timeout: float) -> list[Finding]:
    """Every endpoint and the mail server, asked at the same time."""
    models, smtp = workspace.configuration.models, workspace.configuration.mail.smtp
    named = [(tier, one) for tier in ("small", "large", "local") for one in getattr(models, tier)]
    checks: list[Callable[[], Finding]] = [_model_check(tier, one, environ, timeout) for tier, one in named]
    findings = (
        []
        if named
        else [
            Finding(
                "models",
                "missing",
                "No model is configured: the offline writer does the work.",
                f"Add one under [models] in {CONFIGURATION}.",
            )
        ]
    )
    if smtp is None:
        findings.append(
            Finding(
                "mail",
                "missing",
                "No mail server is configured: mail is written to outbox/.",
                f"Add [mail.smtp] in {CONFIGURATION} to send it.",
            )
        )
    else:
        checks.append(lambda: _smtp(smtp, environ, timeout))
    with ThreadPoolExecutor(max_workers=8) as pool:
        return findings + list(pool.map(lambda check: check(), checks))


def _model_check(
    tier: str, endpoint: ModelEndpoint, environ: Mapping[str, str], timeout: float
) -> Callable[[], Finding]:
    return lambda: _model(tier, endpoint, environ, timeout)


def _model(tier: str, endpoint: ModelEndpoint, environ: Mapping[str, str], timeout: float) -> Finding:
    from agentos.workspace.probe import list_models

    name = f"{tier}: {endpoint.model}"
    key = environ.get(endpoint.api_key_env, "") if endpoint.api_key_env else ""
    if endpoint.api_key_env and not key:
        return Finding(
            "models",
            "missing",
            f"{name} needs {endpoint.api_key_env}, which is not set.",
            f"export {endpoint.api_key_env}=...",
        )
    base = endpoint.base_url or environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    listed = list_models(base, timeout=timeout, key=key or None)
    if listed is None:
        return Finding(
            "models", "unreachable", f"{name} does not answer at {base}.", "Start the server, or check base_url."
        )
    if not listed:
        return Finding("models", "wrong", f"{base} answers, but lists no models.", "Check the key and base_url.")
    if endpoint.model not in listed:
        return Finding(
            "models", "wrong", f"{base} does not list {endpoint.model}.", f"It offers: {', '.join(listed[:5])}."
        )
    return Finding("models", "ok", f"{name} is offered at {base}.")


def _smtp(smtp: SmtpSettings, environ: Mapping[str, str], timeout: float) -> Finding:
    """Connects and reads the greeting; logs in nowhere."""
    import smtplib

    place = f"{smtp.host}:{smtp.port}"
    if smtp.password_env and not environ.get(smtp.password_env):
        return Finding(
            "mail",
            "missing",
            f"{place} needs {smtp.password_env}, which is not set.",
            f"export {smtp.password_env}=...",
        )
    connect = smtplib.SMTP_SSL if smtp.security == "tls" else smtplib.SMTP
    try:
        with connect(smtp.host, smtp.port, timeout=timeout) as server:
            server.ehlo()
            if smtp.security == "starttls" and not server.has_extn("starttls"):
                return Finding("mail", "wrong", f"{place} offers no STARTTLS.", 'Set security = "tls" or another port.')
    except (OSError, smtplib.SMTPException):
        return Finding(
            "mail", "unreachable", f"{place} does not answer.", "Check host, port and security under [mail.smtp]."
        )
    return Finding("mail", "ok", f"{place} answers.")
