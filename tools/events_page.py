"""Writes docs/events.md from agentos/events/types.py: `python tools/events_page.py`; a test holds it.

Names, versions, fields and notes come from the models. Stream, key, sealing and occasion stand below, because they
belong to whoever appends the event; tests/unit/test_events_page.py compares them with what real tasks record.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"

TASK = "task/TASK"


@dataclass(frozen=True)
class About:
    """`key` is the idempotency key, "" for none, "A or B" for either; capitals stand for values.

    `sealed`: "client" (with the key of the client it is about, where it is about one) or "open".
    """

    when: str
    stream: str = TASK
    key: str = ""
    sealed: str = "client"


ABOUT = {
    "intent.received": About("a request came in; durable before anything is done about it", "intent/INTENT",
                             "intent/INTENT"),
    "intent.rejected": About("the request can't become a task (empty, too long, ...)", "intent/INTENT", "", "open"),
    "task.opened": About("a task begins; written together with its intent", key="task/TASK", sealed="open"),
    "task.planned": About("the goal is understood and the plan stands; from here the plan is this event",
                          key="task.planned/TASK"),
    "task.parked": About("nothing can go on now; says what it waits for, and the call returns"),
    "task.resumed": About("what it waited for has happened, and a worker took it up"),
    "task.completed": About("every step is done and every effect has its receipt", key="task.closed/TASK"),
    "task.failed": About("a step failed for good; what was done is taken back, or listed as standing",
                         key="task.closed/TASK"),
    "task.cancelled": About("the operator gave it up", key="task.closed/TASK"),
    "step.started": About("an attempt at a step begins; fixes its time and its seed",
                          key="step.started/TASK/STEP/ROUND/ATTEMPT"),
    "step.completed": About("the step's result stands and is never computed again",
                            key="step.completed/TASK/STEP/ROUND"),
    "step.failed": About("the attempt came to nothing: to be tried again, sent back to `redo`, or for good",
                         key="step.failed/TASK/STEP/ROUND/ATTEMPT"),
    "tool.called": About("a capability answered, or asked the operator instead (`asked`)",
                         key="call/TASK/STEP/ROUND/REQUEST/NTH or call/TASK/STEP/ROUND/REQUEST/NTH/asked/N"),
    "model.reserved": About("before a model call: its upper bound is taken from the budgets",
                            key="model.reserved/TASK/STEP/ROUND/REQUEST/NTH/TRY", sealed="open"),
    "model.called": About("a model answered", key="call/TASK/STEP/ROUND/REQUEST/NTH"),
    "model.missing": About("a model could not be asked, since its key or endpoint is not set; the operator was asked",
                           key="call/TASK/STEP/ROUND/REQUEST/NTH/asked/N"),
    "model.settled": About("the true cost takes the reservation's place; all of it where answer or worker was lost",
                           key="model.settled/TASK/CALL", sealed="open"),
    "approval.requested": About("a card is laid on the desk",
                                key="approval.requested/TASK/STEP/NTH or approval.requested/TASK/notice or "
                                    "approval.requested/TASK/FINGERPRINT/notice"),
    "approval.granted": About("the operator approved exactly these keys and digests", key="approval.granted/CARD"),
    "approval.denied": About("the operator said no", key="approval.denied/CARD"),
    "approval.answered": About("the operator answered a question or a choice", key="approval.answered/CARD"),
    "approval.edited": About("the operator replaced fields of a step's output", key="approval.edited/CARD"),
    "approval.expired": About("nobody answered in time: counts as no", key="approval.expired/CARD"),
    "approval.superseded": About("what the card asked for has changed, and a new card stands",
                                 key="approval.superseded/CARD"),
    "approval.withdrawn": About("its task was cancelled or failed", key="approval.withdrawn/CARD"),
    "effect.started": About("claimed: policy, grant, lease and stop switch held in this transaction. Before `do`",
                            key="effect.started/EFFECT/ATTEMPT"),
    "effect.done": About("`do` returned its receipt", key="effect.done/EFFECT"),
    "effect.failed": About(
        "`do` failed: tried again at `retry_at`, or for good; the latter may follow the former",
        key="effect.failed/EFFECT/ATTEMPT or effect.failed/EFFECT/ATTEMPT/last",
    ),
    "effect.in_doubt": About("it may have happened; a card asks", key="effect.in_doubt/EFFECT/ATTEMPT"),
    "effect.found": About("it had happened: `find` or the operator says so. Stands in place of `effect.done`",
                          key="effect.done/EFFECT"),
    "number.assigned": About("in the same transaction as the `effect.started` that takes it", "number/SERIES",
                             "number/SERIES/NUMBER", "open"),
    "number.voided": About("its effect failed for good: the number is used up, and the record says why",
                           "number/SERIES", "number.voided/SERIES/NUMBER", "open"),
    "finding.opened": About("the monitor saw something to tell the operator; in the append that opens its task",
                            "finding/FINGERPRINT", "finding/FINGERPRINT/NTH", "open"),
    "finding.closed": About("what was found is over by itself; its task is cancelled with the last of them",
                            "finding/FINGERPRINT", "finding.closed/FINGERPRINT/NTH", "open"),
    "drift.detected": About("a look at an outside system found it other than the log says; once for each time it comes",
                            "drift/FINGERPRINT", "drift/FINGERPRINT/NTH"),
    "drift.closed": About("repaired, mended or let stand by the operator, gone by itself, or its repair failed",
                          "drift/FINGERPRINT", "drift.closed/FINGERPRINT/NTH"),
    "repair.opened": About("in the append that opens the repair's task; one for each fingerprint, ever",
                           "drift/FINGERPRINT", "repair/FINGERPRINT", "open"),
    "repair.closed": About("in the append that closes the repair's task", "drift/FINGERPRINT",
                           "repair.closed/FINGERPRINT"),
    "workspace.file_changed": About("a file the operator edits is about to be used in a new form", "workspace"),
    "platform.stopped": About("`agentos stop`", "platform", sealed="open"),
    "platform.started": About("`agentos start`", "platform", sealed="open"),
    "platform.damage_accepted": About("`agentos start --accept-damage`: the operator goes on with just this damage",
                                      "platform", sealed="open"),
    "platform.restored": About("`agentos restore` has put a backup's log in place of this one", "platform",
                               "platform.restored/EPOCH", "open"),
    "platform.backed_up": About("a backup is whole and under its name", "platform", sealed="open"),
    "circuit.opened": About("an outside system failed too often: not called before `until`", "circuit", sealed="open"),
    "circuit.closed": About("it answers again", "circuit", sealed="open"),
}  # fmt: skip

_HEAD = """# Events

