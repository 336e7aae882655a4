"""What models have cost, by local day: the fold that budgets rest on, kept while a process lives.

Budgets are checked inside the transaction that reserves, so the check must not cost more as the month goes on: the
fold is brought up to date before, from what is committed, and inside only the few events since are laid over it.
"""

from __future__ import annotations

import threading
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from agentos.clock import micros
from agentos.events.log import Reader
from agentos.events.record import Record

TYPES = ("model.reserved", "model.settled")
Costs = dict[str, Decimal]


@dataclass
class _Day:
    costs: Costs = field(default_factory=dict)
    tokens: int = 0

    def add(self, cost: dict[str, Any] | None, tokens: int, sign: int = 1) -> None:
        self.tokens += sign * tokens
        if cost is not None:
            currency = cost["currency"]
            self.costs[currency] = self.costs.get(currency, Decimal(0)) + sign * Decimal(cost["amount"])


@dataclass
class _Fold:
    zone: tzinfo
    month: date
    seq: int
    days: dict[date, _Day] = field(default_factory=dict)
    reserved: dict[str, tuple[date, dict[str, Any] | None, int]] = field(default_factory=dict)

    def apply(self, record: Record) -> None:
        """A reservation counts where it was made; its settlement takes its place, on the day it is settled."""
        data, day = record.data, record.at.astimezone(self.zone).date()
        call = f"{record.stream}/{data['step']}/{data['call']}"
        if record.type == "model.reserved":
            self.reserved[call] = (day, data["cost"], data["tokens"])
        elif (made := self.reserved.pop(call, None)) is not None:
            self._day(made[0]).add(made[1], made[2], -1)
        self._day(day).add(data["cost"], data["tokens"])
        self.seq = record.seq

    def _day(self, day: date) -> _Day:
        return self.days.setdefault(day, _Day())

    def since(self, first: date) -> tuple[Costs, int]:
        costs: Costs = {}
        tokens = 0
        for day, spent in self.days.items():
            if day >= first:
                tokens += spent.tokens
                for currency, amount in spent.costs.items():
                    costs[currency] = costs.get(currency, Decimal(0)) + amount
        return costs, tokens


class Spending:
    """Safe from any thread: a claim asks on the log's writer, while the next one is prepared elsewhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fold: _Fold | None = None

    def catch_up(self, log: Reader, now: datetime, zone: tzinfo) -> None:
        """Read on what is committed. Never call it with the reader of a transaction that may still be rolled back."""
        with self._lock:
            self._fold = self._current(log, now, zone)
            for record in log.read(after=self._fold.seq, types=TYPES):
                self._fold.apply(record)

    def since(self, reader: Reader, first: date, now: datetime, zone: tzinfo) -> tuple[Costs, int]:
        """Cost per currency and tokens from the local day `first` of this month on, as `reader` sees it."""
        with self._lock:
            fold = self._current(reader, now, zone)
            newer = list(reader.read(after=fold.seq, types=TYPES))
            if newer:
                fold = deepcopy(fold)
                for record in newer:
                    fold.apply(record)
            return fold.since(first)

    def _current(self, reader: Reader, now: datetime, zone: tzinfo) -> _Fold:
        """The fold of this month, or a new one that stands before its first event."""
        month = now.astimezone(zone).date().replace(day=1)
        if self._fold is not None and (self._fold.month, self._fold.zone) == (month, zone):
            return self._fold
        start = datetime(month.year, month.month, 1, tzinfo=zone)
        first = next(reader.read(types=TYPES, since_micros=micros(start), limit=1), None)
        return _Fold(zone, month, seq=reader.head()[0] if first is None else first.seq - 1)
