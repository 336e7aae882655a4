"""The folder `outbox/`: where a mail stands is where its file lies.

outbox/NAME.eml            written; with X-Unsent it is the operator's to send, else it waits for the server
outbox/.attempted/NAME.eml a copy, made just before the text goes out: whether it arrived is not known
outbox/sent/NAME.eml       the server took it
outbox/recalled/NAME.eml   taken back before it left
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from email.policy import default
from pathlib import Path
from typing import Literal

from agentos.effects.durable import write_file
from agentos.effects.mail.message import KEY_HEADER, UNSENT_HEADER, key_header, read_key
from agentos.effects.slug import slugify
from agentos.ids import digest
from agentos.secrets.keyring import make_folder, sync_folder

State = Literal["outbox", "attempted", "sent", "recalled"]
RECALL_HEADER = "X-AgentOS-Recall-Key"


@dataclass(frozen=True)
class Entry:
    """One mail of ours. `unsent`: it was left for the operator to send, no server was involved."""

    name: str
    state: State
    data: bytes

    def header(self, name: str) -> str | None:
        # As text, for the parser of bytes takes RFC 6532's plain UTF-8 in addresses for damage.
        head = self.data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        value = HeaderParser(policy=default).parsestr(head).get(name)
        return None if value is None else str(value)

    @property
    def unsent(self) -> bool:
        return self.header(UNSENT_HEADER) is not None

    @property
    def key(self) -> str | None:
        return self._key(KEY_HEADER)

    @property
    def recall_key(self) -> str | None:
        return self._key(RECALL_HEADER)

    def _key(self, name: str) -> str | None:
        value = self.header(name)
        return None if value is None else read_key(value)


class Outbox:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def name(self, key: str, day: str, subject: str) -> str:
        """A name a person can read that ends with the mark of its key, by which it is found again."""
        return f"{day}-{slugify(subject, fallback='mail', limit=50)}-{_mark(key)}.eml"

    def entry(self, key: str) -> Entry | None:
        """The mail with this key. `sent` wins over all: a run killed while tidying up leaves more than one trace."""
        for state in ("sent", "attempted", "outbox", "recalled"):
            for found in self._entries(state, f"*-{_mark(key)}.eml"):
                if found.key == key:
                    return found
        return None

    def entries(self) -> Iterator[Entry]:
        seen: set[str] = set()
        for state in ("sent", "attempted", "outbox", "recalled"):
            for found in self._entries(state, "*.eml"):
                if found.name not in seen:
                    seen.add(found.name)
                    yield found

    def write(self, key: str, name: str, data: bytes) -> Entry:
        """Puts the mail of this key into the outbox, in the place of an earlier text of it that has not left."""
        write_file(self.folder / name, data)
        for earlier in list(self._entries("outbox", f"*-{_mark(key)}.eml")):
            if earlier.name != name and earlier.key == key:
                (self.folder / earlier.name).unlink(missing_ok=True)
        return Entry(name, "outbox", data)

    def attempt(self, entry: Entry) -> None:
        """The note is a copy: it must stand for its mail also when somebody has moved that away meanwhile."""
        write_file(self.folder / ".attempted" / entry.name, entry.data)

    def settle(self, name: str) -> None:
        """The server refused it for certain: it has not left."""
        (self.folder / ".attempted" / name).unlink(missing_ok=True)

    def accept(self, name: str) -> None:
        target = self.folder / "sent" / name
        make_folder(target.parent)
        (self.folder / name).replace(target)
        sync_folder(target.parent)
        sync_folder(self.folder)
        self.settle(name)

    def recall(self, found: Entry, key: str) -> None:
        """The copy is made before the original goes, and only a copy without original counts as recalled."""
        write_file(self.folder / "recalled" / found.name, key_header(RECALL_HEADER, key) + found.data)
        (self.folder / found.name).unlink(missing_ok=True)
        sync_folder(self.folder)

    def recalled(self, name: str) -> Entry | None:
        if (self.folder / name).exists():
            return None
        return next(self._entries("recalled", name), None)

    def waiting(self, name: str) -> Entry | None:
        return next((found for found in self.entries() if found.name == name), None)

    def _entries(self, state: State, pattern: str) -> Iterator[Entry]:
        places = {"sent": "sent", "attempted": ".attempted", "outbox": ".", "recalled": "recalled"}
        for path in sorted((self.folder / places[state]).glob(pattern)):
            if not path.name.startswith(".") and path.is_file():
                yield Entry(path.name, state, path.read_bytes())


def is_name(name: str) -> bool:
    """Whether `name` is a plain file name of a mail, so that it can't lead out of the outbox."""
    return bool(re.fullmatch(r"[^./\\\x00][^/\\\x00]*\.eml", name))


def _mark(key: str) -> str:
    return digest(key.encode())[:16]
