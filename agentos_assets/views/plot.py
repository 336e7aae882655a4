"""A bar plot as an image in Markdown, a few hundred bytes: SVG, so that nothing is needed to draw it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 640, 150
_LEFT, _TOP, _BOTTOM = 8, 16, 22
_STYLE = 'font-family="sans-serif" font-size="11" fill="#6b7280"'


def bars(labels: Sequence[str], values: Sequence[float], unit: str, *, about: str) -> str:
    """One bar a label, from left to right; `about` stands for the image where it is not shown. Empty without values."""
    if not values or max(values) <= 0:
        return ""
    step = (WIDTH - 2 * _LEFT) / len(values)
    top, room = max(values), HEIGHT - _TOP - _BOTTOM
    drawn = []
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        x, height = _LEFT + place * step, max(value, 0) / top * room
        drawn.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{HEIGHT - _BOTTOM - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}" fill="#4f46e5"><title>{escape(label)}: {value:g} {escape(unit)}</title></rect>'
        )
    ends = f'<text x="{_LEFT}" y="{HEIGHT - 6}" {_STYLE}>{escape(labels[0])}</text>' + (
        f'<text x="{WIDTH - _LEFT}" y="{HEIGHT - 6}" text-anchor="end" {_STYLE}>{escape(labels[-1])}</text>'
    )
    most = f'<text x="{_LEFT}" y="11" {_STYLE}>at most {top:g} {escape(unit)}</text>'
    return _image("".join([*drawn, ends, most]), about)


def _image(drawn: str, about: str) -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{drawn}</svg>'
    return f"![{about}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"
