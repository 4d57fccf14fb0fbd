"""The types of the API's answers, from which answers are encoded and the OpenAPI document is made.

Times are Unix milliseconds and durations milliseconds, both with a fraction: what JavaScript's Date takes. Nanoseconds
don't fit its numbers.

One long list, since it is read as one: `make generate` writes it in this order to the page's `lib/types.d.ts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import msgspec

from hookspan.catalogue import session_fields
from hookspan.catalogue.session_fields import Conversion
from hookspan.catalogue.spans import SpanType
from hookspan.model.rows import AttributeValue

CollisionKind = Literal["lines", "tree", "file", "beside"]
State = Literal["working", "waiting", "waiting_or_running", "idle", "ended"]
Source = Literal["skill", "plugin", "mcp_server", "subagent", "workflow"]
CostBy = Literal[
    "day",
    "project",
    "branch",
    "agent",
    "model",
    "session",
    "prompt",
    "skill",
    "plugin",
    "mcp_server",
    "subagent",
    "workflow",
]
HealthStatus = Literal["healthy", "warning", "critical", "unknown"]


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error (RFC 9457): what is wrong, and in `hint` what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""


class Tokens(msgspec.Struct, kw_only=True):
    """Tokens as Anthropic counts them: `input` without cached ones."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Context(msgspec.Struct, kw_only=True):
    """How full the context window of the main agent is; 0 tokens when no call was seen."""

    tokens: int
    window: int
    share: float


def _copied_fields() -> list[tuple[str, Any]]:
    """Names and types of what the API copies from a session's row."""
    types = {Conversion.TIME: float, Conversion.TIME_OR_NULL: float | None, Conversion.USD: float}
    return [
        (field.api or name, Annotated[types.get(field.conversion, kind), field])
        for name, kind, field in session_fields.fields()
        if field.api is not None
    ]


if TYPE_CHECKING:
    _CopiedFields = msgspec.Struct
else:
    _CopiedFields = msgspec.defstruct("_CopiedFields", _copied_fields(), kw_only=True)


class Option(msgspec.Struct, kw_only=True):
    """One answer to choose."""

    label: str
    description: str


class Question(msgspec.Struct, kw_only=True):
    """A question with its answers; `multiple`: several may be chosen."""

    header: str
    question: str
    options: list[Option]
    multiple: bool


class Asking(msgspec.Struct, kw_only=True):
    """What an open dialog asks beside yes or no: questions, a plan (Markdown), or an MCP server's message.

    Read from the hook event itself: it is there as long as that is, and only where `content.local` is on.
    """

    tool: str
    since: float
    record: int
    questions: list[Question]
    plan: str
    message: str


class Alarm(msgspec.Struct, kw_only=True):
    """What the watchdog noticed: an agent that gets nowhere, or a turn that runs away.

    `agent`: the subagent that it is about, empty for the main agent. `ended`: null while it goes on. `calls`: how many
    calls it has come to, and `cost` what was spent since, USD at list price. `first` and `last`: ids of the spans of
    the first and the last of its calls, empty for a turn's cost or context.
    """

    kind: str
    agent: str
    since: float
    ended: float | None
    calls: int
    cost: float
    first: str
    last: str


class Collision(msgspec.Struct, kw_only=True):
    """Another writes the same at the same time: `session`, or another agent of its own. `file` may be empty.

    `at`: when the newest of these writes began; `until`: when it is shown no more.
    """

    kind: CollisionKind
    session: str
    file: str
    at: float
    until: float


class Session(_CopiedFields, kw_only=True):
    """A session as lists show it. `activity`: events in each of the last 30 minutes, null in the stream.

    `asks`: what its dialog is about, in a line; `asking`: what that asks beside yes or no.

    `title`: as the client gave it, else its first prompt. `failure`: why its newest turn failed, empty if it didn't.
    """

    state: State
    failure: str
    tool: str
    asks: str
    asking: Asking | None
    collision: Collision | None
    tokens: Tokens
    context: Context
    alarm: Alarm | None
    activity: list[int] | None


