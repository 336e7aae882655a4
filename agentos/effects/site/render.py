"""The whole site from its posts: the same posts give the same bytes, so a commit shows only what changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentos.effects.site.markup import to_html
from agentos.effects.site.post import Post, newest_first

if TYPE_CHECKING:
    from jinja2 import Environment

OUTPUT = "public"

_WORDS = {
    "en": {
        "skip": "Skip to the text",
        "posts": "Posts",
        "none": "Nothing has been published yet.",
        "sources": "Sources",
        "back": "All posts",
        "feed": "Feed",
        "about": "How this was made",
        "newer": "Newer",
        "older": "Older",
        "more": "More posts",
        "missing": "This page does not exist",
        "missing_text": "It may have moved, or it was taken down.",
    },
    "de": {
        "skip": "Zum Text springen",
        "posts": "Beiträge",
        "none": "Noch ist nichts veröffentlicht.",
        "sources": "Quellen",
        "back": "Alle Beiträge",
        "feed": "Feed",
        "about": "Wie dieser Text entstand",
        "newer": "Neuer",
        "older": "Älter",
        "more": "Weitere Beiträge",
        "missing": "Diese Seite gibt es nicht",
        "missing_text": "Sie ist umgezogen oder wurde zurückgezogen.",
    },
}


@dataclass(frozen=True)
class Site:
    """What every page shows. `url` ends with a slash."""

    title: str
    author: str
    url: str
    language: str

    def address(self, page: str) -> str:
        return f"{self.url}{page}"


def render(site: Site, posts: Sequence[Post]) -> dict[str, bytes]:
    """Path below the repository -> bytes, for every file this program makes."""
    shown = newest_first(post for post in posts if not post.draft)
    environment = _environment()

    def page(template: str, root: str, **values: Any) -> bytes:
        language = str(values.get("language") or site.language)
        values |= {"site": site, "root": root, "language": language, "words": _words(language)}
        return environment.get_template(template).render(**values).encode()

    made = {
        "index.html": page("index.html", "", posts=shown),
        "404.html": page("404.html", urlsplit(site.url).path or "/"),
        "feed.xml": _feed(site, shown),
        "style.css": _asset("style.css"),
    }
    for place, post in enumerate(shown):
        made[post.page] = page(
            "post.html",
            "../",
            post=post,
            body=_body(post),
            lead="" if _begins_with(post.markdown, post.summary) else post.summary,
            language=post.language,
            newer=shown[place - 1] if place else None,
            older=shown[place + 1] if place + 1 < len(shown) else None,
        )
    return {f"{OUTPUT}/{path}": data for path, data in made.items()}


def _body(post: Post) -> str:
    return to_html(post.markdown, title=post.title, cited=[n for n, _ in post.numbered()])


def _begins_with(markdown: str, summary: str) -> bool:
    """Whether the text opens with its own summary, which would then stand there twice."""
    opening = " ".join(re.sub(r"\[\d+\]", "", markdown[: 2 * len(summary) + 200]).split())
    return opening.startswith(summary)


def _words(language: str) -> dict[str, str]:
    return _WORDS.get(language[:2].lower(), _WORDS["en"])


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("agentos.effects.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["longdate"] = _long_date
    environment.filters["host"] = lambda url: re.sub(r"^www\.", "", urlsplit(url).hostname or url)
    return environment


def _long_date(value: date, language: str) -> str:
    from babel import Locale, UnknownLocaleError
    from babel.dates import format_date

    try:
        return str(format_date(value, "long", locale=Locale.parse(language.replace("-", "_"))))
    except (UnknownLocaleError, ValueError):
        return value.isoformat()


def _asset(name: str) -> bytes:
    return files("agentos.effects.site").joinpath("templates", name).read_bytes()


def _feed(site: Site, posts: Sequence[Post]) -> bytes:
    """Atom (RFC 4287). `updated` is the newest post's day: with the clock's no two renderings would be equal."""
    from feedgen.feed import FeedGenerator  # type: ignore[import-untyped]

    feed = FeedGenerator()
    feed.id(site.url)
    feed.title(site.title)
    feed.author({"name": site.author})
    feed.link([{"href": site.url, "rel": "alternate"}, {"href": site.address("feed.xml"), "rel": "self"}], replace=True)
    feed.language(site.language)
    feed.generator("AgentOS")
    feed.updated(max((_midnight(post.date) for post in posts), default=datetime(1970, 1, 1, tzinfo=UTC)))
    for post in posts[:50]:
        entry = feed.add_entry(order="append")
        entry.id(site.address(post.page))
        entry.title(post.title)
        entry.link({"href": site.address(post.page), "rel": "alternate"}, replace=True)
        entry.author({"name": post.author or site.author})
        entry.published(_midnight(post.date))
        entry.updated(_midnight(post.date))
        if post.summary:
            entry.summary(post.summary)
        entry.content(_body(post), type="html")
    return bytes(feed.atom_str(pretty=True))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
