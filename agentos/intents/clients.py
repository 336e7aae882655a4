"""Which client a text means: names, aliases and ids, tolerant of case, accents, legal form and small typos; never a
guess."""

from __future__ import annotations

import re
import unicodedata
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
_LONGEST_WORD = 100
"""Characters that are looked at before a name; all of a long text would be read again for each name in it."""


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


def find_clients(text: str, clients: Mapping[str, Client]) -> tuple[ClientMention, ...]:
    """Places that name clients, strongest readings only, none overlapping, in order."""
    keys = [(client.id, name) for client in clients.values() for name in (client.name, client.id, *client.aliases)]
    index = [(identity, words, _core(words)) for identity, name in keys if (words := _words(name))]
    longest = max((len(words) for _, words, _ in index), default=0)
    tokens = [(m.start(), m.end(), m.group()) for m in _TOKEN.finditer(text)]
    found = []
    for first in range(len(tokens)):
        for size in range(min(longest + 1, len(tokens) - first), 0, -1):
            window = tokens[first : first + size]
            mention = _mention(text, tokens[first + size : first + size + 1], window, index)
            if mention:
                found.append(mention)
    return _strongest(found)


def _mention(
    text: str, following: list[tuple[int, int, str]], window: list[tuple[int, int, str]],
    index: list[tuple[str, tuple[str, ...], tuple[str, ...]]],
) -> ClientMention | None:  # fmt: skip
    start, end = window[0][0], window[-1][1]
    if any("\n" in text[a[1] : b[0]] or re.search(r"[.;!?:,]\s", text[a[1] : b[0]]) for a, b in pairwise(window)):
        return None
    words = _words(text[start:end])
    core = _core(words)
    if not words or words[0] in _FOLDED_LEGAL:
        return None
    scored = [(score, identity) for identity, full, name in index if (score := _score(words, core, full, name))]
    if not scored:
        return None
    best = max(score for score, _ in scored)
    ids = tuple(sorted({identity for score, identity in scored if score == best}))
    near = len(core) == 1 and _is_part_of_another_name(text, start, end, following, best)
    if near and following:
        end = following[0][1]
    return ClientMention(start, end, text[start:end], ids, best, near)


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


def _is_part_of_another_name(
    text: str, start: int, end: int, following: list[tuple[int, int, str]], strength: int
) -> bool:
    """ "Acme Foods" and "Old Acme" are not "Acme Studio": one word of a name counts only where no other name stands
    beside it. In lower case that can't be seen, so there a mere first word needs a known word after it."""
    previous = re.search(r"([^\W_][\w'’&-]*) $", text[max(0, start - _LONGEST_WORD) : start])
    if previous and previous[1][0].isupper() and not _ordinary(previous[1]):
        return True
    if not following or text[end : following[0][0]] != " ":
        return False
    word = following[0][2]
    return word[0].isalpha() and not _ordinary(word) and (word[0].isupper() or strength == _HEAD)


def _ordinary(word: str) -> bool:
    return word.casefold() in COMMON or word.upper() in CODES or fold(word.rstrip(".")) in _FOLDED_LEGAL


def _rank(mention: ClientMention) -> tuple[int, int, int, int]:
    """Whole names before typos before first words before other people's names; the longer, then the stricter match."""
    tier = 3 if mention.near else 0 if mention.strength >= _NAME else 1 if mention.strength == _TYPO else 2
    return tier, mention.start - mention.end, -mention.strength, mention.start


def _strongest(found: list[ClientMention]) -> tuple[ClientMention, ...]:
    kept: list[ClientMention] = []
    taken = bytearray(max((one.end for one in found), default=0))
    for one in sorted(found, key=_rank):
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\x01" * (one.end - one.start)
            kept.append(one)
    return tuple(sorted(kept, key=lambda m: m.start))


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
