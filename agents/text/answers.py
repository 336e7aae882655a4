"""A data-retriever's result in words: one sentence, a small table, and where it comes from. Made when it is read.

The words are no part of the record: the rows are sealed one by one, and a sentence over them could not be taken apart
again when one client is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.text.phrases import PHRASES, phrase

Json = dict[str, Any]
MOST_SHOWN = 12
"""Rows of the table; the sentence is about all of them."""
MOST_SOURCES = 3
_HIDDEN = ("seqs", "confidence")
_FORGOTTEN = "$forgotten"


@dataclass(frozen=True)
class Told:
    """`sources` are commands that show the events behind the first rows."""

    sentence: str
    columns: list[str]
    table: list[list[str]]
    sources: list[str]
    notes: list[str]

    @property
    def markdown(self) -> str:
        parts = [self.sentence]
        if self.table:
            lines = [self.columns, ["---"] * len(self.columns), *self.table]
            parts.append(
                "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
            )
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join(parts)


def is_answer(output: Json) -> bool:
    return isinstance(output.get("rows"), list) and "as_of" in output and "query" in output


def told(output: Json, names: Mapping[str, str] | None = None) -> Told:
    """`names`: client id -> name, as the workspace has it now."""
    answer = _Answer(output, names or {})
    if output["query"] is None:
        return Told(phrase(answer.language, "unknown"), [], [], [], examples(answer.language))
    columns, table = answer.table()
    return Told(answer.sentence(), columns, table, answer.sources(), answer.notes())


def examples(language: str) -> list[str]:
    return [str(one) for one in PHRASES["de" if language.startswith("de") else "en"]["examples"]]


class _Answer:
    def __init__(self, output: Json, names: Mapping[str, str]) -> None:
        self.output, self.names = output, names
        self.language = "de" if str(output.get("language") or "en").startswith("de") else "en"
        self.kind = str(output.get("kind") or "")
        self.forgotten = sum(bool(row.get(_FORGOTTEN)) for row in output["rows"])
        self.rows: list[Json] = [row for row in output["rows"] if not row.get(_FORGOTTEN)]

    # -- the sentence

    def sentence(self) -> str:
        made = _SENTENCES.get(self.kind, _rows)(self)
        more = self.output["total"] - len(self.output["rows"])
        return (
            f"{made} {self.say('cut', shown=len(self.output['rows']), total=self.output['total'])}"
            if more > 0
            else made
        )

    def say(self, name: str, /, **values: Any) -> str:
        return phrase(
            self.language, name, client=self.client(), days=self.days(), task=self.output.get("task") or "", **values
        )

    def client(self) -> str:
        id = str(self.output.get("client") or "")
        return self.names.get(id, id)

    def days(self) -> str:
        first, last = self.output.get("first"), self.output.get("last")
        if not first:
            return ""
        name = "day" if first == last else "days"
        return phrase(self.language, name, first=first, last=last)

    def totals(self, column: str, rows: list[Json] | None = None) -> list[tuple[Decimal, str]]:
        """(amount, currency), one for each currency: amounts of two are never added up."""
        sums: dict[str, Decimal] = {}
        for row in self.rows if rows is None else rows:
            if row.get(column) is not None and row.get("currency"):
                sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + Decimal(row[column])
        return [(amount, currency) for currency, amount in sorted(sums.items())]

    def amounts(self, column: str, rows: list[Json] | None = None) -> str:
        found = [money(amount, currency, self.language) for amount, currency in self.totals(column, rows) if amount]
        return phrase(self.language, "and").join(found) or phrase(self.language, "no_money")

    def count(self, column: str = "count") -> int:
        return sum(int(row.get(column) or 0) for row in self.rows)

    # -- the table and its sources

    def table(self) -> tuple[list[str], list[list[str]]]:
        shown = [n for n in self.ordered() if n not in _HIDDEN]
        shown = [n for n in shown if any(row.get(n) not in (None, "", []) for row in self.rows)]
        head = [phrase(self.language, f"column.{n}") or n.replace("_", " ") for n in shown]
        return head, [[self.cell(n, row) for n in shown] for row in self.rows[:MOST_SHOWN]]

    def ordered(self) -> list[str]:
        """As they were asked for: recorded values keep no order."""
        query, known = self.output["query"], self.rows[0] if self.rows else {}
        figures = [
            f"{one['of']}_{one['column']}" if one.get("column") else one["of"] for one in query.get("figures") or ()
        ]
        asked = [*(query.get("columns") or ()), *(query.get("group") or ()), *figures]
        return [name for name in dict.fromkeys([*asked, *known]) if name in known]

    def cell(self, name: str, row: Json) -> str:
        value = row.get(name)
        if value is None:
            return ""
        if name == "client":
            return self.names.get(str(value), str(value))
        if isinstance(value, str) and row.get("currency") and _is_amount(name):
            return f"{money(Decimal(value), '', self.language)}".strip()
        if isinstance(value, list):
            return ", ".join(_short(str(part)) for part in value if part is not None)
        return _short(str(value)) if not isinstance(value, bool) else phrase(self.language, "yes" if value else "no")

    def sources(self) -> list[str]:
        """Only a view's own rows can be asked for by key."""
        query = self.output["query"]
        if query.get("figures"):
            return []
        keys = [
            ["" if row.get(n) is None else str(row[n]) for n in self.output["key"]] for row in self.rows[:MOST_SOURCES]
        ]
        return [f"agentos why {query['view']} {' '.join(key)}" for key in keys]

    def notes(self) -> list[str]:
        found = []
        if len(self.rows) > MOST_SHOWN:
            found.append(self.say("more", count=len(self.rows) - MOST_SHOWN))
        if self.forgotten:
            found.append(self.say("forgotten", count=self.forgotten))
        if self.output.get("guessed"):
            found.append(self.say("guessed"))
        seqs = sorted({seq for row in self.rows for seq in row.get("seqs") or ()})
        if seqs:
            found.append(
                self.say(
                    "from", count=len(seqs), view=self.output["query"]["view"], seq=self.output["as_of"].get("seq")
                )
            )
        return found


