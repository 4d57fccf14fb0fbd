"""What happens at one moment, as log records. Nothing is done here where these are not wanted.

Whether a tool call was let run is known when it is over; who decided only the transcript says. Its record waits for
that until the transcript has been read so far, and has what hooks tell if that is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from hookspan.catalogue.enums import DecidedBy, Decision, ErrorType, GapKind, Outcome, Verdict
from hookspan.catalogue.logs import LogEvent, Severity
from hookspan.wire import facts
from hookspan.wire.reduced import Reduced

from . import ids, places
from .rows import Attributes, LogRow
from .state import KEPT_DECISIONS, KEPT_TOLD, Place, State, ToolCall, Undecided, Wait, bound
from .step import NANO, Step, logs_on

BYPASS: Final = "bypassPermissions"
"""The permission mode in which nobody decides."""
_BY_MODE: Final = {"acceptEdits": frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write"})}
"""Tools that a permission mode lets run unasked."""
_REFUSED: Final = {
    Decision.AUTO_DENIED.value: (Verdict.DENIED, DecidedBy.RULE),
    Decision.REFUSED.value: (Verdict.DENIED, DecidedBy.USER),
}
_BY_SOURCE: Final = {"hook": DecidedBy.HOOK, "config": DecidedBy.RULE}
_BY_REASON: Final = {"mode": DecidedBy.MODE, "hook": DecidedBy.HOOK}
_LATE: Final = 2 * NANO
"""The line of a result is written up to this long after the event of the same moment."""


# --- Of a session


def heard(step: Step, event: Reduced) -> None:
    """What an event of itself tells."""
    if not logs_on(step.state):
        return
    session = step.session
    if event.event == "UserPromptSubmit":
        turn = session.turns.get(event.prompt)
        attributes: Attributes = {
            sc.INPUT_SIZE: event.prompt_size,
            sc.PROMPT_KIND: turn.kind.value if turn else "",
            sc.COMMAND_NAME: event.command_name,
            sc.PERMISSION_MODE: event.permission_mode,
        }
        step.log(
            logs.PROMPT,
            places.of_prompt(session, event.prompt),
            event.at,
            attributes,
            event.prompt,
            label=event.label,
        )
    elif event.event == "ConfigChange":
        step.log(
            logs.CONFIG_CHANGED, places.of_prompt(session, event.prompt), event.at, {sc.CONFIG_SOURCE: event.source}
        )
    if event.permission_mode and not event.agent_id:
        before, session.mode_told = session.mode_told, event.permission_mode
        if before not in {"", event.permission_mode}:
            step.log(
                logs.MODE_CHANGED,
                places.of_prompt(session, event.prompt),
                event.at,
                {sc.PERMISSION_MODE: event.permission_mode, sc.PERMISSION_MODE_BEFORE: before},
                severity=Severity.WARN if event.permission_mode == BYPASS else None,
            )


def began(step: Step) -> None:
    """A run of the session began."""
    session, policy = step.session, step.state.world.policy
    attributes: Attributes = {
        sc.SOURCE: session.source,
        sc.ENTRYPOINT: session.entrypoint,
        sc.PERMISSION_MODE: session.permission_mode,
        sc.POLICY_HASH: policy.hash if policy else "",
    }
    step.log(logs.SESSION_START, places.of_session(session), step.now, attributes, label=session.title)


def ended(step: Step, at: int, attributes: Attributes) -> None:
    """A run of the session ended; `attributes` are those of its span."""
    told = {name: attributes[name] for name in logs.SESSION_END.attributes if name in attributes}
    step.log(logs.SESSION_END, places.of_session(step.session), at, told, label=step.session.title)


def loaded(step: Step, event: LogEvent, at: int, names: Mapping[str, str], place: Place | None = None) -> None:
    """A server, plugin or skill is there, or is not; told once in a session. `names` by keys, the first its own."""
    told, mark = step.session.told, ":".join((event.name, *names.values()))
    if mark in told or not next(iter(names.values())) or not logs_on(step.state):
        return
    told[mark] = True
    bound(told, KEPT_TOLD)
    step.log(event, place or places.of_session(step.session), at, {**names}, mark)


# --- Tool calls


def finished(step: Step, call: ToolCall, place: Place, start: int, end: int, attributes: Attributes) -> None:
    """A call is over; `attributes` are those of its span, and `place` is that span."""
    if not logs_on(step.state):
        return
    about: Attributes = {
        sc.TOOL_NAME: call.tool,
        sc.TOOL_CALL_ID: call.id,
        sc.MCP_SERVER: call.mcp_server,
        sc.COMMAND_PROGRAM: call.program,
        sc.FILE_EXTENSION: call.extension,
        sc.INPUT_SIZE: call.input_size,
    }
    if attributes[sc.OUTCOME] == Outcome.ERROR:
        told = {name: attributes[name] for name in (sc.EXIT_CODE, sc.NEVER_RAN) if name in attributes}
        error = attributes.get(sc.ERROR_TYPE, ErrorType.TOOL_ERROR.value)
        step.log(logs.FAILED, place, end, {**about, sc.ERROR_TYPE: error, **told}, call.id, label=call.label)
        if sc.NEVER_RAN in attributes:
            return  # it was not valid: nothing was decided
    verdict, by = _by_hooks(call, attributes)
    waiting = Undecided(
        at=start,
        end=end,
        place=place,
        attributes={
            **about,
            sc.VERDICT: verdict.value,
            sc.DECIDED_BY: by.value,
            sc.PERMISSION_MODE: call.mode,
            sc.WAITED: attributes.get(sc.WAITED, ""),
        },
        label=call.label,
    )
    session = step.session
    if fact := session.decided.pop(call.id, None):
        _write(step, call.id, waiting, fact)
        return
    session.undecided[call.id] = waiting
    while len(session.undecided) > KEPT_DECISIONS:
        oldest = next(iter(session.undecided))
        _write(step, oldest, session.undecided.pop(oldest))


def decided(step: Step, fact: facts.Decided) -> None:
    """The transcript says who decided on a call, which may not be over yet as far as hooks have told."""
    session = step.session
    if waiting := session.undecided.pop(fact.tool_use_id, None):
        _write(step, fact.tool_use_id, waiting, fact)
    elif fact.tool_use_id in session.calls:
        session.decided[fact.tool_use_id] = fact
        bound(session.decided, KEPT_DECISIONS)


def read(step: Step, up_to: int | None = None) -> None:
    """The transcripts are read up to then (None: to their ends): what they have not said of calls they will not say."""
    waiting = step.session.undecided
    for name in [name for name, one in waiting.items() if up_to is None or one.end + _LATE <= up_to]:
        _write(step, name, waiting.pop(name))


def answered(step: Step, wait: Wait, place: Place, at: int, decision: Decision) -> None:
    """A dialog that opened while a call ran: an MCP server's, or its sandbox's."""
    verdict = {Decision.APPROVED: Verdict.ALLOWED, Decision.ABORTED: Verdict.ABORTED}.get(decision, Verdict.DENIED)
    by = DecidedBy.UNKNOWN if decision is Decision.UNKNOWN else DecidedBy.USER
    attributes: Attributes = {
        sc.TOOL_NAME: wait.tool,
        sc.TOOL_CALL_ID: wait.tool_use_id,
        sc.MCP_SERVER: wait.mcp_server,
        sc.VERDICT: verdict.value,
        sc.DECIDED_BY: by.value,
        sc.WAITED: (at - wait.at) / NANO,
    }
    step.log(logs.DECISION, place, at, attributes, str(wait.at), severity=_severity(verdict, by))


def _by_hooks(call: ToolCall, attributes: Attributes) -> tuple[Verdict, DecidedBy]:
    """What hooks tell of who decided, or the place in the transcript where a call was rejected."""
    if sc.NEVER_RAN in attributes:
        if sc.BLOCKED_BY_HOOK in attributes:
            return Verdict.DENIED, DecidedBy.HOOK
        unknown = attributes[sc.OUTCOME] == Outcome.UNKNOWN
        nobody = (Verdict.ABORTED, DecidedBy.UNKNOWN if unknown else DecidedBy.USER)
        return _REFUSED.get(str(attributes.get(sc.DECISION)), nobody)
    by = DecidedBy.UNKNOWN
    if sc.WAITED in attributes:
        by = DecidedBy.USER
    elif call.mode == BYPASS:
        by = DecidedBy.BYPASS
    elif call.tool in _BY_MODE.get(call.mode, ()):
        by = DecidedBy.MODE
    return Verdict.ALLOWED, by


def _write(step: Step, id_: str, waiting: Undecided, fact: facts.Decided | None = None) -> None:
    attributes = waiting.attributes
    if fact is not None:
        attributes = attributes | {
            sc.DECISION_SOURCE: fact.source,
            sc.DECISION_REASON: fact.reason,
            sc.DECISION_RULES: fact.rule_source,
            sc.DECISION_GRANT: fact.grant,
            sc.DECIDED_BY: _by_transcript(fact, attributes).value,
        }
    severity = _severity(Verdict(str(attributes[sc.VERDICT])), DecidedBy(str(attributes[sc.DECIDED_BY])))
    step.log(logs.DECISION, waiting.place, waiting.at, attributes, id_, severity=severity, label=waiting.label)


def _by_transcript(fact: facts.Decided, attributes: Attributes) -> DecidedBy:
    """Who decided by the client's own words; what it calls its configuration is a rule, the mode, or no question."""
    known = DecidedBy(str(attributes[sc.DECIDED_BY]))
    if fact.source.startswith("user"):
        return DecidedBy.USER
    if fact.source != "config":
        return _BY_SOURCE.get(fact.source, known)
    if known is DecidedBy.BYPASS and fact.reason in {"", "mode"}:
        return known
    if by := _BY_REASON.get(fact.reason):
        return by
    return DecidedBy.CLIENT if fact.allowed and not fact.reason else DecidedBy.RULE


