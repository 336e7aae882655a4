"""Which client a text means: names, aliases and ids, tolerant of case, accents, legal form and small typos; never a
guess."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from agentos.intents.currencies import CODES
from agentos.intents.language import COMMON
from agentos.intents.words import word_set
from agentos.workspace.model import Client

_TOKEN = re.compile(r"[^\W_](?:[\w.'’&+-]*\w)?")
_LEGAL = word_set(
    """
    gmbh mbh ggmbh ltd limited inc incorporated llc llp lp plc ag ug kg kgaa ohg ohgmbh gbr ek ev eg co corp
    corporation company sarl sas sasu sa bv nv vof srl spa sl oy oyj ab as aps a/s kft zrt sro pty se doo sp zoo
    haftungsbeschrankt partg partgmbb
    """
)
_GENERIC = word_set(
    """
    the der die das studio agentur agency firma company and und for für blog post invoice rechnung new neue dr
    herr frau büro buro team gruppe group house haus heat energie energy
    """
)
_FULL, _NAME, _TYPO, _HEAD = 4, 3, 2, 1


@dataclass(frozen=True)
class ClientMention:
    """A place in a text that names a client. More than one id: they match equally well. `near` ids are only similar:
    the text names somebody we don't know."""

    start: int
    end: int
    text: str
    ids: tuple[str, ...]
    strength: int
    near: bool = False


def fold(text: str) -> str:
    """Lower case, without accents, with ae/oe/ue as in their umlauts: "Müller" = "Mueller" = "MULLER"."""
    bare = "".join(ch for ch in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(ch))
    return re.sub(r"([aou])e", r"\1", bare)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for raw in _TOKEN.findall(text) if (word := re.sub(r"[^\w&+]", "", fold(raw))))


def _core(words: Iterable[str]) -> tuple[str, ...]:
    """Without the legal form; a name that is nothing else keeps it."""
    words = tuple(words)
    return tuple(word for word in words if word not in _FOLDED_LEGAL) or words


_FOLDED_LEGAL = frozenset(fold(word) for word in _LEGAL)
_FOLDED_GENERIC = frozenset(fold(word) for word in _GENERIC)


@dataclass(frozen=True)
class _Name:
    """One way to name a client: all its words, those without the legal form, and the legal form of the client."""

    identity: str
    full: tuple[str, ...]
    core: tuple[str, ...]
    legal: frozenset[str]


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    words: tuple[str, ...]


_APART = re.compile(r"\n|[.;!?:,]\s")
"""Between two words: they belong to different names."""

_SAME_FORM = {"limited": "ltd", "incorporated": "inc", "corporation": "corp", "company": "co"}


def _legal(words: Iterable[str]) -> frozenset[str]:
    """The words of a legal form: an AG is another company than a GmbH of the same name."""
    return frozenset(_SAME_FORM.get(word, word) for word in words if word in _FOLDED_LEGAL)


def find_clients(text: str, clients: Mapping[str, Client]) -> tuple[ClientMention, ...]:
    """Places that name clients, strongest readings only, none overlapping, in order."""
    keys = [(client.id, name) for client in clients.values() for name in (client.name, client.id, *client.aliases)]
    index = [
        _Name(identity, words, _core(words), _legal(words) or _legal(_words(clients[identity].name)))
        for identity, name in keys
        if (words := _words(name))
    ]
    longest = max((len(name.full) for name in index), default=0)
    tokens = [_Token(m.start(), m.end(), m.group(), _words(m.group())) for m in _TOKEN.finditer(text)]
    joined = [not _APART.search(text, one.end, other.start) for one, other in pairwise(tokens)]
    found = []
    for first in range(len(tokens)):
        for size in range(1, min(longest + 1, len(tokens) - first) + 1):
            if size > 1 and not joined[first + size - 2]:
                break
            mention = _mention(text, tokens[first + size : first + size + 2], tokens[first : first + size], index)
            if mention:
                found.append(mention)
    return _strongest(found)


def _mention(text: str, following: list[_Token], window: list[_Token], index: list[_Name]) -> ClientMention | None:
    start, end = window[0].start, window[-1].end
    words = tuple(word for token in window for word in token.words)
    if not words or words[0] in _FOLDED_LEGAL:
        return None
    core = _core(words)
    scored = [(score, name) for name in index if (score := _score(words, core, name.full, name.core))]
    if not scored:
        return None
    best = max(score for score, _ in scored)
    named = [name for score, name in scored if score == best]
    ids = tuple(sorted({name.identity for name in named}))
    if best < _FULL and all(_other_form(_legal(words), name) for name in named):
        return ClientMention(start, end, text[start:end], ids, best, near=True)
    near = _is_another_name(text, (start, end), following, named, len(core), best)
    if near and following:
        end = following[0].end
    return ClientMention(start, end, text[start:end], ids, best, near)