def money(amount: Decimal, currency: str, language: str) -> str:
    """ "1,200.00 EUR"; a fraction of a cent keeps its digits."""
    whole = amount == amount.quantize(Decimal("0.01"))
    shown = f"{amount:,.2f}" if whole or abs(amount) >= 1 else f"{amount.normalize():,f}"
    if language == "de":
        shown = shown.translate(str.maketrans(",.", ".,"))
    return f"{shown} {currency}".strip()


def _is_amount(name: str) -> bool:
    return name.removeprefix("sum_") in ("open", "net", "vat", "gross", "paid", "amount", "cost", "reserved", "balance")


def _short(text: str) -> str:
    """An id by its end, as every command takes it; a moment without its seconds."""
    if len(text) == 36 and text.count("-") == 4:
        return text[-8:]
    return f"{text[:10]} {text[11:16]}" if len(text) >= 20 and text[4:5] == "-" and text[10:11] == "T" else text


# -- the sentences of the known questions


def _owed(a: _Answer) -> str:
    late = [row for row in a.rows if row["status"] == "overdue"]
    if not a.rows:
        return a.say("owed.none")
    return a.say("owed", amounts=a.amounts("open"), count=len(a.rows)) + (
        " "
        + a.say("owed.late", amounts=a.amounts("open", late), count=len(late), most=max(r["late_days"] for r in late))
        if late
        else ""
    )


def _owed_by_all(a: _Answer) -> str:
    clients = len({row["client"] for row in a.rows})
    return a.say("owed_by_all", amounts=a.amounts("sum_open"), count=clients) if a.rows else a.say("owed_by_all.none")


def _listed(name: str, column: str = "open") -> Callable[[_Answer], str]:
    def make(a: _Answer) -> str:
        about = ".client" if a.output.get("client") else ""
        if not a.rows:
            return a.say(f"{name}.none{about}")
        return a.say(f"{name}{about}", count=len(a.rows), amounts=a.amounts(column))

    return make


def _summed(name: str, column: str) -> Callable[[_Answer], str]:
    def make(a: _Answer) -> str:
        about = ".client" if a.output.get("client") else ""
        gross = a.amounts("sum_gross") if name == "revenue" else ""
        return a.say(f"{name}{about}", amounts=a.amounts(column), count=a.count(), gross=gross)

    return make


def _cost(a: _Answer) -> str:
    return a.say("cost", amounts=a.amounts("sum_cost"), count=a.count(), tokens=a.count("sum_tokens"))


def _parked(a: _Answer) -> str:
    if len(a.rows) != 1:
        return a.say("parked.unknown" if not a.rows else "parked.several")
    row = a.rows[0]
    task = _short(str(row["task"]))
    if row["status"] != "parked":
        return a.say("parked.not", name=task, status=phrase(a.language, f"status.{row['status']}") or row["status"])
    waits = [
        phrase(a.language, f"wait.{kind}", on=_short(str(on or ""))) or str(kind)
        for kind, on in zip(row["parked"] or [], row["parked_on"] or [], strict=False)
    ]
    until = f" ({_short(row['parked_until'])} UTC)" if row.get("parked_until") else ""
    return a.say("parked", name=task, waits=phrase(a.language, "and").join(waits) + until)


def _counted(name: str) -> Callable[[_Answer], str]:
    def make(a: _Answer) -> str:
        total = a.output["total"]
        return a.say(f"{name}.none") if not total else a.say(name, count=total)

    return make


def _interruptions(a: _Answer) -> str:
    return a.say("interruptions", count=a.count())


def _failing_agents(a: _Answer) -> str:
    worst = a.rows[0] if a.rows else None
    if worst is None or not worst["sum_failures"]:
        return a.say("failing_agents.none")
    return a.say("failing_agents", agent=worst["agent"], count=worst["sum_failures"], of=worst["sum_attempts"])


def _best_clients(a: _Answer) -> str:
    if not a.rows:
        return a.say("best_clients.none")
    best = a.rows[0]
    name = a.names.get(best["client"], best["client"])
    return a.say(
        "best_clients", name=name, amounts=a.amounts("sum_net", [r for r in a.rows if r["client"] == best["client"]])
    )


def _rows(a: _Answer) -> str:
    return a.say("rows", count=a.output["total"], view=a.output["query"]["view"])


_SENTENCES: Mapping[str, Callable[[_Answer], str]] = {
    "owed": _owed, "owed-by-all": _owed_by_all, "overdue": _listed("overdue"), "unpaid": _listed("unpaid"),
    "issued": _listed("issued", "gross"), "billed": _summed("billed", "sum_gross"), "cost": _cost,
    "revenue": _summed("revenue", "sum_net"), "received": _summed("received", "sum_amount"),
    "waiting": _counted("waiting"), "parked": _parked, "parked-tasks": _counted("parked_tasks"),
    "interruptions": _interruptions, "failing-agents": _failing_agents, "done": _counted("done"),
    "failed-tasks": _counted("failed_tasks"), "doubt": _counted("doubt"), "best-clients": _best_clients,
    "published": _counted("published"), "mailed": _counted("mailed"), "balances": _counted("balances"),
    "drift": _counted("drift"),
}  # fmt: skip
