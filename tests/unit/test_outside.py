"""Backoff and circuit breaker: bounds that hold for every input, and a circuit's life as an operator would see it."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.errors import Transient
from agentos.outside import LONGEST_WAIT, CircuitBreaker, Circuits, Outcome, backoff, retry_after_seconds

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
OK, FAILED = Outcome(ok=True), Outcome(ok=False)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@settings(deadline=None)
@given(attempt=st.integers(1, 10_000), base=st.floats(0.01, 60), cap=st.floats(0.01, 3600), seed=st.integers())
def test_backoff_stays_between_zero_and_the_cap(attempt: int, base: float, cap: float, seed: int) -> None:
    wait = backoff(attempt, base=base, cap=cap, rng=random.Random(seed))
    assert 0 <= wait <= cap
    assert wait <= base * 2.0 ** min(attempt - 1, 60)


@settings(deadline=None)
@given(attempt=st.integers(1, 50), seed=st.integers(), named=st.floats(0, 1e12))
def test_a_longer_retry_after_wins_but_never_beyond_a_week(attempt: int, seed: int, named: float) -> None:
    wait = backoff(attempt, base=1, cap=60, rng=random.Random(seed), retry_after=named)
    assert wait >= min(named, LONGEST_WAIT)
    assert wait <= max(60, min(named, LONGEST_WAIT))


def test_backoff_is_jittered_and_reproducible() -> None:
    waits = {backoff(5, base=1, cap=60, rng=random.Random(seed)) for seed in range(50)}
    assert len(waits) == 50
    assert min(waits) < 4 < 12 < max(waits)
    assert backoff(5, base=1, cap=60, rng=random.Random(7)) == backoff(5, base=1, cap=60, rng=random.Random(7))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("-4", 0.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("99999999999", LONGEST_WAIT),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_its_two_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, T0) == seconds


def fold(outcomes: list[bool], breaker: CircuitBreaker, step: float = 1) -> tuple[CircuitBreaker, list[str]]:
    news: list[str] = []
    for i, ok in enumerate(outcomes):
        breaker, transition = breaker.record(Outcome(ok=ok), later(i * step))
        news += [transition] if transition else []
    return breaker, news


def test_it_opens_after_consecutive_failures_only() -> None:
    breaker, news = fold([False, False, True, False, False], CircuitBreaker(threshold=3))
    assert news == []
    assert breaker.phase(T0) == "closed"
    breaker, news = fold([False, False, False], CircuitBreaker(threshold=3, cool_down=30))
    assert news == ["opened"]
    assert breaker.phase(later(3)) == "open"
    assert breaker.remaining(later(12)) == pytest.approx(20)


def test_half_open_lets_one_probe_through_whose_success_closes_it() -> None:
    breaker = CircuitBreaker(threshold=1, cool_down=30).opened(T0)
    assert breaker.admit(later(29))[1] is False
    probing, admitted = breaker.admit(later(30))
    assert admitted
    assert probing.phase(later(30)) == "half_open"
    assert probing.admit(later(31))[1] is False
    assert probing.admit(later(61))[1] is True, "a probe lost with its worker must not shut the system out for ever"
    closed, news = probing.record(OK, later(32))
    assert news == "closed"
    assert closed.admit(later(32))[1] is True


def test_each_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker = CircuitBreaker(threshold=1, cool_down=30, longest=100).opened(T0)
    at, pauses = T0, []
    for _ in range(4):
        pauses.append(breaker.remaining(at))
        at += timedelta(seconds=breaker.remaining(at))
        breaker, admitted = breaker.admit(at)
        assert admitted
        breaker, news = breaker.record(FAILED, at)
        assert news == "opened"
    assert pauses == [30, 60, 100, 100]


def test_a_named_retry_after_keeps_it_open_that_long() -> None:
    breaker, _ = CircuitBreaker(threshold=1, cool_down=5).record(Outcome(ok=False, retry_after=600), T0)
    assert breaker.remaining(T0) == 600


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6), st.floats(0.1, 40))
def test_the_fold_survives_json_and_news_alternate(outcomes: list[bool], threshold: int, step: float) -> None:
    breaker, news = CircuitBreaker(threshold=threshold), []
    for i, ok in enumerate(outcomes):
        breaker = CircuitBreaker.model_validate_json(breaker.model_dump_json())
        before = breaker.phase(later(i * step))
        breaker, transition = breaker.record(Outcome(ok=ok), later(i * step))
        if transition == "closed":
            assert before != "closed"
            assert ok
        if transition == "opened":
            assert before != "open"
            assert breaker.failures >= threshold
        news.append(transition)
    if outcomes and outcomes[-1]:
        assert breaker.phase(later(1e6)) == "closed"
    if len(outcomes) >= threshold and not any(outcomes):
        assert "opened" in news


def test_circuits_are_kept_apart_and_name_the_wait() -> None:
    seen: list[tuple[str, str]] = []
    circuits = Circuits(default=CircuitBreaker(threshold=2), on_change=lambda key, news, _: seen.append((key, news)))
    for _ in range(2):
        circuits.check("smtp:a", T0, what="The mail server")
        circuits.record("smtp:a", FAILED, T0)
    with pytest.raises(Transient) as caught:
        circuits.check("smtp:a", later(10), what="The mail server")
    assert caught.value.retry_after == pytest.approx(20)
    assert caught.value.code == "outside.circuit_open"
    assert "The mail server" in str(caught.value)
    circuits.check("smtp:b", later(10), what="The other one")
    circuits.check("smtp:a", later(31), what="The mail server")
    circuits.record("smtp:a", OK, later(31))
    assert seen == [("smtp:a", "opened"), ("smtp:a", "closed")]


def test_only_one_of_many_threads_gets_the_probe() -> None:
    circuits = Circuits({"x": CircuitBreaker().opened(T0)})
    passed: list[int] = []

    def probe(number: int) -> None:
        try:
            circuits.check("x", later(40), what="It")
        except Transient:
            return
        passed.append(number)

    threads = [threading.Thread(target=probe, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1
