"""The typed query behind each known question. Columns are the catalogue's; a test holds them against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agentos.intents.asking import Kind
from agentos.intents.questions import Asked
from agentos.views.query import Figure, Filter, Order, Query

Json = dict[str, Any]
LOOKED_BACK = 30
"""Days that a question about costs, interruptions or agents looks back where it names none."""
_UNPAID = ["open", "partly", "overdue"]
_INVOICE = ["invoice", "client", "due_on", "late_days", "open", "currency", "status"]


def slots_of(asked: Asked, *, now: datetime, timezone: str) -> Json:
    """The slots of an understood question, JSON values: question (its kind), query, and what it is about."""
    days = asked.days
    if days is None and asked.kind in _LOOK_BACK:
        today = now.astimezone(ZoneInfo(timezone)).date()
        days = (today - timedelta(LOOKED_BACK - 1), today)
    client = asked.client if isinstance(asked.client, str) else None
    query = _QUERIES[asked.kind](client, days, asked.task, timezone)
    slots: Json = {"question": asked.kind, "query": query.model_dump(mode="json", exclude_defaults=True)}
    slots |= {"client": client} if client else {}
    slots |= {"task": asked.task} if asked.task else {}
    return slots | ({"first": str(days[0]), "last": str(days[1])} if days else {})


def with_client(slots: Json, client: str) -> Json:
    """The slots of a question once it is known which client it is about."""
    query = slots.get("query")
    if query is None:
        return slots | {"client": client}
    where = [*query.get("where", []), _client(client)[0].model_dump(mode="json", exclude_defaults=True)]
    return slots | {"client": client, "query": query | {"where": where}}


Days = tuple[date, date] | None
Make = Callable[[str | None, Days, str | None, str], Query]


def _client(client: str | None) -> list[Filter]:
    return [Filter(column="client", op="eq", value=client)] if client else []


def _days(column: str, days: Days) -> list[Filter]:
    """Of a column of days."""
    if days is None:
        return []
    return [
        Filter(column=column, op="ge", value=str(days[0])),
        Filter(column=column, op="le", value=str(days[1])),
    ]


def _moments(column: str, days: Days, timezone: str) -> list[Filter]:
    """Of a column of moments: from the first midnight of the operator's own clock to the one after the last day."""
    if days is None:
        return []
    zone = ZoneInfo(timezone)
    begin, end = datetime.combine(days[0], time(), zone), datetime.combine(days[1] + timedelta(1), time(), zone)
    return [
        Filter(column=column, op="ge", value=begin.isoformat()),
        Filter(column=column, op="lt", value=end.isoformat()),
    ]


def _is(column: str, value: str | bool) -> Filter:
    return Filter(column=column, op="eq", value=value)


def _sum(column: str) -> Figure:
    return Figure(of="sum", column=column)


_COUNT = Figure(of="count")


