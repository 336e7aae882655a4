"""Live calls of a kit: decided by policy, reserved, made, recorded; or answered from the record when they stand
there."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from agentos.agent import Manifest, Question
from agentos.errors import AgentOSError, Missing
from agentos.events.log import Reader
from agentos.events.record import NewEvent, Record
from agentos.events.types import ModelCalled, ModelMissing, ModelReserved, ModelSettled, ToolCalled
from agentos.models.errors import NOTHING, ModelAnswerError, ModelPermanent, ModelTransient
from agentos.models.request import ModelAnswer, ModelEstimate, ModelRequest
from agentos.policy import Allow, Decision, Defer, ModelAction, NeedsApproval, decide
from agentos.tasks.facts import model_context, zone_of
from agentos.tasks.signals import NeedsCard, Until
from agentos.tasks.values import unpack

if TYPE_CHECKING:
    from agentos.tasks.run import TaskRun
    from agentos.tasks.state import TaskState


class LiveCaller:
    """Implements `agentos.tasks.kit.Caller` for one step of one run."""

    def __init__(self, run: TaskRun, step: str, round: int, manifest: Manifest) -> None:
        self._run, self._step, self._round, self._manifest = run, step, round, manifest

    async def tool(self, capability: str, arguments: dict[str, Any], request: str, nth: int) -> Any:
        from agentos.tasks.capabilities import CAPABILITIES

        run = self._run
        key = call_key(run.task, self._step, self._round, request, nth)
        known = run.platform.log.by_key(key)
        if known is not None:
            return unpack(known.data.get("answer"), run.platform.blobs, known.subject)
        self._ask_again(key)
        fact = ToolCalled(
            step=self._step, round=self._round, capability=capability, request=request, nth=nth, answer=None
        )
        try:
            answer = await CAPABILITIES[capability](run, **arguments)
        except (Question, Missing) as lacking:
            question = _question(lacking)
            asked = fact.model_copy(update={"asked": _as_json(question)})
            await self._called(asked, asked_key(key, run.state, self._step))
            raise question from None
        await self._called(fact.model_copy(update={"answer": await run.pack(answer)}), key)
        return answer

    def _ask_again(self, key: str) -> None:
        """What this call asked the operator instead of answering is asked until she has answered, whatever has changed
        meanwhile: a replay must find the same. Raises Question."""
        before = self._on_record(asked_key(key, self._run.state, self._step))
        if before is not None and before.data.get("asked"):
            raise Question(**before.data["asked"])

    def _on_record(self, key: str) -> Record | None:
        return self._run.platform.log.by_key(key)

    async def _called(self, fact: ToolCalled | ModelMissing, key: str) -> None:
        await self._run.record(self._run.event(fact, key=key, actor=f"agent:{self._manifest.role}"))

    async def model(self, request: ModelRequest, digest: str, nth: int) -> dict[str, Any]:
        run = self._run
        key = call_key(run.task, self._step, self._round, digest, nth)
        known = run.platform.log.by_key(key)
        if known is not None:
            return unpack(known.data.get("answer"), run.platform.blobs, known.subject) or _FORGOTTEN
        self._ask_again(key)
        call = await self._unreserved(f"{self._step}/{self._round}/{digest[:24]}/{nth}")
        try:
            estimate = run.platform.models.estimate(request)
        except Missing as missing:
            raise await self._missing(missing, key, request, digest, nth) from None
        await self._reserve(call, request, estimate)
        try:
            answer = await run.platform.models.call(request)
        except Missing as missing:  # since the estimate
            await self._settle(call, NOTHING.model_dump(mode="json"), 0, missing.code)
            raise await self._missing(missing, key, request, digest, nth) from None
        except (ModelAnswerError, ModelTransient, ModelPermanent) as error:
            await self._settle_failed(call, estimate, error)
            raise
        except BaseException:
            await self._settle(call, _cost(estimate), estimate.input_tokens + estimate.output_tokens, "unknown")
            raise
        return await self._record(call, key, request, digest, nth, answer)

    async def _missing(self, missing: Missing, key: str, request: ModelRequest, digest: str, nth: int) -> Question:
        """Recorded, since which keys and models there are now says nothing about then."""
        question = _question(missing)
        fact = ModelMissing(
            step=self._step, round=self._round, request=digest, nth=nth, tier=request.tier, code=missing.code,
            asked=_as_json(question),
        )  # fmt: skip
        await self._called(fact, asked_key(key, self._run.state, self._step))
        return question

    async def _unreserved(self, call: str) -> str:
        """The id of the next try of this call. What a lost worker had reserved for an earlier one is settled in full:
        it may have asked."""
        log, task = self._run.platform.log, self._run.task
        for nth in count(1):
            reserved = log.by_key(f"model.reserved/{task}/{call}/{nth}")
            if reserved is None:
                break
            if log.by_key(f"model.settled/{task}/{call}/{nth}") is None:
                await self._settle(f"{call}/{nth}", reserved.data["cost"], reserved.data["tokens"], "lost")
        return f"{call}/{nth}"

    async def _reserve(self, call: str, request: ModelRequest, estimate: ModelEstimate) -> None:
        """Decided inside the transaction that reserves: two processes can't both spend the last cent."""
        run = self._run
        action = ModelAction(
            tier=request.tier,
            local=run.platform.models.is_local(request.tier, confidential=request.confidential),
            confidential=request.confidential,
            cost=estimate.cost,
            tokens=estimate.input_tokens + estimate.output_tokens,
        )

        def on(reader: Reader) -> list[NewEvent]:
            context = model_context(run, reader)
            _or_park(decide(action, context, run.platform.policy))
            fact = ModelReserved(
                call=call, step=self._step, tier=request.tier, cost=_cost(estimate), tokens=action.tokens
            )
            return [run.open_event(fact, key=f"model.reserved/{run.task}/{call}")]

        run.platform.spending.catch_up(run.platform.log, run.now(), zone_of(run))
        await run.claim(on)

    async def _record(
        self, call: str, key: str, request: ModelRequest, digest: str, nth: int, answer: ModelAnswer
    ) -> dict[str, Any]:
        run = self._run
        content = {"text": answer.text, "parsed": answer.parsed, "model": answer.model, "cached": answer.cached}
        cost = None if answer.cost is None else answer.cost.model_dump(mode="json")
        fact = ModelCalled(
            call=call,
            step=self._step,
            round=self._round,
            request=digest,
            nth=nth,
            tier=request.tier,
            model=answer.model,
            answer=await run.pack(content),
            tokens_in=answer.usage.input_tokens,
            tokens_out=answer.usage.output_tokens,
            cost=cost,
            latency_ms=answer.latency_ms,
            cached=answer.cached,
            reported_tokens=answer.usage.reported_tokens,
        )
        settled = self._settled(call, cost, answer.usage.input_tokens + answer.usage.output_tokens, "answered")
        await run.record(run.event(fact, key=key, actor=f"agent:{self._manifest.role}"), settled)
        return content

    async def _settle_failed(
        self, call: str, estimate: ModelEstimate, error: ModelAnswerError | ModelTransient | ModelPermanent
    ) -> None:
        tokens = error.usage.input_tokens + error.usage.output_tokens
        if getattr(error, "sent", False):  # an answer was asked for and lost: what it cost is unknown
            await self._settle(call, _cost(estimate), estimate.input_tokens + estimate.output_tokens, "lost")
        else:
            await self._settle(call, error.cost.model_dump(mode="json"), tokens, error.code)

    async def _settle(self, call: str, cost: dict[str, Any] | None, tokens: int, why: str) -> None:
        await self._run.record(self._settled(call, cost, tokens, why))

    def _settled(self, call: str, cost: dict[str, Any] | None, tokens: int, why: str) -> NewEvent:
        fact = ModelSettled(call=call, step=self._step, cost=cost, tokens=tokens, why=why)
        return self._run.open_event(fact, key=f"model.settled/{self._run.task}/{call}")


