"""Restores: into an empty folder and over a workspace, killed anywhere, with a world that is newer than the backup."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from agentos.backup.make import Made, back_up
from agentos.backup.manifest import read_manifest
from agentos.backup.restore import Restored, restore
from agentos.clock import FixedClock
from agentos.errors import AgentOSError, Refused, WorkspaceError
from agentos.events.epoch import epoch_of, unobserved
from agentos.events.verify import Verdict, verify
from agentos.events.witness import rewinds_of, witness_of
from agentos.platform import Stopped, Store, open_store, refuse_if_stopped
from agentos.secrets.keyring import KeyRing, key_name
from agentos.tasks.answers import Desk
from agentos.tasks.lease import Lease
from agentos.workspace.answers import demo
from agentos.workspace.find import find_workspace
from agentos.workspace.init import init_workspace
from agentos_assets.ready import look
from tests.fakes.backups import killed_at, plain_lock, plain_unlock, steps_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONG = "a long request " * 4000


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("restore") / "office"
    init_workspace(root, demo())
    store = open_store(root)
    Desk(store).submit("invoice Acme 100 EUR", check=lambda _: "acme-studio")
    Desk(store).submit(LONG, check=lambda _: "beta-ltd")
    (root / "outbox/waiting.eml").write_bytes(b"X-AgentOS-Key: k\r\n\r\nhello")
    (root / "books/main.beancount").write_text("; books\n")
    store.close()
    return root


@pytest.fixture
def root(made_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "office", symlinks=True)


@pytest.fixture
def made(root: Path, tmp_path: Path) -> Made:
    """A backup of the office, after which the office has gone on."""
    store = open_store(root)
    made = back_up(store, tmp_path / "disk", plain_lock, now=NOW)
    Desk(store).submit("something later")
    witness_of(root).note(*store.log.head())
    store.close()
    return made


def again(made: Made, root: Path) -> Restored:
    return restore(made.path, root, plain_unlock(made.path), clock=FixedClock(NOW))


def verdict(root: Path) -> Verdict:
    store = open_store(root)
    found = verify(store.log, store.blobs, witness_of(root).notes(rewinds_of(store.log)))
    store.close()
    return found


def texts(store: Store) -> list[str]:
    found = []
    for record in store.log.read(types=("intent.received",)):
        blob = store.blobs.get(record.data["blob"], record.subject) if record.data.get("blob") else None
        found.append(blob.decode() if blob else record.data.get("text") or "")
    return found


def test_into_an_empty_folder_everything_comes_back_and_it_is_stopped(made: Made, root: Path, tmp_path: Path) -> None:
    there = tmp_path / "other" / "machine"
    done = again(made, there)
    assert (done.aside, done.world.kept) == (None, [])
    assert verdict(there).ok
    store = open_store(there)
    assert texts(store) == ["invoice Acme 100 EUR", LONG]
    assert epoch_of(store.log) == done.epoch
    with pytest.raises(Stopped, match="A backup was restored"):
        refuse_if_stopped(store.log, store.stop_file)
    with pytest.raises(Refused, match="looked"):
        Desk(store).start()
    store.close()
    for name in ("agentos.toml", "clients/beta-ltd.toml", "outbox/waiting.eml", "books/main.beancount"):
        assert (there / name).read_bytes() == (root / name).read_bytes()
    head = "site/.git/refs/heads/main"
    assert (there / head).read_text() == (root / head).read_text()
    assert sorted(path.name for path in there.iterdir() if path.name.startswith(".r")) == []


def test_over_a_workspace_the_world_stays_and_the_old_state_is_put_aside(made: Made, root: Path) -> None:
    (root / "books/main.beancount").write_text("; newer\n")
    (root / "policy.toml").unlink()
    (root / "outbox/sent").mkdir()
    (root / "outbox/waiting.eml").rename(root / "outbox/sent/waiting.eml")
    done = again(made, root)
    assert (root / "books/main.beancount").read_text() == "; newer\n"
    assert done.world.copied == ["policy.toml"]
    assert "books/main.beancount" in done.world.kept
    assert not (root / "outbox/waiting.eml").exists()
    assert done.aside is not None
    assert (done.aside / "events.db").exists()
    assert verdict(root).ok
    store = open_store(root)
    assert len(texts(store)) == 2
    store.close()


def test_only_this_rewind_is_accepted(made: Made, root: Path) -> None:
    again(made, root)
    store = open_store(root)
    Desk(store).submit("after the restore")
    witness_of(root).note(*store.log.head())
    store.close()
    assert verdict(root).ok
    path = root / "books/log-witness.txt"
    kept = path.read_bytes()
    path.write_bytes(b"4 " + b"00" * 32 + b"\n" + kept)
    assert not verdict(root).ok
    path.write_bytes(kept + b"99 " + b"11" * 32 + b"\n")
    assert "was cut" in verdict(root).why


def test_a_newer_backup_after_an_older_one_is_accepted_too(made: Made, root: Path, tmp_path: Path) -> None:
    store = open_store(root)
    newer = back_up(store, tmp_path / "disk", plain_lock, now=datetime(2026, 11, 24, tzinfo=UTC))
    Desk(store).submit("and more")
    witness_of(root).note(*store.log.head())
    store.close()
    again(made, root)
    store = open_store(root)
    for n in range(3):
        Desk(store).submit(f"another history {n}")
        witness_of(root).note(*store.log.head())
    store.close()
    assert verdict(root).ok
    restore(newer.path, root, plain_unlock(newer.path), clock=FixedClock(datetime(2026, 11, 25, tzinfo=UTC)))
    assert verdict(root).ok
    assert len(list(root.glob("state.before-*"))) == 2


def test_killed_anywhere_it_is_not_usable_until_it_is_finished(made: Made, root: Path, tmp_path: Path) -> None:
    def trial(name: str) -> Path:
        there = shutil.copytree(root, tmp_path / name, symlinks=True)
        shutil.rmtree(there / "knowledge")
        (there / "policy.toml").unlink()
        return there

    lost = [path.relative_to(root) for path in (root / "policy.toml", *root.glob("knowledge/*"))]
    steps = steps_of(partial(again, made, trial("count")))
    half = 0
    for step in range(1, steps + 1, max(1, steps // 12)):
        there = trial(f"at-{step}")
        assert killed_at(step, partial(again, made, there))
        if (there / ".restoring").exists():
            half += 1
            for use in (open_store, lambda one: find_workspace(one, {}, one)):
                with pytest.raises(WorkspaceError, match="cut short"):
                    use(there)
        again(made, there)
        assert verdict(there).ok, step
        assert [(there / one).read_bytes() == (root / one).read_bytes() for one in lost] == [True] * len(lost), step
        store = open_store(there)
        assert len(texts(store)) == 2, step
        assert unobserved(store.log) is not None
        store.close()
        assert not (there / ".restoring").exists()
        assert len(list(there.glob("state.before-*"))) >= 1
        shutil.rmtree(there)
    assert half > 6


def test_who_was_forgotten_stays_forgotten(made: Made, root: Path) -> None:
    KeyRing(root / "state/keys").destroy("beta-ltd")
    (root / "clients/beta-ltd.toml").unlink()
    again(made, root)
    assert (root / "state/keys" / key_name("beta-ltd")).read_bytes() == b""
    assert not (root / "clients/beta-ltd.toml").exists()
    store = open_store(root)
    assert [text for text in texts(store) if text] == ["invoice Acme 100 EUR"]
    with pytest.raises(Refused, match="forgotten"):
        Desk(store).submit("for Beta", check=lambda _: "beta-ltd")
    store.close()
    assert verdict(root).ok


def test_a_damaged_backup_and_a_busy_workspace_are_refused_before_anything_is_touched(made: Made, root: Path) -> None:
    with Lease(root / "state/leases", "task"), pytest.raises(WorkspaceError, match="Somebody works"):
        again(made, root)
    next(made.path.glob("blobs/*/*")).write_bytes(b"x")
    with pytest.raises(AgentOSError, match="is not whole"):
        again(made, root)
    store = open_store(root)
    assert len(texts(store)) == 3
    store.close()


def test_a_folder_with_something_else_in_it_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thing").write_text("")
    with pytest.raises(WorkspaceError, match="not empty"):
        again(made, tmp_path / "full")


def test_another_backup_waits_until_the_one_under_way_is_finished(made: Made, root: Path, tmp_path: Path) -> None:
    store = open_store(root)
    other = back_up(store, tmp_path / "disk", plain_lock, now=datetime(2026, 11, 24, tzinfo=UTC))
    store.close()
    there = tmp_path / "new"
    steps = steps_of(lambda: again(made, tmp_path / "count"))
    assert killed_at(steps // 2, lambda: again(made, there))
    with pytest.raises(WorkspaceError, match=made.path.name):
        again(other, there)
    assert again(made, there).manifest == read_manifest(made.path)


def test_a_consumer_sees_that_it_is_another_epoch(made: Made, root: Path) -> None:
    """Its position stands in both histories with the same hash; what it remembers of tasks is the old history's."""
    store = open_store(root)
    _, cursor = look(store, None, NOW)
    store.close()
    cursor.seq, cursor.hash = made.manifest.seq, made.manifest.hash
    again(made, root)
    store = open_store(root)
    ready, after = look(store, str(cursor), NOW)
    assert len(ready) == 2
    assert after.epoch == epoch_of(store.log)
    store.close()
