"""DAGSTER_HOME of a workspace: `state/dagster/`, its settings written anew at every start from those at the root."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.errors import AgentOSError
from agentos.ids import digest

LOCATION, MODULE = "agentos", "agentos_assets.definitions"
LONGEST_SOCKET = 100
"""Bytes of a Unix socket's path: the kernels allow 104 (macOS) and 108 (Linux)."""


@dataclass(frozen=True)
class Home:
    folder: Path
    socket: Path
    """Where the code server listens; outside `folder` only when its path would be too long for a socket."""

    @property
    def workspace_file(self) -> Path:
        return self.folder / "workspace.yaml"

    @property
    def output(self) -> Path:
        """What the services print. Never `logs/`: Dagster sends what lies there to its makers, telemetry or not."""
        return self.folder / "services"

    def log_of(self, name: str) -> Path:
        return self.output / f"{name}.log"


def make_home(workspace: Path) -> Home:
    """Write the settings; what Dagster has stored there stays. Raises AgentOSError when the folder can't be written."""
    folder = workspace / "state" / "dagster"
    settings = "\n".join([_shared(), *(f"{name}: {json.dumps(part)}" for name, part in _storage(folder).items()), ""])
    try:
        home = Home(folder, _socket(folder))
        for one in (folder, home.output):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "dagster.yaml").write_text(settings, encoding="utf-8")
        code = {"grpc_server": {"socket": str(home.socket), "location_name": LOCATION}}
        home.workspace_file.write_text(f"load_from: {json.dumps([code])}\n", encoding="utf-8")
    except OSError as error:
        hint = "Check its permissions and the free space."
        raise AgentOSError(f"{folder} can't be written: {error.strerror}.", hint=hint, code="up.home") from None
    return home


def stock_code_server(socket: str) -> list[str]:
    """Arguments of Python for Dagster's own code server, whose runs take seconds to start."""
    server = ["-m", "dagster", "api", "grpc", "--socket", socket, "-m", MODULE, "--location-name", LOCATION]
    return [*server, "--use-python-environment-entry-point"]


def _shared() -> str:
    """The root's `dagster.yaml`: the program is run from its clone. JSON is YAML, so that parts are added as text."""
    root = Path(__file__).resolve().parent.parent
    try:
        return (root / "dagster.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "Install AgentOS from its clone."
        raise AgentOSError(f"dagster.yaml is missing in {root}.", hint=hint, code="up.settings") from None


def _storage(folder: Path) -> dict[str, Any]:
    """SQLite, with the event log in one file: a run starts a second sooner than with one file a run."""
    runs, core = folder / "storage", "dagster._core.storage"
    return {
        "run_storage": _part(f"{core}.runs", "SqliteRunStorage", runs),
        "event_log_storage": _part(f"{core}.event_log", "ConsolidatedSqliteEventLogStorage", runs),
        "schedule_storage": _part(f"{core}.schedules", "SqliteScheduleStorage", runs),
        "compute_logs": _part(f"{core}.local_compute_log_manager", "LocalComputeLogManager", folder / "output"),
        "local_artifact_storage": _part(f"{core}.root", "LocalArtifactStorage", folder),
    }


def _part(module: str, name: str, folder: Path) -> dict[str, Any]:
    return {"module": module, "class": name, "config": {"base_dir": str(folder)}}


def _socket(folder: Path) -> Path:
    near = folder / "code.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET:
        return near
    return own_folder(digest(os.fsencode(folder))[:12]) / "code.sock"


def own_folder(name: str) -> Path:
    """A folder of this user's alone outside any workspace. Raises AgentOSError where it is somebody else's."""
    aside = Path(tempfile.gettempdir()) / f"agentos-{os.getuid()}-{name}"
    aside.mkdir(mode=0o700, exist_ok=True)
    status = aside.lstat()
    if aside.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise AgentOSError(
            f"{aside} belongs to somebody else.",
            hint="Remove it, or set TMPDIR to a folder of yours.",
            code="up.socket",
        )
    return aside
