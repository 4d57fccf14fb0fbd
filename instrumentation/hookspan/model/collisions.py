"""Collisions: two sessions, or a session and its subagents, write the same at the same time.

A write meets another's that is not older than `FRESH`, if the other is still at work, or if the one that writes now has
not read the file since. It is told when the later call is announced, before it has run. Reads never collide, nor do
the same paths in two work trees of a repository.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Collision, Link
from hookspan.wire.reduced import Reduced, Target

from . import ids, places
from .rows import Attributes, Collided, SpanLink
from .state import KEPT_WRITES, SessionState, State, ToolCall, bound
from .step import NANO, Step, folder_of
from .writes import FRESH, SERIOUS, Meeting, Write

KEPT_MEETINGS: Final = 16
KEPT_LINES: Final = 128
"""Lines of one file that an agent wrote last."""
KEPT_LINKS: Final = 8
REFRESH: Final = 60 * NANO
"""So often it is told anew that two work in the same tree."""
_ORDER: Final = tuple(Collision)

_Met = tuple[SessionState, list[Write]]
"""Another agent: its session, and what of its writes is meant, the newest last."""


def begun(step: Step, call: ToolCall, event: Reduced) -> None:
    """PreToolUse of a call that writes files, or where that is missing its end."""
    session = step.session
    if not (event.writes or event.rewrites) or session.local or session.synthetic or event.history:
        return
    tree = _tree(step.state, session, event.cwd)
    for target in event.writes:
        for met in _met(step, event, target.path):
            kind = Collision.LINES if _share_lines(met, target.lines) else Collision.FILE
            _meet(step, call, met, kind, target)
        _remember(step, call, target, event.at)
    if event.rewrites:
        rewritten = _tree(step.state, session, event.rewrites)
        for met in _writers(step, event, rewritten):
            _meet(step, call, met, Collision.TREE, None)
    call.writes = tuple(target.path for target in event.writes)
    if any(target.here for target in event.writes):
        session.wrote, session.tree = event.at, tree
        if not call.collision:
            _beside(step, call, event.at)


def done(step: Step, call: ToolCall, event: Reduced) -> None:
    """The call has ended: which lines it wrote is known now. One that failed wrote nothing, unless it is a command."""
    if not call.writes:
        return
    session = step.session
    if event.event != "PostToolUse" and not call.program:
        _forget(session, call)
        return
    for target in event.writes:
        writes = session.writes.get(target.path, [])
        own = next((write for write in writes if write.call == call.id), None)
        if own is None:
            continue
        own.at, own.record = event.at, step.number
        own.lines = _both(own.lines, target.lines)
        if call.collision == Collision.FILE:
            for met in _met(step, event, target.path):
                if _share_lines(met, own.lines):
                    _meet(step, call, met, Collision.LINES, target)
        _merge(writes, own)
        _see(step, target.path)


def never_ran(step: Step, call: ToolCall) -> None:
    """The call was refused: it wrote nothing and met nobody."""
    if not call.writes and not call.collision:
        return
    session = step.session
    _forget(session, call)
    own = ids.of_tool(session.id, call.id)
    for other in {meeting.other for meeting in session.meetings if meeting.call == call.id}:
        if met := step.state.sessions.get(other):
            met.meetings = [meeting for meeting in met.meetings if meeting.call != call.id]
            for earlier in met.calls.values():
                earlier.links = [link for link in earlier.links if link.span_id != own]
                earlier.collision = earlier.collision if earlier.links else ""
            step.rows.touched.add(other)
    session.meetings = [meeting for meeting in session.meetings if meeting.call != call.id]
    call.collision, call.links = "", []


def read(step: Step, event: Reduced) -> None:
    """The session knows what others wrote into a file before."""
    if event.reads and not step.session.local:
        _see(step, event.reads)


def left(step: Step) -> None:
    """The session is over: nobody meets it any more."""
    session = step.session
    session.writes, session.wrote = {}, 0
    for other in {meeting.other for meeting in session.meetings} - {session.id}:
        if met := step.state.sessions.get(other):
            met.meetings = [meeting for meeting in met.meetings if meeting.other != session.id]
            step.rows.touched.add(other)
    session.meetings = []


def forget(session: SessionState, others: Collection[str]) -> None:
    """It knows no more that it met these sessions."""
    session.meetings = [meeting for meeting in session.meetings if meeting.other not in others]
    for call in session.calls.values():
        call.links = [link for link in call.links if link.attributes.get(sc.SESSION_ID) not in others]
        call.collision = call.collision if call.links else ""


def foremost(session: SessionState) -> Meeting | None:
    """The meeting to be shown: the most serious one, of these the newest."""
    standing = [meeting for meeting in session.meetings if _stands(session, meeting)]
    return min(standing, key=lambda meeting: (_ORDER.index(meeting.kind), -meeting.at), default=None)


def _stands(session: SessionState, meeting: Meeting) -> bool:
    if meeting.at < session.last - FRESH:
        return False
    return meeting.other != session.id or all(_works(session, one) for one in (meeting.agent_id, meeting.other_agent))


def _works(session: SessionState, agent_id: str) -> bool:
    """Whether a turn of the main agent, or a subagent, goes on."""
    if agent_id:
        agent = session.agents.get(agent_id)
        return agent is not None and not agent.stop
    turn = session.turns.get(session.current)
    return turn is not None and not turn.stop and not turn.fixed


def _met(step: Step, event: Reduced, path: str) -> list[_Met]:
    """Agents that have written a file, and that one of this event meets."""
    found: list[_Met] = []
    for other in step.state.sessions.values():
        if writes := other.writes.get(path):
            found += _by_agent(other, [write for write in writes if _meets(step, event, other, write, path)])
    return _newest(found)


def _writers(step: Step, event: Reduced, tree: str) -> list[_Met]:
    """Agents that are at work in a work tree and have written there."""
    found: list[_Met] = []
    for other in step.state.sessions.values():
        if tree and other.tree == tree:
            writes = sorted((write for each in other.writes.values() for write in each), key=lambda write: write.at)
            found += _by_agent(other, [write for write in writes if _meets(step, event, other, write)])
    return _newest(found)


def _newest(found: list[_Met]) -> list[_Met]:
    """Of very many those that wrote last; in an order that is always the same."""
    found.sort(key=lambda met: (-met[1][-1].at, met[0].id, met[1][-1].agent_id))
    return found[:KEPT_LINKS]


def _by_agent(session: SessionState, writes: list[Write]) -> Iterator[_Met]:
    for agent_id in dict.fromkeys(write.agent_id for write in writes):
        yield session, [write for write in writes if write.agent_id == agent_id]


def _meets(step: Step, event: Reduced, other: SessionState, write: Write, path: str = "") -> bool:
    """Whether a write counts for an event's agent; one of `path` also when its agent is done, if unseen."""
    session = step.session
    if other.ended or other.local or event.at - write.at > FRESH:
        return False
    if other is not session:
        return _works(other, write.agent_id) or (bool(path) and session.saw.get(path, 0) <= write.record)
    if write.agent_id == event.agent_id or not _works(other, write.agent_id):
        return False
    agent = session.agents.get(event.agent_id)
    if agent is None or write.agent_id not in {"", agent.parent_agent_id}:
        return True
    return write.at >= agent.start  # what was there when it began is no surprise


