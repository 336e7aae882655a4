"""A full disk and a read-only one: a clear message, nothing half-done, and it goes on as soon as it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.stages import Clean, Stage, Stages
from tests.crash.tally import tally

FULL = [
    pytest.param("made", "ask", "before blob#2", id="blob", marks=pytest.mark.slow),
    pytest.param("made", "ask", "insert task.planned#1", id="append"),
    pytest.param("asked", "finish", "insert effect.started:site.publish#1", id="start", marks=pytest.mark.slow),
    pytest.param("asked", "finish", "before do site.publish#1", id="publish"),
    pytest.param("asked", "finish", "before do invoice.issue#1", id="invoice", marks=pytest.mark.slow),
    pytest.param("asked", "finish", "before do ledger.book#1", id="ledger", marks=pytest.mark.slow),
    pytest.param("asked", "finish", "before do mail.send#1", id="outbox"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that is small enough to be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own can be mounted by root only, where the machine allows it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def agentos(root: Path, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("agentos")), "--workspace", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def backed_up(root: Path, into: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "AGENTOS_BACKUP_PASSPHRASE": "correct horse battery staple"}
    return agentos(root, "backup", str(into), environ=environ)


def fill(disk: Path, leave: int) -> Path:
    """All of it but so many bytes."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - leave))
    return ballast


def said(result: dict[str, Any]) -> str:
    """The error that a person would see."""
    lines = [line for line in result["error"].splitlines() if line.startswith("agentos.errors.")]
    assert lines, result["error"]
    return str(lines[-1]).removeprefix("agentos.errors.")


@pytest.mark.parametrize(("stage", "act", "point"), FULL)
def test_a_full_disk_stops_with_a_clear_message_and_it_goes_on_when_there_is_room(
    stages: Stages, clean: Clean, disk: Path, tmp_path: Path, stage: Stage, act: str, point: str
) -> None:
    root = stages.copy(stage, disk / "w")
    job: dict[str, Any] = {"root": str(root), "trace": str(tmp_path / "t"), "epoch": time.time()}
    code, result = stages.nursery.run(acts=[act], fill_at=point, **job)
    assert point in (tmp_path / "t").read_text().splitlines(), "it never came there"
    assert code == 1, result
    assert said(result).startswith("StorageError: ")
    assert "space" in said(result)
    stopped = agentos(root, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert "Stopped." in stopped.stdout
    (disk / "ballast").unlink()
    assert agentos(root, "start").returncode == 0
    code, result = stages.nursery.run(acts=[act], **job)
    assert code == 0, result["error"]
    assert tally(root) == clean(stage, act)


def test_a_read_only_state_folder_is_said_plainly_and_it_goes_on_when_it_can_be_written(
    stages: Stages, clean: Clean, disk: Path, tmp_path: Path
) -> None:
    root = stages.copy("asked", disk / "w")
    job: dict[str, Any] = {"root": str(root), "trace": str(tmp_path / "t")}
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, result = stages.nursery.run(acts=["finish"], **job)
    assert code == 1
    assert said(result).startswith("StorageError: ")
    assert "permissions of the state/ folder" in said(result)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert stages.nursery.run(acts=["finish"], **job)[0] == 0
    assert tally(root) == clean("asked", "finish")


@pytest.mark.parametrize("share", [pytest.param(share, marks=pytest.mark.slow) for share in (0.02, 0.4, 0.9)] + [0.7])
def test_a_backup_onto_a_full_disk_leaves_nothing_and_the_next_one_is_whole(
    stages: Stages, disk: Path, tmp_path: Path, share: float
) -> None:
    """There is room for a share of one: it breaks off in the log's copy, in blobs, in files. The first one stays."""
    root, into = stages.copy("asked", tmp_path / "w"), disk / "backups"
    assert backed_up(root, into).returncode == 0
    (first,) = into.iterdir()
    used = shutil.disk_usage(disk).used
    shutil.rmtree(first / "blobs")  # so that nothing is shared with it
    (first / "manifest.json").unlink()
    before = sorted(first.rglob("*"))
    ballast = fill(disk, int(share * used))
    failed = backed_up(root, into)
    assert failed.returncode == 1
    assert "space" in failed.stderr
    assert "Make room" in failed.stderr
    assert [*into.iterdir()] == [first]
    assert sorted(first.rglob("*")) == before
    ballast.unlink()
    done = backed_up(root, into)
    assert done.returncode == 0, done.stderr
    assert agentos(root, "backup", str(into), "--check").returncode == 0
