"""Drift: where the outside world is not as the log says. Pure: what stands, what was seen, what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agentos.effects.port import Deed, Expected, Observed
from agentos.ids import digest

Kind = Literal["missing", "changed", "returned", "unknown", "double", "unassigned"]
"""missing: what was done is gone. changed: it is there, with other content or under another name. returned: what was
undone is back. unknown: it is there, and the log knows nothing of it. double: one key stands on two things.
unassigned: a document carries a number that was never given out, or was voided."""
OURS_ALONE = frozenset({"mail"})
"""Kinds of which everything is ours. Posts and entries without a key are written by hand, and the operator's own."""
ONCE = frozenset({"entry", "payment", "invoice", "credit_note"})
"""Kinds of which a copy counts as a second one. Who copies a post to begin another has a new post."""
Kept = Mapping[str, frozenset[tuple[str, str]]]
"""Thing -> {(kind, seen)}: differences that the operator let stand."""


@dataclass(frozen=True)
class Drift:
    """One difference. `thing` is the effect's key, or SYSTEM:REF where it carries none of ours; `expected` and `seen`
    are digests of content, "" where there is none; `base` is what the operator had let stand of this thing before."""

    system: str
    kind: Kind
    thing: str
    ref: str
    words: str
    effect: str | None = None
    expected: str = ""
    seen: str = ""
    base: frozenset[tuple[str, str]] = frozenset()

    @property
    def fingerprint(self) -> str:
        """The same whatever exactly is seen: another edit of what was edited is the same drift, until one is kept."""
        return digest(repr([self.system, self.kind, self.thing, sorted(self.base)]).encode())[:32]


@dataclass
class Standing:
    """What the log says of one system. `deeds` and `expected` are by the key of the thing.

    `gone`: undone, and so not to be seen. `known`: every key that ever began. `unsettled`: begun without an end, or
    touched while the world was looked at: nothing can be said of these now. `numbers`: text -> effect, `voided` texts.
    """

    system: str
    account: str
    deeds: dict[str, Deed] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)


def compare(standing: Standing, seen: Iterable[Observed], kept: Kept) -> list[Drift]:
    """All that differs, in the order of the log, then of what was seen; without what the operator let stand."""
    things = list(seen)
    found = [*_differing(standing, things), *_returned(standing, things), *_strange(standing, things)]
    found += _misnumbered(standing, things, {one.thing for one in found})
    based = (_based(one, kept.get(one.thing, frozenset())) for one in found)
    return [one for one in based if not _is_kept(one)]


def _based(one: Drift, base: frozenset[tuple[str, str]]) -> Drift:
    return replace(one, base=base)


def _is_kept(one: Drift) -> bool:
    """Of what she let be gone nothing is expected any more: another thing may stand in its place."""
    let_go = any(kind == "missing" for kind, _ in one.base)
    return (one.kind, one.seen) in one.base or (let_go and one.kind in ("missing", "changed"))


def _differing(standing: Standing, things: list[Observed]) -> Iterator[Drift]:
    by_key: dict[str, list[Observed]] = {}
    by_ref: dict[str, list[Observed]] = {}
    for thing in things:
        if thing.key is None:
            by_ref.setdefault(thing.ref, []).append(thing)
        else:
            by_key.setdefault(thing.key, []).append(thing)
    for key, expected in standing.expected.items():
        if key in standing.unsettled:
            continue
        one = _one(standing, key, expected, by_key.get(key, []), by_ref.get(expected.ref, []))
        if one is not None:
            yield one


def _one(
    standing: Standing, key: str, expected: Expected, own: list[Observed], keyless: list[Observed]
) -> Drift | None:
    def drift(kind: Kind, words: str, seen: str = "") -> Drift:
        content = expected.digest or ""
        return Drift(standing.system, kind, key, expected.ref, f"{expected.name} {words}", key, content, seen)

    draft = next((one for one in keyless if one.kind == "draft"), None)
    at_place = next((one for one in keyless if one.kind != "draft"), None)
    match = next((one for one in own if one.ref == expected.ref), own[0] if own else None)
    if match is None and at_place is not None:
        why = "can no longer be read" if at_place.kind == "unreadable" else "no longer carries its key"
        return drift("changed", f"{why}.", at_place.digest)
    if match is None:
        return drift("missing", "is gone.")
    if len(own) > 1 and expected.kind in ONCE:
        return drift("double", "stands there more than once.", str(len(own)))
    if (expected.digest is not None and match.digest != expected.digest) or match.data.get("changed"):
        return drift("changed", _how(match), match.digest)
    if match.ref != expected.ref:
        return drift("changed", f"stands under another name, {match.ref}.", match.ref)
    if draft is not None and draft.data.get("state") == "deleted":
        return drift("missing", "was deleted from its folder (not committed yet).", "uncommitted")
    if draft is not None:
        return drift("changed", "was changed in its folder (not committed yet).", draft.digest)
    return None


def _how(match: Observed) -> str:
    touched = match.data.get("touched")
    return f"is not as it was issued: {', '.join(touched)}." if touched else "was changed outside."


def _returned(standing: Standing, things: list[Observed]) -> Iterator[Drift]:
    for thing in things:
        if thing.key in standing.gone - standing.unsettled and thing.key not in standing.expected:
            words = f"{_name(thing)} is back, though it was taken back."
            yield Drift(standing.system, "returned", thing.key or "", thing.ref, words, thing.key, "", thing.digest)


def _strange(standing: Standing, things: list[Observed]) -> Iterator[Drift]:
    for thing in things:
        ours = thing.key is not None and thing.key.startswith(f"{standing.account}/")
        if (ours and thing.key not in standing.known) or (thing.key is None and thing.kind in OURS_ALONE):
            name = thing.key or f"{standing.system}:{thing.ref}"
            words = f"{_name(thing)} is there, and the log knows nothing of it."
            yield Drift(standing.system, "unknown", name, thing.ref, words)


def _misnumbered(standing: Standing, things: list[Observed], told: set[str]) -> Iterator[Drift]:
    """Documents against the sequence: a number stands on a document only if it was given out and not voided."""
    for thing in things:
        if thing.kind not in ("invoice", "credit_note") or thing.key in standing.unsettled or thing.key in told:
            continue
        voided = thing.ref in standing.voided
        if voided or thing.ref not in standing.numbers:
            why = "which is voided" if voided else "which was never given out"
            words = f"{_name(thing)} carries a number {why}."
            yield Drift(standing.system, "unassigned", thing.key or thing.ref, thing.ref, words, None, "", thing.ref)


def _name(thing: Observed) -> str:
    title = thing.data.get("title") or thing.data.get("file")
    return f"{thing.kind.replace('_', ' ').capitalize()} {f'“{title}”' if title else thing.ref}"