def _share_lines(met: _Met, lines: Sequence[int] | None) -> bool:
    return lines is None or any(write.lines is None or not set(write.lines).isdisjoint(lines) for write in met[1])


def _both(one: Sequence[int] | None, other: Sequence[int] | None) -> list[int] | None:
    """The lines of both, or any if one of them may be about any."""
    return None if one is None or other is None else list(dict.fromkeys((*one, *other)))[-KEPT_LINES:]


def _meet(step: Step, call: ToolCall, met: _Met, kind: Collision, target: Target | None) -> None:
    """Two have met: both sessions remember it, the later call links to the earlier, and that back while it is open."""
    session, other, write = step.session, met[0], met[1][-1]
    call.collision = _graver(call.collision, kind)
    place = places.of_work(other, write.agent_id, write.prompt)
    _link(call, other, place.trace_id, write.call)
    earlier = other.calls.get(write.call)
    if earlier is not None:
        earlier.collision = _graver(earlier.collision, kind)
        _link(earlier, session, places.of_call(session, call).trace_id, call.id)
    name = target.name if target else ""
    news = Meeting(
        at=step.now,
        kind=kind,
        path=target.path if target else "",
        name=name,
        call=call.id,
        agent_id=call.agent_id,
        other=other.id,
        other_agent=write.agent_id,
    )
    is_new = _note(session, news)
    if other is not session:
        _note(other, _turned(news, session.id))
        step.rows.touched.add(other.id)
    if is_new and kind in SERIOUS:
        step.rows.collided.append(
            Collided(at=step.now, session=session.id, other=other.id, project=step.project, file=name)
        )


