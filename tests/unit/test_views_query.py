"""Typed queries: what the catalogue refuses, and what a frame answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from agentos.views.answering import MOST_SEQS, answer
from agentos.views.catalogue import VIEWS
from agentos.views.query import Query, faults
from agentos.views.view import Column, View

MONEY = pl.Decimal(38, 12)
BILLS = View(
    name="bills",
    title="Bills",
    description="For tests.",
    group="money",
    key=("bill",),
    columns={
        "bill": Column(pl.String, "number"),
        "client": Column(pl.String, "id"),
        "amount": Column(MONEY, "amount"),
        "currency": Column(pl.String, "ISO 4217"),
        "due": Column(pl.Date, "day"),
        "at": Column(pl.Datetime("us", "UTC"), "moment"),
        "late": Column(pl.Boolean, "whether it is late"),
        "tries": Column(pl.UInt32, "how often"),
        "share": Column(pl.Float64, "0 to 1"),
        "kinds": Column(pl.List(pl.String), "several"),
        "seqs": Column(pl.List(pl.UInt64), "events"),
    },
)
CATALOGUE: Mapping[str, View] = {"bills": BILLS}


def bill(number: str, client: str | None, amount: str, currency: str, **more: Any) -> dict[str, Any]:
    row = {"bill": number, "client": client, "amount": Decimal(amount), "currency": currency, "due": date(2026, 11, 1)}
    return {**row, "at": datetime(2026, 11, 1, 9, tzinfo=UTC), "late": False, "tries": 1, "seqs": [1], **more}


FRAME = pl.DataFrame(
    [
        bill("1", "acme", "300", "EUR", seqs=[4, 9]),
        bill("2", "acme", "0.005", "EUR", late=True, seqs=[5]),
        bill("3", "beta", "120", "USD", due=date(2026, 12, 1), seqs=[9, 11]),
        bill("4", None, "7", "EUR", tries=3, seqs=[]),
    ],
    schema={name: column.dtype for name, column in BILLS.columns.items()},
)


def ask(**query: Any) -> tuple[list[dict[str, Any]], int]:
    wanted = Query.model_validate({"view": "bills", **query})
    assert faults(wanted, CATALOGUE) == []
    return answer(FRAME, wanted, BILLS)


def where(column: str, op: str, value: Any = None) -> list[dict[str, Any]]:
    return [{"column": column, "op": op} | ({} if value is None else {"value": value})]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"view": "tables"}, "There is no view 'tables'"),
        ({"where": where("secret", "eq", "x")}, "no column 'secret'"),
        ({"columns": ["bill", "nothing"]}, "no column 'nothing'"),
        ({"order": [{"by": "nothing"}]}, "no column 'nothing'"),
        ({"where": where("due", "ge", "yesterday")}, "'yesterday' is no day"),
        ({"where": where("at", "ge", "2026-11-01T00:00:00")}, "is no moment"),  # without a time zone it is none
        ({"where": where("amount", "ge", "NaN")}, "is no amount"),
        ({"where": where("tries", "eq", "many")}, "is no integer"),
        ({"where": where("late", "eq", "yes")}, "is no truth"),
        ({"where": where("kinds", "eq", "a")}, "is no list"),
        ({"where": where("bill", "in", "1")}, "does not take this value"),
        ({"where": where("bill", "empty", "1")}, "does not take this value"),
        ({"where": where("bill", "eq")}, "does not take this value"),
        ({"where": where("tries", "starts", 1)}, "is no text"),
        ({"where": where("late", "lt", True)}, "has no order"),
        ({"figures": [{"of": "sum", "column": "bill"}]}, "can't be added up"),
        ({"figures": [{"of": "sum"}]}, "needs a column"),
        ({"figures": [{"of": "count", "column": "bill"}]}, "takes no column"),
        ({"group": ["client"]}, "A group needs a figure"),
        ({"figures": [{"of": "count"}], "columns": ["bill"]}, "can't be asked for together"),
        ({"figures": [{"of": "count"}], "order": [{"by": "due"}]}, "neither a group nor a figure"),
        ({"figures": [{"of": "sum", "column": "amount"}]}, "would mix currencies"),
        ({"figures": [{"of": "max", "column": "amount"}], "group": ["client"]}, "would mix currencies"),
    ],
)
def test_what_the_catalogue_refuses(query: dict[str, Any], said: str) -> None:
    found = faults(Query.model_validate({"view": "bills", **query}), CATALOGUE)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    "query",
    [
        {"view": "bills; DROP TABLE bills"},
        {"view": "bills", "sql": "SELECT 1"},
        {"view": "bills", "where": [{"column": "bill", "op": "like", "value": "%"}]},
        {"view": "bills", "limit": 100_000},
        {"view": "bills", "where": where("bill", "eq", "1") * 13},
    ],
)
def test_what_is_no_query_at_all(query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Query.model_validate(query)


def test_rows_come_as_json_with_their_key_and_their_events() -> None:
    rows, total = ask(where=where("currency", "eq", "EUR"), columns=["amount"], order=[{"by": "amount"}], limit=2)
    assert total == 3
    assert rows == [{"bill": "2", "amount": "0.005", "seqs": [5]}, {"bill": "4", "amount": "7", "seqs": []}]


@pytest.mark.parametrize(
    ("filters", "bills"),
    [
        (where("client", "empty"), ["4"]),
        (where("client", "filled"), ["1", "2", "3"]),
        (where("client", "ne", "acme"), ["3", "4"]),
        (where("bill", "in", ["1", "3", "9"]), ["1", "3"]),
        (where("bill", "ends", "2"), ["2"]),
        (where("due", "gt", "2026-11-01"), ["3"]),
        (where("at", "le", "2026-11-01T10:00:00+01:00"), ["1", "2", "3", "4"]),
        (where("amount", "ge", "120.00"), ["1", "3"]),
        (where("late", "eq", True), ["2"]),
        (where("tries", "gt", 1), ["4"]),
        ([*where("client", "eq", "acme"), *where("late", "eq", False)], ["1"]),
        (where("client", "eq", "nobody"), []),
    ],
)
def test_filters(filters: list[dict[str, Any]], bills: list[str]) -> None:
    assert [row["bill"] for row in ask(where=filters)[0]] == bills


def test_figures_by_currency_rest_on_all_events_of_their_rows() -> None:
    figures = [{"of": "sum", "column": "amount"}, {"of": "count"}]
    rows, _ = ask(group=["currency"], figures=figures, order=[{"by": "count", "descending": True}])
    assert rows == [
        {"currency": "EUR", "sum_amount": "307.005", "count": 3, "seqs": [4, 5, 9]},
        {"currency": "USD", "sum_amount": "120", "count": 1, "seqs": [9, 11]},
    ]
    assert ask(figures=[{"of": "count"}])[0] == [{"count": 4, "seqs": [4, 5, 9, 11]}]
    one = ask(where=where("currency", "eq", "EUR"), figures=[{"of": "sum", "column": "amount"}])[0]
    assert one == [{"sum_amount": "307.005", "seqs": [4, 5, 9]}]


def test_rows_can_be_ordered_by_what_is_not_shown() -> None:
    rows, _ = ask(columns=["bill"], order=[{"by": "tries", "descending": True}, {"by": "bill"}], limit=1)
    assert rows == [{"bill": "4", "seqs": []}]


def test_of_very_many_events_the_newest_stand() -> None:
    frame = FRAME.with_columns(seqs=pl.lit(list(range(200)), pl.List(pl.UInt64)))
    (row,), _ = answer(frame, Query(view="bills", limit=1), BILLS)
    assert row["seqs"] == list(range(200 - MOST_SEQS, 200))


def test_every_view_can_be_asked_whole() -> None:
    for name, view in VIEWS.items():
        frame = pl.DataFrame(schema={column: about.dtype for column, about in view.columns.items()})
        assert faults(Query(view=name), VIEWS) == []
        assert answer(frame, Query(view=name), view) == ([], 0)
