"""The site's git repository in a backup: a bundle made by git itself, so that a commit in progress does no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.backup.manifest import SiteNote
from agentos.effects.site import checkout
from agentos.effects.site.locks import exclusive
from agentos.effects.site.repository import Repository

_TIMEOUT = 1800.0
_SETTING = re.compile(r"user\.(name|email)|commit\.gpgsign|remote\.[^\n]+\.(url|fetch)|branch\.[^\n]+\.(remote|merge)")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")
RESTORED = "refs/agentos/restored"
"""Where the commits of a backup go when the site has a repository already."""


@contextmanager
def at_rest(site: Path, branch: str | None) -> Iterator[None]:
    """Hold our own lock on the site, so that its files and its branch say the same. Raises Transient when busy.

    `branch` is the one that is published; None where agentos.toml can't say.
    """
    repository = Repository(site, branch or "main")
    if not repository.exists():
        yield
        return
    with exclusive(repository.git_dir / "agentos" / "lock"):
        if branch is not None:
            checkout.follow(repository)
        yield


def bundle(site: Path, target: Path) -> SiteNote | None:
    """Write branches and tags to `target`; no file where there is no commit yet. None without a repository."""
    repository = Repository(site, "main")
    if not repository.exists():
        return None
    listed = repository.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").stdout.split("\n")
    heads = dict(line.split(" ") for line in listed if line)
    if heads:
        repository.git("bundle", "create", "--quiet", str(target), "--branches", "--tags", timeout=_TIMEOUT)
    return SiteNote(head=repository.checked_out(), heads=heads, settings=dict(_settings(repository)))


def bring_back(site: Path, source: Path, note: SiteNote, scratch: Path) -> None:
    """Make the repository of a site that has none; complete at one stroke, by the rename of its git folder."""
    repository = Repository(scratch, (note.head or "refs/heads/main").removeprefix("refs/heads/"))
    repository.create()
    if note.heads:
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        repository.git("fetch", "--quiet", "--update-head-ok", str(source), *refs, timeout=_TIMEOUT)
    if note.head in note.heads:
        repository.git("read-tree", str(note.head))
    for name, value in note.settings.items():
        if _SETTING.fullmatch(name):
            repository.git("config", name, value)
    site.mkdir(parents=True, exist_ok=True)
    (scratch / ".git").rename(site / ".git")


def add_commits(site: Path, source: Path, note: SiteNote) -> bool:
    """Keep the backup's commits beside a repository that lacks some of them; no branch of it moves. True when kept."""
    repository = Repository(site, "main")
    if all(
        repository.git("cat-file", "-e", f"{name}^{{commit}}", codes=(0, 1, 128)).ok for name in note.heads.values()
    ):
        return False
    repository.git("fetch", "--quiet", str(source), f"+refs/heads/*:{RESTORED}/*", timeout=_TIMEOUT)
    return True


def _settings(repository: Repository) -> Iterator[tuple[str, str]]:
    """Name, remotes and the like; no address with a password in it, and nothing that runs programs."""
    for row in repository.git("config", "--local", "--list", "--null", codes=(0, 1)).stdout.split("\0"):
        name, _, value = row.partition("\n")
        if _SETTING.fullmatch(name) and not _PASSWORD.search(value):
            yield name, value
