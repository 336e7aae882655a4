"""A number that was taken and not used is voided on the record: a series has no silent gap."""

from __future__ import annotations

from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import NumberVoided
from agentos.tasks.state import EffectState


def voided_numbers(reader: Reader, task: str, effects: list[EffectState], why: str) -> list[NewEvent]:
    """The events that void what these effects had been assigned; nothing for numbers voided already."""
    keys = {effect.key for effect in effects}
    events = []
    for record in reader.read(correlation=task, types=("number.assigned",)):
        data = record.data
        key = f"number.voided/{data['series']}/{data['number']}"
        if data["effect"] in keys and reader.by_key(key) is None:
            void = NumberVoided(series=data["series"], number=data["number"], text=data["text"], why=why)
            events.append(void.on(record.stream, key=key, correlation=task))
    return events