class SpanLink(msgspec.Struct, kw_only=True):
    """A link to another span. `session`: the other's, empty for the same or where that is not known."""

    trace_id: str
    span_id: str
    type: str
    session: str


class SpanEvent(msgspec.Struct, kw_only=True):
    """What happened during a span."""

    name: str
    at: float
    attributes: dict[str, AttributeValue]


class Span(msgspec.Struct, kw_only=True):
    """A span; while it is open its key is empty and its end null."""

    key: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    type: SpanType
    start: float
    end: float | None
    status: Literal["unset", "error"]
    session: str
    label: str
    attributes: dict[str, AttributeValue]
    links: list[SpanLink]
    events: list[SpanEvent]


class Event(msgspec.Struct, kw_only=True):
    """A hook event. `took` is what our hook needed, `size` the payload's bytes."""

    record: int
    at: float
    session: str
    event: str
    tool: str
    took: float
    size: int
    project: str
    prompt: str
    trace_id: str
    agent_id: str
    tool_use_id: str
    label: str


class ToolCount(msgspec.Struct, kw_only=True):
    """Calls of one tool."""

    tool: str
    calls: int


class Figures(msgspec.Struct, kw_only=True):
    """What a time came to: `spent` in USD at list price, without calls of models whose price is not known (`unpriced`).

    `waited`: milliseconds that tool calls waited for somebody. `failed`: those of the turns that ended with an error.
    `since`, `until`: that time.
    """

    since: float
    until: float
    spent: float
    unpriced: int
    waited: float
    turns: int
    failed: int


class Today(msgspec.Struct, kw_only=True):
    """Today so far; yesterday and the same weekday of last week until the same time of day."""

    now: float
    today: Figures
    yesterday: Figures
    week: Figures


class Hooks(msgspec.Struct, kw_only=True):
    """What our relay took for the newest events, milliseconds; above `threshold` it warns.

    `start`: what its process took on average to get there, null where the system doesn't tell.
    """

    average: float
    p99: float
    max: float
    min: float
    start: float | None
    samples: int
    threshold: float


class Links(msgspec.Struct, kw_only=True):
    """Where else to look; empty where no address is set."""

    jaeger: str = ""
    grafana: str = ""


class Cache(msgspec.Struct, kw_only=True):
    """The query cache: real hits and misses since the start. `oldest` and `ttl` in milliseconds."""

    hits: int
    misses: int
    hit_rate: float
    entries: int
    oldest: float
    ttl: float


class Stream(msgspec.Struct, kw_only=True):
    """Live connections, and how many are served at most; what was refused and what was closed for being slow."""

    connections: int
    maximum: int
    refused: int
    slow: int


class Setup(msgspec.Struct, kw_only=True):
    """The step that is missing before there is anything to see; null when none is."""

    step: Literal["install", "use"] | None = None
    detail: str = ""
    command: str = ""


class QuotaShare(msgspec.Struct, kw_only=True):
    """A session's share of what the calls in a window cost, of 1."""

    session: str
    share: float


class Quota(msgspec.Struct, kw_only=True):
    """A window of the account's quota. `full_at`: when it is full at the present pace, null if nothing is used."""

    window: Literal["five_hour", "seven_day"]
    used: float
    resets_at: float
    full_at: float | None
    too_soon: bool
    shares: list[QuotaShare]


class LiveSummary(msgspec.Struct, kw_only=True):
    """Numbers that change with every event; the stream's `summary` message."""

    now: float
    top_tools: list[ToolCount]
    states: dict[str, int]
    oldest_wait: float | None
    quota: list[Quota]
    hooks: Hooks | None
    health: HealthStatus


class Summary(msgspec.Struct, kw_only=True):
    """The top of the first page. `demo`: whether demo data is among what it shows."""

    now: float
    position: int
    top_tools: list[ToolCount]
    states: dict[str, int]
    oldest_wait: float | None
    quota: list[Quota]
    waiting: list[Session]
    hooks: Hooks | None
    health: HealthStatus
    setup: Setup
    demo: bool
    content: bool
    links: Links
    cache: Cache
    stream: Stream


class Day(msgspec.Struct, kw_only=True):
    """How many sessions ended on a day of the agent's time zone, and what they cost (USD); `until` is not in it."""

    date: str
    since: float
    until: float
    sessions: int
    cost: float


