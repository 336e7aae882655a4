"""What a benchmark says: a figure of ours, the peer's in the same run, and ours / peer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

LATEST = Path(__file__).parent / "latest.json"


@dataclass(frozen=True)
class Row:
    """`unit` says which way is better: "ms" (less) or "per second" (more)."""

    metric: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    aim: str = ""
    """The ratio aimed for, as in "<= 0.5"; empty where the peer is shown for comparison only."""

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """None where there is no aim."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        return self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound)


def interleaved(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median over rounds of what each returns, after one round that does not count. Every round runs all of them, in
    an order of its own, so that what the machine does meanwhile meets each alike."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    order, shuffled = list(contestants), random.Random(1)
    for round in range(rounds + 1):
        shuffled.shuffle(order)
        for name in order:
            value = contestants[name]()
            if round:
                found[name].append(value)
    return {name: median(values) for name, values in found.items()}


def table(rows: Sequence[Row]) -> str:
    head = ("metric", "unit", "ours", "peer", "", "ratio", "aim", "")
    lines = [head] + [
        (row.metric, row.unit, _figure(row.ours), _figure(row.peer), row.peer_name, f"{row.ratio:.2f}", row.aim,
         {None: "", True: "met", False: "not met"}[row.met])
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Figures to the right, words to the left."""
    padded = [c.rjust(w) if i in (2, 3, 5) else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def write(rows: Sequence[Row], path: Path = LATEST) -> None:
    """Rows {metric, unit, ours, peer, peer_name, ratio, aim}. Those of benchmarks that were not run now are kept."""
    old = json.loads(path.read_text()) if path.exists() else []
    new = [{**asdict(row), "ratio": row.ratio} for row in rows]
    run = {(row["metric"], row["peer_name"]) for row in new}
    kept = [row for row in old if (row["metric"], row["peer_name"]) not in run]
    path.write_text(json.dumps(kept + new, indent=1) + "\n")
