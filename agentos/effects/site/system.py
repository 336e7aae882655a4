"""The system `site`: publishing is one commit, and the commit's trailer is the record that it was done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from agentos.effects.port import (
    Absent,
    Deed,
    Expected,
    Found,
    Observed,
    Proposal,
    Receipt,
    Unknown,
    Verb,
    receipt_says_too_little,
)
from agentos.effects.site import checkout
from agentos.effects.site.locks import exclusive
from agentos.effects.site.post import FOLDER, Publish, Restore, Unpublish, is_commit, is_slug, parse, reason
from agentos.effects.site.render import OUTPUT, Site, render
from agentos.effects.site.repository import Mark, Repository, message
from agentos.effects.site.verbs import VERBS
from agentos.errors import Permanent, Transient
from agentos.ids import digest
from agentos.workspace.model import SiteSettings

_P = TypeVar("_P", bound=BaseModel)


class SiteSystem:
    """`root` is the site's own git repository; `author` and `language` stand in where a post names none. Where nobody
    is named, the site is called by its host and a post bears no name."""

    name = "site"
    account = "site:main"

    def __init__(self, root: Path, *, settings: SiteSettings, author: str, language: str) -> None:
        self._root = root
        self._author = author
        self._language = language
        url = settings.url if settings.url.endswith("/") else f"{settings.url}/"
        title = settings.title or author or urlsplit(url).hostname or "Notes"
        self._site = Site(title=title, author=author or title, url=url, language=language)
        self._repository = Repository(root, settings.branch)

    @property
    def verbs(self) -> Mapping[str, Verb]:
        return VERBS

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        """A post is looked over by the editor; what else may be wrong shows only with its day."""

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        act = {"publish": self._publish, "unpublish": self._unpublish, "restore": self._restore}.get(verb)
        if act is None:
            raise Permanent(f"The site can't {verb}.", code="effect.unknown_verb")
        if not self._repository.exists():
            self._repository.create()
        with self._open():
            done = self._done(key)
            return self._receipt(done) if done else act(payload, key)

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        if not self._repository.exists():
            return Absent()
        try:
            with self._open():
                done = self._done(key)
                return Found(self._receipt(done)) if done else Absent()
        except Transient as error:
            return Unknown(error.message)

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        if verb != "publish":
            return None
        slug = next((s for s in (receipt.data.get("slug"), payload.get("slug")) if is_slug(s)), None)
        commit = receipt.ref if is_commit(receipt.ref) else slug and self._published_as(slug, payload)
        if not slug or not commit:
            hint = f"Look in {self._root / FOLDER}; if the post is there, delete its file and publish the site again."
            raise receipt_says_too_little("which post it was", hint)
        title = str(payload.get("title") or slug)
        return Proposal(
            system=self.name,
            verb="unpublish",
            slot=f"{slug}@{commit[:12]}",
            title=f"Take down “{title}”",
            payload={"slug": slug, "title": title, "commit": commit},
            to=self._site.address(f"posts/{slug}.html"),
        )

    def observe(self) -> Iterable[Observed]:
        """Posts on the branch as kind "post", and as kind "draft" what lies on disk and differs from them
        (data.state: "new", "changed" or "deleted"; the digest of a deleted one is empty)."""
        if not self._repository.exists():
            return []
        with self._open():
            committed = self._committed(self._repository.tip())
            return [*self._published(committed), *self._drafts(committed)]

    def expects(self, deed: Deed) -> Expected | None:
        said, payload = deed.receipt.data, deed.payload
        slug = said.get("slug") or payload.get("slug")
        if deed.verb == "unpublish" or not is_slug(slug) or not is_commit(deed.receipt.ref):
            return None
        key = str(payload.get("of")) if deed.verb == "restore" else deed.key
        content = said.get("digest")
        name = f"The post “{payload.get('title') or slug}”"
        return Expected(key, "post", slug, name, content if isinstance(content, str) else None)

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """Put back as it was published; or taken down, where it should not be there."""
        if kind in ("returned", "unknown") and is_slug(ref):
            title = str(deed.payload.get("title") or ref) if deed is not None else ref
            down = {"slug": ref, "title": title}
            return Proposal(system=self.name, verb="unpublish", slot="down", title="Take it down?", payload=down)
        if kind not in ("missing", "changed") or deed is None or deed.verb != "publish":
            return None
        said = deed.receipt
        payload = deed.payload | {"of": deed.key, "commit": said.ref, "digest": said.data.get("digest")}
        if not _fits(Restore, payload):  # adopted after a restore, as far as the site keeps it
            return None
        return Proposal(
            system=self.name,
            verb="restore",
            slot="restore",
            title="Put it back as it was published?",
            payload=payload,
        )

    def taken_back(self) -> Iterable[Observed]:
        """Posts that were published and stand on the branch no more, as its history tells."""
        if not self._repository.exists():
            return []
        with self._open():
            standing = {one.key for one in self._published(self._committed(self._repository.tip()))}
            marks = list(self._repository.marks())
        own = f"{self.account}/publish/"
        posts = {mark.key: (mark, title) for mark, title in marks if mark.key.startswith(own)}
        return [
            _taken_back(mark, title)
            for mark, title in posts.values()
            if mark.key not in standing and not mark.key.endswith("/undo")
        ]

    def slugs(self) -> list[str]:
        """Names that are taken, in lower case: on the branch, or by a file of the operator's that is not committed yet.

        Exactly those for which `do` would refuse to publish (`site.slug_taken`).
        """
        return sorted(self._taken(self._committed(self._repository.tip()) if self._repository.exists() else {}))

    def _taken(self, committed: dict[str, bytes]) -> set[str]:
        """Without regard to case: a folder may not tell Heat.md from heat.md, and one would replace the other."""
        names = [*committed, *(path.name for path in (self._root / FOLDER).glob("*.md"))]
        return {_slug(name).casefold() for name in names}

    @contextmanager
    def _open(self) -> Iterator[None]:
        try:
            with exclusive(self._repository.git_dir / "agentos" / "lock"):
                checkout.follow(self._repository)
                yield
        except OSError as error:
            raise Transient(
                f"The site's folder can't be used: {error.strerror or error}.", hint=f"Look at {self._root}."
            ) from error

    def _publish(self, payload: dict[str, Any], key: str) -> Receipt:
        post = _checked(Publish, payload).post(key, author=self._author, language=self._language)
        tip, committed = self._present()
        if post.slug in self._taken(committed):
            raise Permanent(
                f"The site has another post named {post.slug}.",
                hint="Publish this one under another slug, or take the other one down.",
                code="site.slug_taken",
            )
        subject = message(f"Publish “{post.title}”", post.note, key=key, slug=post.slug)
        return self._commit(tip, committed | {post.path: post.to_bytes()}, {}, subject, Mark("", key, post.slug))

    def _unpublish(self, payload: dict[str, Any], key: str) -> Receipt:
        asked = _checked(Unpublish, payload)
        tip, committed = self._present()
        path = f"{FOLDER}/{asked.slug}.md"
        if path in committed and asked.commit:
            published = self._repository.mark_of(asked.commit)
            if published and published.key != parse(path, committed[path]).key:
                raise Permanent(f"{path} is another post than the one to take down.", code="site.other_post")
        remaining = {name: data for name, data in committed.items() if name != path}
        gone: dict[str, None] = {path: None, f"{OUTPUT}/posts/{asked.slug}.html": None}
        subject = message(f"Take down “{asked.title or asked.slug}”", "", key=key, slug=asked.slug)
        return self._commit(tip, remaining, gone, subject, Mark("", key, asked.slug))

    def _restore(self, payload: dict[str, Any], key: str) -> Receipt:
        """The file first and the commit last, for the commit is what says that it was done."""
        asked = _checked(Restore, payload)
        tip, committed = self._present()
        post = asked.post(asked.of, author=self._author, language=self._language)
        stood = self._repository.file(asked.commit, post.path) if asked.commit else None
        data = stood if stood is not None and digest(stood) == asked.digest else post.to_bytes()
        moved = {path for path, other in committed.items() if path != post.path and parse(path, other).key == asked.of}
        sources = {path: other for path, other in committed.items() if path not in moved} | {post.path: data}
        pages = {f"{OUTPUT}/posts/{_slug(path)}.html" for path in moved}
        subject = message(f"Put back “{post.title}”", "", key=key, slug=post.slug)
        checkout.overwrite(self._repository, post.path, data)
        return self._commit(tip, sources, dict.fromkeys(moved | pages), subject, Mark("", key, post.slug))

    def _commit(
        self, tip: str | None, sources: dict[str, bytes], gone: dict[str, None], text: str, mark: Mark
    ) -> Receipt:
        pages = render(self._site, [parse(path, data) for path, data in sources.items()])
        written = {path: data for path, data in sources.items() if _slug(path) == mark.slug}
        commit = self._repository.build(tip, {**pages, **written, **gone}, text, self._author or "AgentOS")
        checkout.announce(self._repository, tip, commit)
        self._repository.advance(commit, tip)
        checkout.follow(self._repository)
        return self._receipt(Mark(commit, mark.key, mark.slug))

    def _present(self) -> tuple[str | None, dict[str, bytes]]:
        tip = self._repository.tip()
        if tip is None and self._repository.has_commits():
            raise Permanent(
                f"The site's repository has no branch {self._repository.branch}.",
                hint="Name the branch to publish on as `branch` in [site] of agentos.toml.",
                code="site.no_branch",
            )
        if tip is None:
            self._repository.start_branch()
        return tip, self._committed(tip)

    def _committed(self, tip: str | None) -> dict[str, bytes]:
        files = self._repository.read(tip, FOLDER) if tip else {}
        return {path: data for path, data in files.items() if re.fullmatch(rf"{FOLDER}/[^/]+\.md", path)}

    def _done(self, key: str) -> Mark | None:
        """By the commit's trailer; where the operator has rewritten history, by the key in the post itself."""
        mark = self._repository.marked(key)
        if mark:
            return mark
        for path, data in self._committed(self._repository.tip()).items():
            if key.encode() in data and parse(path, data).key == key:
                commit = self._repository.last_change(path)
                return Mark(commit, key, _slug(path)) if commit else None
        return None

    def _published_as(self, slug: str, payload: dict[str, Any]) -> str | None:
        """The newest commit of the post that stands under this name, if it is one of ours and has this title."""
        if not self._repository.exists():
            return None
        path = f"{FOLDER}/{slug}.md"
        data = self._committed(self._repository.tip()).get(path)
        post = parse(path, data) if data is not None else None
        ours = post is not None and post.key is not None and post.title == " ".join(str(payload.get("title")).split())
        return self._repository.last_change(path) if ours else None

    def _receipt(self, mark: Mark) -> Receipt:
        path, page = f"{FOLDER}/{mark.slug}.md", f"posts/{mark.slug}.html"
        written = self._repository.read(mark.commit, FOLDER).get(path)
        data = {"slug": mark.slug, "path": path, "page": f"{OUTPUT}/{page}", "url": self._site.address(page)}
        return Receipt(ref=mark.commit, data=data | {"digest": digest(written) if written is not None else None})

    def _published(self, committed: dict[str, bytes]) -> Iterator[Observed]:
        for path, data in sorted(committed.items()):
            post = parse(path, data)
            shown = {
                "path": path,
                "title": post.title,
                "date": post.date.isoformat(),
                "url": self._site.address(post.page),
                "payload": {"slug": post.slug, "title": post.title},
            }
            yield Observed("post", post.slug, post.key, digest(data), shown)

    def _drafts(self, committed: dict[str, bytes]) -> Iterator[Observed]:
        if self._repository.checked_out() != self._repository.ref:
            return
        on_disk = {f"{FOLDER}/{path.name}": path.read_bytes() for path in (self._root / FOLDER).glob("*.md")}
        for path in sorted(on_disk.keys() | committed.keys()):
            here, there = on_disk.get(path), committed.get(path)
            if here == there:
                continue
            state = "deleted" if here is None else "changed" if there is not None else "new"
            yield Observed("draft", _slug(path), None, digest(here) if here else "", {"path": path, "state": state})


def _taken_back(mark: Mark, subject: str) -> Observed:
    title = subject.removeprefix("Publish “").removesuffix("”")
    shown = {"state": "recalled", "title": title, "payload": {"slug": mark.slug, "title": title}}
    return Observed("post", mark.slug, mark.key, "", shown)


def _slug(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".md")


def _fits(model: type[BaseModel], payload: dict[str, Any]) -> bool:
    try:
        model.model_validate(payload)
    except ValidationError:
        return False
    return True


def _checked(model: type[_P], payload: dict[str, Any]) -> _P:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        raise Permanent(f"This can't go on the site: {reason(error)}.", code="site.bad_payload") from None