class Sessions(msgspec.Struct, kw_only=True):
    """A page of sessions, who needs you first. `next` is the cursor of further ended ones.

    `counts`: how many there are in each state that the filter lets through, that by state apart; `cost`: of all ended
    ones (USD). `days`: those that the page's ended ones are of, whole, when the newest come first. `waited`: how long
    those of them that did waited for you (ms), by id. `agents`: coding agents that there are any sessions
    of. `branches`: of the newest sessions of the project that was asked for.
    """

    now: float
    position: int
    sessions: list[Session]
    next: str | None
    counts: dict[State, int]
    cost: float
    days: list[Day]
    waited: dict[str, float]
    projects: list[str]
    agents: list[str]
    branches: list[str]


class Demo(msgspec.Struct, kw_only=True):
    """Ids of the demo data's sessions; none while there is no demo data."""

    now: float
    position: int
    sessions: list[str]


class Split(msgspec.Struct, kw_only=True):
    """Where the time of a turn and of its subagents went, milliseconds; `user` is the time before it.

    Background subagents go on beside a turn and after it, so the parts may be longer together than the turn.
    """

    user: float
    model: float
    tool: float
    wait: float
    other: float


class Turn(msgspec.Struct, kw_only=True):
    """A turn, one bar of the session page. `delegated`: how much of `split` is of subagents, ms."""

    number: int
    prompt: str
    trace_id: str
    span_id: str
    start: float
    end: float | None
    open: bool
    label: str
    prompt_kind: str
    outcome: str
    end_reason: str
    error_type: str
    permission_mode: str
    split: Split
    delegated: float
    tools: int
    tools_failed: int
    model_calls: int
    subagents: int
    input_tokens: int
    output_tokens: int
    cost: float
    spans: int


class SpanPage(msgspec.Struct, kw_only=True):
    """Some of a session's spans by start; `next` is the cursor of the following ones."""

    items: list[Span]
    next: str | None
    total: int


class SessionPage(msgspec.Struct, kw_only=True):
    """Everything about one session."""

    now: float
    position: int
    session: Session
    asking: list[Asking]
    turns: list[Turn]
    open: list[Span]
    spans: SpanPage
    events: list[Event]
    links: Links


class SessionSpans(msgspec.Struct, kw_only=True):
    """More of a session's spans."""

    now: float
    position: int
    items: list[Span]
    next: str | None
    total: int


class OpenSpans(msgspec.Struct, kw_only=True):
    """What goes on in a session at this moment."""

    now: float
    position: int
    open: list[Span]


class Trace(msgspec.Struct, kw_only=True):
    """All spans of one trace by start, open ones included."""

    now: float
    position: int
    trace_id: str
    session: str
    items: list[Span]
    links: Links


class Events(msgspec.Struct, kw_only=True):
    """Hook events by record number."""

    now: float
    position: int
    items: list[Event]


MessageKind = Literal["prompt", "answer", "thinking", "call", "result", "error", "compaction", "note"]


class Message(msgspec.Struct, kw_only=True):
    """What somebody said, called or got, as the client's transcript has it.

    `number` is its place in its conversation, `id` names it in copies of the transcript as well. `text`: what was said,
    of a call what it is about, of a result its output; `tool` and `about` are the call's, of its result, too. `given`:
    the input of a call, null where `text` and `diff` are all of it. `diff`: lines that begin with `+`, `-` or a blank.
    `cut`: texts are longer than what is shown here (`size` characters); the whole is under its number.
    """

    number: int
    id: str
    kind: MessageKind
    at: float | None
    trace_id: str
    span_id: str
    text: str
    size: int
    cut: bool
    tool: str
    tool_call: str
    about: str
    given: Any
    diff: str
    failed: bool
    attached: list[str]


class Conversation(msgspec.Struct, kw_only=True):
    """A subagent whose conversation can be shown; `tool_call`: the call that started it, empty if unknown."""

    subagent: str
    type: str
    tool_call: str


