"""An answer from the views on a terminal: its sentence, its table, and the commands that show where it comes from."""

from __future__ import annotations

from agents.text.answers import Told
from desk.render.style import columns, cut, dim, line, wrapped

_WIDEST = 40
"""Characters of a cell."""


def answer_lines(answer: Told, width: int) -> list[str]:
    lines = wrapped(answer.sentence, width)
    if answer.table:
        head = [f"  {dim(line(name))}" if at == 0 else dim(line(name)) for at, name in enumerate(answer.columns)]
        rows = [[f"  {cell}" if at == 0 else cell for at, cell in enumerate(_cells(row))] for row in answer.table]
        lines += ["", *columns([head, *rows])]
    lines += [""] if answer.notes or answer.sources else []
    lines += [dim(text) for note in answer.notes for text in wrapped(note, width, "  ")]
    return [*lines, *(dim(f"  {line(one)}") for one in answer.sources)]


def _cells(row: list[str]) -> list[str]:
    return [cut(cell, _WIDEST) for cell in row]
