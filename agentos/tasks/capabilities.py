"""The capabilities an agent's manifest may name, bound to this task's workspace. Answers are JSON; texts in them are
data."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from agentos.agent import Question
from agentos.errors import Missing, Outside, Permanent, Transient, WorkspaceError
from agentos.intents.urls import find_urls
from agentos.outside import CircuitOpen, Outcome
from agentos.policy import Context, NeedsApproval, ReadAction, Refuse, decide
from agentos.tasks.run import TaskRun

_searching = threading.Lock()
MOST_TRIES = 3
"""Of a page that fails for a passing reason: after that the work goes on without it, and says so."""


async def knowledge_search(run: TaskRun, *, query: str, k: int = 8) -> list[dict[str, Any]]:
    from agentos.capabilities.knowledge import Knowledge

    if run.platform.knowledge is None:
        run.platform.knowledge = Knowledge(run.platform.workspace.knowledge)
    knowledge = run.platform.knowledge

    def search() -> list[dict[str, Any]]:
        with _searching:  # its index is rebuilt when files change, and other tasks search it too
            return [passage.model_dump(mode="json") for passage in knowledge.search(query, k)]

    return await asyncio.to_thread(search)


async def web_read(run: TaskRun, *, url: str) -> dict[str, Any]:
    """{url, title, text, blob}, or {url, error}: policy decides, the allowlist and the pages the operator named
    count."""
    from agentos.capabilities.addresses import Allowlist
    from agentos.capabilities.web import read_page

    settings = run.platform.workspace.configuration.web
    named = named_pages(run)
    decision = decide(
        ReadAction(url, named_by_operator=url in named),
        Context(now=run.now(), web_allow=settings.allow),
        run.platform.policy,
    )
    if isinstance(decision, Refuse):
        return {"url": url, "error": f"{decision.text} {decision.hint}".strip()}
    if isinstance(decision, NeedsApproval):
        return {"url": url, "error": decision.reasons[0].text}

    def save(data: bytes) -> str:
        return run.platform.blobs.put(data, run.subject)

    circuits, host = run.platform.circuits, f"web:{urlsplit(url).hostname}"
    try:
        circuits.check(host, run.now(), what=url)
        page = await asyncio.to_thread(
            read_page, url, allowed=Allowlist(settings.allow, named), settings=settings, save=save
        )
    except Transient as error:
        if not isinstance(error, CircuitOpen):
            circuits.record(host, Outcome(ok=False, retry_after=error.retry_after), run.now())
        if _attempt(run) < MOST_TRIES:
            raise
        return {"url": url, "error": str(error)}
    except Outside as error:
        circuits.record(host, Outcome(ok=True), run.now())
        return {"url": url, "error": str(error)}
    circuits.record(host, Outcome(ok=True), run.now())
    return dict(page)


def named_pages(run: TaskRun) -> tuple[str, ...]:
    """Pages the operator named, in the request or in an answer to a question."""
    slots = (run.state.understanding or {}).get("slots", {})
    answers = [answer for step in run.state.steps.values() for answer in step.answers.values()]
    return (*(slots.get("urls") or ()), *(found.url for answer in answers for found in find_urls(answer)))


def _attempt(run: TaskRun) -> int:
    return max((step.attempt for step in run.state.steps.values() if step.status == "started"), default=1)


async def clients_get(run: TaskRun, *, id: str) -> dict[str, Any]:
    client = run.platform.workspace.clients.get(id)
    if client is None:
        broken = next((p for p in run.platform.workspace.problems if p.where.startswith(f"clients/{id}.toml")), None)
        if broken is not None:
            raise Missing(f"A readable file for client {id}", where=broken.where, hint=broken.hint)
        raise Permanent(f"There is no client {id!r}.", hint=f"Add clients/{id}.toml.", code="client.unknown")
    return client.model_dump(mode="json")


async def business_get(run: TaskRun) -> dict[str, Any]:
    return run.platform.workspace.configuration.business.model_dump(mode="json")


async def business_answers(run: TaskRun, *, client: str) -> dict[str, Any]:
    """slot -> {answer, task, at}: what the operator answered in earlier tasks about the business and this client."""
    from agentos.tasks.remembered import remembered

    found = await asyncio.to_thread(remembered, run.platform.log)
    return {
        one.slot: {"answer": one.answer, "task": one.task, "at": one.at.isoformat()}
        for one in found
        if one.task != run.task and (one.slot.startswith("business.") or one.client == client)
    }


async def invoices_list(run: TaskRun, *, client: str) -> list[dict[str, Any]]:
    """A client's invoices, each with what was paid for it and what is open."""
    from agentos.tasks.invoices import invoices

    found = await asyncio.to_thread(invoices, run.platform.log, client)
    return [one.to_json() for one in found.values()]