class Messages(msgspec.Struct, kw_only=True):
    """A part of a conversation.

    `total`: how many messages there are of the kinds that were asked for; `start`: where the first of `items` is among
    them; `next`: where the next page starts, null at the end. `place`: the file that they are from; empty where nothing
    is kept, and `missing` says why.
    """

    now: float
    items: list[Message]
    start: int
    total: int
    next: int | None
    place: str
    missing: str
    subagents: list[Conversation]


class Hits(msgspec.Struct, kw_only=True):
    """Places of messages in which a text is found, rising."""

    now: float
    starts: list[int]


class SnippetPart(msgspec.Struct, kw_only=True):
    """A part of a text, and whether it is what was looked for."""

    text: str
    hit: bool


class FoundItem(msgspec.Struct, kw_only=True):
    """A message or a span (`kind` span) that was found. Of a message `message` is its id in its conversation.

    `trace` and `span` are what it opens at; empty where there is none. `error`: of a call that failed, what it said
    in one line, as long as that is kept. `agent`: the coding agent.
    """

    kind: str
    at: float
    session: str
    project: str
    branch: str
    title: str
    message: str
    subagent: str
    tool: str
    failed: bool
    trace: str
    span: str
    snippet: list[SnippetPart]
    name: str = ""
    duration: float | None = None
    outcome: str = ""
    error: str = ""
    agent: str = ""


class FoundSums(msgspec.Struct, kw_only=True):
    """What all spans come to that are found, on any page: list price in USD, how long tool calls waited in ms."""

    spans: int
    cost: float
    waited: float
    tokens: Tokens


class Found(msgspec.Struct, kw_only=True):
    """Messages or spans, the newest first. `since`: from when on messages are kept; `archive`: if in the archive.

    `sums`: of spans, on the first page. `unread`: sessions of which not all messages are found yet.
    """

    now: float
    items: list[FoundItem]
    next: str | None
    archive: bool
    since: float
    sums: FoundSums | None = None
    unread: int = 0


class Said(msgspec.Struct, kw_only=True):
    """By the id of its span, what each model call of a session said, or else called, in one line."""

    now: float
    said: dict[str, str]


class SharedRule(msgspec.Struct, kw_only=True):
    """A rule of what is left out, and how often it was applied; null where it was not."""

    name: str
    text: str
    removed: int | None


class Shared(msgspec.Struct, kw_only=True):
    """A session or a turn as one file, to be given away. `name`: of the file; `count`: how many messages are in it."""

    now: float
    name: str
    text: str
    count: int
    rules: list[SharedRule]


class Update(msgspec.Struct, kw_only=True):
    """The stream's `update` message: what was committed since the one before."""

    now: float
    position: int
    events: list[Event]
    spans: list[Span]
    sessions: list[Session]


class Waited(msgspec.Struct, kw_only=True):
    """How long answers took, milliseconds."""

    total: float
    average: float
    median: float
    max: float


class Asked(msgspec.Struct, kw_only=True):
    """Permission dialogs about one tool and program."""

    tool: str
    program: str
    count: int
    approved: int
    refused: int
    aborted: int
    auto_denied: int
    approved_share: float
    waited: Waited


class Rule(msgspec.Struct, kw_only=True):
    """What was always approved, with the rule for `permissions.allow` that ends the asking. `waited` in total, ms."""

    rule: str
    tool: str
    program: str
    count: int
    waited: float
    first: float
    last: float
    examples: list[str]


class Failing(msgspec.Struct, kw_only=True):
    """How a tool's calls ended; `average` run time in milliseconds."""

    tool: str
    calls: int
    failed: int
    denied: int
    interrupted: int
    share: float
    average: float


class ProjectCost(msgspec.Struct, kw_only=True):
    """List price of a project's model calls."""

    name: str
    cost: float


class ModelCost(msgspec.Struct, kw_only=True):
    """List price and tokens of a model."""

    name: str
    cost: float
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class DayCost(msgspec.Struct, kw_only=True):
    """One day of the agent's time zone."""

    day: str
    cost: float
    projects: dict[str, float]
    models: dict[str, float]


