"""The texts' parts put in order: which workflow, and which stretch of text speaks of what."""

from __future__ import annotations

import re

from agentos.intents.workflows import (
    Parts,
    Span,
    find_post,
    find_research,
    invoice_clauses,
    own_task,
)


def find_parts(text: str, facts: list[Span]) -> Parts:
    """`facts` are the spans of known clients and of amounts with a currency: next to a post, words like "invoice"
    ask for
    an invoice only where such a fact, or a name, follows ("... and invoice fraud" is a topic)."""
    post, research = find_post(text), find_research(text)
    invoice, post = _invoice(text, post, facts)
    if post and invoice:
        return Parts("produce-and-invoice", post, research, invoice)
    if invoice:
        return Parts("send-invoice", None, None, invoice)
    if post and not (research and research.start() < post.start() and not _makes_post(post)):
        return Parts("publish-post", post, research)
    return Parts("research-brief", None, research) if research else Parts(None)


def _makes_post(post: re.Match[str]) -> bool:
    return " " in post.group().strip()


def _invoice(text: str, post: re.Match[str] | None, facts: list[Span]) -> tuple[Span | None, re.Match[str] | None]:
    for start, end in invoice_clauses(text):
        if post is None:
            return (start, end), None
        if start <= post.start() < end:
            own = own_task(text, (start, end), post)
            return ((start, own), post) if own is not None else ((start, end), None)
        if _concrete(text, (start, end), facts):
            return (start, post.start() if start < post.start() < end else end), post
    return None, post


def _concrete(text: str, clause: Span, facts: list[Span]) -> bool:
    if any(clause[0] <= start < clause[1] for start, _ in facts):
        return True
    words = text[clause[0] : clause[1]].split()
    named = [w for w in words[1:5] if w[0].isupper() and w.casefold() not in {"rechnung", "bitte", "eine", "i"}]
    return bool(named) or bool(
        re.search(r"\b(?:client|customer|kunden?|them|him|her|\d{2,})\b", text[clause[0] : clause[1]], re.I)
    )
