"""A typed question to one view: filters, groups, figures, an order and a limit. Never SQL, never free text.

What a rule or a model asks for is checked against the catalogue before a row is read (`faults`), so that a wrong column
is a sentence that can be sent back, and amounts of two currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from agentos.views.catalogue import View

Op = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "starts", "ends", "empty", "filled"]
Scalar = bool | int | str
"""Amounts come as texts ("300.00"), days and moments in ISO form: JSON knows neither."""
MOST_ROWS = 200
_NAME = r"^[a-z][a-z0-9_]{0,60}$"
_WITHOUT_VALUE = ("empty", "filled")
_ADDED = ("integer", "number", "amount")
_ORDERED = (*_ADDED, "day", "moment", "text")


class Filter(BaseModel):
    """`value` is a list for "in", absent for "empty" and "filled", and one value for the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(pattern=_NAME)
    op: Op
    value: Scalar | list[Scalar] | None = None


class Figure(BaseModel):
    """One figure of each group. "count" counts rows and needs no column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["count", "sum", "min", "max", "mean"]
    column: str | None = Field(default=None, pattern=_NAME)

    @property
    def name(self) -> str:
        return self.of if self.column is None else f"{self.of}_{self.column}"


class Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str = Field(pattern=_NAME)
    descending: bool = False


class Query(BaseModel):
    """All filters must hold. Without figures the rows themselves are the answer, with `columns` (all when empty)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view: str = Field(pattern=_NAME)
    where: list[Filter] = Field(default=[], max_length=12)
    columns: list[str] = Field(default=[], max_length=40)
    group: list[str] = Field(default=[], max_length=6)
    figures: list[Figure] = Field(default=[], max_length=8)
    order: list[Order] = Field(default=[], max_length=4)
    limit: int = Field(default=50, ge=1, le=MOST_ROWS)


def faults(query: Query, views: Mapping[str, View]) -> list[str]:
    """What the catalogue refuses, a sentence each; empty when the query can be asked."""
    view = views.get(query.view)
    if view is None:
        return [f"There is no view {query.view!r}. There are {', '.join(sorted(views))}."]
    kinds = {name: kind_of(column.dtype) for name, column in view.columns.items()}
    return [*_unknown(query, kinds), *_misfits(query, kinds), *_mixed(query, kinds)]


def _unknown(query: Query, kinds: Mapping[str, str]) -> Iterator[str]:
    named = [*(f.column for f in query.where), *query.columns, *query.group]
    named += [figure.column for figure in query.figures if figure.column is not None]
    shown = set(query.group) | {figure.name for figure in query.figures}
    ordered = [order.by for order in query.order]
    for name in dict.fromkeys([*named, *(by for by in ordered if not query.figures or by not in shown)]):
        if name not in kinds:
            yield f"The view {query.view} has no column {name!r}. It has {', '.join(kinds)}."
    if query.group and not query.figures:
        yield "A group needs a figure, such as a count."
    if query.figures and query.columns:
        yield "Figures and columns can't be asked for together: group by the columns."
    if query.figures:
        yield from (f"{by!r} is neither a group nor a figure to order by." for by in ordered if by not in shown)


def _misfits(query: Query, kinds: Mapping[str, str]) -> Iterator[str]:
    for one in query.where:
        kind = kinds.get(one.column)
        if kind is None:
            continue
        if (one.value is None) != (one.op in _WITHOUT_VALUE) or isinstance(one.value, list) != (one.op == "in"):
            yield f"The filter {one.op!r} on {one.column} does not take this value."
        elif one.op in ("starts", "ends") and kind != "text":
            yield f"{one.column} is no text: it can't be compared by how it {one.op}."
        elif one.op in ("lt", "le", "gt", "ge") and kind not in _ORDERED:
            yield f"{one.column} has no order."
        else:
            yield from (
                f"{value!r} is no {kind} for {one.column}." for value in _values(one) if not _readable(kind, value)
            )
    for figure in query.figures:
        if (figure.column is None) != (figure.of == "count"):
            yield f"The figure {figure.of!r} {'takes no' if figure.of == 'count' else 'needs a'} column."
        elif figure.of in ("sum", "mean") and kinds.get(str(figure.column), "amount") not in _ADDED:
            yield f"{figure.column} can't be added up."


def _mixed(query: Query, kinds: Mapping[str, str]) -> Iterator[str]:
    """Amounts stand beside a column for their currency: a figure over several would be nonsense."""
    beside = {name for name in kinds if name == "currency" or name.endswith("_currency")}
    one = {f.column for f in query.where if f.op == "eq"}
    if not beside or beside & {*query.group, *one}:
        return
    for figure in query.figures:
        if figure.column is not None and kinds.get(figure.column) == "amount":
            yield f"{figure.name} would mix currencies: group by currency, or filter for one."


def kind_of(dtype: Any) -> str:
    """text | integer | number | amount | day | moment | truth | list, of a Polars type. Amounts are its decimals."""
    name = str(dtype).partition("(")[0].lower()
    if name in ("date", "boolean", "list", "string"):
        return {"date": "day", "boolean": "truth", "list": "list", "string": "text"}[name]
    if name == "datetime":
        return "moment"
    if name.startswith(("int", "uint")):
        return "integer"
    if name.startswith("decimal"):
        return "amount"
    return "number" if name.startswith("float") else "text"


def _values(one: Filter) -> Sequence[Scalar]:
    if one.value is None:
        return ()
    return one.value if isinstance(one.value, list) else (one.value,)


def _readable(kind: str, value: Scalar) -> bool:
    try:
        typed(kind, value)
    except (ValueError, TypeError, InvalidOperation):
        return False
    return True


def typed(kind: str, value: Scalar) -> Any:
    """The value as a column of this kind holds it. Raises ValueError, TypeError or InvalidOperation."""
    return _READERS[kind](value)


def _text(value: Scalar) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _truth(value: Scalar) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _integer(value: Scalar) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    return int(value)


def _number(value: Scalar) -> Decimal:
    number = Decimal(str(value))
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError(value)
    return number


def _moment(value: Scalar) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment


def _no_value(value: Scalar) -> Any:
    raise TypeError(value)


_READERS: Mapping[str, Callable[[Scalar], Any]] = {
    "text": _text,
    "truth": _truth,
    "integer": _integer,
    "number": lambda value: float(_number(value)),
    "amount": _number,
    "day": lambda value: date.fromisoformat(_text(value)),
    "moment": _moment,
    "list": _no_value,
}
