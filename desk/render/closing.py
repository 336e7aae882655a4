"""The demo's closing screen: post, invoice, ledger, mail, cost, timeline, replay, and where to look further."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Any

from agentos.events.record import Record
from agentos.ids import short
from agentos.tasks.state import TaskState
from desk.render.style import bold, clean, costs, counted, cut, dim, good, line, money, wrapped
from desk.render.task import timeline_lines

Json = dict[str, Any]
FIRST_LINES = 6


def closing_lines(
    state: TaskState, records: list[Record], root: Path, zone: tzinfo, width: int, replayed: str
) -> list[str]:
    lines = ["", dim("─" * width), good("Done. This stands in the workspace now:")]
    for effect in sorted(state.effects.values(), key=lambda one: one.seq):
        teller = _TELLERS.get(effect.data["system"])
        if teller is not None and effect.receipt is not None:
            lines += ["", *teller(effect.receipt["data"], effect.receipt["ref"], root, width)]
    spent = [{"amount": str(amount), "currency": currency} for currency, amount in state.spent.items()]
    lines += ["", f"{bold('Cost')}      {costs(spent)} ({_used(state)})"]
    lines += ["", bold("Timeline"), *timeline_lines(records, zone, width)]
    return [*lines, "", f"{bold('Replay')}    {line(replayed)}", "", *further(state, root)]


def _used(state: TaskState) -> str:
    if not state.model_calls:
        return "no model was called"
    return f"{counted(state.model_calls, 'model call')}, {state.tokens} tokens"


def _post(data: Json, ref: str, root: Path, width: int) -> list[str]:
    title, text = _front_matter(_read(root / "site" / str(data.get("path", ""))))
    lines = [f"{bold('Post')}      {line(title or data.get('slug', ''))}", f"          {line(data.get('url', ''))}"]
    lines += [f"          {line(root / 'site' / str(data.get('page', '')))}"]
    body = [one for one in clean(text).splitlines() if one.strip() and not one.startswith("#")]
    shown = [part for one in body for part in wrapped(one, width, "          ")][:FIRST_LINES]
    return [*lines, *(dim(one) for one in shown), dim("          …")]


def _invoice(data: Json, ref: str, root: Path, width: int) -> list[str]:
    net, vat, gross = (money({"amount": data[key], "currency": data["currency"]}) for key in ("net", "vat", "gross"))
    return [
        f"{bold('Invoice')}   {line(data['number'])}, due {line(data['due'])}",
        f"          net {net} + VAT {vat} = {bold(gross)}",
        f"          {line(root / data['pdf'])}",
        dim("          with the EN 16931 e-invoice (XML) inside"),
    ]


def _ledger(data: Json, ref: str, root: Path, width: int) -> list[str]:
    entry = _entry(_read(root / data["file"]), data["key"])
    return [f"{bold('Ledger')}    {line(root / data['file'])}", *(dim(f"          {one}") for one in entry)]


def _mail(data: Json, ref: str, root: Path, width: int) -> list[str]:
    path = root / "outbox" / data["file"]
    headers = [one for one in _read(path).splitlines()[:40] if one.startswith(("To:", "Subject:"))]
    waits = "in the outbox; no mail server is configured" if data.get("via") == "outbox" else "sent"
    return [
        f"{bold('Mail')}      {waits}",
        f"          {line(path)}",
        *(dim(f"          {cut(one, 66)}") for one in headers),
    ]


_TELLERS: dict[str, Callable[[Json, str, Path, int], list[str]]] = {
    "site": _post,
    "invoice": _invoice,
    "ledger": _ledger,
    "mail": _mail,
}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _front_matter(text: str) -> tuple[str, str]:
    """(title, the rest) of Markdown that begins with front matter between two lines of ---."""
    if not text.startswith("---"):
        return "", text
    head, _, body = text[3:].partition("\n---")
    titles = [one.partition(":")[2].strip().strip("\"'") for one in head.splitlines() if one.startswith("title:")]
    return (titles[0] if titles else ""), body.lstrip("\n")


def _entry(text: str, key: str) -> list[str]:
    """The booking that carries this key, from its dated head to the last indented line, without our own long marks."""
    lines = clean(text).splitlines()
    at = next((i for i, one in enumerate(lines) if f'"{key}"' in one), None)
    if at is None:
        return []
    first, last = at, at
    while first > 0 and lines[first][:1] in (" ", "\t"):
        first -= 1
    while last + 1 < len(lines) and lines[last + 1][:1] in (" ", "\t"):
        last += 1
    return [one for one in lines[first : last + 1] if not one.lstrip().startswith(("key:", "payload:"))]


def further(state: TaskState, root: Path) -> list[str]:
    name = short(state.id)
    rows = (
        (f"agentos show {name}", "the task, step by step"),
        (f"agentos log --task {name}", "every event"),
        (f"agentos replay {name}", "run it again from the record"),
        ("agentos log verify", "nobody has changed the record"),
        (f"agentos undo {name}", "take it all back"),
        ("agentos up", "see it in Dagster"),
    )
    lines = [bold("Look further"), f"  cd {line(root)}"]
    if shutil.which("agentos") is None:  # after `make demo` it stands in the clone's .venv and not on the path
        lines.append(f"  PATH={line(Path(sys.executable).parent)}:$PATH")
    return [*lines, *(f"  {command:<30}{dim(what)}" for command, what in rows)]
