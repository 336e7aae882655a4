"""The demo's story: one intent, one card, one approval on a visible line, and a closing screen that shows it all."""

from __future__ import annotations

import asyncio

from agentos.ids import short
from agentos.tasks.state import TaskState
from desk.cards import show_card
from desk.progress import followed
from desk.render.closing import closing_lines
from desk.render.style import bold, dim, good
from desk.session import Session

TEXT = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
MOST_CARDS = 5


def tell(session: Session) -> int:
    """Run the story in the session's workspace. 0 when it came to its end and replays to the same bytes."""
    from desk.submitting import checker
    from graphs.replay import replay

    session.via = "demo"
    session.say(f"\n{dim('$')} agentos run {bold(chr(34) + TEXT + chr(34))}\n")
    task = session.desk.submit(TEXT, check=checker(session.root), trigger="demo")
    state = _to_the_end(session, task)
    if state.status != "completed":
        from desk.working import finish

        finish(session, state)
        return 1
    report = asyncio.run(replay(session.platform, task))
    same = "replays to the same bytes" if report.same else f"replays differently: {report.first_difference}"
    records = list(session.store.log.read(correlation=task))
    session.show(
        closing_lines(
            state, records, session.root, session.zone, session.width, f"{len(report.steps)} recorded steps: {same}"
        )
    )
    from desk.working import task_json

    session.give(task_json(state) | {"workspace": str(session.root), "replays": report.same})
    return 0 if report.same else 1


def _to_the_end(session: Session, task: str) -> TaskState:
    """Approve every approval in sight; a question ends the demo, because nobody is there to answer it."""
    from graphs.advance import advance

    for _ in range(MOST_CARDS):
        with followed(session, task):
            state = asyncio.run(advance(session.platform, task, by="demo")).state
        cards = [card for card in state.open_cards() if card.kind == "effects"]
        if state.closed or not cards:
            return state
        show_card(session, state, cards[0], commands=False)
        session.say(f"\n{good('The demo’s operator approves:')} {bold(f'agentos approve {short(cards[0].id)}')}\n")
        session.desk.approve(cards[0].id)
    return state
