"""Model calls, from transcripts, and compactions, from transcripts and the events around them."""

from __future__ import annotations

import re
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans
from hookspan.catalogue.enums import ErrorType, Outcome, Provider, UsageSource
from hookspan.catalogue.logs import SKILL_LOADED
from hookspan.wire.facts import CompactBoundary, CostState, ModelCall, ModelTotal, StopHooks
from hookspan.wire.reduced import (
    SERVED_BY_BEDROCK,
    SERVED_BY_FOUNDRY,
    SERVED_BY_GITHUB,
    SERVED_BY_MANTLE,
    SERVED_BY_OPENAI,
    SERVED_BY_VERTEX,
    Reduced,
)

from . import (
    attempts,
    attribution,
    cache,
    commits,
    definitions,
    ids,
    logs,
    open_spans,
    places,
    quota,
    times,
    turns,
    waste,
    watchdog,
)
from .rows import CLIENT, STATUS_ERROR, STATUS_UNSET, Attributes
from .state import KEPT_MODELS, Compaction, Place, SessionState, Tally, bound
from .step import NANO, Step

_PROVIDERS: Final = {
    SERVED_BY_BEDROCK: Provider.BEDROCK,
    SERVED_BY_MANTLE: Provider.BEDROCK,
    SERVED_BY_VERTEX: Provider.VERTEX,
    SERVED_BY_OPENAI: Provider.OPENAI,
    SERVED_BY_GITHUB: Provider.OPENAI,  # by the API that it speaks: OpenTelemetry has no name for it
    SERVED_BY_FOUNDRY: Provider.ANTHROPIC,  # as the client's own telemetry has it: OpenTelemetry has no name for it
}
_BEDROCK_MODEL: Final = re.compile(r"(?:\A|[./])anthropic\.")
_VERTEX_MODEL: Final = re.compile(r"@\d+\Z")
MEASURED: Final = 2 * NANO
"""The client writes a compaction's result soon after its PostCompact; on a busy machine more than 0.3 s later."""
_CHAT: Final = (sc.GEN_AI_OPERATION_NAME, "chat")
_MODALITY: Final = (sc.GEN_AI_TOKEN_MODALITY, "unknown")
_CUT_OFF: Final = "error"
"""The conventions' finish reason of an answer that came to no end of its own."""


def called(step: Step, fact: ModelCall) -> None:
    """A complete model call, from the transcript."""
    session = step.session
    place = places.of_work(session, fact.agent_id, fact.prompt or session.current)
    own = ids.of_model_call(session.id, fact.agent_id, fact.name or fact.message_id)
    error = attempts.error_type(fact.error_status) or (ErrorType.OTHER.value if fact.failed else "")
    missed = cache.compare(session, fact)
    _write_call(step, fact, place, own, error, missed)
    _measure_call(step, fact, place, own, error)
    if missed:
        cache.count(step, missed, place, own)
    waste.called(step, fact, missed, definitions.count(step, fact))
    commits.work_in(step, fact.tree)
    logs.loaded(step, SKILL_LOADED, fact.start, {sc.SKILL_NAME: fact.skill, sc.PLUGIN_NAME: fact.plugin}, place)
    session.messages += 1
    if not fact.agent_id:
        session.model = fact.response_model or session.model
        if fact.input_tokens + fact.cache_read_tokens + fact.cache_write_tokens:
            session.context_tokens = fact.input_tokens + fact.cache_read_tokens + fact.cache_write_tokens
    agent = session.agents.get(fact.agent_id) if fact.agent_id else None
    turn = session.turns.get(place.prompt)
    tallies = [session.tally]
    if fact.end < session.opened:
        tallies.append(session.before)  # it was read late and is not part of this run
    elif not error:
        tallies.append(session.by_model.setdefault(fact.response_model, Tally()))
        bound(session.by_model, KEPT_MODELS)
    if agent:
        tallies.append(agent.tally)
        agent.last = max(agent.last, fact.end)
    elif turn and not fact.agent_id:
        tallies.append(turn.tally)
        turn.last = max(turn.last, fact.end)
    for tally in tallies:
        _tally(tally, fact)
    watchdog.spent(step, fact, turn)
    turns.spend(step, fact.agent_id, place, times.MODEL, fact.start, fact.end)
    of_account = not fact.served_by and provider(fact) is Provider.ANTHROPIC and not session.local
    if of_account and quota.spend(step.state.world.quotas, session.id, fact.end, fact.cost_nano):
        step.rows.world = True