class SourceCost(msgspec.Struct, kw_only=True):
    """List price of the model calls on one account; a call may be on one of each kind.

    A skill's is that of the rest of each turn after it was loaded, subagents included that the turn started since.
    """

    kind: Source
    name: str
    cost: float
    calls: int


class CacheMiss(msgspec.Struct, kw_only=True):
    """Misses of the prompt cache for one cause: how many, the tokens that were written to it again, and their price.

    `cost` is what writing them cost more than reading them would have.
    """

    cause: str
    count: int = 0
    tokens: int = 0
    cost: float = 0.0


class HookCost(msgspec.Struct, kw_only=True):
    """What all hooks of one name (`PreToolUse:Bash`) took in a session, hookspan's own among them.

    Attributes:
        runs: How often they ran.
        hooks: How many ran side by side, at most.
        failed: How many ended otherwise than well.
        time: Milliseconds of all runs, each from the start of its first hook to the end of its last.
        longest: The same of the longest run.
    """

    name: str
    runs: int
    hooks: int
    failed: int
    time: float
    longest: float


class HookSource(msgspec.Struct, kw_only=True):
    """How many hooks of an event come from one place: a kind of settings, or a plugin."""

    event: str
    source: str
    plugin: str
    count: int


class ToldCall(msgspec.Struct, kw_only=True):
    """What Claude Code told of a tool call: who decided, and when it asked and ran (Unix milliseconds)."""

    id: str
    decision: str = ""
    source: str = ""
    tool_source: str = ""
    mode: str = ""
    asked: float | None = None
    answered: float | None = None
    start: float | None = None
    end: float | None = None


class ToldRequest(msgspec.Struct, kw_only=True):
    """What Claude Code told of a model call: attempts, and milliseconds until the first token (0: not told)."""

    id: str
    start: float
    end: float
    attempts: int
    first_token: float
    query_source: str
    success: bool


class Told(msgspec.Struct, kw_only=True):
    """What Claude Code's own telemetry told of a session; empty unless it is received."""

    now: float
    position: int
    hooks: list[HookCost]
    sources: list[HookSource]
    calls: list[ToldCall]
    requests: list[ToldRequest]


class WastedSession(msgspec.Struct, kw_only=True):
    """What a session has of some waste: how often, USD, and milliseconds."""

    id: str
    title: str
    project: str
    count: int
    cost: float
    time: float


class Waste(msgspec.Struct, kw_only=True):
    """What held agents or people up: `what` tells it apart from others of its kind.

    Attributes:
        priced: How many of `count` have a price; parts of others may have.
        cost: USD at list price; None where there is none, or none is known.
        time: Milliseconds that it took.
        price: How that price is made; empty where time alone is lost.
        todo: What to do about it, and `copy` for it, which goes `into` that file or place.
        searched: Whether `/search` finds its spans by `waste=KIND:WHAT`.
    """

    kind: str
    what: str
    title: str
    count: int
    priced: int
    tokens: int
    cost: float | None
    time: float
    price: str
    todo: str
    copy: str
    into: str
    searched: bool


class WastedSessions(msgspec.Struct, kw_only=True):
    """The sessions that have most of some waste."""

    now: float
    items: list[WastedSession]


class Unavailable(msgspec.Struct, kw_only=True):
    """An MCP server that sessions could not use: how many, since it failed or since it wants somebody to log in."""

    server: str
    failed: int
    needs_auth: int


class Cost(msgspec.Struct, kw_only=True):
    """List price, no bill; `unpriced` calls have no known price, `unseen` is in `total` and in no transcript."""

    total: float
    unpriced: int
    unseen: float
    projects: list[ProjectCost]
    models: list[ModelCost]
    days: list[DayCost]
    sources: list[SourceCost]


class Spent(msgspec.Struct, kw_only=True):
    """What some work came to: list price in USD, no bill; tokens; milliseconds.

    `unseen` is what clients counted beyond the calls in their transcripts, `unpriced` calls have no known price, and
    `waited` is how long tools waited for permission. `sessions` has the list price by session.
    """

    cost: float
    unseen: float
    unpriced: int
    calls: int
    turns: int
    input: int
    cache_read: int
    output: int
    model_time: float
    tool_time: float
    waited: float
    sessions: dict[str, float]


