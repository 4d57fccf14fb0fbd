"""The watchdog: notices agents that get nowhere, and turns that run away. It only tells; it never stops anything.

What an agent does is known by digests: the same call (tool and input) with the same result is the same. A call with a
result that was not seen before is news, and the end of what repeats. Only what comes in another answer of the model
counts as a repetition: calls of one answer can't learn from each other. A prompt and a compaction begin all anew.
When in doubt there is no alarm: honest work repeats itself, too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.enums import AlarmKind, Link
from hookspan.config import Watchdog
from hookspan.wire.facts import ModelCall
from hookspan.wire.reduced import VERDICT_INVALID, Call, Edit, Reduced

from . import ids, open_spans
from .rows import SpanLink
from .state import SessionState, State, ToolCall, Turn, bound
from .step import NANO, Step
from .watches import KEPT_ALARMS, KEPT_CALLS, KEPT_COSTS, KEPT_EDITS, KEPT_ERRORS, KEPT_WATCHES, Alarm, Repeat, Watch

CALM: Final = 10
"""Calls in a row that are not of an alarm, after which it is over."""
AWAY: Final = 3
"""The same if by then something else repeats often enough."""
CLOSE: Final = 10
"""Compactions with fewer calls than this in between follow each other closely."""
BARE_ERROR: Final = 14
"""Bytes of an error that is no more than `Exit code 255`: `grep` and `test` fail so whenever they find nothing."""

READS: Final = frozenset({"Read", "NotebookRead", "view"})
_ASKING_TOOLS: Final = frozenset(
    "TaskOutput BashOutput AgentOutput Monitor TaskGet TaskList WebFetch WebSearch ReadMcpResourceTool "
    "read_bash read_agent list_bash web_fetch".split()
)
_ASKING_PROGRAMS: Final = frozenset(
    "sleep tail curl wget gh glab kubectl helm docker docker-compose podman aws az gcloud systemctl ps lsof ssh".split()
)
"""What they say may change though the agent does nothing, so that asking again is no loop for a while."""
_LOOKING_PROGRAMS: Final = frozenset(
    "cat cd date df diff du echo find grep head jq ls lsof ps pwd rg sleep sort stat tail test wc which".split()
)
_LOOKING_TOOLS: Final = frozenset(
    "Read NotebookRead Grep Glob LS WebFetch WebSearch TaskOutput BashOutput "
    "view grep glob read_bash read_agent list_bash web_fetch".split()
)
"""What changes nothing."""
_BATCHED: Final = {name for name, one in CLIENTS.items() if any(event.name == "PostToolBatch" for event in one.events)}
"""Clients that tell when all calls of an answer are over; of others, calls that overlap are of one answer."""
_OF_TURNS: Final = frozenset({AlarmKind.TURN_COST, AlarmKind.TURN_CONTEXT})


class _Found(NamedTuple):
    """What repeats, and whether it does so often enough."""

    kind: AlarmKind
    key: str
    repeat: Repeat
    times: int
    limit: float
    strict: bool


@lru_cache(maxsize=8)
def _limits(changed: tuple[tuple[str, float], ...]) -> Watchdog:
    known = {name: value for name, value in changed if name in Watchdog.FIELDS}
    return Watchdog(**known)  # type: ignore[arg-type]


_USUAL: Final = _limits(())


def limits_of(state: State) -> Watchdog:
    """The limits in force, which the journal tells."""
    policy = state.world.policy
    return _limits(tuple(policy.watchdog.items())) if policy and policy.watchdog else _USUAL


def _is_watched(step: Step) -> bool:
    return not step.session.imported and limits_of(step.state).enabled


def _watch(session: SessionState, agent_id: str) -> Watch:
    watch = session.watches.get(agent_id)
    if watch is None:
        watch = session.watches[agent_id] = Watch()
        if len(session.watches) > KEPT_WATCHES:
            del session.watches[next(filter(None, session.watches))]
    return watch


# --- Calls


def ended(step: Step, call: ToolCall, event: Reduced) -> None:
    """A call has a result."""
    if call.digest and _is_watched(step):
        failed = event.event != "PostToolUse"
        _heard(step, call, f"{call.digest[:8]}{event.output_digest[:8]}", event.output_digest if failed else "", event)


def refused(step: Step, call: ToolCall, entry: Call) -> None:
    """A call never ran, which its batch tells: denied, blocked by a hook, or invalid."""
    digest = call.digest or entry.input_digest
    if digest and _is_watched(step):
        error = entry.told if entry.verdict == VERDICT_INVALID else entry.verdict
        _heard(step, call, f"{digest[:8]}{entry.told[:8]}", error, None)


def answered(step: Step, agent_id: str) -> None:
    """All calls of an answer of the model are over."""
    if watch := step.session.watches.get(agent_id):
        watch.answers += 1


def _heard(step: Step, call: ToolCall, name: str, error: str, event: Reduced | None) -> None:
    limits = limits_of(step.state)
    watch = _watch(step.session, call.agent_id)
    at = event.at if event else step.now
    since = call.at or at
    watch.calls_since += 1
    asks = _asks(call) or (watch.background and not error)
    key = f"{call.tool} {name}"
    if step.session.agent not in _BATCHED and since >= watch.ended:
        watch.answers += 1
    watch.ended = max(watch.ended, at)
    repeat, is_news, again = _remember(watch, key, since, call.id)
    found: list[_Found] = []
    if event is not None and event.edit is not None:
        found.append(_edited(watch, event.edit, since, call.id, limits))
    if error:
        found += _failed(watch, call, error, event, since, limits, asks=asks)
    elif watch.errors:
        _succeeded(step.session, watch, call, at, is_news=is_news)
    few = min(limits.calls, limits.polls, limits.reads)
    if again and (step.session.alarms or repeat.whole >= few or watch.stale >= limits.stale_calls):
        kind, limit = (AlarmKind.UNCHANGED_POLL, limits.polls) if asks else (AlarmKind.REPEATED_CALL, limits.calls)
        if call.tool in READS:
            found.append(_Found(AlarmKind.REREAD, key, repeat, repeat.whole, limits.reads, strict=False))
            kind = AlarmKind.REREAD
        found.append(_Found(kind, key, repeat, repeat.count, limit, strict=True))
        stale = Repeat(watch.stale_since, watch.stale_first, 0, watch.stale)
        found.append(_Found(AlarmKind.NO_PROGRESS, "", stale, watch.stale, limits.stale_calls, strict=True))
    if call.background and not error:
        watch.background = True
    if found or step.session.alarms:
        _weigh(step, call, at, found, is_news=is_news)


def _asks(call: ToolCall) -> bool:
    return call.tool in _ASKING_TOOLS or call.program in _ASKING_PROGRAMS or bool(call.mcp_server)


def _remember(watch: Watch, key: str, since: int, call: str) -> tuple[Repeat, bool, bool]:
    """A call with its result, as it is remembered; whether it is news; whether it was made again."""
    repeat = watch.calls.pop(key, None)
    if repeat is None:
        watch.stretch += 1
        watch.stale = 0
        watch.calls[key] = repeat = Repeat(since, call, watch.answers, stretch=watch.stretch)
        bound(watch.calls, KEPT_CALLS)
        return repeat, True, False
    watch.calls[key] = repeat
    if repeat.answer == watch.answers:
        return repeat, False, False
    repeat.answer = watch.answers
    repeat.whole += 1
    if repeat.stretch == watch.stretch:
        repeat.count += 1
    else:
        repeat.stretch, repeat.count = watch.stretch, 1
    _begin(repeat, since, call)
    if not watch.stale:
        watch.stale_since, watch.stale_first = since, call
    watch.stale += 1
    return repeat, False, True


def _begin(repeat: Repeat, since: int, call: str) -> None:
    """What is counted anew begins with this call."""
    if repeat.count == 1:
        repeat.since, repeat.first = since, call


def _edited(watch: Watch, edit: Edit, since: int, call: str, limits: Watchdog) -> _Found:
    """How many edits up to this one undid each other."""
    forth, back = f"{edit.gone[:8]}>{edit.come[:8]}", f"{edit.come[:8]}>{edit.gone[:8]}"
    undone = watch.edits.pop(f"{edit.file[:8]} {back}", None)
    if undone:
        undone.count += 1
        _begin(undone, since, call)
    made = undone or Repeat(since, call, watch.answers)
    watch.edits[f"{edit.file[:8]} {forth}"] = made
    bound(watch.edits, KEPT_EDITS)
    key = f"{edit.file[:8]} {min(forth, back)}"
    return _Found(AlarmKind.EDITS_UNDONE, key, made, made.count, limits.edits, strict=False)


def _failed(
    watch: Watch, call: ToolCall, error: str, event: Reduced | None, since: int, limits: Watchdog, *, asks: bool
) -> list[_Found]:
    """An error that says no more than that there is one is none that repeats."""
    if event is not None and event.exit_code >= 0 and event.output_size < BARE_ERROR:
        return []
    key = f"{call.tool} {call.program} {error[:16]}"
    repeat = watch.errors.pop(key, None)
    if repeat is None:
        repeat = Repeat(since, call.id, watch.answers)
    elif repeat.answer != watch.answers:
        repeat.answer = watch.answers
        repeat.whole += 1
        repeat.count += 1
        _begin(repeat, since, call.id)
    watch.errors[key] = repeat
    bound(watch.errors, KEPT_ERRORS)
    few, many = (limits.polls, 0) if asks else (limits.errors, limits.failed_checks)
    return [
        _Found(AlarmKind.SAME_ERROR, key, repeat, repeat.count, few, strict=False),
        _Found(AlarmKind.NO_PROGRESS, key, repeat, repeat.whole, many, strict=False),
    ]


def _succeeded(session: SessionState, watch: Watch, call: ToolCall, at: int, *, is_news: bool) -> None:
    """The errors of what succeeds are over; what may have changed something begins the count of all others anew."""
    of = f"{call.tool} {call.program} "
    over = [key for key in watch.errors if key.startswith(of)]
    for key in over:
        del watch.errors[key]
    for alarm in session.alarms:
        if alarm.key in over and not alarm.ended and alarm.agent_id == call.agent_id:
            alarm.ended = at
    if is_news and call.tool not in _LOOKING_TOOLS and call.program not in _LOOKING_PROGRAMS:
        for repeat in watch.errors.values():
            repeat.count = 0


def _weigh(step: Step, call: ToolCall, at: int, found: list[_Found], *, is_news: bool) -> None:
    """An agent has one alarm of this kind at a time: it goes on, ends, or the first that is found is raised."""
    going_on = next(
        (
            alarm
            for alarm in step.session.alarms
            if alarm.agent_id == call.agent_id and not alarm.ended and alarm.kind not in _OF_TURNS
        ),
        None,
    )
    over = [one for one in found if 0 < one.limit <= one.times]
    if going_on is not None:
        if any(one.key == going_on.key for one in found):
            going_on.calls, going_on.last, going_on.last_at, going_on.away = going_on.calls + 1, call.id, at, 0
            return
        going_on.away += is_news or not going_on.strict
        if going_on.away < (1 if going_on.strict else AWAY if over else CALM):
            return
        going_on.ended = at
    if over:
        _raise(step, call, at, over[0])


def _raise(step: Step, call: ToolCall, at: int, found: _Found) -> None:
    watch = _watch(step.session, call.agent_id)
    repeat = found.repeat
    alarm = Alarm(
        kind=found.kind,
        agent_id=call.agent_id,
        prompt=call.prompt,
        key=found.key,
        strict=found.strict,
        since=repeat.since,
        first=repeat.first,
        last=call.id,
        last_at=at,
        calls=found.times,
        cost_nano=sum(cost for end, cost in watch.costs if end >= repeat.since),
        raised=at,
    )
    repeat.count = repeat.whole = 0  # so that one that is over is not raised again by the next of these calls
    _tell(step, alarm)


def _tell(step: Step, alarm: Alarm) -> None:
    alarms = step.session.alarms
    alarms.append(alarm)
    for written in [one for one in alarms if one.written][: max(0, len(alarms) - KEPT_ALARMS)]:
        alarms.remove(written)
    opened = open_spans.of_alarm(step.session, alarm)
    kind = (sc.ALARM_KIND, str(alarm.kind))
    step.count("hookspan.alarms", 1, kind, place=opened.place, own_id=opened.span_id, at=alarm.raised)


# --- Money and context


def spent(step: Step, fact: ModelCall, turn: Turn | None) -> None:
    """A model call was read, of a turn or of a subagent of it."""
    if not _is_watched(step):
        return
    session, limits, cost = step.session, limits_of(step.state), max(0, fact.cost_nano)
    if watch := session.watches.get(fact.agent_id):
        watch.costs.append((fact.end, cost))
        del watch.costs[:-KEPT_COSTS]
    for alarm in session.alarms:
        of_it = alarm.agent_id == fact.agent_id and alarm.kind not in _OF_TURNS and not alarm.written
        if of_it and alarm.since <= fact.end and (not alarm.ended or fact.end <= alarm.ended):
            alarm.cost_nano += cost
    if turn is None:
        return
    turn.spent_nano += cost
    if 0 < limits.turn_usd * NANO <= turn.spent_nano:
        _of_turn(step, turn, AlarmKind.TURN_COST, fact.end, turn.tally.model_calls)
    whole = fact.input_tokens + fact.cache_read_tokens + fact.cache_write_tokens
    if not fact.agent_id and whole:
        turn.context = turn.context or whole
        if 0 < limits.turn_tokens <= whole - turn.context:
            _of_turn(step, turn, AlarmKind.TURN_CONTEXT, fact.end, turn.tally.model_calls)


def compacted(step: Step, event: Reduced) -> None:
    """PreCompact: what was seen is gone from the context, so that looking again is no repetition."""
    if not _is_watched(step):
        return
    session = step.session
    if event.agent_id:
        if of_agent := session.watches.get(event.agent_id):
            of_agent.forget()
        return
    watch = _watch(session, "")
    watch.forget()
    if event.trigger != "auto":
        return
    watch.compactions = watch.compactions + 1 if watch.calls_since < CLOSE and watch.compactions else 1
    watch.calls_since = 0
    turn = session.turns.get(event.prompt)
    if turn and 0 < limits_of(step.state).compactions <= watch.compactions:
        _of_turn(step, turn, AlarmKind.TURN_CONTEXT, event.at, watch.compactions)


def _of_turn(step: Step, turn: Turn, kind: AlarmKind, at: int, calls: int) -> None:
    """Raises an alarm about a turn, or goes on with it; one whose turn stopped goes on if the turn did."""
    known = next((one for one in step.session.alarms if one.kind is kind and one.prompt == turn.prompt), None)
    if known is None:
        known = Alarm(kind=kind, prompt=turn.prompt, since=turn.start, raised=at)
        if turn.stop > at:
            known.ended = turn.stop
        _tell(step, known)
    elif known.written:
        return
    elif known.ended and at > known.ended:
        known.ended = 0
    known.calls, known.cost_nano, known.last_at = calls, turn.spent_nano, max(at, known.last_at)


# --- Ends


def stopped(session: SessionState, agent_id: str, at: int) -> None:
    """An agent has stopped, or was interrupted: its alarms are over, at the earliest of such moments."""
    for alarm in session.alarms:
        if alarm.agent_id == agent_id and not alarm.written and (not alarm.ended or alarm.ended > at):
            alarm.ended = max(at, alarm.last_at)
    if agent_id:
        session.watches.pop(agent_id, None)  # the main agent goes on, if another hook blocks its Stop


def prompted(session: SessionState, prompt: str, at: int) -> None:
    """Somebody has told the main agent something. The turn that runs goes on, if that is its prompt."""
    for alarm in session.alarms:
        goes_on = alarm.prompt == prompt and alarm.kind in _OF_TURNS
        if not alarm.agent_id and not alarm.ended and not goes_on:
            alarm.ended = max(at, alarm.last_at)
    if watch := session.watches.get(""):
        watch.forget()


def interrupted(session: SessionState, turn: Turn, at: int) -> None:
    """A turn's user pressed Esc then, which may be told late."""
    for alarm in session.alarms:
        if alarm.prompt == turn.prompt and not alarm.agent_id and not alarm.written and not 0 < alarm.ended <= at:
            alarm.ended = max(at, alarm.last_at)