def _unpaid(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    where = [Filter(column="status", op="in", value=_UNPAID), *_client(client), *_days("issued_on", days)]
    return Query(view="invoices", where=where, columns=_INVOICE, order=[Order(by="due_on")], limit=200)


def _overdue(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    where = [_is("status", "overdue"), *_client(client), *_days("due_on", days)]
    order = [Order(by="late_days", descending=True)]
    return Query(view="invoices", where=where, columns=_INVOICE, order=order, limit=200)


def _owed_by_all(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    return Query(
        view="invoices",
        where=[Filter(column="status", op="in", value=_UNPAID)],
        group=["client", "currency"],
        figures=[_sum("open"), _COUNT, Figure(of="max", column="late_days")],
        order=[Order(by="sum_open", descending=True)],
        limit=200,
    )


def _standing(client: str | None, days: Days) -> list[Filter]:
    """Invoices that were issued and not taken back."""
    return [Filter(column="status", op="in", value=[*_UNPAID, "paid"]), *_client(client), *_days("issued_on", days)]


def _issued(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    columns = ["invoice", "client", "issued_on", "gross", "currency", "status"]
    return Query(
        view="invoices", where=_standing(client, days), columns=columns, order=[Order(by="issued_on")], limit=200
    )


def _revenue(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    figures = [_sum("net"), _sum("gross"), _COUNT]
    return Query(view="invoices", where=_standing(client, days), group=["currency"], figures=figures)


def _best_clients(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    order = [Order(by="sum_net", descending=True)]
    figures = [_sum("net"), _COUNT]
    return Query(
        view="invoices", where=_standing(None, days), group=["client", "currency"], figures=figures, order=order
    )


def _received(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    where = [
        _is("system", "ledger"),
        _is("verb", "receive"),
        _is("status", "done"),
        *_client(client),
        *_days("on", days),
    ]
    return Query(view="effects", where=where, group=["currency"], figures=[_sum("amount"), _COUNT])


def _cost(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    figures = [_sum("cost"), _sum("tokens"), _COUNT]
    group, order = ["model", "currency"], [Order(by="sum_cost", descending=True)]
    return Query(view="calls", where=_moments("at", days, zone), group=group, figures=figures, order=order, limit=200)


def _waiting(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    columns = ["card", "kind", "task", "asked_at", "expires_at"]
    return Query(view="approvals", where=[_is("status", "open")], columns=columns, order=[Order(by="asked_at")])


_TASK = ["task", "workflow", "status", "parked", "parked_on", "parked_until", "code", "opened_at"]


def _parked(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    return Query(view="tasks", where=[Filter(column="task", op="ends", value=task or "")], columns=_TASK, limit=3)


def _parked_tasks(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    where = [_is("status", "parked"), *_client(client)]
    return Query(view="tasks", where=where, columns=_TASK, order=[Order(by="opened_at")])


def _interruptions(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    where = [_is("asks", True), *_moments("asked_at", days, zone)]
    return Query(
        view="approvals", where=where, group=["kind"], figures=[_COUNT], order=[Order(by="count", descending=True)]
    )


def _failing_agents(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    figures = [_sum("failures"), _sum("attempts"), _COUNT]
    where = [Filter(column="agent", op="ne", value="coordinator"), *_moments("started_at", days, zone)]
    order = [Order(by="sum_failures", descending=True)]
    return Query(view="steps", where=where, group=["agent"], figures=figures, order=order)


def _closed(status: str) -> Make:
    def make(client: str | None, days: Days, task: str | None, zone: str) -> Query:
        own = [Filter(column="trigger", op="ne", value="ask"), Filter(column="trigger", op="ne", value="monitor")]
        where = [_is("status", status), *own, *_client(client), *_moments("closed_at", days, zone)]
        columns = ["task", "workflow", "client", "closed_at", "hours", "code"]
        return Query(view="tasks", where=where, columns=columns, order=[Order(by="closed_at")])

    return make


def _doubt(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    columns = ["effect", "task", "client", "system", "verb", "started_at"]
    return Query(view="effects", where=[_is("status", "in_doubt")], columns=columns, order=[Order(by="started_at")])


def _done_outside(system: str, verb: str) -> Make:
    def make(client: str | None, days: Days, task: str | None, zone: str) -> Query:
        where = [_is("system", system), _is("verb", verb), _is("status", "done"), *_client(client)]
        columns = ["effect", "task", "client", "done_at"]
        where += _moments("done_at", days, zone)
        return Query(view="effects", where=where, columns=columns, order=[Order(by="done_at")])

    return make


def _balances(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    columns = ["account", "balance", "currency", "entries", "last_on"]
    return Query(view="balances", columns=columns, order=[Order(by="account")])


def _drifts(client: str | None, days: Days, task: str | None, zone: str) -> Query:
    columns = ["fingerprint", "system", "kind", "client", "status", "last_at", "repair"]
    where = [Filter(column="closed_at", op="empty")]
    return Query(view="drifts", where=where, columns=columns, order=[Order(by="last_at")])


_LOOK_BACK = ("cost", "interruptions", "failing-agents", "done", "failed-tasks", "published", "mailed")
_QUERIES: Mapping[Kind, Make] = {
    "owed": _unpaid, "owed-by-all": _owed_by_all, "overdue": _overdue, "unpaid": _unpaid, "issued": _issued,
    "billed": _revenue, "cost": _cost, "revenue": _revenue, "received": _received, "waiting": _waiting,
    "parked": _parked, "parked-tasks": _parked_tasks, "interruptions": _interruptions,
    "failing-agents": _failing_agents, "done": _closed("completed"), "failed-tasks": _closed("failed"),
    "doubt": _doubt, "balances": _balances, "best-clients": _best_clients,
    "published": _done_outside("site", "publish"), "mailed": _done_outside("mail", "send"), "drift": _drifts,
}  # fmt: skip