def provider(fact: ModelCall) -> Provider:
    """Who served the model, as the client's environment said.

    Where that names nobody (an older journal, an imported transcript, a gateway that asks a cloud): ids of answers
    begin with a mark of the cloud, and clouds name models in their own ways.
    """
    if named := _PROVIDERS.get(fact.served_by):
        return named
    models = (fact.request_model, fact.response_model)
    if fact.message_id.startswith("msg_bdrk_") or any(map(_BEDROCK_MODEL.search, models)):
        return Provider.BEDROCK
    if fact.message_id.startswith("msg_vrtx_") or any(map(_VERTEX_MODEL.search, models)):
        return Provider.VERTEX
    return Provider.ANTHROPIC


def _write_call(step: Step, fact: ModelCall, place: Place, own: str, error: str, missed: cache.Missed | None) -> None:
    model = fact.response_model or fact.request_model
    outcome = Outcome.ERROR if error else Outcome.INTERRUPTED if fact.aborted else Outcome.SUCCESS
    attributes: Attributes = {
        sc.GEN_AI_OPERATION_NAME: "chat",
        sc.GEN_AI_PROVIDER_NAME: provider(fact).value,
        sc.GEN_AI_REQUEST_MODEL: fact.request_model,
        sc.GEN_AI_REQUEST_REASONING_LEVEL: fact.effort,
        sc.GEN_AI_RESPONSE_MODEL: fact.response_model,
        sc.GEN_AI_RESPONSE_ID: fact.message_id,
        sc.GEN_AI_RESPONSE_FINISH_REASONS: [fact.finish_reason or _CUT_OFF] if _is_known_end(fact) else [],
        sc.QUERY_SOURCE: fact.query_source,
        sc.OUTCOME: outcome.value,
        sc.ERROR_TYPE: error,
        **attribution.span_attributes(step.session, fact, place),
    }
    if not error and _is_measured(fact):
        attributes |= {
            sc.GEN_AI_USAGE_INPUT_TOKENS: fact.input_tokens + fact.cache_read_tokens + fact.cache_write_tokens,
            sc.GEN_AI_USAGE_OUTPUT_TOKENS: fact.output_tokens,
            sc.GEN_AI_USAGE_CACHE_READ: fact.cache_read_tokens,
            sc.GEN_AI_USAGE_CACHE_WRITE: fact.cache_write_tokens,
            sc.GEN_AI_USAGE_REASONING: fact.thinking_tokens,
        }
    if fact.cost_nano >= 0 and not error:
        attributes[sc.COST_USD] = fact.cost_nano / NANO
        attributes[sc.PRICES_VERSION] = fact.prices
    if fact.attempts > 1:
        attributes[sc.ATTEMPTS] = fact.attempts
    events = [missed.event(fact.start)] if missed else []
    if failed := attempts.take(step.session, fact.agent_id, fact.end):
        attributes[sc.RETRY_WAITED] = attempts.waited(failed)
        events += attempts.events(failed)
        waste.retried(step, failed, fact.end)
    if fact.start_inferred:
        attributes[sc.START_INFERRED] = True
    if place.prompt in step.session.done and not fact.agent_id:
        attributes[sc.LATE] = True
    step.span(
        spans.MODEL.of(model),
        place,
        own,
        fact.start,
        fact.end,
        attributes,
        kind=CLIENT,
        status=STATUS_ERROR if error else STATUS_UNSET,
        events=tuple(events),
        tree=fact.tree,
    )


def _is_known_end(fact: ModelCall) -> bool:
    return bool(fact.finish_reason or fact.error_status or fact.failed or fact.aborted)


def _is_measured(fact: ModelCall) -> bool:
    """Whether its usage is known: of a request that was cancelled before an answer nobody says it."""
    counts = (fact.input_tokens, fact.output_tokens, fact.cache_read_tokens, fact.cache_write_tokens)
    return not fact.aborted or any(counts)


