"""A bar plot as an image in Markdown: SVG, so that nothing is needed to draw it, and as short as it goes, since
Dagster's page shows only short Markdown in its place."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 480, 90
_TOP, _BOTTOM = 14, 14


def bars(labels: Sequence[str], values: Sequence[float], unit: str, *, about: str) -> str:
    """One bar a label, from left to right; `about` stands for the image where it is not shown. Empty without values."""
    top = max(values, default=0)
    if top <= 0:
        return ""
    step, room = WIDTH // len(values), HEIGHT - _TOP - _BOTTOM
    heights = [max(1, round(value / top * room)) if value > 0 else 0 for value in values]
    path = f"M0 {HEIGHT - _BOTTOM}" + "".join(
        f"v-{height}h{step - 3}v{height}h3" if height else f"h{step}" for height in heights
    )
    said = [
        f'<text y="10">at most {top:.4g} {escape(unit)}</text>',
        f'<text y="{HEIGHT - 2}">{escape(labels[0])}</text>',
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{escape(labels[-1])}</text>',
    ]
    drawn = f'<path fill="#4f46e5" d="{path}"/><g font-size="10" fill="#777">{"".join(said)}</g>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{drawn}</svg>'
    return f"![{about}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"
