"""What is assigned last: the number, the date, and what earlier receipts of the task say."""

from __future__ import annotations

from agentos.errors import Permanent
from agentos.events.log import Reader
from agentos.events.types import NumberAssigned
from agentos.tasks.items import Item
from agentos.tasks.run import TaskRun


def assigned_values(run: TaskRun, item: Item, reader: Reader) -> tuple[dict[str, str], list[NumberAssigned]]:
    """name -> text for the item's declared placeholders, and the numbers taken. Called inside the claim's
    transaction."""
    values: dict[str, str] = {}
    numbers: list[NumberAssigned] = []
    for name, source in item.proposal.assigned.items():
        kind, _, rest = source.partition(":")
        if kind == "today":
            values[name] = _today(run)
        elif kind == "series":
            number = _next_number(run, rest, item, reader)
            numbers.append(number)
            values[name] = number.text
        elif kind == "receipt":
            values[name] = _from_receipt(run, item, rest)
        else:
            raise Permanent(f"{item.proposal.title}: unknown placeholder source {source!r}.", code="effect.placeholder")
    return values, numbers


def _today(run: TaskRun) -> str:
    from agentos.tasks.facts import zone_of

    return run.now().astimezone(zone_of(run)).date().isoformat()


def _next_number(run: TaskRun, series: str, item: Item, reader: Reader) -> NumberAssigned:
    """Head of the series + 1, in the transaction that records it; the workspace's `next_number` starts the series."""
    from agentos.effects.invoice import format_number

    settings = run.platform.workspace.configuration.business.invoice
    last = reader.last(stream=f"number/{series}", types=("number.assigned",))
    first = settings.next_number if series == "invoice" else 1
    number = max(last.data["number"] + 1 if last is not None else first, first)
    pattern = settings.pattern if series == "invoice" else settings.credit_note_pattern
    year, month, _ = (int(part) for part in _today(run).split("-"))
    return NumberAssigned(
        series=series, number=number, text=format_number(pattern, year, month, number), effect=item.key
    )


def _from_receipt(run: TaskRun, item: Item, path: str) -> str:
    """ "invoice.number" -> field `number` of the receipt of the effect that the same step proposed in slot
    `invoice`."""
    slot, _, name = path.partition(".")
    for effect in run.state.effects.values():
        data = effect.data
        if (data["source"], data["slot"]) == (item.source, slot) and effect.is_done and effect.receipt is not None:
            value = effect.receipt["ref"] if name == "ref" else effect.receipt["data"].get(name)
            if value is not None:
                return str(value)
    raise Permanent(f"There is no receipt that says {path}.", code="effect.placeholder")
