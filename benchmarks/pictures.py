"""Draws docs/images/bench-*.svg from latest.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.layers import WHOLE
from benchmarks.rows import LATEST

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
OURS, PEER = "#1f5a66", "#b9c7c9"


def draw(rows_file: Path = LATEST, folder: Path = IMAGES) -> list[Path]:
    """One picture of the peers, one of the layers. A picture whose figures are not there is left as it is."""
    rows = json.loads(rows_file.read_text())
    drawn = []
    for title, metric in (
        ("Five durable steps, one task at a time (ms, less is better)", "five steps, one task at a time"),
        ("Five durable steps, 16 tasks at once (tasks a second, more is better)", "five steps, 16 tasks at once"),
    ):
        found = [row for row in rows if row["metric"] == metric]
        if found:
            bars = [("AgentOS", found[0]["ours"]), *((row["peer_name"], row["peer"]) for row in found)]
            drawn.append(_bars(title, bars, folder / f"bench-{'one' if 'one' in metric else 'many'}.svg"))
    layers = [(row["metric"], row["ours"]) for row in rows if row["peer_name"] == WHOLE]
    if layers:
        title = "Where five steps of ours spend their time, one task at a time (ms)"
        drawn.append(_bars(title, layers, folder / "bench-layers.svg"))
    return drawn


def _bars(title: str, bars: Sequence[tuple[str, float]], path: Path) -> Path:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "agentos"  # the same figures give the same file
    mpl.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(8, 0.7 + 0.42 * len(bars)), layout="constrained")
    axes: Any = figure.subplots()
    names, values = [name for name, _ in bars], [value for _, value in bars]
    colours = [OURS if n == 0 or "bench-layers" in path.name else PEER for n in range(len(bars))]
    drawn = axes.barh(names, values, color=colours)
    axes.bar_label(drawn, [f" {value:,.1f}" for value in values])
    axes.invert_yaxis()
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, metadata={"Date": None})
    return path
