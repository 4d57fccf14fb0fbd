"""The fold's state: what is known of the machine and of each session, and no more than the next facts may need.

Every collection that grows with a session's length is bounded: one of a week costs what one of an hour does.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.enums import Basis, EndReason, PromptKind
from hookspan.catalogue.session_fields import KeptFields
from hookspan.wire.facts import Decided, Definition, ModelTotal, Policy, Registered, Rejection, Repository
from hookspan.wire.record import MAKING
from hookspan.wire.reduced import CacheEstimate, Reduced

from .quota import Quota
from .rows import Attributes, SpanEvent, SpanLink
from .times import Timed
from .watches import Alarm, Watch
from .writes import Meeting, Write

ANSWER: Final = "#"
"""In what stands for a prompt id: behind it is the time of an answer that shares it with the turn before."""
KEPT_SEEN: Final = 256
"""Payload digests remembered per session: more than parallel hooks can mix up."""
KEPT_FACTS: Final = 1024
"""Fact keys remembered per session; observers repeat at most what they read at once, which is less."""
KEPT_CLOSED: Final = 256
KEPT_RAN: Final = 64
"""Closed calls whose programs' spans can still be put below them: those closed last, and those that had some last."""
KEPT_PLACES: Final = 128
"""Finished turns, subagents and tasks that late spans and links can still be put to."""
KEPT_GOING_ON: Final = 32
"""Finished turns whose time waits for a workflow's end; where more wait, one may have gone unheard."""
KEPT_MODELS: Final = 32
"""Models of one run whose calls are summed for themselves."""
KEPT_REQUESTS: Final = 64
"""Agents whose newest request is remembered, to be compared with its next."""
KEPT_SHAPES: Final = 8
"""Shapes of requests: a session has one for each of its kinds of agents, and another when its tools change."""
KEPT_READS: Final = 128
"""Reads whose results are compared with the next of the same."""
KEPT_WASTED: Final = 512
"""Tool calls whose price is not known yet: all of a session that is read when it is over, but for very long ones."""
KEPT_EVENTS: Final = 64
"""Events of one span; hooks are counted beside them, so what is beyond shows there."""
KEPT_STOPS: Final = 8
"""Former candidates for the end of a turn: of answers whose messages the client has not written yet."""
KEPT_ATTEMPTS: Final = 32
"""Failed attempts of one call; the client makes 11 at most, unless it is told to make more."""
KEPT_TREES: Final = 64
"""Work trees whose commits are looked for: those in which something was done last."""
KEPT_PULLS: Final = 64
"""Pull requests of a session, each once for each of its branches."""
KEPT_WRITES: Final = 64
"""Files that a session wrote last: of half an hour."""
KEPT_DECISIONS: Final = 128
"""Tool calls of which only the transcript has told who decided."""
KEPT_TOLD: Final = 256
"""Names of servers, plugins and skills that a log record has told of in a session."""
KEPT_BRANCHES: Final = 64
"""Changes of the branch remembered per session: what is written late ended after the oldest of them."""


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where in the traces a span belongs: trace, parent span, prompt of that trace, name of the agent that acts."""

    trace_id: str
    span_id: str
    prompt: str = ""
    agent: str = ""

    @property
    def prompt_id(self) -> str:
        """The client's id of that prompt, which an answer to a teammate shares with the turn before it."""
        return self.prompt.partition(ANSWER)[0]


class Wait(msgspec.Struct, kw_only=True):
    """An open dialog.

    Attributes:
        running_at: When it may have been approved, 0 if nothing suggests that: the birth of a child process of the
            client, or what the registry says.
        basis: On what that rests, a Basis.
        over: Since when the registry says that the client waits for a prompt: it was refused, or closed with Esc.
        sandbox: The sandbox of a command that runs asks. `tool_use_id` is its call, if that is certain.
    """

    at: int
    tool: str
    agent_id: str = ""
    digest: str = ""
    tool_use_id: str = ""
    prompt: str = ""
    mcp_server: str = ""
    elicitation: bool = False
    sandbox: bool = False
    running_at: int = 0
    basis: str = ""
    over: int = 0

    @property
    def inside(self) -> bool:
        """Whether it opened while a call was running, instead of before that."""
        return self.elicitation or self.sandbox

    @property
    def answered(self) -> int:
        """When it was answered, as the client itself says; 0 if it doesn't."""
        return self.over or (self.running_at if self.basis == Basis.REGISTRY else 0)


