"""Backups: consistent while others write, whole or not there, and honest about what was changed in them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentos.backup.check import check
from agentos.backup.keys import lock, locked_keys, unlock
from agentos.backup.make import Made, back_up
from agentos.backup.manifest import backups_in, find_backup, read_manifest
from agentos.backup.snapshot import opened
from agentos.errors import AgentOSError
from agentos.platform import Store, open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.doctor import examine
from agentos.workspace.init import init_workspace
from tests.fakes.backups import killed_at, plain_lock, steps_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONG = "a long request " * 4000


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("backup") / "office"
    init_workspace(root, demo())
    return root


@pytest.fixture
def store(made_once: Path, tmp_path: Path) -> Iterator[Store]:
    import shutil

    root = shutil.copytree(made_once, tmp_path / "office", symlinks=True)
    opened_store = open_store(root)
    Desk(opened_store).submit("invoice Acme 100 EUR", check=lambda _: "acme-studio")
    Desk(opened_store).submit(LONG, check=lambda _: "acme-studio")
    yield opened_store
    opened_store.close()


def backup(store: Store, to: Path, minutes: int = 0) -> Made:
    return back_up(store, to, plain_lock, now=NOW + timedelta(minutes=minutes))


def test_it_is_whole_and_holds_what_the_workspace_holds(store: Store, tmp_path: Path) -> None:
    made = backup(store, tmp_path / "disk")
    assert made.path.name == "2026-11-23T120000Z"
    assert check(made.path).faults == ()
    for name in ("agentos.toml", "policy.toml", "clients/acme-studio.toml", "knowledge/noise-and-siting.md"):
        assert (made.path / "workspace" / name).read_bytes() == (store.root / name).read_bytes()
    with opened(made.path / "events.db") as log:
        assert log.execute("SELECT count(*) FROM events").fetchone() == (4,)
    assert not list(made.path.rglob("*.key"))
    assert oct(made.path.stat().st_mode)[-3:] == "700"


def test_the_log_and_the_doctor_say_when_it_was_made(store: Store, tmp_path: Path) -> None:
    def told() -> list[str]:
        return [one.what for one in examine(store.root, {}) if one.area == "backup"]

    assert told() == ["There is no backup of this workspace yet."]
    made = back_up(store, tmp_path / "disk", plain_lock, now=datetime.now(UTC))
    last = store.log.last(types=("platform.backed_up",))
    assert last is not None
    assert last.data["backup"] == made.path.name
    assert told()[0].startswith("The last backup was made today")


def test_unchanged_files_are_shared_and_changed_ones_are_not(store: Store, tmp_path: Path) -> None:
    first = backup(store, tmp_path / "disk")
    (store.root / "policy.toml").write_text("# other\n")
    second = backup(store, tmp_path / "disk", 1)
    same, other = ("workspace/agentos.toml", "workspace/policy.toml")
    assert (first.path / same).samefile(second.path / same)
    assert (second.path / other).read_text() == "# other\n"
    assert (first.path / other).read_text() != "# other\n"
    assert (check(first.path).ok, check(second.path).ok) == (True, True)
    assert backups_in(tmp_path / "disk") == [first.path, second.path]
    assert find_backup(tmp_path / "disk") == second.path


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (lambda path: (path / "workspace/agentos.toml").write_text("x"), "workspace/agentos.toml was changed"),
        (lambda path: (path / "workspace/policy.toml").unlink(), "workspace/policy.toml is missing"),
        (lambda path: (path / "workspace/more").write_text("x"), "workspace/more does not belong to it"),
        (lambda path: next(path.glob("blobs/*/*")).write_bytes(b"x"), "was changed"),
        (lambda path: (path / "events.db").write_bytes(b"x" * 9000), "events.db"),
    ],
)
def test_check_finds_what_was_changed(store: Store, tmp_path: Path, harm, fault: str) -> None:
    made = backup(store, tmp_path / "disk")
    harm(made.path)
    assert any(fault in one for one in check(made.path).faults)


def test_the_keys_open_with_their_passphrase_and_no_other(store: Store, tmp_path: Path) -> None:
    from functools import partial

    elsewhere = tmp_path / "safe"
    locking = partial(lock, passphrase="correct horse battery")
    made = back_up(store, tmp_path / "disk", locking, now=NOW, keys_into=elsewhere)
    assert not (made.path / "keys").exists()
    locked = locked_keys(made.path, made.manifest, elsewhere)
    assert locked.startswith(b"age-encryption.org/v1\n-> scrypt ")
    keys = unlock(locked, "correct horse battery")
    assert {name: (store.root / "state/keys" / name).read_bytes() for name in keys} == keys
    with pytest.raises(AgentOSError, match="passphrase does not open the keys") as wrong:
        unlock(locked, "wrong horse battery")
    assert "wrong horse" not in str(wrong.value)
    with pytest.raises(AgentOSError, match="--keys"):
        locked_keys(made.path, made.manifest, None)


def test_a_backup_that_fails_says_so_and_leaves_the_earlier_ones(store: Store, tmp_path: Path) -> None:
    first = backup(store, tmp_path / "disk")
    blob = next(path for path in (store.root / "state/blobs").glob("??/*"))
    (first.path / "manifest.json").rename(first.path / "manifest.kept")  # so that nothing is linked
    blob.write_bytes(b"rotten")
    with pytest.raises(AgentOSError, match="was altered"):
        backup(store, tmp_path / "disk", 1)
    (first.path / "manifest.kept").rename(first.path / "manifest.json")
    assert backups_in(tmp_path / "disk") == [first.path]
    assert list((tmp_path / "disk").glob(".partial-*")) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentOSError, match="was not made"):
        backup(store, tmp_path / "file")
    with pytest.raises(AgentOSError, match="inside the workspace"):
        backup(store, store.root / "backups")


def test_killed_anywhere_it_is_never_taken_for_a_whole_one(store: Store, tmp_path: Path) -> None:
    disk, root = tmp_path / "disk", store.root
    store.close()

    def make() -> None:
        opened_store = open_store(root)
        backup(opened_store, disk)
        opened_store.close()

    steps = steps_of(make)
    kept = backups_in(disk)
    assert len(kept) == 1
    for step in range(1, steps + 1, max(1, steps // 8)):
        assert killed_at(step, make)
        for one in backups_in(disk):
            assert check(one).ok, step
    make()
    assert list(disk.glob(".partial-*")) == []
    assert check(backups_in(disk)[-1]).ok


WRITER = """
import sys
from pathlib import Path
from agentos.platform import open_store
from agentos.tasks.answers import Desk
store = open_store(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(10**6):
    Desk(store).submit(f"{sys.argv[2]} {n} " + "large " * 7000 * (n % 5 == 0), check=lambda _: "acme-studio")
"""


def test_two_writers_beside_it_and_every_blob_that_the_log_names_is_there(store: Store, tmp_path: Path) -> None:
    root = str(store.root)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, name], stdout=subprocess.PIPE) for name in ("one", "two")
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        made = []
        for minute in range(2):
            time.sleep(0.1)
            made.append(backup(store, tmp_path / "disk", minute))
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    heads = [one.manifest.seq for one in made]
    assert heads == sorted(heads)
    assert heads[-1] > heads[0]
    for one in made:
        assert check(one.path).ok
        copy = _copy(one.path, store.root, tmp_path / one.path.name)
        for record in copy.log.read(types=("intent.received",)):
            if record.data["blob"]:
                assert copy.blobs.get(record.data["blob"], record.subject) is not None
        copy.close()


def _copy(backup: Path, root: Path, to: Path) -> Store:
    """The backup's log and blobs with the workspace's keys."""
    import shutil

    (to / "state").mkdir(parents=True)
    shutil.copy(backup / "events.db", to / "state/events.db")
    os.symlink(backup / "blobs", to / "state/blobs")
    os.symlink(root / "state/keys", to / "state/keys")
    return open_store(to)


def test_no_backup_and_a_damaged_manifest_are_said(tmp_path: Path) -> None:
    with pytest.raises(AgentOSError, match="There is no backup"):
        find_backup(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(AgentOSError, match="damaged"):
        read_manifest(tmp_path)


def test_a_link_out_of_the_workspace_and_a_name_that_is_no_text_are_left_out_and_said(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("not ours")
    (store.root / "knowledge/link.md").symlink_to(tmp_path / "secret")
    (store.root / "knowledge/back\\slash.md").write_text("kept")
    Path(os.fsdecode(os.fsencode(store.root / "knowledge") + b"/\xff.md")).write_text("odd")
    made = backup(store, tmp_path / "disk")
    assert made.manifest.left_out == ["knowledge/link.md", "knowledge/?.md"]
    assert check(made.path).ok
    assert (made.path / "workspace/knowledge/back\\slash.md").read_text() == "kept"


def test_a_path_that_leads_out_of_a_backup_is_refused(store: Store, tmp_path: Path) -> None:
    made = backup(store, tmp_path / "disk")
    manifest = made.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"workspace/agentos.toml"', '"workspace/../../agentos.toml"'))
    with pytest.raises(AgentOSError, match="damaged"):
        read_manifest(made.path)