def _other_form(legal: frozenset[str], name: _Name) -> bool:
    return bool(legal and name.legal and legal - name.legal)


def _score(words: tuple[str, ...], core: tuple[str, ...], full: tuple[str, ...], name: tuple[str, ...]) -> int:
    if words == full:
        return _FULL
    if core == name or "".join(core) == "".join(name):
        return _NAME
    if len(core) == len(words) and _similar("".join(core), "".join(name)):
        return _TYPO
    if (
        len(words) == 1
        and len(name) > 1
        and words[0] == name[0]
        and len(words[0]) >= 3
        and words[0] not in _FOLDED_GENERIC
    ):
        return _HEAD
    return 0


def _similar(one: str, other: str) -> bool:
    """One slip in five to eight letters, two from nine on (a swap of neighbours is one slip); the same first letter."""
    if min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 2 or one[0] != other[0]:
        return False
    from rapidfuzz.distance import OSA

    return OSA.distance(one, other) <= (1 if len(other) < 9 else 2)


def _is_another_name(
    text: str, span: tuple[int, int], following: list[_Token], named: list[_Name], size: int, best: int
) -> bool:
    """ "Acme Foods", "Old Acme", "Acme Studio Berlin" and "Acme Studio AG" are not "Acme Studio GmbH": a name counts
    only where no other name stands beside it. In lower case that can't be seen, so there a mere first word needs a
    known word after it."""
    start, end = span
    previous = re.search(r"(^|[.!?:;,\n] ?)?([^\W_][\w'’&-]*) $", text[max(0, start - _NEAR) : start])
    capital = previous is not None and previous[2][0].isupper() and not _ordinary(previous[2])
    # A whole name may follow the capital of a sentence; one word of it may not.
    if previous and capital and (size == 1 or previous[1] is None):
        return True
    if not following or text[end : following[0].start] != " ":
        return False
    word = following[0].text
    if _is_form(word):
        return all(_other_form(_legal(_words(word)), name) for name in named)
    if not word[0].isalpha() or _ordinary(word):
        return False
    formed = len(following) > 1 and text[following[0].end : following[1].start] == " " and _is_form(following[1].text)
    return word[0].isupper() or best == _HEAD or formed


_NEAR = 60
"""Characters before a name that may belong to it."""


def _is_form(word: str) -> bool:
    """A legal form: "AG", "GmbH"; "as" and "ab" are words unless they are written in capitals."""
    return fold(word.rstrip(".")) in _FOLDED_LEGAL and (word.casefold() not in COMMON or word.isupper())


def _ordinary(word: str) -> bool:
    return word.casefold() in COMMON or word.upper() in CODES or fold(word.rstrip(".")) in _FOLDED_LEGAL


def _rank(mention: ClientMention) -> tuple[int, int, int, int]:
    """Whole names before typos before first words before other people's names; the longer, then the stricter match."""
    tier = 3 if mention.near else 0 if mention.strength >= _NAME else 1 if mention.strength == _TYPO else 2
    return tier, mention.start - mention.end, -mention.strength, mention.start


def _strongest(found: list[ClientMention]) -> tuple[ClientMention, ...]:
    kept: list[ClientMention] = []
    starts: list[int] = []
    for one in sorted(found, key=_rank):
        at = bisect_left(starts, one.start)
        after = at < len(kept) and kept[at].start < one.end
        if not after and not (at and kept[at - 1].end > one.start):
            kept.insert(at, one)
            starts.insert(at, one.start)
    return tuple(kept)


def choice(client: Client) -> str:
    """How a client is offered as an answer: two of one name stay apart."""
    return f"{client.name} ({client.id})"


def read_client(answer: str, clients: Mapping[str, Client]) -> str | None:
    """The client an answer names: an id, an offered choice, or a name that only one client has."""
    text = answer.strip()
    for client in clients.values():
        if text in {client.id, choice(client)} or text.casefold() == client.id.casefold():
            return client.id
    mentions = [m for m in find_clients(text, clients) if not m.near]
    ids = {identity for mention in mentions for identity in mention.ids}
    return ids.pop() if len(ids) == 1 else None
