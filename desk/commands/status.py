"""`agentos status`: imports nothing heavy, works with a broken agentos.toml."""

from __future__ import annotations

from agentos.tasks.readiness import due_at
from agentos.workspace.pulse import lately, silent
from desk import reading
from desk.options import as_command
from desk.render.overview import alarm_lines, drift_lines, state_word, status_lines
from desk.session import Session


@as_command("status")
def command(session: Session) -> None:
    """Tasks, what waits for you, what was spent today, and whether the platform is stopped."""
    store, zone, now = session.store, session.zone, session.now
    tasks = [(state, reading.goal_of(store, state)) for state in reading.open_tasks(store)]
    waiting = reading.waiting_cards(store)
    closed = reading.closed_counts(store)
    spent = reading.spent_since(store, reading.midnight(now, zone))
    stopped = reading.stopped_because(store)
    drifts = reading.open_drifts(store)
    due = min((at for state, _ in tasks if (at := due_at(state)) is not None), default=None)
    silence, failed = silent(session.root), lately(session.root, now)
    session.show(alarm_lines(silence, failed, zone, now))
    session.show(status_lines(tasks, waiting, closed, spent, stopped, due, zone, now, session.width))
    session.show(drift_lines(drifts, session.width))
    if session.as_json:
        import click

        listed = [
            {"task": state.id, "status": state.status, "state": click.unstyle(state_word(state, now)), "goal": about,
             "cards": [card.id for card in state.open_cards()], "parked": state.parked}
            for state, about in tasks
        ]  # fmt: skip
        counts = dict(closed)
        for state, _ in tasks:
            counts[state.status] = counts.get(state.status, 0) + 1
        session.give(
            {"tasks": listed, "counts": counts, "waiting": len(waiting),
             "spent_today": spent, "stopped": stopped, "next_due": due.isoformat() if due else None,
             "silent": [one.name for one in silence], "failed_runs": [one.run for one in failed],
             "drifts": [{"fingerprint": one.fingerprint, "since": one.at.isoformat()} | one.data for one in drifts]}
        )  # fmt: skip
