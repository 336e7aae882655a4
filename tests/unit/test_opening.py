"""Opening a workspace: edited files are in the log before they are used, clients' files under their key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.platform import open_store
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.opening import open_platform, record_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "w", demo())
    return tmp_path / "w"


def changes(root: Path) -> list[tuple[str, bool]]:
    store = open_store(root)
    return [
        (record.data.get("path", "forgotten"), record.data.get("digest") is None)
        for record in store.log.read(types=("workspace.file_changed",))
    ]


def test_edited_files_are_recorded_once_and_again_when_they_change(root: Path) -> None:
    open_platform(root).store.close()
    first = changes(root)
    assert ("agentos.toml", False) in first
    assert ("policy.toml", False) in first
    open_platform(root).store.close()
    assert changes(root) == first
    (root / "knowledge" / "new.md").write_text("# New\n\nA note.")
    (root / "clients" / "beta-ltd.toml").unlink()
    open_platform(root).store.close()
    assert changes(root)[len(first) :] == [("knowledge/new.md", False), ("clients/beta-ltd.toml", True)]


def test_a_clients_file_is_sealed_and_a_forgotten_client_is_not_recorded_again(root: Path) -> None:
    store = open_store(root)
    record_files(store, root)
    stored = b"".join(store.blobs.path(name).read_bytes() for name in store.blobs.names())
    record = next(r for r in store.log.read() if r.subject == "acme-studio")
    assert record.data["path"] == "clients/acme-studio.toml"
    assert b"Acme" not in stored
    count = len(changes(root))
    store.sealer.keys.destroy("acme-studio")
    record_files(store, root)
    assert len(changes(root)) == count