def _severity(verdict: Verdict, by: DecidedBy) -> Severity:
    return Severity.INFO if verdict is Verdict.ALLOWED and by is not DecidedBy.BYPASS else Severity.WARN


# --- Of the machine


def policy(state: State, number: int, fact: facts.Policy, before: facts.Policy | None) -> list[LogRow]:
    """Other settings are in force. Records begin with which, and with since when there were none."""
    was_on, world = before is not None and before.logs, state.world
    if not fact.logs:
        world.unlogged = world.unlogged or (fact.at if was_on else 0)
        return []
    told = []
    if world.unlogged:
        told += _gap(state, number, GapKind.SWITCHED_OFF, world.unlogged, fact.at)
        world.unlogged = 0
    if not was_on or before is None or before.hash != fact.hash:
        told.append(_of_machine(number, logs.POLICY, fact.at, {sc.POLICY_HASH: fact.hash}, ordinal=len(told)))
    return told


def gap(state: State, number: int, fact: facts.Gap) -> list[LogRow]:
    """No agent ran for a time."""
    return _gap(state, number, GapKind.KILLED if fact.killed else GapKind.STOPPED, fact.since, fact.at)


def hooks_judged(state: State, number: int, fact: facts.HooksJudged) -> list[LogRow]:
    """The client runs hookspan's hooks, or does not."""
    before, state.world.troubles = state.world.troubles, fact.troubles
    if before == fact.troubles or not logs_on(state):
        return []
    attributes: Attributes = {sc.HOOKS_TROUBLES: fact.troubles} if fact.troubles else {}
    return [_of_machine(number, logs.HOOKS_OFF if fact.troubles else logs.HOOKS_ON, fact.at, attributes)]


