"""Other people's text in a prompt: always fenced, so that it can be told from what is asked."""

from __future__ import annotations

import re

from agentos.ids import digest


def as_data(label: str, text: str) -> str:
    """Fences a text with marks that carry its digest, which the text itself therefore can't contain and close early."""
    mark = digest(f"{label}\n{text}".encode())[:16]
    body = re.sub(r"</?data\b", "(data", text)
    return f'<data label="{label}" mark="{mark}">\n{body}\n</data mark="{mark}">'