async def invoices_named(run: TaskRun, *, client: str, number: str, others: list[str]) -> dict[str, Any]:
    """The client's invoice that is named, as it stands now; one that is not there, or is taken back, is asked about.
    Looked up anew after each answer: meanwhile one is issued, and an undo comes to its end."""
    from agentos.tasks.invoices import invoices
    from agentos.tasks.resting import being_undone

    def now() -> tuple[dict[str, Any], str]:
        found = invoices(run.platform.log, client).values()
        one = next((one for one in found if one.number.casefold() == number.casefold()), None)
        if one is None:
            return {}, f"{client} has no invoice {number}."
        if one.cancelled:
            return {}, f"Invoice {one.number} was taken back by a credit note."
        if being_undone(run.platform.log, one.effect):
            return {}, f"Invoice {one.number} is being taken back."
        return one.to_json(), ""

    known, why = await asyncio.to_thread(now)
    if why:
        raise Question("invoice", f"{why} Which one was paid?", tuple(others))
    return known


async def site_slugs(run: TaskRun) -> list[str]:
    """Slugs that are taken, by posts and by drafts of the operator's that are not committed yet."""
    system = run.platform.systems["site"]
    found = await asyncio.to_thread(lambda: list(system.observe()))
    return sorted({str(seen.data.get("slug") or seen.ref) for seen in found if seen.kind in ("post", "draft")})


async def compliance_rules(run: TaskRun) -> list[dict[str, Any]]:
    """The operator's own rules from `rules.toml` in the workspace; none when there is no such file."""
    from agentos.workspace.rules import load_rules

    try:
        return await asyncio.to_thread(load_rules, run.platform.workspace.root)
    except WorkspaceError as error:  # half-edited perhaps: that is mended, not a reason to fail
        raise Question("rules.toml", f"{error} Then answer “retry”.", ("retry",)) from None


async def views_catalogue(run: TaskRun) -> list[dict[str, Any]]:
    from agentos.capabilities.views import catalogue

    return await asyncio.to_thread(catalogue)


async def views_query(run: TaskRun, *, query: dict[str, Any]) -> dict[str, Any]:
    """What a typed query over the views comes to; see `agentos.capabilities.views`."""
    from agentos.capabilities.views import ask

    store, client, now = run.platform.store, run.subject, run.now()
    return await asyncio.to_thread(lambda: ask(store, query, client=client, now=now))


async def drift_get(run: TaskRun, *, fingerprint: str) -> dict[str, Any]:
    """{kind, words, proposal}: what was found to differ, and what would mend it (None where only a person can)."""
    from agentos.reconcile.mending import mending

    return await asyncio.to_thread(mending, run.platform, fingerprint)


CAPABILITIES: dict[str, Callable[..., Awaitable[Any]]] = {
    "knowledge.search": knowledge_search,
    "web.read": web_read,
    "clients.get": clients_get,
    "business.get": business_get,
    "business.answers": business_answers,
    "invoices.list": invoices_list,
    "invoices.named": invoices_named,
    "site.slugs": site_slugs,
    "compliance.rules": compliance_rules,
    "views.catalogue": views_catalogue,
    "views.query": views_query,
    "drift.get": drift_get,
}