_FORGOTTEN: dict[str, Any] = {"text": "", "parsed": {}, "model": "forgotten", "cached": True}


def call_key(task: str, step: str, round: int, request: str, nth: int) -> str:
    return f"call/{task}/{step}/{round}/{request[:32]}/{nth}"


def asked_key(key: str, state: TaskState, step: str) -> str:
    """Of a call that asked the operator instead of answering: it is made again once she has answered."""
    cards = (card for card in state.cards.values() if card.step == step and card.kind == "question")
    return f"{key}/asked/{sum(card.status != 'open' for card in cards) + 1}"


def _question(lacking: Question | Missing) -> Question:
    return lacking if isinstance(lacking, Question) else Question(lacking.where, str(lacking))


def _as_json(question: Question) -> dict[str, Any]:
    return {"slot": question.slot, "text": question.text, "choices": list(question.choices)}


def _cost(estimate: ModelEstimate) -> dict[str, Any]:
    return estimate.cost.model_dump(mode="json")


def _or_park(decision: Decision) -> None:
    """Pass on Allow; otherwise raise what the wrapper turns into a card, a park or a failure."""
    if isinstance(decision, Allow):
        return
    if isinstance(decision, NeedsApproval):
        reasons = [reason.to_json() for reason in decision.reasons]
        raise NeedsCard("budget", "The models need more than the budget", reasons)
    if isinstance(decision, Defer):
        raise Until(decision.until, decision.why.text)
    raise AgentOSError(decision.text, hint=decision.hint, code=decision.code)
