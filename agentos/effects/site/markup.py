"""Markdown to HTML that is safe to publish: no scripts, no styles, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

_INLINE = (
    "a",
    "abbr",
    "b",
    "br",
    "cite",
    "code",
    "del",
    "dfn",
    "em",
    "i",
    "img",
    "ins",
    "kbd",
    "mark",
    "q",
    "s",
    "small",
)
_MORE_INLINE = ("span", "strong", "sub", "sup")
_BLOCK = ("blockquote", "dd", "div", "dl", "dt", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul")
_TABLE = ("caption", "table", "tbody", "td", "th", "thead", "tr")
_TAGS = {*_INLINE, *_MORE_INLINE, *_BLOCK, *_TABLE}
_CITATION = re.compile(r'\s*<a href="#source-(\d+)" rel="noopener">\1</a>')
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
}


def to_html(markdown: str, *, title: str = "", cited: Iterable[int] = ()) -> str:
    """A fragment of HTML. A first heading that repeats `title` is dropped, the others stand below it (h2 and deeper);
    "[n]" becomes a link to the source n for every n in `cited`."""
    import nh3

    parser = _parser()
    references = {str(n): {"href": f"#source-{n}", "title": "", "map": [0, 0]} for n in cited}
    env: dict[str, Any] = {"references": references}
    tokens = _below_title(parser.parse(markdown, env), title)
    html = str(parser.renderer.render(tokens, parser.options, env))
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener",
        filter_style_properties={"text-align"},
    )
    # After the cleaning, and digits only: nothing of the text gets into the markup here.
    return _CITATION.sub('\u202f<a class="cite" href="#source-\\1">[\\1]</a>', clean)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(
    self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    """A picture from elsewhere would tell a third party who reads the page: it becomes a link."""
    from markdown_it.common.utils import escapeHtml

    source = str(tokens[idx].attrs.get("src", ""))
    if not source.startswith(("http:", "https:", "//")):
        return self.image(tokens, idx, options, env)
    label = self.renderInlineAsText(tokens[idx].children, options, env) or source
    return f'<a href="{escapeHtml(source)}">{escapeHtml(label)}</a>'


def _below_title(tokens: list[Token], title: str) -> list[Token]:
    if len(tokens) > 1 and tokens[0].tag == "h1" and tokens[1].content.strip().casefold() == title.strip().casefold():
        tokens = tokens[3:]
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    if any(token.tag == "h1" for token in headings):
        for token in headings:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return tokens
