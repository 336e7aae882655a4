"""What the mail system can do: handing a mail to a server is another thing than laying it into the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agentos.effects.port import Verb

_SEND = Verb(
    name="send",
    reversible="free",
    undo="Taken out of the outbox again, unless you have sent it yourself.",
    held=True,
    outgoing=True,
    outcome="The mail lies in `outbox/`, whole and ready for you to send.",
    failure_modes=(
        "An attachment is missing, or is not what was approved: it fails for good.",
        "The outbox can't be written now: tried again, then a card.",
    ),
    act="Send the file from `outbox/` with your mail program; `agentos undo` takes it out again.",
)
_SEND_BY_SMTP = replace(
    _SEND,
    reversible="final",
    undo="A mail that has left can't be called back; until then, a held one can.",
    outcome="The recipient's server has the mail, once.",
    failure_modes=(
        "The server refuses the address or the mail: it fails for good, and what the task did before is taken back.",
        "The connection breaks after the text was sent: in doubt, and a card asks whether it has arrived.",
        "The server can't be reached: tried again; after several failures in a row its circuit opens for a while.",
    ),
    act="In doubt, ask the recipient or look into the server's log before you answer. `agentos doctor` tries it.",
)
_RECALL = Verb(
    name="recall",
    reversible="final",
    undo="A recalled mail can be sent again as a new one.",
    outcome="A mail that should not leave has left the outbox.",
    failure_modes=("You have sent it yourself meanwhile, or moved it: it fails for good.",),
    act="Where it has left already, tell the recipient.",
)

TO_OUTBOX: Mapping[str, Verb] = MappingProxyType({"send": _SEND, "recall": _RECALL})
BY_SMTP: Mapping[str, Verb] = MappingProxyType({"send": _SEND_BY_SMTP, "recall": _RECALL})
