"""Compiles a recorded plan into a LangGraph graph and runs it.

Every node is the same thin wrapper around `execute`, for a chain of steps of which each waits only for the one before;
it never raises for expected failures, because an exception in one branch would cancel its siblings in mid-flight, and
the error handler turns the rest into recorded outcomes. A step that can't go on returns without a result; the steps
after it see that and do nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, TypedDict

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agentos.tasks.plan import Plan

Shape = tuple[tuple[str, tuple[str, ...]], ...]


def merged(left: dict[str, str], right: dict[str, str]) -> dict[str, str]:
    return {**left, **right}


class State(TypedDict):
    done: Annotated[dict[str, str], merged]
    """Step -> its status after this pass. Results themselves are in the log."""


@dataclass
class Context:
    execute: Callable[[str], Awaitable[str]]
    """Advances one step and returns its status."""
    crashed: Callable[[str, BaseException], Awaitable[None]]
    """Records a step whose code raised what nobody expected."""
    at: dict[str, str] = field(default_factory=dict)
    """Node -> the step of its chain that it is on: which one an error came from."""


async def choreograph(plan: Plan, context: Context, *, parallel: int = 4) -> dict[str, str]:
    """Run every step of the plan once, independent ones concurrently; returns step -> status."""
    graph = compiled(plan.shape())
    result = await graph.ainvoke({"done": {}}, context=context, config={"max_concurrency": parallel})
    done: dict[str, str] = result["done"]
    return done


@lru_cache(maxsize=64)
def compiled(shape: Shape) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph of a plan's shape. Compiling five nodes costs about as much as running them, hence the cache.

    Supersteps are barriers, so a chain inside a branch is one node; a join is one edge from the list of what it needs,
    because separate edges would fire it twice on uneven branches.
    """
    chains = chains_of(shape)
    head_of = {step: chain[0] for chain in chains for step in chain}
    needs = dict(shape)
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State, context_schema=Context)
    for chain in chains:
        graph.add_node(chain[0], _node(chain), error_handler=_on_error)
    joined = {head_of[need] for chain in chains for need in needs[chain[0]]}
    for chain in chains:
        before = sorted({head_of[need] for need in needs[chain[0]]})
        graph.add_edge(before if len(before) > 1 else (before[0] if before else START), chain[0])
        if chain[0] not in joined:
            graph.add_edge(chain[0], END)
    return graph.compile()


def chains_of(shape: Shape) -> list[tuple[str, ...]]:
    """Maximal runs of steps in which each needs only the one before and is needed only by the next."""
    needs = dict(shape)
    needed_by: dict[str, list[str]] = {step: [] for step in needs}
    for step, before in shape:
        for need in before:
            needed_by[need].append(step)
    follows = {b[0] for step, b in shape if len(b) == 1 and needed_by[b[0]] == [step]}
    inner = {step for step, b in shape if len(b) == 1 and b[0] in follows}
    chains = []
    for step in needs:
        if step in inner:
            continue
        chain = [step]
        while chain[-1] in follows:
            chain.append(needed_by[chain[-1]][0])
        chains.append(tuple(chain))
    return chains


def _node(chain: tuple[str, ...]) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def node(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        context, done = runtime.context, {}
        for step in chain:
            context.at[chain[0]] = step
            done[step] = await context.execute(step)
        return {"done": done}

    return node


async def _on_error(state: State, error: NodeError, runtime: Runtime[Context]) -> dict[str, Any]:
    step = runtime.context.at.get(error.node, error.node)
    await runtime.context.crashed(step, error.error)
    return {"done": {step: "failed"}}