def lost(state: State, number: int, fact: facts.Dropped, more: int) -> list[LogRow]:
    """Events were lost."""
    if not logs_on(state):
        return []
    attributes: Attributes = {sc.DROP_WHERE: fact.where, sc.DROP_REASON: fact.reason, sc.DROP_COUNT: more}
    return [_of_machine(number, logs.EVENTS_LOST, fact.at, attributes, fact.where, fact.reason)]


def _gap(state: State, number: int, kind: GapKind, since: int, until: int) -> list[LogRow]:
    if not logs_on(state):
        return []
    attributes: Attributes = {
        sc.GAP_KIND: kind.value,
        sc.GAP_START: since,
        sc.GAP_DURATION: max(0, until - since) / NANO,
    }
    severity = Severity.INFO if kind is GapKind.STOPPED else None
    return [_of_machine(number, logs.GAP, until, attributes, kind.value, severity=severity)]


def _of_machine(
    number: int,
    event: LogEvent,
    at: int,
    attributes: Attributes,
    *key: str,
    severity: Severity | None = None,
    ordinal: int = 0,
) -> LogRow:
    uid: Attributes = {sc.LOG_RECORD_UID: ids.log_uid(event.name, "", at, *key)}
    told = {name: value for name, value in attributes.items() if value != ""}
    return LogRow(
        record=number,
        ordinal=ordinal,
        at=at,
        event=event.name,
        severity=severity or event.severity,
        attributes=uid | told,
    )