class LinesStayed(msgspec.Struct, kw_only=True):
    """How many of the lines that a commit had of its own were there at an age (days), on which branch."""

    days: int
    branch: str
    written: int
    stayed: int


class LinesByAge(msgspec.Struct, kw_only=True):
    """The same of several commits, which cost this much together (list price, USD)."""

    days: int
    commits: int
    written: int
    stayed: int
    cost: float


class Commit(msgspec.Struct, kw_only=True):
    """A commit as it is now, when it was made, and the work that went into it.

    `replaces`: the commits whose place it has taken. `origin`: the one that it was picked from, empty for any other.
    `lines`: by age, as far as they were counted.
    """

    sha: str
    at: float
    replaces: list[str]
    origin: str
    lines: list[LinesStayed]
    spent: Spent


class PullRequest(msgspec.Struct, kw_only=True):
    """A pull request of a branch. `place`: `owner/name`, empty if it is not known."""

    number: int
    place: str


class BranchReceipts(msgspec.Struct, kw_only=True):
    """The commits of a branch into which work went, the newest first, and its work that is in no commit.

    `branch` is empty where none was checked out. `agents`: coding agents that did the work.
    """

    project: str
    branch: str
    pulls: list[PullRequest]
    commits: list[Commit]
    lines: list[LinesByAge]
    no_commit: Spent
    total: Spent
    agents: list[str]


class Receipts(msgspec.Struct, kw_only=True):
    """Which work went into which commit, by branch, those with the newest commit first.

    `total` is what clients have counted for all these sessions. `count`: how many branches there are in all. `titles`:
    of sessions, as far as they have one.
    """

    now: float
    position: int
    days: int
    projects: list[str]
    branches: list[BranchReceipts]
    titles: dict[str, str]
    count: int
    total: Spent


class CostRow(msgspec.Struct, kw_only=True):
    """What the model calls of one group cost.

    `name` is empty for calls that have no such thing. `unseen`: what clients counted beyond the calls in their
    transcripts; it is in `cost`. `since` and `until`: of a day. `title`: of a session or a prompt; `session`: where it
    is; `trace`: of a prompt. `is_unseen`: the row of what no transcript shows, where groups are not made of sessions.
    """

    name: str
    calls: int
    cost: float
    unseen: float
    unpriced: int
    input: int
    output: int
    cache_read: int
    cache_write: int
    title: str = ""
    project: str = ""
    session: str = ""
    trace: str = ""
    since: float | None = None
    until: float | None = None
    is_unseen: bool = False


class Costs(msgspec.Struct, kw_only=True):
    """What model calls cost that began in a time, the dearest group first; days by date."""

    now: float
    since: float
    until: float | None
    by: CostBy
    projects: list[str]
    rows: list[CostRow]
    total: CostRow


class SessionCost(msgspec.Struct, kw_only=True):
    """What a session cost. `total` is that of the calls in its transcripts.

    `unseen` is what the client's own total has beyond that: 0 until a run has ended, and below 0 where the client
    counts less.
    """

    now: float
    position: int
    total: float
    unseen: float
    unpriced: int
    sources: list[SourceCost]
    misses: list[CacheMiss]


class WaitDay(msgspec.Struct, kw_only=True):
    """Dialogs of one day of the agent's time zone, and how long agents waited for them by project, ms."""

    day: str
    count: int
    waited: float
    projects: dict[str, float]


class Waits(msgspec.Struct, kw_only=True):
    """All dialogs: how many, how long agents waited for them in total (ms), and when."""

    count: int
    waited: float
    days: list[WaitDay]


class Friction(msgspec.Struct, kw_only=True):
    """What holds you up, and what it costs."""

    now: float
    position: int
    days: int
    since: float
    content: bool
    projects: list[str]
    waits: Waits
    asked: list[Asked]
    rules: list[Rule]
    failing: list[Failing]
    time: Split
    cost: Cost
    waste: list[Waste]
    unavailable: list[Unavailable]


class Check(msgspec.Struct, kw_only=True):
    """One health check; `value` and `threshold` are in `unit`."""

    name: str
    status: HealthStatus
    message: str
    value: float | None
    threshold: float | None
    unit: str
    todo: str
    since: float
    took: float


