"""The types of the catalogue's entries for hook events and for the clients that send them."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Kept(NamedTuple):
    """A field of an event's payload that is kept unchanged. `attribute`: where in `Reduced`; empty: under the field's name.

    `kind`: a `word` from one of the client's own lists, a `name` (or id), a `path`, a `count` (a whole number, at
    least 0) or a `flag`. What is of another kind, or too long, is not kept.
    """

    field: str
    kind: Literal["word", "name", "path", "count", "flag"] = "word"
    attribute: str = ""


class HookEvent(NamedTuple):
    """A hook event of a client.

    `effect`: what it does besides its own hook span, a phrase for the reference; such an event has a handler in the fold.
    `of_session`: its hook span belongs to the session, whatever prompt it names. `unregistered`: why `install` leaves
    it out, a phrase; empty for those that it registers. `since`: the client's version that brought it, empty for those
    that every client knows: one that doesn't know an event takes its name in a settings file amiss, so that `install`
    registers it only where all clients are that new. `kept`: the fields that it has besides those of every event;
    what takes more than copying is in the client's reducer.
    """

    name: str
    effect: str = ""
    of_session: bool = False
    unregistered: str = ""
    since: str = ""
    kept: tuple[Kept, ...] = ()


class Client(NamedTuple):
    """A coding agent whose hooks hookspan records; `name` is the value of `gen_ai.agent.name`, `title` for people.

    `resume`: the command that takes a `{session}` up again. `starts_agents`: tools that start a subagent.
    `resumes_agents`: those that give one which has stopped more to do. `awaits_agents`: those whose time is that of
    subagents, which they wait for. `kept`: the fields that every event has. `pid_variable`: the variable in which a hook
    finds the client's pid; empty where its parent alone tells. `call_variable`: the same for a command that it runs and
    the id of its tool call; empty for none. `without_span`: tools of whose calls no hook tells. `shells`: those that run
    commands. `editors`: others that write files. `retries`: its hooks tell of a failed request that it may make again.
    """

    name: str
    title: str
    resume: str
    starts_agents: frozenset[str]
    awaits_agents: frozenset[str]
    shells: frozenset[str]
    editors: frozenset[str]
    kept: tuple[Kept, ...]
    events: tuple[HookEvent, ...]
    pid_variable: str = ""
    call_variable: str = ""
    without_span: frozenset[str] = frozenset()
    resumes_agents: frozenset[str] = frozenset()
    retries: bool = False

    @property
    def registered(self) -> tuple[str, ...]:
        """Names of the events that `install` may register and the plugin does, in their order."""
        return tuple(event.name for event in self.events if not event.unregistered)
