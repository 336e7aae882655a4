from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agentos.effects.port import Absent, Found, Unknown
from agentos.effects.site import SiteSystem, checkout, locks
from agentos.effects.site.repository import Repository
from agentos.errors import Permanent, Transient
from agentos.workspace.model import SiteSettings

KEY = "site:main/publish/task-1/post"


def site(root: Path, branch: str = "main") -> SiteSystem:
    settings = SiteSettings(title="Notes", url="https://petra.example/notes", branch=branch)
    return SiteSystem(root, settings=settings, author="Petra Kranz", language="en")


def payload(slug: str = "heat", **changes: Any) -> dict[str, Any]:
    return {"slug": slug, "title": slug.title(), "markdown": "Warm [1].", "date": "2026-11-23"} | changes


def git(root: Path, *arguments: str) -> str:
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=Petra", "-c", "user.email=p@petra.example")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=root, env=env, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site with one commit of the operator's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "notes.txt").write_text("mine\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    return folder


def commits(root: Path, ref: str = "main") -> int:
    return int(git(root, "rev-list", "--count", ref))


def test_publishing_is_one_commit_with_the_key_and_leaves_a_clean_tree(root: Path) -> None:
    receipt = site(root).do("publish", payload(), KEY)
    assert commits(root) == 2
    assert git(root, "log", "-1", "--format=%H|%an|%(trailers:key=AgentOS-Key,valueonly,separator=)").strip() == (
        f"{receipt.ref}|Petra Kranz|{KEY}"
    )
    assert git(root, "status", "--porcelain") == ""
    assert "Warm" in (root / receipt.data["page"]).read_text()
    assert receipt.data["url"] == "https://petra.example/notes/posts/heat.html"


def test_nothing_of_what_the_operator_is_working_on_is_published_or_touched(root: Path) -> None:
    site(root).do("publish", payload("first"), "k1")
    (root / "notes.txt").write_text("staged\n")
    git(root, "add", "notes.txt")
    (root / "notes.txt").write_text("unfinished\n")
    (root / "content/posts/first.md").write_text("---\ntitle: Half a thought\n---\nsecret plan\n")
    (root / "content/posts/draft.md").write_text("not yet\n")
    (root / "public/index.html").write_text("tinkering\n")
    git(root, "add", "public/index.html")
    before = {path: git(root, "show", f":{path}") for path in ("notes.txt", "public/index.html")}
    site(root).do("publish", payload("second"), "k2")
    published = git(root, "show", "main:public/index.html")
    assert "Second" in published
    assert "First" in published
    assert "Half a thought" not in published
    assert git(root, "show", "main:notes.txt") == "mine\n"
    assert {path: git(root, "show", f":{path}") for path in before} == before
    assert (root / "notes.txt").read_text() == "unfinished\n"
    assert "secret plan" in (root / "content/posts/first.md").read_text()
    assert (root / "public/index.html").read_text() == "tinkering\n"
    assert (root / "content/posts/second.md").exists()
    drafts = {seen.ref: seen.data["state"] for seen in site(root).observe() if seen.kind == "draft"}
    assert drafts == {"first": "changed", "draft": "new"}


def test_hooks_and_signing_of_the_repository_do_not_run(root: Path) -> None:
    for hook in ("pre-commit", "commit-msg", "reference-transaction", "post-commit"):
        file = root / ".git/hooks" / hook
        file.write_text("#!/bin/sh\ntouch hook-ran\nexit 1\n")
        file.chmod(0o755)
    git(root, "config", "commit.gpgSign", "true")
    site(root).do("publish", payload(), KEY)
    assert not list(root.glob("**/hook-ran"))


def test_on_another_branch_or_a_detached_head_the_folder_stays_as_it_is(root: Path) -> None:
    git(root, "checkout", "-qb", "redesign")
    site(root).do("publish", payload("one"), "k1")
    assert git(root, "status", "--porcelain") == ""
    assert not (root / "content").exists()
    assert commits(root, "redesign") == 1
    git(root, "checkout", "-q", "--detach", "HEAD")
    receipt = site(root).do("publish", payload("two"), "k2")
    assert git(root, "status", "--porcelain") == ""
    assert site(root).find("publish", payload("two"), "k2") == Found(receipt)
    git(root, "checkout", "-q", "main")
    assert (root / "public/posts/two.html").exists()