class ToolCall(msgspec.Struct, kw_only=True, gc=False):
    """A tool call until its span is written.

    Attributes:
        at: PreToolUse's stamp, 0 when only its end is known so far.
        record: PreToolUse's record, 0 without one: what it says is compared with the client's processes.
        prompt: The prompt whose turn started it.
        begins: When it begins, as far as PreToolUse tells that; 0 if its end does.
        post: The event that ended it, kept while its PreToolUse is awaited.
        exit_code: Of a command, as its transcript says; -1 before, or if it doesn't.
        ran_ms: How long it ran, likewise.
        resolved: Stamp of the PostToolBatch that lists it, 0 before.
        verdict: Why that batch says it never ran, empty if it doesn't.
        waited: Nanoseconds of dialogs that opened while it ran.
        writes: Digests of the paths that it writes.
        collision: What another writes at the same time, a Collision, empty for none; `links` lead to the other.
        mode: The permission mode at its PreToolUse.
    """

    id: str
    tool: str
    agent_id: str = ""
    at: int = 0
    record: int = 0
    begins: int = 0
    prompt: str = ""
    program: str = ""
    extension: str = ""
    mcp_server: str = ""
    digest: str = ""
    input_size: int = 0
    background: bool = False
    label: str = ""
    post: Reduced | None = None
    exit_code: int = -1
    ran_ms: float = -1.0
    rejection: Rejection | None = None
    resolved: int = 0
    verdict: str = ""
    waited: int = 0
    writes: tuple[str, ...] = ()
    collision: str = ""
    links: list[SpanLink] = []
    mode: str = ""


class Tally(msgspec.Struct):
    """Counts of a turn, a subagent or a session. `input_tokens` is Anthropic's figure, without cached ones."""

    tools: int = 0
    failed: int = 0
    model_calls: int = 0
    subagents: int = 0
    prompts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_nano: int = 0
    unpriced: int = 0

    @property
    def whole_input(self) -> int:
        """Input tokens as OpenTelemetry counts them: with cached ones, which Anthropic's figure leaves out."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


class Agent(msgspec.Struct, kw_only=True):
    """A subagent from its start until its span is written. `stop` is 0 while it works, `last` its last sign of life.

    `resumed`: it goes on after a message, so that what started it at first is not the call that it is below.
    `workflow` is the run of a workflow that it works in, empty for any other and as long as it is not known. `teammate`
    and `team` are its names in an agent team; `type` is then what kind of agent it is. `failure` is the error type of
    what it ends with unless something follows, empty while nothing has failed.
    """

    id: str
    type: str
    start: int
    place: Place
    span_id: str
    tool_use_id: str = ""
    parent_agent_id: str = ""
    workflow: str = ""
    teammate: str = ""
    team: str = ""
    bound: bool = False
    resumed: bool = False
    start_inferred: bool = False
    last: int = 0
    stop: int = 0
    transcript: str = ""
    interrupted: bool = False
    failure: str = ""
    events: list[SpanEvent] = []
    tally: Tally = msgspec.field(default_factory=Tally)


class Teammate(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an agent team, and the call that made it."""

    agent_id: str
    type: str
    name: str
    team: str
    call: str
    prompt: str = ""
    parent_agent_id: str = ""


class Given(msgspec.Struct, frozen=True, array_like=True):
    """The call that gave a subagent something to do, its prompt and whose it was; `resumes` one that had stopped."""

    call: str
    prompt: str
    agent_id: str
    resumes: bool = False


class WorkflowRun(msgspec.Struct, kw_only=True):
    """A run of a workflow, its name, and the call that started it. `over`: its end was told, or its client has left."""

    call: str
    name: str = ""
    prompt: str = ""
    agent_id: str = ""
    over: bool = False


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """A failed HTTP attempt of a model call that goes on. `error`: its `error.type`; `delay` in nanoseconds."""

    at: int
    error: str
    status: int
    network_down: bool
    number: int
    most: int
    delay: int


