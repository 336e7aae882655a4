"""`books/invoices`: for each number a PDF, an XML and, written last, the record that makes them an invoice.

A number without its record is not there: that is what a killed write leaves; a repeat with the same key completes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.effects.durable import write_file
from agentos.errors import Permanent
from agentos.ids import digest


class Record(BaseModel):
    """`<number>.json`. Digests are SHA-256; `payload` is that of the canonical JSON of what was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["invoice", "credit_note"]
    key: str
    payload: str
    number: str
    issued_on: str
    client: str
    pdf_digest: str
    xml_digest: str
    receipt: dict[str, Any]
    asked: dict[str, Any] | None = None
    """What was asked for: with it an invoice can be credited where the log that knew was lost."""
    cancels: str | None = None


class Store:
    """The folder. Callers hold its lock while they look and write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: str, suffix: str) -> Path:
        return self.folder / f"{filename(number)}.{suffix}"

    def records(self) -> Iterator[Record]:
        """All records, by file name. Raises Permanent for one that cannot be read: then absence can't be told."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield Record.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise Permanent(
                    f"{path.name} in books/invoices is not a record of an invoice.",
                    hint="Bring it back from a backup, or move it away.",
                    code="invoice.record",
                ) from error

    def record_at(self, number: str) -> Record | None:
        """The record under this number; None where there is none that can be read."""
        try:
            return Record.model_validate_json(self.path(number, "json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def unreadable(self) -> Iterator[Path]:
        """Records that somebody has made unreadable."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                Record.model_validate_json(path.read_bytes())
            except ValidationError:
                yield path

    def readable(self) -> Iterator[Record]:
        """All records but the unreadable ones."""
        for path in sorted(self.folder.glob("*.json")):
            with suppress(ValidationError):
                yield Record.model_validate_json(path.read_bytes())

    def with_key(self, key: str) -> Record | None:
        return next((record for record in self.records() if record.key == key), None)

    def with_number(self, number: str) -> Record | None:
        """The record that takes this number, or (two numbers may share one) this file name."""
        return next((record for record in self.records() if filename(record.number) == filename(number)), None)

    def save(self, record: Record, pdf: bytes, xml: bytes) -> None:
        """Files first, record last. Refuses to write over files that are not the remains of this very write."""
        for suffix, data in (("pdf", pdf), ("xml", xml)):
            path = self.path(record.number, suffix)
            if path.exists() and path.read_bytes() != data:
                raise Permanent(
                    f"{path.name} stands in books/invoices already, and AgentOS did not issue it like this.",
                    hint="Move it away, or let the invoice take another number.",
                    code="invoice.file_taken",
                )
        write_file(self.path(record.number, "pdf"), pdf)
        write_file(self.path(record.number, "xml"), xml)
        write_file(self.path(record.number, "json"), record.model_dump_json(indent=1).encode())

    def put_back(self, record: Record, pdf: bytes, xml: bytes) -> None:
        """The same, over whatever lies there; that is kept in `replaced/`."""
        written = {"pdf": pdf, "xml": xml, "json": record.model_dump_json(indent=1).encode()}
        for suffix, data in written.items():
            path = self.path(record.number, suffix)
            present = path.read_bytes() if path.exists() else data
            if present != data:
                write_file(self.folder / "replaced" / f"{path.stem}-{digest(present)[:8]}.{suffix}", present)
            write_file(path, data)

    def touched(self, record: Record) -> list[str]:
        """Names of its files that are not as they were issued, with what is the matter."""
        found = []
        for suffix, issued in (("pdf", record.pdf_digest), ("xml", record.xml_digest)):
            path = self.path(record.number, suffix)
            if not path.exists():
                found.append(f"{path.name} is gone")
            elif digest(path.read_bytes()) != issued:
                found.append(f"{path.name} was changed")
        return found

    def content(self, record: Record) -> str:
        """The digest of what lies there now: equals that of an untouched invoice, differs after an edit by hand."""
        return digest("\n".join(self.digests(record)).encode())

    def digests(self, record: Record) -> tuple[str, str]:
        """Of its PDF and its XML as they lie there now; "gone" for one that does not."""
        pdf, xml = (self.path(record.number, suffix) for suffix in ("pdf", "xml"))
        return _digest_at(pdf), _digest_at(xml)


def _digest_at(path: Path) -> str:
    return digest(path.read_bytes()) if path.exists() else "gone"


def untouched(record: Record) -> str:
    """The digest that `content` gives while nobody has changed the files."""
    return digest(f"{record.pdf_digest}\n{record.xml_digest}".encode())


_SAID = ("number", "issued_on", "due", "net", "vat", "gross", "currency", "client", "key")


def as_issued(receipt: dict[str, Any], pdf: str, xml: str) -> str | None:
    """Digest over what the record says was issued and over its files, by their digests; None where it says too
    little."""
    said = [receipt.get(name) for name in _SAID]
    if not all(isinstance(one, str) for one in said):
        return None
    return digest("\n".join([*map(str, said), pdf, xml]).encode(errors="replace"))


def filename(number: str) -> str:
    """A number as a file name: "2026/007" -> "2026_007". Never a path, never hidden."""
    return re.sub(r"[^\w.\-]", "_", number).lstrip(".") or "_"