def _turned(meeting: Meeting, other: str) -> Meeting:
    """As the other session has it."""
    return Meeting(
        at=meeting.at,
        kind=meeting.kind,
        path=meeting.path,
        name=meeting.name,
        call=meeting.call,
        agent_id=meeting.other_agent,
        other=other,
        other_agent=meeting.agent_id,
    )


def _note(session: SessionState, news: Meeting) -> bool:
    """Remembers a meeting in place of an older one of the same two about the same; whether it is more serious news."""
    agents = {(news.agent_id, news.other_agent)}
    if news.other == session.id:
        agents.add((news.other_agent, news.agent_id))
    before = None
    about = news.other, news.path, news.kind is Collision.BESIDE
    for known in session.meetings:
        same = about == (known.other, known.path, known.kind is Collision.BESIDE)
        if same and (known.agent_id, known.other_agent) in agents:
            before = known
    fresh = before is not None and news.at - before.at <= FRESH
    if before is not None:
        session.meetings.remove(before)
        if fresh and before.kind in SERIOUS:
            news.kind = before.kind
    session.meetings.append(news)
    del session.meetings[:-KEPT_MEETINGS]
    return not (fresh and before is not None and before.kind in SERIOUS)


def _graver(one: str, other: Collision) -> str:
    return min(filter(None, (one, other)), key=lambda kind: _ORDER.index(Collision(kind)))


def _link(call: ToolCall, other: SessionState, trace_id: str, other_call: str) -> None:
    span_id = ids.of_tool(other.id, other_call)
    if len(call.links) < KEPT_LINKS and all(link.span_id != span_id for link in call.links):
        attributes: Attributes = {sc.LINK: Link.COLLISION.value, sc.SESSION_ID: other.id}
        call.links.append(SpanLink(trace_id, span_id, attributes))


def _remember(step: Step, call: ToolCall, target: Target, at: int) -> None:
    session = step.session
    for path in [path for path, writes in session.writes.items() if at - writes[-1].at > FRESH]:
        del session.writes[path]
    writes = session.writes.pop(target.path, [])  # the newest stand at the end
    lines = _both([], target.lines)
    writes.append(Write(at, call.id, call.agent_id, call.prompt, target.name, lines, record=step.number))
    del writes[:-KEPT_MEETINGS]
    session.writes[target.path] = writes
    bound(session.writes, KEPT_WRITES)


def _merge(writes: list[Write], own: Write) -> None:
    """An agent's older writes of a file become part of its newest, which is done."""
    older = [write for write in writes if write.agent_id == own.agent_id and write is not own and write.at <= own.at]
    for write in older:
        own.lines = _both(write.lines, own.lines)
        writes.remove(write)


def _forget(session: SessionState, call: ToolCall) -> None:
    for path in call.writes:
        writes = [write for write in session.writes.get(path, ()) if write.call != call.id]
        if writes:
            session.writes[path] = writes
        else:
            session.writes.pop(path, None)


def _see(step: Step, path: str) -> None:
    """It has seen what others wrote there; their states say nothing of it, however many read the file."""
    session = step.session
    if any(path in other.writes for other in step.state.sessions.values() if other is not session):
        session.saw.pop(path, None)
        session.saw[path] = step.number
        bound(session.saw, KEPT_WRITES)


def _tree(state: State, session: SessionState, folder: str) -> str:
    """The work tree that a folder is of; the folder where it is of none, the session's own where that is not known."""
    folder = folder if folder in state.world.repositories else folder_of(session)
    known = state.world.repositories.get(folder)
    return known.tree if known and known.tree else folder


def _beside(step: Step, call: ToolCall, at: int) -> None:
    """Others that write in the same work tree, each in files of its own; no more of them than are remembered.

    Among very many each write would else push out who was told before, and change the states of all of them.
    """
    session = step.session
    known = {meeting.other for meeting in session.meetings if at - meeting.at < REFRESH}
    for other in step.state.sessions.values() if session.tree else ():
        if len(known) >= KEPT_MEETINGS:
            break
        if other is session or other.tree != session.tree or other.local or other.ended or other.id in known:
            continue
        if not other.wrote or at - other.wrote > FRESH or not _works(other, ""):
            continue
        news = Meeting(
            at=at,
            kind=Collision.BESIDE,
            path="",
            name="",
            call=call.id,
            agent_id="",
            other=other.id,
            other_agent="",
        )
        _note(session, news)
        _note(other, _turned(news, session.id))
        known.add(other.id)
        step.rows.touched.add(other.id)