class Stopped(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A former candidate for the end of a turn, as `stop`, `stop_reason` and `error` of the turn had it."""

    at: int
    reason: EndReason
    error: str


class Turn(Timed, msgspec.Struct, kw_only=True):
    """A turn until its span is written.

    Attributes:
        agent: The coding agent that works on it, where a subagent has its type.
        stop: The newest candidate for its end (a Stop, an interruption), 0 without one.
        stop_reason: What that candidate was.
        stops: Those before it, of the lead of an agent team: one may be the end, and the rest of an answer after it.
        fixed: When it became certain that the turn is over, 0 before.
        fixed_by: What made it certain; the end reason when there is no candidate.
        last: Newest sign of the turn's own life.
        spent_nano: What its model calls cost, those of its subagents included.
        context: Tokens of its first model call's input, 0 before.
        queued: Prompts that were typed while it ran, and taken by the turn after it.
    """

    prompt: str
    start: int
    trace_id: str
    span_id: str
    parent_id: str = ""
    agent: str = CLAUDE_CODE.name
    start_inferred: bool = False
    kind: PromptKind = PromptKind.HUMAN
    command_name: str = ""
    teammate: str = ""
    permission_mode: str = ""
    effort: str = ""
    size: int = 0
    label: str = ""
    links: list[SpanLink] = []
    events: list[SpanEvent] = []
    idle_before: int = 0
    stop: int = 0
    stop_reason: EndReason = EndReason.STOP
    error: str = ""
    stops: list[Stopped] = []
    fixed: int = 0
    fixed_by: EndReason = EndReason.STOP
    last: int = 0
    synthetic: bool = False
    tally: Tally = msgspec.field(default_factory=Tally)
    spent_nano: int = 0
    context: int = 0
    queued: int = 0

    @property
    def prompts(self) -> int:
        """Those that it answered. Their hooks may come later than the transcript's word of whose they are."""
        return max(1, self.tally.prompts - self.queued)


class GoingOn(Timed, msgspec.Struct, kw_only=True):
    """A finished turn whose subagents or workflows go on: its time is counted when the last of them is done."""

    start: int
    end: int


class Compaction(msgspec.Struct, kw_only=True):
    """A compaction. `end` is PostCompact's stamp, 0 before (and for one that failed)."""

    start: int
    place: Place
    agent_id: str = ""
    trigger: str = ""
    end: int = 0
    before: int = 0
    after: int = 0


class Requested(msgspec.Struct, kw_only=True):
    """The newest request of an agent. `kept`: tokens that it left in the cache, for `ttl` seconds from `end`.

    `compacted`: a summary has taken the place of its messages since.
    """

    model: str
    effort: str = ""
    shape: str = ""
    kept: int = 0
    end: int = 0
    ttl: int = 0
    compacted: bool = False


class Undecided(msgspec.Struct, kw_only=True):
    """A tool call that is over and whose log record waits for the transcript to say who decided.

    `attributes` are the record's as hooks tell them, `place` is the call's own span, `end` that of the call.
    """

    at: int
    end: int
    place: Place
    attributes: Attributes
    label: str = ""


class Price(msgspec.Struct, frozen=True, array_like=True):
    """Tokens and nano-USD, -1 without a known price."""

    tokens: int
    nano: int


class Unspent(msgspec.Struct):
    """What a tool call that is not over cost so far: that it was `asked` for, its `result`."""

    parts: dict[str, Price] = {}


class Wasted(msgspec.Struct, kw_only=True):
    """A tool call that was for nothing, until its result is read. `kind`: a WasteKind; the rest as in `rows.Waste`."""

    kind: str
    what: str
    at: int
    took: int = 0
    agent_id: str = ""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A model request, since it was sent: of which turn or subagent, for which model, the how manieth attempt."""

    at: int
    prompt: str
    agent_id: str
    model: str
    attempt: int
    kind: str
    served_by: str


class Shape(msgspec.Struct, kw_only=True):
    """What requests have beside their messages: a digest of the system prompt, and tools."""

    system: str
    tools: list[Definition]


class SessionState(KeptFields, msgspec.Struct, kw_only=True):
    """One session, all its runs (a resume is a new run of the same session).

    What is shown of it as it is here is declared in the catalogue (`KeptFields`), all else here.

    Attributes:
        first: Stamp of the session's first event.
        opened: Stamp of the run's first event; with the session id it names the run's span.
        started: Whether anything but preparation (InstructionsLoaded, Setup) came yet.
        last_record: The record of the newest event, which voids older judgements.
        behind: Events in a row that are much older than the newest one.
        ended: Stamp of the run's end, 0 while open; `written` once its span is.
        current: Prompt id of the main thread's turn.
        turns: Turns whose spans are not written, by prompt id.
        ran: Places of calls that are closed.
        done: Places of finished turns; their span_id is the turn's own.
        agents_done: Places of finished subagents; their span_id is the subagent's own.
        given: What subagents are to do and have not begun, by their ids.
        going_on: Finished turns whose subagents or workflows go on, by prompt id.
        teammates: Members of its agent team, by name.
        answers: When answers to their messages began, by what stands for their prompt id; the newest last.
        stray: The newest Stop of a prompt whose turn was over, with the prompt: of an answer that is not told of yet.
        attempts: Failed attempts of calls that go on, by subagent; under no name those of the main agent.
        workflows: Runs of workflows by their ids, the newest last.
        in_workflow: Subagents, also those that are done, with the run of a workflow that they work in.
        requests: Newest request of each agent, that of the main one under an empty id.
        shapes: What requests had beside their messages, those last asked with at the end.
        listed: Characters that the model is told of what it may load: by kind, label and name of who brought it.
        asked: Attempts of model requests that hooks tell of and that are not answered, by their names.
        troubles: MCP servers that were not available, each with why.
        reads: Digests of what was read, by agent and digest of what was asked for.
        unspent: What tool calls that are not over cost so far, by their ids.
        wasted: Tool calls that were for nothing, by their ids.
        carried: Tokens of repeated results in the context of each agent, by the tool that they are of.
        tasks: Places of the calls that started background tasks, by task id and by call id.
        answered: Stamp of the newest record that told of the end of a dialog which hooks know.
        pids: Clients whose hooks came in this run and that have not left, with the stamp of their newest.
        parents: Other parents of hooks, where those alone tell the client: when each was first heard in this run; 0 for
            clients of former runs.
        clients: What the registry says of the clients that have the session open, by pid.
        batches: Newest PostToolBatch of the main thread and of each subagent: dialogs before it are answered.
        watches: What its agents did lately, by their ids.
        alarms: Those that go on or are not written, and the newest that are.
        writes: Newest writes of files, by the digest of the path; `meetings`: whom they met.
        saw: The record in which it last read or wrote a file that others have written, by the same.
        wrote: When it last wrote a file where it works, 0 for never; `tree` is the work tree.
        read: Up to when all transcripts of the session have been read.
        resumed: What the client told of its cache as it took the conversation up again.
        folder: The project folder, the first that was told: a client's `cwd` follows its `cd`.
        served_by: Who serves its models, as its newest event says (`Reduced.served_by`).
        project: What `folder` is called, and its repository, as far as a fact told; empty before.
        branches: (since when, branch) of `folder`, as of the session's events.
        pulls: Pull requests (number, branch) that are told already.
        files: Transcript -> offset up to which facts from it are in.
        prompts: Transcript -> prompt that what is read there belongs to.
        before: `tally` at the beginning of this run, `turns_before` likewise: the run's span has the difference.
        reported_nano: The client's own figure for the session's cost, -1 unknown in this run.
        reported_before: The same at the beginning of this run.
        reported_at: Stamp of those figures.
        reported_models: The client's own figures by model, as `reported_nano`.
        reported_models_before: As `reported_before`.
        by_model: Counts of this run by the model that answered.
        uncounted_nano: What of `residual_nano` is in no sum: below 0 while the client's total is less than ours.
        unseen_nano: What of it is.
        settled: Up to when the client's own total is in the sums: calls before that which are read later are in it.
        mode_told: The permission mode that the main agent's newest event had, while log records are written.
        undecided: Tool calls whose log records wait, by their ids; `decided` what is known of calls that go on.
        told: What was loaded and log records have told of.
        imported: Place of the newest record of its history that is in, 0 for what was not imported.
    """

    first: int
    opened: int
    start: int
    started: bool = False
    start_inferred: bool = True
    pidns: int = 0
    served_by: str = ""
    project_dir: str = ""
    cwd: str = ""
    folder: str = ""
    project: str = ""
    repository: str = ""
    branches: list[tuple[int, str]] = []
    pulls: list[tuple[int, str]] = []
    transcript: str = ""
    last_record: int = 0
    behind: int = 0
    ended: int = 0
    exit_reason: str = ""
    resumed: CacheEstimate | None = None
    written: bool = False
    synthetic: bool = False
    imported: int = 0

    current: str = ""
    turns: dict[str, Turn] = {}
    done: dict[str, Place] = {}
    previous: Place | None = None
    last_stop: int = 0
    calls: dict[str, ToolCall] = {}
    closed: dict[str, int] = {}
    ran: dict[str, Place] = {}
    waits: list[Wait] = []
    answered: int = 0
    pids: dict[int, int] = {}
    parents: dict[int, int] = {}
    clients: dict[int, Registered] = {}
    batches: dict[str, int] = {}
    agents: dict[str, Agent] = {}
    agents_done: dict[str, Place] = {}
    going_on: dict[str, GoingOn] = {}
    agent_runs: dict[str, int] = {}
    given: dict[str, Given] = {}
    workflows: dict[str, WorkflowRun] = {}
    teammates: dict[str, Teammate] = {}
    answers: dict[str, int] = {}
    stray: tuple[str, Stopped] | None = None
    in_workflow: dict[str, str] = {}
    requests: dict[str, Requested] = {}
    shapes: dict[str, Shape] = {}
    listed: dict[tuple[str, str, str], int] = {}
    troubles: list[str] = []
    asked: dict[str, Asking] = {}
    attempts: dict[str, list[Attempt]] = {}
    compactions: list[Compaction] = []
    reads: dict[str, str] = {}
    unspent: dict[str, Unspent] = {}
    wasted: dict[str, Wasted] = {}
    carried: dict[str, dict[str, int]] = {}
    tasks: dict[str, Place] = {}
    mode_told: str = ""
    undecided: dict[str, Undecided] = {}
    decided: dict[str, Decided] = {}
    told: dict[str, bool] = {}
    seen: dict[str, int] = {}
    facts: dict[str, bool] = {}
    watches: dict[str, Watch] = {}
    alarms: list[Alarm] = []
    writes: dict[str, list[Write]] = {}
    meetings: list[Meeting] = []
    saw: dict[str, int] = {}
    wrote: int = 0
    tree: str = ""
    read: int = 0
    files: dict[str, int] = {}
    prompts: dict[str, str] = {}

    tally: Tally = msgspec.field(default_factory=Tally)
    before: Tally = msgspec.field(default_factory=Tally)
    turns_finished: int = 0
    turns_before: int = 0
    reported_nano: int = -1
    reported_before: int = 0
    reported_at: int = 0
    reported_models: list[ModelTotal] = []
    reported_models_before: list[ModelTotal] = []
    by_model: dict[str, Tally] = {}
    uncounted_nano: int = 0
    unseen_nano: int = 0
    settled: int = 0


class WorkTree(msgspec.Struct, kw_only=True):
    """A git work tree that sessions work in, since when, and the newest move of its HEAD that is known (its key)."""

    since: int
    newest: str = ""


class World(msgspec.Struct):
    """The state of the machine: repositories by project folder, the policy in force, the account's quota by window.

    `trees` are work trees by their top folders, those last worked in at the end.

    `labels` are the values that a label whose number of values is bounded has so far. `troubles` is what was wrong with
    the hooks when they were last judged, `unlogged` since when no log records are written: 0 while they are, or if they
    never were.
    """

    repositories: dict[str, Repository] = {}
    policy: Policy | None = None
    dropped: dict[str, int] = {}
    quotas: dict[str, Quota] = {}
    labels: dict[str, list[str]] = {}
    trees: dict[str, WorkTree] = {}
    troubles: list[str] = []
    unlogged: int = 0


class State(msgspec.Struct):
    """Everything that the fold remembers between two records."""

    world: World = msgspec.field(default_factory=World)
    sessions: dict[str, SessionState] = {}


def bound(table: dict[Any, Any], limit: int) -> None:
    """Drops the oldest entries over `limit`; dicts keep the order of insertion."""
    while len(table) > limit:
        del table[next(iter(table))]


_encoder = msgspec.msgpack.Encoder()


@functools.cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Made when it is used first, which a command that shows rows never does: it takes as long as this module."""
    with MAKING:
        return msgspec.msgpack.Decoder(kind)


def dump_session(session: SessionState) -> bytes:
    """The session as the store keeps it."""
    return _encoder.encode(session)


def load_session(data: bytes) -> SessionState:
    """Reads what `dump_session` returned. Raises msgspec.ValidationError for anything else."""
    session: SessionState = _decoder(SessionState).decode(data)
    return session


def dump_world(world: World) -> bytes:
    """The world as the store keeps it."""
    return _encoder.encode(world)


def load_world(data: bytes) -> World:
    """Reads what `dump_world` returned. Raises msgspec.ValidationError for anything else."""
    world: World = _decoder(World).decode(data)
    return world