@pytest.mark.parametrize("initial", ["main", "master"])
def test_an_empty_repository_gets_its_first_commit_on_the_configured_branch(tmp_path: Path, initial: str) -> None:
    git(tmp_path, "init", "-q", "-b", initial, "site")
    site(tmp_path / "site").do("publish", payload(), KEY)
    assert commits(tmp_path / "site") == 1
    assert git(tmp_path / "site", "status", "--porcelain") == ""


def test_a_missing_branch_is_never_begun_beside_the_real_one(root: Path) -> None:
    with pytest.raises(Permanent, match="no branch trunk"):
        site(root, branch="trunk").do("publish", payload(), KEY)


def test_a_folder_inside_somebody_elses_repository_gets_its_own(root: Path) -> None:
    inner = root / "inner"
    assert site(inner).find("publish", payload(), KEY) == Absent()
    site(inner).do("publish", payload(), KEY)
    assert commits(root) == 1
    assert commits(inner) == 1


def test_another_post_of_that_name_is_never_overwritten(root: Path) -> None:
    site(root).do("publish", payload(), "k1")
    with pytest.raises(Permanent, match="another post named heat") as refused:
        site(root).do("publish", payload(), "k2")
    assert refused.value.code == "site.slug_taken"
    (root / "content/posts/mine.md").write_text("by hand\n")
    with pytest.raises(Permanent, match="another post named mine"):
        site(root).do("publish", payload("mine"), "k3")
    assert site(root).slugs() == ["heat", "mine"]


def test_taken_names_are_those_of_the_branch_and_of_every_file_of_the_operators(root: Path) -> None:
    assert site(root).slugs() == []
    site(root).do("publish", payload(), KEY)
    posts = root / "content/posts"
    (posts / "heat.md").unlink()
    (posts / "Draft-Of-Mine.md").write_text("not committed\n")
    (posts / "staged.md").write_text("---\ndraft: true\n---\n")
    git(root, "add", "content/posts/staged.md")
    assert site(root).slugs() == ["draft-of-mine", "heat", "staged"]
    for number, slug in enumerate(site(root).slugs()):
        with pytest.raises(Permanent) as refused:
            site(root).do("publish", payload(slug), f"other-{number}")
        assert refused.value.code == "site.slug_taken"
    site(root).do("publish", payload("free"), "free")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["advance", "_place", "_stage"])
def test_killed_at_any_moment_a_repeat_completes_it_with_one_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def kill(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Repository if moment == "advance" else checkout, moment, kill)
        with pytest.raises(Killed):
            site(root).do("publish", payload(), KEY)
    done = moment != "advance"
    assert isinstance(site(root).find("publish", payload(), KEY), Found if done else Absent)
    if done:
        assert git(root, "status", "--porcelain") == "", "finding it finishes the checkout"
    receipt = site(root).do("publish", payload(), KEY)
    assert commits(root) == 2
    assert git(root, "status", "--porcelain") == ""
    assert site(root).do("publish", payload(), KEY) == receipt


def test_what_a_killed_first_run_left_never_becomes_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Repository, "advance", kill)
        with pytest.raises(Killed):
            site(tmp_path / "site").do("publish", payload("abandoned"), "k1")
    site(tmp_path / "site").do("publish", payload(), KEY)
    assert commits(tmp_path / "site") == 1
    assert "content/posts/abandoned.md" not in git(tmp_path / "site", "ls-tree", "-r", "--name-only", "main")


def test_a_title_can_not_forge_the_trailer_of_another_effect(root: Path) -> None:
    forged = payload(title="x\n\nAgentOS-Key: other-key", note="y\n\nAgentOS-Key: other-key")
    site(root).do("publish", forged, KEY)
    assert site(root).find("publish", payload(), "other-key") == Absent()
    assert isinstance(site(root).find("publish", payload(), KEY), Found)


def test_a_rewritten_history_still_finds_the_post_by_the_key_in_it(root: Path) -> None:
    site(root).do("publish", payload(), KEY)
    git(root, "commit", "-q", "--amend", "-m", "Squashed by hand")
    found = site(root).find("publish", payload(), KEY)
    assert isinstance(found, Found)
    assert found.receipt.ref == git(root, "rev-parse", "main").strip()