class AgentReport(TypedDict):
    """What the agent says of itself. `started` in Unix seconds."""

    version: str
    started: float
    pid: int
    state: str
    stay: bool
    url: str | None


class Hold(TypedDict):
    """Why reading the journal waits."""

    reason: str


class Mended(TypedDict):
    """What was done about a damaged store, and where the old file is."""

    text: str
    aside: str | None


class IngestReport(TypedDict):
    """How far the journal is read."""

    records: int
    behind_seconds: float
    backlog_bytes: int
    delay_seconds: float
    commit_seconds: float
    quarantined: int
    open_sessions: int
    hold: Hold | None
    mended: Mended | None


class MetricsExport(TypedDict):
    """How the export of metrics stands."""

    state: Literal["off", "sending", "holding", "refused"]
    last_error: str


class LogsExport(TypedDict):
    """How the export of log records stands."""

    state: str
    queue: int
    exported: int
    rejected: int
    refused: int
    expired: int
    last_error: str


class ExportReport(TypedDict):
    """How the export stands; `oldest_age` and `retry_in` in seconds, `last_success` in Unix seconds."""

    state: str
    endpoint: str
    protocol: str
    queue: int
    oldest_age: float
    exported: int
    rejected: int
    refused: int
    expired: int
    sampled_out: int
    held: int
    outcomes: dict[str, int]
    failures: int
    last_success: float | None
    last_error: str | None
    retry_in: float
    metrics: MetricsExport
    logs: LogsExport | None


class ExportProblem(TypedDict):
    """Why there is no export though it is switched on."""

    problem: str


class Loop(TypedDict):
    """One of the agent's threads. `last_failure_at` in Unix seconds."""

    alive: bool
    failures: int
    last_failure: str | None
    last_failure_at: float | None


class Drop(TypedDict):
    """Something that was dropped: how often, and when last (Unix seconds)."""

    count: int
    last: float


class Health(msgspec.Struct, kw_only=True):
    """The newest round of checks, and what the agent says of itself."""

    now: float
    status: HealthStatus
    at: float | None
    took: float
    checks: list[Check]
    agent: Annotated[dict[str, Any], AgentReport]
    ingest: Annotated[dict[str, Any], IngestReport]
    export: Annotated[dict[str, Any] | None, ExportReport | ExportProblem | None]
    loops: Annotated[dict[str, Any], dict[str, Loop]]
    drops: Annotated[dict[str, Any], dict[str, Drop]]
    cache: Cache
    stream: Stream


class Round(msgspec.Struct, kw_only=True):
    """One round of checks, kept. `values` are in the unit of the check."""

    at: float
    took: float
    status: HealthStatus
    checks: dict[str, HealthStatus]
    values: dict[str, float | None]


class History(msgspec.Struct, kw_only=True):
    """Rounds of checks, newest first."""

    now: float
    rounds: list[Round]


class Setting(msgspec.Struct, kw_only=True):
    """A setting in force; `origin`: `default`, a file's path or a variable's name. Secrets are hidden."""

    key: str
    value: Any
    origin: str
    locked: bool


class Settings(msgspec.Struct, kw_only=True):
    """All settings in force, and what is odd about them."""

    now: float
    settings: list[Setting]
    warnings: list[str]


class LogItem(msgspec.Struct, kw_only=True):
    """One line of the journal: `json` if it could be read and is not too long, else the beginning of its `text`."""

    record: int
    at: float | None
    kind: Literal["event", "reduced", "fact", "status_line", "other"]
    event: str
    session: str
    size: int
    json: Any
    text: str
    cut: bool


class LogRecord(LogItem, kw_only=True):
    """One line of the journal, whole up to 4 MiB."""

    now: float


class Log(msgspec.Struct, kw_only=True):
    """Lines of the journal by record number; `first` and `last` say which there are."""

    now: float
    first: int
    last: int
    items: list[LogItem]


class Standing(msgspec.Struct, kw_only=True):
    """Whether the page can be served."""

    status: Literal["ok", "unavailable"]
