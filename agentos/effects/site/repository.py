"""The site's git repository, seen as a store of commits on one branch.

A commit is built from the branch's tip and never from the working folder, so what the operator is in the middle of
editing or staging is neither published nor disturbed. Hooks, signing and everybody's global configuration stay out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentos import process
from agentos.effects.site.locks import set_aside_if_stale
from agentos.errors import InDoubt, Outside, Permanent, Transient

KEY_TRAILER = "AgentOS-Key"
POST_TRAILER = "AgentOS-Post"
_NEXT = "refs/agentos/next"
_REPLACED = "refs/agentos/replaced"
_EMAIL = "agentos@localhost"
_QUIET = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "commit.gpgSign=false",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.quotePath=false",
    "gc.auto=0",
    # By default git syncs neither loose objects nor branches, and the log would name a commit that a power cut undid.
    "core.fsync=objects,reference,index",
)


@dataclass(frozen=True)
class Mark:
    """A commit of ours: the effect's key and the post it was about, read from its trailers."""

    commit: str
    key: str
    slug: str


class Repository:
    def __init__(self, root: Path, branch: str) -> None:
        self.root = root
        self.ref = f"refs/heads/{branch}"
        self.branch = branch

    def exists(self) -> bool:
        """Whether `root` itself is a repository; one further up is somebody else's."""
        return (self.root / ".git").exists()

    def create(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        done = process.run(["git", "init", "-q", "-b", self.branch, "."], cwd=self.root, timeout=60, env=_QUIET)
        if not done.ok:
            raise _failure("init", done, self.root)

    @cached_property
    def git_dir(self) -> Path:
        return Path(self.git("rev-parse", "--absolute-git-dir").stdout.strip())

    def git(
        self,
        *arguments: str,
        input: bytes | None = None,
        codes: tuple[int, ...] = (0,),
        on_timeout: type[Outside] = Transient,
        timeout: float = 60,
    ) -> process.Completed:
        """One git command on this repository; an exit code that is not in `codes` is an error."""
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        place = {"GIT_DIR": str(self.root / ".git"), "GIT_WORK_TREE": str(self.root)}
        done = process.run(
            ["git", "--literal-pathspecs", *settings, *arguments],
            cwd=self.root,
            timeout=timeout,
            input=input,
            env=_QUIET | place,
            on_timeout=on_timeout,
        )
        if done.code not in codes:
            raise _failure(arguments[0], done, self.root)
        return done

    def tip(self) -> str | None:
        """The branch's newest commit, None before the first one."""
        return self.git("rev-parse", "--verify", "-q", f"{self.ref}^{{commit}}", codes=(0, 1)).stdout.strip() or None

    def checked_out(self) -> str | None:
        """The full name of the branch in the working folder; None on a detached HEAD."""
        return self.git("symbolic-ref", "-q", "HEAD", codes=(0, 1)).stdout.strip() or None

    def has_commits(self) -> bool:
        return bool(self.git("for-each-ref", "--count=1", "refs/heads").stdout.strip() or self._head())

    def start_branch(self) -> None:
        """In an empty repository: the first commit will be the branch's, whatever `git init` called it."""
        if self.checked_out() != self.ref:
            self.git("symbolic-ref", "HEAD", self.ref)

    def read(self, commit: str, folder: str = "") -> dict[str, bytes]:
        """Path -> bytes of the files below `folder` in a commit."""
        listed = self.git("ls-tree", "-r", "-z", commit, *([f"{folder}/"] if folder else [])).stdout
        entries = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
        files = {path: head.split(" ")[2] for head, path in entries if head.startswith("100")}
        return dict(zip(files, self.blobs(list(files.values())), strict=True))

    def blobs(self, names: Sequence[str]) -> list[bytes]:
        if not names:
            return []
        raw = self.git("cat-file", "--batch", input="\n".join(names).encode() + b"\n").raw
        found, at = [], 0
        for name in names:
            end = raw.index(b"\n", at)
            head = raw[at:end].decode().split(" ")
            if len(head) != 3:
                raise Permanent(f"Git can't read the object {name} of the site.", hint=f"Run git fsck in {self.root}.")
            size = int(head[2])
            found.append(raw[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
        return found

    def build(self, parent: str | None, files: Mapping[str, bytes | None], message: str, author: str) -> str:
        """A commit on top of `parent` that no branch points to yet. None in `files` removes the path."""
        stream = _import_stream(parent, files, message, author)
        self.git("fast-import", "--quiet", "--force", "--done", "--date-format=now", input=stream, timeout=300)
        return self.git("rev-parse", "--verify", _NEXT).stdout.strip()

    def advance(self, new: str, old: str | None) -> None:
        """Moves the branch from `old` to `new` at one stroke. Raises Transient when it has moved meanwhile."""
        for name in (self.ref, _NEXT):
            set_aside_if_stale(self.git_dir / f"{name}.lock", self.root)
        commands = f"start\nupdate {self.ref} {new} {old or '0' * len(new)}\ndelete {_NEXT} {new}\nprepare\ncommit\n"
        done = self.git("update-ref", "--stdin", input=commands.encode(), codes=(0, 1, 128), on_timeout=InDoubt)
        if not done.ok:
            raise Transient(
                f"The branch {self.branch} of the site was busy: {_first_line(done.stderr)}.",
                hint=f"If no git command runs in {self.root}, remove the .lock file it names.",
                code="site.branch_busy",
            )

    def file(self, commit: str, path: str) -> bytes | None:
        """As it stands in a commit, even in one that no branch has any more; None where git does not know it."""
        done = self.git("cat-file", "blob", f"{commit}:{path}", codes=(0, 128))
        return done.raw if done.ok else None

    def keep(self, data: bytes) -> None:
        """So that git never drops it: text of the operator's that was not committed and gives way to another."""
        name = self.git("hash-object", "-w", "--stdin", input=data).stdout.strip()
        self.git("update-ref", f"{_REPLACED}/{name}", name)

    def contains(self, commit: str, descendant: str) -> bool:
        return self.git("merge-base", "--is-ancestor", commit, descendant, codes=(0, 1, 128)).ok

    def marked(self, key: str) -> Mark | None:
        """The commit of this branch that carries exactly this key; the oldest, should a rebase have copied it."""
        tip = self.tip()
        if tip is None:
            return None
        trailers = (
            f"%H%x00%(trailers:key={KEY_TRAILER},valueonly,separator=%x01)%x00%(trailers:key={POST_TRAILER},valueonly)"
        )
        search = ["--reverse", "--fixed-strings", f"--grep={KEY_TRAILER}: {key}", f"--format={trailers}%x00%x02"]
        for row in self.git("log", *search, tip).stdout.split("\x02"):
            commit, keys, slug, *_ = [*row.strip("\n").split("\0"), "", "", ""]
            if key in keys.split("\x01"):
                return Mark(commit, key, slug.strip())
        return None

    def marks(self) -> Iterator[tuple[Mark, str]]:
        """Every commit of ours on this branch with its subject, oldest first."""
        tip = self.tip()
        form = f"%H%x00%(trailers:key={KEY_TRAILER},valueonly)%x00%(trailers:key={POST_TRAILER},valueonly)%x00%s%x02"
        rows = self.git("log", "--reverse", f"--format={form}", tip).stdout.split("\x02") if tip else []
        for row in rows:
            commit, key, slug, subject, *_ = [*row.strip("\n").split("\0"), "", "", ""]
            if key.strip():
                yield Mark(commit, key.strip(), slug.strip()), subject

    def mark_of(self, commit: str) -> Mark | None:
        form = f"%(trailers:key={KEY_TRAILER},valueonly)%x00%(trailers:key={POST_TRAILER},valueonly)"
        done = self.git("log", "-1", f"--format={form}", commit, codes=(0, 128))
        key, _, slug = done.stdout.partition("\0")
        return Mark(commit, key.strip(), slug.strip()) if done.ok and key.strip() else None

    def last_change(self, path: str) -> str | None:
        return self.git("log", "-1", "--format=%H", self.ref, "--", path).stdout.strip() or None

    def _head(self) -> str:
        return self.git("rev-parse", "--verify", "-q", "HEAD", codes=(0, 1, 128)).stdout.strip()


def message(subject: str, body: str, *, key: str, slug: str) -> str:
    """A commit message whose last paragraph is our trailers and nothing else, whatever a title says."""
    if re.search(r"[\x00-\x1f\x7f]", key):
        raise Permanent("An effect's key holds a control character.", code="site.bad_key")
    told = f"{' '.join(subject.split())}\n\n" + (f"{' '.join(body.split())}\n\n" if body else "")
    return f"{told}{KEY_TRAILER}: {key}\n{POST_TRAILER}: {slug}\n"


def _import_stream(parent: str | None, files: Mapping[str, bytes | None], message: str, author: str) -> bytes:
    """The input of git-fast-import(1)."""
    name = re.sub(r"[<>\x00-\x1f\x7f]", " ", author).strip() or "AgentOS"
    text = message.encode()
    head = f"commit {_NEXT}\nauthor {name} <{_EMAIL}> now\ncommitter AgentOS <{_EMAIL}> now\ndata {len(text)}\n"
    parts = [head.encode(), text, b"\n"]
    if parent:
        parts.append(f"from {parent}\n".encode())
    for path, data in sorted(files.items()):
        quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        if data is None:
            parts.append(f"D {quoted}\n".encode())
        else:
            parts += [f"M 100644 inline {quoted}\ndata {len(data)}\n".encode(), data, b"\n"]
    return b"".join([*parts, b"done\n"])


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["git said nothing"])[0].removeprefix("fatal: ").rstrip(".")


def _failure(command: str, done: process.Completed, root: Path) -> Outside:
    why = _first_line(done.stderr)
    if re.search(r"\.lock'?: File exists|Permission denied|Read-only file system|No space left", done.stderr):
        return Transient(f"git {command} could not write to the site: {why}.", hint=f"Look at {root} and try again.")
    return Permanent(f"git {command} failed on the site: {why}.", hint=f"Run git status in {root}.", code="site.git")