def test_git_in_the_middle_of_something_delays_only_the_index(root: Path) -> None:
    lock = root / ".git/index.lock"
    lock.touch()
    receipt = site(root).do("publish", payload(), KEY)
    assert lock.exists()
    assert (root / receipt.data["page"]).exists()
    lock.unlink()
    assert site(root).find("publish", payload(), KEY) == Found(receipt)
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["index.lock", "refs/heads/main.lock"])
def test_a_lock_that_a_dead_git_left_long_ago_is_set_aside(root: Path, name: str) -> None:
    lock = root / ".git" / name
    lock.touch()
    long_ago = time.time() - locks.STALE_AFTER - 60
    os.utime(lock, (long_ago, long_ago))
    site(root).do("publish", payload(), KEY)
    assert not lock.exists()
    assert git(root, "status", "--porcelain") == ""


def test_an_old_lock_stays_while_a_git_is_at_work_in_the_folder(root: Path) -> None:
    lock = root / ".git/index.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as at_work:
        site(root).do("publish", payload(), KEY)
        assert lock.exists()
        at_work.communicate()
    site(root).find("publish", payload(), KEY)
    assert not lock.exists()
    assert git(root, "status", "--porcelain") == ""


def test_a_fresh_lock_on_the_branch_is_a_reason_to_try_later(root: Path) -> None:
    (root / ".git/refs/heads/main.lock").touch()
    with pytest.raises(Transient, match="busy"):
        site(root).do("publish", payload(), KEY)
    assert site(root).find("publish", payload(), KEY) == Absent()
    (root / ".git/refs/heads/main.lock").unlink()
    site(root).do("publish", payload(), KEY)
    assert commits(root) == 2


def test_two_publishers_at_once_make_two_commits(root: Path) -> None:
    failed: list[BaseException] = []

    def publish(slug: str) -> None:
        try:
            site(root).do("publish", payload(slug), f"key-{slug}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=publish, args=(slug,)) for slug in ("a", "b", "a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert commits(root) == 3
    assert git(root, "status", "--porcelain") == ""


def test_unpublishing_takes_down_page_and_entry_but_not_a_later_post_of_that_name(root: Path) -> None:
    system = site(root)
    first = system.do("publish", payload(), "k1")
    system.do("publish", payload("other"), "k-other")
    proposal = system.undo("publish", payload(), first)
    assert proposal is not None
    system.do("unpublish", proposal.payload, "u1")
    assert not (root / "public/posts/heat.html").exists()
    assert "heat.html" not in (root / "public/index.html").read_text()
    assert "heat.html" not in (root / "public/feed.xml").read_text()
    assert git(root, "status", "--porcelain") == ""
    assert [seen.ref for seen in system.observe()] == ["other"]
    system.do("publish", payload(), "k2")
    with pytest.raises(Permanent, match="another post"):
        system.do("unpublish", proposal.payload, "u2")


def test_a_post_the_operator_took_down_herself_counts_as_taken_down(root: Path) -> None:
    system = site(root)
    receipt = system.do("publish", payload(), KEY)
    git(root, "rm", "-q", "content/posts/heat.md", "public/posts/heat.html")
    git(root, "commit", "-qm", "Gone")
    proposal = system.undo("publish", payload(), receipt)
    assert proposal is not None
    undone = system.do("unpublish", proposal.payload, "u1")
    assert system.find("unpublish", proposal.payload, "u1") == Found(undone)


@pytest.mark.parametrize(
    "bad",
    [{"slug": "../../etc/passwd"}, {"slug": "Has Space"}, {"date": "⟦date⟧"}, {"title": " "}, {"surprise": 1}],
    ids=["traversal", "space", "unfilled", "no-title", "unknown"],
)
def test_a_payload_that_can_not_be_published_says_why_and_writes_nothing(root: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="can't go on the site") as refused:
        site(root).do("publish", payload(**bad), KEY)
    assert refused.value.code == "site.bad_payload"
    assert commits(root) == 1


def test_a_broken_post_of_the_operators_is_named(root: Path) -> None:
    (root / "content/posts").mkdir(parents=True)
    (root / "content/posts/mine.md").write_text("---\ntitle: [unclosed\n---\nText\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Mine")
    with pytest.raises(Permanent, match=r"content/posts/mine\.md: the front matter can't be read"):
        site(root).do("publish", payload(), KEY)


def test_a_folder_that_can_not_be_used_is_not_an_absence(root: Path) -> None:
    (root / ".git/agentos").write_text("a file in the way")
    assert isinstance(site(root).find("publish", payload(), KEY), Unknown)
    with pytest.raises(Transient):
        site(root).do("publish", payload(), KEY)
    assert commits(root) == 1
