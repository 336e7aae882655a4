"""The power goes: everything acknowledged before is there, the rest is absent, and the task goes on with nothing
doubled."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from agentos.effects.site import SiteSystem
from agentos.events.verify import verify
from agentos.events.witness import witness_of
from agentos.platform import open_store
from agentos.workspace.model import SiteSettings
from tests.crash import power
from tests.crash.power import Rest
from tests.crash.stages import Clean, Stage, Stages
from tests.crash.tally import tally


def last_batch(trace: list[str]) -> int:
    """How many events the last commit before the kill brought."""
    batch = 0
    for line in reversed(trace):
        if line.startswith("insert ") and batch:
            break
        batch += line.startswith("commit ")
    return batch


@pytest.mark.parametrize(
    "point",
    [
        "committed effect.started:invoice.issue#1",
        "committed effect.done:site.publish#1",
        pytest.param("committed effect.started:mail.send#1", marks=pytest.mark.slow),
        pytest.param("committed step.completed:deliver#1", marks=pytest.mark.slow),
    ],
)
def test_a_commit_that_was_not_synced_is_there_whole_or_not_at_all(
    stages: Stages, clean: Clean, tmp_path: Path, point: str
) -> None:
    root, trace, syncs = stages.copy("asked", tmp_path / "w"), tmp_path / "t", tmp_path / "syncs"
    job: dict[str, Any] = {"trace": str(trace), "acts": ["finish"]}
    code, _ = stages.nursery.run(root=str(root), kill=point, syncs=str(syncs), **job)
    assert code == -signal.SIGKILL
    pages = [note["wal"] for note in power.notes(syncs) if "wal" in note]
    wal = (root / "state" / "events.db-wal").read_bytes()
    everything = heads(shutil.copytree(root, tmp_path / "whole", symlinks=True))
    before = everything[: -last_batch(trace.read_text().splitlines())]
    for nth, (what, left) in enumerate(power.cuts(wal, pages[-2], pages[-1])):
        after = shutil.copytree(root, tmp_path / f"cut{nth}", symlinks=True)
        power.cut(after, left)
        assert heads(after) == before, what
        if nth in (0, 2 * (pages[-1] - pages[-2])):  # nothing of it, and its last page torn
            code, result = stages.nursery.run(root=str(after), **job)
            assert code == 0, result["error"]
            assert tally(after) == clean("asked", "finish"), what


def heads(root: Path) -> list[str]:
    """The ids of all events, in order, of a log that is intact."""
    store = open_store(root)
    try:
        verdict = verify(store.log, store.blobs, witness_of(root).notes())
        assert verdict.ok, verdict.why
        return [record.id for record in store.log.read()]
    finally:
        store.close()


@pytest.mark.parametrize("rest", ["missing", pytest.param("empty", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("stage", "act", "point"),
    [
        ("made", "ask", "committed step.completed:research#1"),
        ("asked", "finish", "committed effect.done:invoice.issue#1"),
        ("asked", "finish", "committed effect.done:mail.send#1"),
        pytest.param("asked", "finish", "after replace in do invoice.issue#2", marks=pytest.mark.slow),
        pytest.param("asked", "finish", "committed effect.done:ledger.book#1", marks=pytest.mark.slow),
        pytest.param("done", "undo", "committed effect.done:mail.send.undo#1", marks=pytest.mark.slow),
    ],
)
def test_files_that_were_not_synced_are_gone_and_nothing_rests_on_them(
    stages: Stages, clean: Clean, tmp_path: Path, stage: Stage, act: str, point: str, rest: Rest
) -> None:
    root, syncs = stages.copy(stage, tmp_path / "w"), tmp_path / "syncs"
    before = shutil.copytree(root, tmp_path / "before", symlinks=True)
    job: dict[str, Any] = {"root": str(root), "trace": str(tmp_path / "t"), "acts": [act]}
    code, result = stages.nursery.run(kill=point, syncs=str(syncs), **job)
    assert code == -signal.SIGKILL, result
    gone = power.lose_unsynced(root, before, power.notes(syncs), rest)
    code, result = stages.nursery.run(**job)
    assert code == 0, (gone, result["error"])
    assert tally(root) == clean(stage, act), gone


def test_git_syncs_what_it_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to its defaults git syncs neither loose objects nor branches: after a power cut the site's repository would
    be broken, while the log says that the post is published."""
    counts, folder = tmp_path / "counts", tmp_path / "bin"
    folder.mkdir()
    real = shutil.which("git")
    (folder / "git").write_text(f'#!/bin/sh\nGIT_TRACE2_EVENT={counts} exec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    site = SiteSystem(tmp_path / "site", settings=SiteSettings(title="Notes"), author="Petra", language="en")
    payload = {"slug": "heat", "title": "Heat", "markdown": "Warm.", "date": "2026-11-23"}
    site.do("publish", payload, "site:main/publish/one")
    objects = [path for path in (tmp_path / "site/.git/objects").glob("??/*") if path.is_file()]
    noted = [json.loads(line) for line in counts.read_text().splitlines()]
    synced = sum(int(one["value"]) for one in noted if one.get("key") == "fsync/hardware-flush")
    assert objects
    assert synced >= len(objects) + 1, "every object, and the branch"
