"""The operator's knowledge folder, searched with BM25."""

from __future__ import annotations

import codecs
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.agent import Passage
from agentos.capabilities.chunks import chunk
from agentos.capabilities.words import Language, language_of, stem, stems, stopword, words
from agentos.ids import digest

KINDS = (".md", ".markdown", ".txt", ".html", ".htm")
LARGEST = 5_000_000
"""Bytes of a file that is still read: a book is one to two million."""
_COVERAGE = 0.4
"""Share of the query's words a passage must hold; less is a chance hit ("older" in a note on invoices)."""

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Problem:
    """A file that was not read, and why, in words for the operator."""

    source: str
    why: str


@dataclass(frozen=True)
class _File:
    stamp: _Stamp
    digest: str
    passages: tuple[Passage, ...]
    problem: str = ""


class Knowledge:
    """Full-text search over Markdown, text and HTML files below `root`; English and German words are stemmed.

    Files are looked at before every search and read again when they changed. `problems` says what could not be read.
    Order is by score, then path and place, so that a search over the same files always answers the same.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self._files: dict[str, _File] = {}
        self._digest = ""
        self._passages: list[Passage] = []
        self._stems: list[frozenset[str]] = []
        self._index: Any = None

    def search(self, query: str, k: int = 12) -> list[Passage]:
        """At most `k` passages that hold enough of the query's words, best first; [] when there are none."""
        self.refresh()
        variants = _query(query)
        if self._index is None or not variants:
            return []
        scores = self._index.get_scores(sorted(set().union(*variants)))
        need = math.ceil(_COVERAGE * len(variants))
        found = [
            passage.model_copy(update={"score": round(float(scores[i]), 4)})
            for i, passage in enumerate(self._passages)
            if sum(not variant.isdisjoint(self._stems[i]) for variant in variants) >= need
        ]
        return sorted(found, key=lambda p: (-p.score, p.source, p.place))[:k]

    def refresh(self) -> str:
        """Reads what changed and rebuilds the index if anything did. Returns the digest of all that is searched."""
        self._files = {source: self._read(path, source) for source, path in self._paths()}
        self.problems = [Problem(source, file.problem) for source, file in self._files.items() if file.problem]
        state = digest("\n".join(f"{source} {file.digest}" for source, file in self._files.items()).encode())
        if state != self._digest:
            self._build()
            self._digest = state
        return state

    def _paths(self) -> list[tuple[str, Path]]:
        """(path below root with slashes, file), sorted; without hidden files and links that lead out of the folder."""
        if not self.root.is_dir():
            return []
        home = self.root.resolve()
        found = []
        for base, folders, files in os.walk(self.root):  # what vanishes meanwhile is passed over
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(base, name) for name in files if not name.startswith(".")):
                if path.is_file() and path.resolve().is_relative_to(home):
                    found.append((path.relative_to(self.root).as_posix(), path))
        return sorted(found)

    def _read(self, path: Path, source: str) -> _File:
        try:
            stat = path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
            before = self._files.get(source)
            if before and before.stamp == stamp:
                return before
            return _load(path, source, stamp)
        except OSError as error:
            return _File((0, 0, 0, 0), "", (), f"could not be read ({error.strerror or type(error).__name__})")

    def _build(self) -> None:
        self._passages = [passage for file in self._files.values() for passage in file.passages]
        tokens = [_tokens(passage) for passage in self._passages]
        self._stems = [frozenset(t) for t in tokens]
        self._index = None
        if any(tokens):
            import bm25s  # type: ignore[import-untyped]

            self._index = bm25s.BM25()
            self._index.index(tokens, show_progress=False)


def _load(path: Path, source: str, stamp: _Stamp) -> _File:
    kind = path.suffix.casefold()
    if kind not in KINDS:
        return _File(stamp, "", (), f"{kind or 'files without an ending'} is not read; save it as Markdown or text")
    if stamp[0] > LARGEST:
        return _File(stamp, "", (), f"is larger than {LARGEST // 1_000_000} MB; split it")
    data = path.read_bytes()
    text = decode(data)
    if text is None:
        return _File(stamp, digest(data), (), "is not text in UTF-8; save it as UTF-8")
    if kind in (".html", ".htm"):
        text = html_to_markdown(text)
    name = digest(data)
    return _File(stamp, name, tuple(chunk(source, text, blob=name)))


def decode(data: bytes) -> str | None:
    """Text in UTF-8, UTF-16 with its mark, or Windows-1252; None for anything else (a zero byte is no text)."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data:
        return None
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def html_to_markdown(text: str) -> str:
    """The main text of a page as Markdown with its headings, by trafilatura; "" when it finds none."""
    import trafilatura

    return trafilatura.extract(text, output_format="markdown", include_comments=False, include_links=False) or ""


def _tokens(passage: Passage) -> list[str]:
    text = f"{passage.title}\n{passage.heading}\n{passage.text}"
    return stems(text, language_of(text))


def _query(query: str) -> list[frozenset[str]]:
    """Each distinct word of the query as its stems in both languages: a short query rarely shows its own."""
    languages: tuple[Language, Language] = ("en", "de")
    kept = {w for w in words(query) if not any(stopword(w, language) for language in languages)}
    return [frozenset(stem(word, language) for language in languages) for word in sorted(kept)]