def _measure_call(step: Step, fact: ModelCall, place: Place, own: str, error: str) -> None:
    seconds = max(0, fact.end - fact.start) / NANO
    whole = 0 if error else fact.input_tokens + fact.cache_read_tokens + fact.cache_write_tokens
    written = 0 if error else fact.output_tokens
    common = (
        _CHAT,
        (sc.GEN_AI_PROVIDER_NAME, provider(fact).value),
        (sc.GEN_AI_REQUEST_MODEL, fact.request_model),
        (sc.GEN_AI_RESPONSE_MODEL, fact.response_model),
    )
    tokens_of = (("operation.input_tokens", whole), ("operation.output_tokens", written))
    for measured, value in (("duration", seconds), *(tokens_of if _is_measured(fact) else ())):
        of = (*common, (sc.ERROR_TYPE, error))
        step.count(f"gen_ai.client.inference.{measured}", value, *of, place=place, own_id=own)
    if error or not _is_measured(fact):
        return
    for kind, tokens in (
        ("input_tokens", whole),
        ("output_tokens", written),
        ("cache_read.input_tokens", fact.cache_read_tokens),
        ("cache_write.input_tokens", fact.cache_write_tokens),
        ("reasoning.output_tokens", fact.thinking_tokens),
    ):
        step.count(f"gen_ai.client.inference.usage.{kind}", tokens, *common, _MODALITY, place=place, own_id=own)
    model = (sc.GEN_AI_RESPONSE_MODEL, fact.response_model)
    settled = fact.end <= step.session.settled  # the client's total included it
    for kind, tokens in _token_kinds(fact):
        if tokens and not settled:
            step.count("hookspan.tokens", tokens, model, (sc.TOKEN_TYPE, kind), place=place, own_id=own)
    if fact.cost_nano >= 0 and not settled:
        account = attribution.labels(step, fact, place)
        step.count("hookspan.cost", fact.cost_nano / NANO, model, *account, place=place, own_id=own)
    elif fact.cost_nano < 0:
        step.count("hookspan.cost.unpriced", 1, model, place=place, own_id=own)
    if not fact.agent_id:
        step.count("hookspan.context.tokens", whole, model, place=place, own_id=own)


def _tally(tally: Tally, fact: ModelCall) -> None:
    tally.model_calls += 1
    tally.input_tokens += fact.input_tokens
    tally.output_tokens += fact.output_tokens
    tally.cache_read_tokens += fact.cache_read_tokens
    tally.cache_write_tokens += fact.cache_write_tokens
    if fact.cost_nano >= 0:
        tally.cost_nano += fact.cost_nano
    else:
        tally.unpriced += _is_measured(fact) and not (fact.error_status or fact.failed)


def reported(step: Step, fact: CostState) -> None:
    """The client's own total so far; what a run adds to it beyond our sums are calls that no transcript shows."""
    session = step.session
    if fact.at < session.opened:
        session.reported_before, session.reported_models_before = fact.cost_nano, fact.models
    else:
        session.reported_nano, session.reported_models = fact.cost_nano, fact.models
        session.reported_at = fact.at


def count_unseen(step: Step, residual: int, ours: int, at: int) -> None:
    """Adds to the sums what the client's total of a run that ends has over the calls that its transcripts show.

    A counter can't fall: where the client counts less than we do, later runs make up for it first. Nor do the sums of
    a session come to more than the client's total, should its figure for an earlier run have been missed.

    Args:
        step: The step that ends the run.
        residual: The client's total over ours, nano-USD.
        ours: That of ours.
        at: When the run ended.
    """
    session = step.session
    session.settled = max(at, session.reported_at)
    session.uncounted_nano += residual
    left = min(session.uncounted_nano, session.reported_nano - session.tally.cost_nano - session.unseen_nano)
    if left <= 0:
        return
    complete = left == session.uncounted_nano and ours == sum(tally.cost_nano for tally in session.by_model.values())
    session.uncounted_nano -= left
    session.unseen_nano += left
    source = (sc.USAGE_SOURCE, UsageSource.CLIENT_TOTAL.value)
    rests = _rests(session) if complete else {}
    whole = sum(max(0, rest.cost_nano) for rest in rests.values())
    for name, rest in rests.items():
        model = (sc.GEN_AI_RESPONSE_MODEL, name)
        if whole and rest.cost_nano > 0:
            step.count("hookspan.cost", left * rest.cost_nano / whole / NANO, model, source, at=at)
        for kind, tokens in _token_kinds(rest):
            if tokens > 0:
                step.count("hookspan.tokens", tokens, model, (sc.TOKEN_TYPE, kind), source, at=at)
    if not whole:
        step.count("hookspan.cost", left / NANO, source, at=at)


def _rests(session: SessionState) -> dict[str, Tally]:
    """What the client counts over us in this run, by model; under no name where its names are not those of answers."""
    rests: dict[str, Tally] = {}
    named = session.by_model.keys() <= {total.model for total in session.reported_models}
    totals = [(total, 1) for total in session.reported_models]
    totals += [(total, -1) for total in session.reported_models_before]
    for total, sign in totals:
        _add(rests.setdefault(total.model if named else "", Tally()), total, sign)
    for name, tally in session.by_model.items() if totals else ():
        _add(rests.setdefault(name if named else "", Tally()), tally, -1)
    return rests


