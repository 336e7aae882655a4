"""A post: Markdown with YAML front matter, as it lies in `content/posts/`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agentos.errors import Permanent

FOLDER = "content/posts"
SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
LONGEST_SLUG = 100
COMMIT = r"^[0-9a-f]{40,64}$"
# XML 1.0 has no way to write these, so the feed could not carry them; a lone surrogate is not even UTF-8.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def _text(value: object) -> object:
    return _UNWRITABLE.sub("", value).replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _line(value: object) -> object:
    """YAML reads `title: 2026` as a number and `title:` as nothing; a person meant text."""
    if value is None:
        return ""
    return " ".join(str(_text(str(value))).split()) if isinstance(value, (str, int, float)) else value


Text = Annotated[str, BeforeValidator(_text)]
Line = Annotated[str, BeforeValidator(_line)]


class Source(BaseModel):
    """Where a statement comes from. `n` is the number the text cites it by; `url` is None for a paper in a drawer."""

    model_config = ConfigDict(frozen=True)

    title: Line
    url: Text | None = None
    n: int | None = Field(default=None, ge=1)

    @property
    def link(self) -> str | None:
        return self.url if self.url and self.url.lower().startswith(("https://", "http://")) else None


class Post(BaseModel):
    """Front matter and text. Posts written by hand have no `key`; `draft: true` keeps one off the pages."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: Line
    date: date
    summary: Line = ""
    author: Line = ""
    language: Line = ""
    tags: tuple[Line, ...] = ()
    sources: tuple[Source, ...] = ()
    note: Line = ""
    key: str | None = None
    draft: bool = False
    markdown: Text = ""

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.slug}.md"

    @property
    def page(self) -> str:
        """Its address below the site's root. A plain file name, so that the site can be read from a folder too."""
        return f"posts/{self.slug}.html"

    def numbered(self) -> list[tuple[int, Source]]:
        """Sources with the number they are cited by: their own, or their place in the list."""
        return [(source.n or place, source) for place, source in enumerate(self.sources, start=1)]

    def to_bytes(self) -> bytes:
        import yaml

        head = self.model_dump(mode="json", exclude={"slug", "markdown", "date"}, exclude_defaults=True)
        ordered = {"title": head.pop("title"), "date": self.date, **head}
        front = yaml.safe_dump(ordered, allow_unicode=True, sort_keys=False, width=10_000)
        return f"---\n{front}---\n\n{self.markdown.strip()}\n".encode()


class Publish(BaseModel):
    """The payload of `site.publish`. `date` (ISO 8601, "2026-11-23") is filled in when the effect starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str = Field(pattern=SLUG, max_length=LONGEST_SLUG)
    title: Line = Field(min_length=1)
    markdown: Text = Field(min_length=1)
    date: date
    summary: Line = ""
    language: Line = ""
    author: Line = ""
    tags: tuple[Line, ...] = ()
    sources: tuple[Source, ...] = ()
    note: Line = ""

    def post(self, key: str, *, author: str, language: str) -> Post:
        given = {name: getattr(self, name) for name in Publish.model_fields}
        return Post(**given | {"key": key, "author": self.author or author, "language": self.language or language})


class Unpublish(BaseModel):
    """The payload of `site.unpublish`. With `commit`, only the post which that commit published is taken down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str = Field(pattern=SLUG, max_length=LONGEST_SLUG)
    title: Line = ""
    commit: str | None = Field(default=None, pattern=COMMIT)


class Restore(Publish):
    """The payload of `site.restore`: what was published, under which key, and by which commit to which bytes."""

    of: str = Field(min_length=1)
    commit: str | None = Field(default=None, pattern=COMMIT)
    digest: str | None = None


def parse(path: str, data: bytes) -> Post:
    """The post in a file. Raises Permanent, naming the file, when the operator's own front matter can't be read."""
    import yaml

    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    head, body = _split(text)
    slug = PurePosixPath(path).stem
    try:
        front = yaml.safe_load(head) or {}
        if not isinstance(front, dict):
            raise Permanent(
                f"{path}: the front matter is not a list of names and values.", hint="Mend it and try again."
            )
        known: dict[str, Any] = {str(name): value for name, value in front.items() if name in Post.model_fields}
        return Post(**{"title": slug, "date": date(1970, 1, 1)} | known | {"slug": slug, "markdown": body})
    except (yaml.YAMLError, ValidationError) as error:
        why = reason(error) if isinstance(error, ValidationError) else str(error).replace("\n", " ")
        raise Permanent(f"{path}: the front matter can't be read ({why}).", hint="Mend it and try again.") from None


def is_slug(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= LONGEST_SLUG and bool(re.fullmatch(SLUG, value))


def is_commit(value: str) -> bool:
    return bool(re.fullmatch(COMMIT, value))


def reason(error: ValidationError) -> str:
    """The first problem in words, without the value it was found in."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'payload'}: {first['msg']}"


def newest_first(posts: Iterable[Post]) -> list[Post]:
    return sorted(sorted(posts, key=lambda post: post.slug), key=lambda post: post.date, reverse=True)


def _split(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return "", text.strip()
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).strip()
    return "", text.strip()