<!-- Written by tools/events_page.py from agentos/events/types.py. Change those, then run it again. -->

Every event has an envelope: `seq` (1, 2, 3, ... without a gap), `id` (UUIDv7), `stream`, `version`, `type`, `at` (UTC),
`actor`, `subject` (a client's id), `key`, `correlation` (the task), `causation`, the payload `data`, and `hash`, which
chains over the stored bytes. The tables list the payload.

* **Key**: at most one event of a key exists; a second one is refused. That is what makes recording idempotent.
* **Sealed**: "client" means that the payload is encrypted with the key of the client in `subject`, where there is
  one; it reads as `{"$forgotten": true}` once that key is destroyed. "open" payloads hold ids, numbers and amounts
  that must be read for ever.
* `field?` may be absent and then has its default. A value `{"$blob": digest}` stands for a larger one, kept in
  `state/blobs/`.
* A new field gets a default; a changed meaning gets a new version and an upcast (`agentos/events/upcast.py`).
"""


def page() -> str:
    """The whole page as Markdown."""
    from agentos.events import types

    notes = _notes(inspect.getsource(types))
    parts = [_HEAD]
    for family, group in groupby(types.FACTS.items(), key=lambda item: item[0].split(".")[0]):
        facts = dict(group)
        parts.append(f"\n## {family}\n\n| event | when | fields | stream | key | sealed |\n|---|---|---|---|---|---|\n")
        parts += [_row(name, fact) for name, fact in facts.items()]
        said = [(name, *note) for name, fact in facts.items() for note in notes.get(fact.__name__, [])]
        if said:
            parts.append("\n" + "".join(f"* {_where(name, field)}: {text}\n" for name, field, text in said))
    return "".join(parts)


def _row(name: str, fact: type) -> str:
    from agentos.events.types import Fact

    assert issubclass(fact, Fact)  # noqa: S101  (narrows for the type checker)
    about = ABOUT[name]
    fields = " ".join(f"`{key}{'' if field.is_required() else '?'}`" for key, field in fact.model_fields.items())
    version = "" if fact.VERSION == 1 else f" v{fact.VERSION}"
    key = " or ".join(f"`{one}`" for one in about.key.split(" or ") if one)
    return f"| `{name}`{version} | {about.when} | {fields} | `{about.stream}` | {key} | {about.sealed} |\n"


def _where(name: str, field: str) -> str:
    return f"`{name}`, `{field}`" if field else f"`{name}`"


def _notes(source: str) -> dict[str, list[tuple[str, str]]]:
    """class name -> [(field, its docstring)]; the class's own docstring stands under the field ""."""
    found: dict[str, list[tuple[str, str]]] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        field = ""
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                field = part.target.id
            elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                text = " ".join(inspect.cleandoc(str(part.value.value)).split())
                found.setdefault(node.name, []).append((field, text))
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
