from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.effects.site.markup import to_html
from agentos.effects.site.post import Post, Publish, Source, parse
from agentos.effects.site.render import Site, render
from agentos.effects.slug import slugify, unique

SITE = Site(title="Notes & more", author="Petra Kranz", url="https://petra.example/notes/", language="en")
ATOM = "{http://www.w3.org/2005/Atom}"


def post(slug: str = "heat", **changes: Any) -> Post:
    fields: dict[str, Any] = {"title": "Heat", "date": date(2026, 11, 23), "markdown": "Warm."} | changes
    return Post(slug=slug, **fields)


@given(
    title=st.text(min_size=1).filter(str.strip),
    note=st.text(),
    key=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1),
    tags=st.lists(st.text(), max_size=3),
    markdown=st.text(),
)
@settings(deadline=None, max_examples=60)
def test_any_text_survives_the_front_matter(title: str, note: str, key: str, tags: list[str], markdown: str) -> None:
    try:
        made = post(title=title, note=note, key=key, tags=tags, markdown=markdown)
        Publish(slug="heat", title=title, markdown="x", date=date(2026, 1, 1))
    except ValueError:
        return  # a title of nothing but control characters
    again = parse(made.path, made.to_bytes())
    assert again == made.model_copy(update={"markdown": made.markdown.strip()})
    render(SITE, [again])


@pytest.mark.parametrize(
    "value", ["yes", "2026-01-01", "- a", "a: b", "'\"", "{x}", "# no comment", "null", "1e3", "@"]
)
def test_a_title_that_looks_like_yaml_stays_a_title(value: str) -> None:
    made = post(title=value)
    assert yaml.safe_load(made.to_bytes().decode().split("---")[1])["title"] == value
    assert parse(made.path, made.to_bytes()).title == value


def test_a_post_written_by_hand_needs_no_front_matter() -> None:
    assert parse("content/posts/a-thought.md", b"Just text.").title == "a-thought"
    odd = parse("content/posts/b.md", b"---\r\ntitle: 2026\r\nlayout: wide\r\ndraft: true\r\n---\r\nText")
    assert (odd.title, odd.draft, odd.markdown) == ("2026", True, "Text")


def test_the_same_posts_in_any_order_give_the_same_bytes() -> None:
    posts = [post("a"), post("b"), post("c", date=date(2026, 12, 1))]
    assert render(SITE, posts) == render(SITE, posts[::-1])


def test_drafts_stay_off_every_page() -> None:
    made = render(SITE, [post("a"), post("b", title="Hidden thing", draft=True)])
    assert "public/posts/b.html" not in made
    assert not any(b"Hidden thing" in data for data in made.values())


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "![x](https://tracker.example/p.png)",
        "![x](//tracker.example/p.png)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        '<a href="x" style="position:fixed">x</a>',
        "<iframe src=https://evil.example></iframe>",
        "<style>@import url(https://evil.example)</style>",
    ],
)
def test_nothing_in_a_text_runs_or_loads_anything(attack: str) -> None:
    made = render(SITE, [post(title=attack, summary=attack, note=attack, tags=[attack], markdown=attack)])
    for path in ("public/index.html", "public/posts/heat.html"):
        for tag, attributes in Elements.of(made[path]):
            assert tag not in {"script", "iframe", "style", "object", "embed", "form"}
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            assert not attributes.get("href", "").startswith(("javascript:", "data:"))
            if tag in {"img", "link"} and attributes.get("rel") != "canonical":
                assert "//" not in attributes.get("src", attributes.get("href", ""))


class Elements(HTMLParser):
    """The elements of a page as a browser sees them."""

    @classmethod
    def of(cls, page: bytes) -> list[tuple[str, dict[str, str]]]:
        parser = cls()
        parser.seen = []
        parser.feed(page.decode())
        assert len(parser.seen) > 10
        return parser.seen

    seen: list[tuple[str, dict[str, str]]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))


def test_citations_lead_to_their_sources_and_other_brackets_stay() -> None:
    made = render(
        SITE, [post(markdown="Fact [3]. Not [9].", sources=[Source(title="S", url="https://s.example", n=3)])]
    )
    page = made["public/posts/heat.html"].decode()
    assert 'href="#source-3">[3]</a>' in page
    assert '<li id="source-3" value="3"><a href="https://s.example"' in page
    assert "Not [9]." in page


def test_a_source_with_a_dangerous_address_is_only_named() -> None:
    page = render(SITE, [post(sources=[Source(title="Trap", url="javascript:alert(1)")])])["public/posts/heat.html"]
    assert b"Trap" in page
    assert b"javascript:" not in page


def test_there_is_one_first_heading() -> None:
    page = render(SITE, [post(markdown="# Heat\n\nText\n\n# Part\n\n## Detail")])["public/posts/heat.html"].decode()
    assert re.findall(r"<h(\d)[^>]*>([^<]*)</h", page) == [("1", "Heat"), ("2", "Part"), ("3", "Detail")]


def test_tables_keep_their_alignment() -> None:
    html = to_html("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<td style="text-align:right">2</td>' in html


def test_a_page_is_in_the_language_of_its_post() -> None:
    page = render(SITE, [post(language="de", sources=[Source(title="Q")])])["public/posts/heat.html"].decode()
    assert '<html lang="de">' in page
    assert "23. November 2026" in page
    assert "Quellen" in page


def test_the_feed_is_atom_with_absolute_addresses_newest_first() -> None:
    made = render(SITE, [post("old", date=date(2025, 1, 1)), post("new", summary="Short & sweet")])
    feed = ElementTree.fromstring(made["public/feed.xml"])
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert ids == ["https://petra.example/notes/posts/new.html", "https://petra.example/notes/posts/old.html"]
    assert feed.findtext(f"{ATOM}updated") == "2026-11-23T00:00:00+00:00"
    assert feed.findtext(f"{ATOM}title") == "Notes & more"


def test_links_inside_the_site_work_from_a_folder_and_from_the_error_page() -> None:
    made = render(SITE, [post()])
    assert b'href="../style.css"' in made["public/posts/heat.html"]
    assert b'href="posts/heat.html"' in made["public/index.html"]
    assert b'href="/notes/style.css"' in made["public/404.html"]


def test_a_site_without_posts_says_so() -> None:
    assert b"Nothing has been published yet." in render(SITE, [])["public/index.html"]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Heat pumps for older houses", "heat-pumps-for-older-houses"),
        ("Über Maße & Größen", "ueber-masse-groessen"),
        ("Crème brûlée!", "creme-brulee"),
        ("熱ポンプ", "post"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "post"),
    ],
)
def test_a_slug_is_readable_and_safe(title: str, slug: str) -> None:
    assert slugify(title, fallback="post") == slug


@given(st.text())
@settings(deadline=None)
def test_every_title_makes_a_slug_the_site_takes(title: str) -> None:
    Publish(slug=slugify(title, fallback="post"), title="T", markdown="x", date=date(2026, 1, 1))


def test_a_long_slug_is_cut_at_a_word() -> None:
    assert slugify("word " * 40, fallback="x", limit=20) == "word-word-word-word"
    assert slugify("x" * 100, fallback="x", limit=20) == "x" * 20


def test_a_taken_slug_gets_the_next_free_number() -> None:
    assert unique("heat", {"heat", "heat-2", "heat-4"}) == "heat-3"
    assert unique("heat", set()) == "heat"