def over(session: SessionState, at: int) -> None:
    """The session's run is over."""
    for agent_id in {alarm.agent_id for alarm in session.alarms}:
        stopped(session, agent_id, at)
    session.watches = {}


def loop_of(session: SessionState, fact: ModelCall) -> AlarmKind | None:
    """What an agent repeated as it made a call, since that was noticed; None if it got on."""
    for alarm in session.alarms:
        of_it = alarm.agent_id == fact.agent_id and alarm.kind not in _OF_TURNS
        if of_it and alarm.raised <= fact.start and (not alarm.ended or fact.end <= alarm.ended):
            return alarm.kind
    return None


def write(step: Step, up_to: int) -> None:
    """Writes the alarms that ended before `up_to`, up to which the transcripts are read."""
    session = step.session
    for alarm in session.alarms:
        if alarm.ended and alarm.ended <= up_to and not alarm.written:
            alarm.written = True
            opened = open_spans.of_alarm(session, alarm)
            links = [
                SpanLink(opened.place.trace_id, ids.of_tool(session.id, call), {sc.LINK: link.value})
                for call, link in ((alarm.first, Link.FIRST_CALL), (alarm.last, Link.LAST_CALL))
                if call
            ]
            grown = {sc.ALARM_CALLS: alarm.calls, sc.ALARM_COST_USD: alarm.cost_nano / NANO}
            step.close(opened, alarm.ended, {**grown, sc.ALARM_LAST_CALL: alarm.last}, links=tuple(links))