def _add(rest: Tally, more: Tally | ModelTotal, sign: int) -> None:
    rest.cost_nano += sign * more.cost_nano
    rest.input_tokens += sign * more.input_tokens
    rest.output_tokens += sign * more.output_tokens
    rest.cache_read_tokens += sign * more.cache_read_tokens
    rest.cache_write_tokens += sign * more.cache_write_tokens


def _token_kinds(counted: Tally | ModelCall) -> tuple[tuple[str, int], ...]:
    return (
        ("input", counted.input_tokens),
        ("output", counted.output_tokens),
        ("cache_read", counted.cache_read_tokens),
        ("cache_write", counted.cache_write_tokens),
    )


def stop_hooks(step: Step, fact: StopHooks) -> None:
    """What the client itself measured for the hooks of a Stop event."""
    for milliseconds in fact.durations_ms:
        step.add("hookspan.client_hook.time", milliseconds / 1000, (sc.HOOK_EVENT, "Stop"))
        waste.hooks_ran(step, "Stop", milliseconds / 1000, fact.at)


def compaction_started(step: Step, event: Reduced) -> None:
    """PreCompact. An agent compacts once at a time: what it began before and nothing ended has failed."""
    watchdog.compacted(step, event)
    for compaction in _compactions_of(step, event.agent_id):
        if compaction.start == compaction.end and event.at <= compaction.end:
            compaction.start = event.at  # its PostCompact came first
            return
        if not compaction.end and compaction.start < event.at:
            _write_compaction(step, compaction)
    _add_compaction(step, event)


def compaction_ended(step: Step, event: Reduced) -> None:
    """PostCompact; without its PreCompact the span has no length."""
    waste.forget_reads(step.session, event.agent_id)
    for compaction in _compactions_of(step, event.agent_id):
        if not compaction.end:
            compaction.end = max(event.at, compaction.start)
            return
    _add_compaction(step, event, event.at)


def _compactions_of(step: Step, agent_id: str) -> list[Compaction]:
    return [compaction for compaction in step.session.compactions if compaction.agent_id == agent_id]


def _add_compaction(step: Step, event: Reduced, end: int = 0) -> None:
    place = places.of_work(step.session, event.agent_id, event.prompt)
    step.session.compactions.append(
        Compaction(start=event.at, place=place, agent_id=event.agent_id, trigger=event.trigger, end=end)
    )


def compaction_measured(step: Step, fact: CompactBoundary) -> None:
    """The transcript's `compact_boundary`."""
    cache.compacted(step.session, fact.agent_id)
    waste.forget_results(step.session, fact.agent_id)
    for compaction in reversed(step.session.compactions):
        if compaction.agent_id == fact.agent_id and compaction.start <= fact.at:
            compaction.before, compaction.after = fact.before, fact.after
            return


def awaited(compaction: Compaction) -> int:
    """Up to when the transcript is to be read before a compaction that ended is written."""
    return compaction.end if compaction.before else compaction.end + MEASURED


def write_compactions(step: Step, up_to: int, *, of: str | None = None) -> None:
    """Writes compactions that ended before `up_to`, and those of what is over that nothing ended: they failed.

    Over are the prompt `of` and subagents that are written.
    """
    for compaction in list(step.session.compactions):
        is_at_work = compaction.agent_id in step.session.agents  # a subagent may outlast its turn
        is_left = not compaction.end and compaction.agent_id in step.session.agents_done
        is_over = compaction.place.prompt == of or is_left
        if (is_over and not is_at_work) or (compaction.end and awaited(compaction) <= up_to):
            _write_compaction(step, compaction)


def _write_compaction(step: Step, compaction: Compaction) -> None:
    session = step.session
    session.compactions.remove(compaction)
    outcome = Outcome.SUCCESS if compaction.end else Outcome.ERROR
    attributes: Attributes = {sc.TRIGGER: compaction.trigger, sc.OUTCOME: outcome.value}
    if compaction.before:
        attributes |= {sc.CONTEXT_BEFORE: compaction.before, sc.CONTEXT_AFTER: compaction.after}
    if not compaction.end:
        attributes |= {sc.END_INFERRED: True, sc.ERROR_TYPE: ErrorType.OTHER.value}
    end = compaction.end or compaction.start
    waste.compacted(step, compaction.start, end)
    status = STATUS_UNSET if compaction.end else STATUS_ERROR
    opened = open_spans.of_compaction(session, compaction)
    step.close(opened, end, attributes, status=status)
    step.count(
        "hookspan.compactions",
        1,
        (sc.TRIGGER, compaction.trigger),
        (sc.OUTCOME, outcome.value),
        place=opened.place,
        own_id=opened.span_id,
        at=end,
    )
