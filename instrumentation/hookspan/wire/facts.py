"""Facts that no hook reports: what the observers found in transcripts, in the process table, in git and on the clock.

A fact is one journal line of kind `fact`. It is self-contained and has a natural key, so that a repeat changes
nothing. A judgement (`judged_at` above zero) says what was true at that record; a newer event of its session voids it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from .reduced import Reduced
from .told import CallDecided, CallTimed, HookRegistered, HooksRan, RequestTimed


class Observed(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all facts have.

    Attributes:
        at: Unix nanoseconds at which it was true (not at which it was observed).
        key: Natural key; a second fact with it changes nothing.
        session: Session id, empty for facts about the machine.
        judged_at: The newest record that a judgement is based on, 0 for a fact that is not a judgement.
        file: Transcript that it was read from, empty otherwise.
        offset: Byte offset in `file` after the line it was read from: where reading continues after a restart.
        ahead: Stamp (`at`) of the event of its session that it was found for and is folded before, 0 for a fact that is
            folded in the journal's order.
        history: Its number (from 1) among the records that `import` made of a session's transcripts, 0 if observed
            live.
    """

    at: int
    key: str
    session: str = ""
    judged_at: int = 0
    file: str = ""
    offset: int = 0
    ahead: int = 0
    history: int = 0


class ModelCall(Observed, tag="model_call"):
    """One call of the model: from its `api-request` line to the last line of that message id.

    `input_tokens` is the API's own figure, without cached tokens; `cache_write_1h_tokens` is the part of
    `cache_write_tokens` that is kept for an hour. `cost_nano` is the list price in nano-USD, -1
    without a known price. `end` is the timestamp of the last line, unix nanoseconds. `served_by` is that of the session
    when it was read (`Reduced.served_by`), by which the price was looked up. `name` is what the call is known by before
    it has an answer, empty where transcripts tell of it. `failed`: it did, whether or not
    `error_status` has an HTTP status.

    `tree` is the top folder of the git work tree that it worked in, empty outside of any.
    `skill` to `agent_type` are what the client attributes the call to. `shape` names the `RequestShape` that was sent.
    `cache_ttl` is how long the client asked for its cache to be kept, seconds, 0 if it doesn't say, -1 if nobody
    promises any;
    `cache_read_price` and `cache_write_price` are those of one token, nano-USD, -1 without a known price; so are
    `input_price`, of one that the cache has no part in, and `output_price`.

    `wrote` are the tool calls that the answer asks for, by their ids, and `results` those whose results came since the
    agent's call before, with bytes: of the input as JSON, of the result's text.
    """

    start: int
    end: int
    message_id: str
    name: str = ""
    agent_id: str = ""
    prompt: str = ""
    request_id: str = ""
    request_model: str = ""
    response_model: str = ""
    finish_reason: str = ""
    effort: str = ""
    query_source: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    thinking_tokens: int = 0
    cost_nano: int = -1
    prices: str = ""
    attempts: int = 1
    aborted: bool = False
    error_status: int = 0
    failed: bool = False
    start_inferred: bool = False
    served_by: str = ""
    tree: str = ""
    skill: str = ""
    plugin: str = ""
    mcp_server: str = ""
    mcp_tool: str = ""
    agent_type: str = ""
    shape: str = ""
    cache_ttl: int = 0
    cache_read_price: float = -1
    cache_write_price: float = -1
    input_price: float = -1
    output_price: float = -1
    wrote: dict[str, int] = {}
    results: dict[str, int] = {}


class Definition(msgspec.Struct, frozen=True, array_like=True):
    """A tool as a request defines it: its name, a digest of its definition, and how many characters that has."""

    name: str
    digest: str
    size: int


class RequestShape(Observed, tag="request_shape"):
    """`api-request-shape`: what requests have beside their messages. Of the system prompt only a digest is kept.

    `shape` is the client's own name for it, shortened. Tools whose definitions are not loaded yet are left out.
    """

    shape: str
    system: str = ""
    tools: list[Definition] = []


class Listing(Observed, tag="listing"):
    """What the client tells its model of skills, subagents and tools that it may load, by who brings them.

    `of`: which of these three it lists. `plugins` and `servers` are characters by plugin and by MCP server (as tools'
    names have it). `whole`: it replaces what was listed before. `failed` and `needs_auth` are MCP servers that are not
    available.
    """

    of: str
    agent_id: str = ""
    plugins: dict[str, int] = {}
    servers: dict[str, int] = {}
    whole: bool = False
    failed: list[str] = []
    needs_auth: list[str] = []


class AttemptFailed(Observed, tag="attempt_failed"):
    """An HTTP attempt of a model call failed, and the client waits before it tries again (`system:api_error`).

    `attempt` is that of the repetition that follows, from 1, of at most `most`; `delay_ms` the wait before it. `status`
    is the HTTP status, 0 where no answer came. Claude Code writes these lines in print mode only.
    """

    agent_id: str = ""
    status: int = 0
    network_down: bool = False
    attempt: int = 0
    most: int = 0
    delay_ms: float = 0.0


class Interruption(Observed, tag="interruption"):
    """The user pressed Esc: `[Request interrupted by user]`, with `for tool use` when a tool or a dialog was open."""

    prompt: str = ""
    agent_id: str = ""
    tool_use: bool = False


class Rejection(Observed, tag="rejection"):
    """A tool call that the transcript says was rejected.

    `before_run` (`toolDenialBeforeRun`) distinguishes a dialog that was closed with Esc from an interrupted tool.
    `source` is who decided (`permissionDecision.source`): empty for Esc, `user_reject` for a refusal with words,
    `config` for a rule or print mode, `hook` for another hook.
    """

    tool_use_id: str
    agent_id: str = ""
    denial: str = ""
    before_run: bool = False
    feedback: bool = False
    source: str = ""

    @property
    def never_ran(self) -> bool:
        """Whether the call was stopped before it began."""
        return self.before_run or self.feedback or bool(self.source)


class ToolResult(Observed, tag="tool_result"):
    """What a transcript has of a call's result and hooks don't tell.

    `exit_code` is a command's, and `duration_ms` how long it ran; -1 where they are not told. `over`: the model has
    seen the result; if no hook has told of the call's end by then, it failed or never ran.
    """

    tool_use_id: str
    exit_code: int = -1
    duration_ms: float = -1.0
    over: bool = False


class Permitted(Observed, tag="permitted"):
    """A dialog about a tool call was answered with a yes, as the transcript says."""

    tool_use_id: str


class TranscriptEvent(Observed, tag="transcript_event"):
    """What a transcript tells as a hook would, of a client whose transcript names each call, turn and subagent.

    `event` has an effect as that hook event has, and no span of its own. What it leaves out of a call, that call has
    told. `prompt` is the turn that is going on, where reading goes on after a restart; empty for a subagent's.
    """

    event: Reduced
    prompt: str = ""


class Decided(Observed, tag="decided"):
    """Who let a tool call run or not, as the line of its result says; read only where log records are exported.

    All but `allowed` are words of the client's own, shortened: `source` (`config`, `user_temporary`, `hook` ...),
    `reason` the kind of reason that it had, `rule_source` whose rule it was, `grant` how long the answer counts.
    """

    tool_use_id: str
    agent_id: str = ""
    allowed: bool = True
    source: str = ""
    reason: str = ""
    rule_source: str = ""
    grant: str = ""


class ChildSpan(msgspec.Struct, frozen=True, array_like=True):
    """A span that a program sent which a tool call ran.

    Attributes:
        span_id: As it was sent.
        parent_id: The same; empty if it hangs below the call itself.
        kind: As OTLP numbers them.
        failed: Its status is an error.
        service: The `service.name` that sent it.
        scope: The name of its instrumentation scope.
        left_out: Spans below it that are not kept.
        orphan: Its parent never came.
    """

    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    kind: int = 0
    failed: bool = False
    service: str = ""
    scope: str = ""
    attributes: dict[str, str | bool | int | float | list[str]] = {}
    left_out: int = 0
    orphan: bool = False


class Children(Observed, tag="children"):
    """Spans of programs that a tool call ran, which had its context from TRACEPARENT; parents before what is below."""

    tool_use_id: str
    spans: list[ChildSpan] = []


class QueuedPrompt(Observed, tag="queued_prompt"):
    """Prompts that waited in the client's queue and became one turn, under the last one's id, without a hook event."""

    prompt: str
    prompts: int = 1
    label: str = ""


class TeammateMessage(Observed, tag="teammate_message"):
    """A teammate of an agent team sent the lead a message, under the prompt id of the turn before; `size` in bytes."""

    prompt: str
    teammate: str = ""
    size: int = 0
    label: str = ""


class AgentMeta(Observed, tag="agent_meta"):
    """`subagents/agent-<id>.meta.json`: which call started a subagent, and who its parent is.

    `workflow`: the run of a workflow that it works in, which its folder is called after; empty for any other.
    `teammate` and `team`: its name in an agent team, and that team's; empty for any other.
    """

    agent_id: str
    agent_type: str = ""
    tool_use_id: str = ""
    parent_agent_id: str = ""
    depth: int = 0
    workflow: str = ""
    teammate: str = ""
    team: str = ""


class CompactBoundary(Observed, tag="compact_boundary"):
    """`compact_boundary`: the tokens before and after a compaction, and how long it took (ms)."""

    agent_id: str = ""
    trigger: str = ""
    before: int = 0
    after: int = 0
    duration_ms: int = 0


class StopHooks(Observed, tag="stop_hooks"):
    """`stop_hook_summary`: what the client itself measured for the Stop hooks of one turn (ms each)."""

    durations_ms: list[float] = []


class ModelTotal(msgspec.Struct, frozen=True, array_like=True):
    """What a client counts for one model: nano-USD and tokens; `input_tokens` excludes cached ones."""

    model: str
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class CostState(Observed, tag="cost_state"):
    """`cost-state`: the client's own totals for the session so far, including calls that no transcript shows."""

    cost_nano: int = 0
    models: list[ModelTotal] = []


class Title(Observed, tag="title"):
    """The session's title, as a scrubbed label."""

    label: str = ""


class BackgroundJob(Observed, tag="background_job"):
    """The session's own lines say that it is a job in the background (`sessionKind: bg`)."""


class ClientVersion(Observed, tag="client_version"):
    """The client's version, from the transcript's lines."""

    version: str = ""


class TranscriptRead(Observed, tag="transcript_read"):
    """All transcripts of the session were read to their ends at `at`; `missing` when there is none to read."""

    missing: bool = False


class Settled(Observed, tag="settled"):
    """A turn had no event for some seconds after `stop`, the candidate for its end, so that end is final.

    Without a `stop` a transcript says that the turn has failed, if no hook has told of its end by then.
    Void if the turn has another candidate or another sign of life by the time it is folded; events of other turns and
    of background subagents don't matter, so it needs no `judged_at`.
    """

    prompt: str = ""
    stop: int = 0


class Lull(Observed, tag="lull"):
    """For ten minutes nothing was heard of the subagents in the background that alone kept the session at work."""


class Overdue(Observed, tag="overdue"):
    """The transcripts could not be read past a final end in time; rows that wait for them are written without them."""


class Silent(Observed, tag="silent"):
    """Judgement: the session had no event for `session.idle_hours`."""


class ClientGone(Observed, tag="client_gone"):
    """The client's process no longer exists. `at` is its last sign of life: an event, or the process seen running."""

    pid: int = 0


class Running(Observed, tag="running"):
    """Judgement: a child of the client started at `at`, after a permission dialog opened, so its tool may be running.

    `asked` names the dialog: the stamp of its PermissionRequest. Older journals don't have it: 0.
    """

    asked: int = 0


class ClientStatus(StrEnum):
    """What a client says that it does."""

    IDLE = "idle"
    """It waits for a prompt."""
    BUSY = "busy"
    """A turn runs, or a subagent in the background."""
    WAITING = "waiting"
    """It asks its user (`Asks`)."""


class Asks(StrEnum):
    """What a client that waits says that it waits for."""

    PERMISSION = "permission"
    """Whether a tool may run, or whether a plan is approved."""
    INPUT = "input"
    """An answer to a question, of the model's or of an MCP server."""
    SANDBOX = "sandbox"
    """Whether a sandboxed command that runs may do what its sandbox forbids."""
    DIALOG = "dialog"
    """Any other dialog: one that the user opened, or a question that stops the turn."""
    OTHER = "other"
    """What this version doesn't know."""


class Registered(Observed, tag="registered"):
    """What a client's entry in the registry of running sessions says; the newest of a client is what is so.

    Attributes:
        pid: The client's process. It was checked that the entry is of the process that has this pid now.
        status: A ClientStatus, empty for one that is not known.
        asks: An Asks while it waits, else empty.
        session_kind: `interactive` (also in print mode), or `bg` for a job in the background, whose id is `job`.
        name: The session's name, as a scrubbed label.
        born: Unix ns at which the client started.
        folder: Its working folder.
        gone: The entry was removed, or is another session's now. All else is then left open.
    """

    pid: int
    status: str = ""
    asks: str = ""
    session_kind: str = ""
    entrypoint: str = ""
    name: str = ""
    job: str = ""
    version: str = ""
    born: int = 0
    folder: str = ""
    host: str = ""
    pidns: int = 0
    gone: bool = False


class Repository(Observed, tag="repository"):
    """The main repository of a project folder (worktrees and subfolders resolved), and its branch, as of `at`.

    `folder` is the project folder it is about; `project` the name to use for it. `session` worked in it then. `tree` is
    the top of the folder's own work tree, without links; empty if it is in none.
    """

    folder: str
    tree: str = ""
    project: str = ""
    name: str = ""
    branch: str = ""


class Moved(StrEnum):
    """What moved a work tree's HEAD, of what git writes to its log."""

    COMMIT = "commit"
    """A commit was made, with or without a conflict before; also that of a merge, a revert or a patch."""
    AMEND = "amend"
    """It takes the place of the one before."""
    PICK = "pick"
    """A commit was made of another one's changes: `git cherry-pick`."""
    REBASE_START = "rebase_start"
    """Commits of a branch are made anew on another one; what follows does it."""
    REBASE_PICK = "rebase_pick"
    """One of them was made anew."""
    REBASE_CONTINUE = "rebase_continue"
    """One of them was made anew by whoever resolved a conflict or edited it."""
    REBASE_SQUASH = "rebase_squash"
    """One of them was added to the one before (squash, fixup)."""
    REBASE_END = "rebase_end"
    """All are made, or it was given up."""
    RESET = "reset"
    """The branch was moved: what it had is left, or is about to be committed again as one."""


class HeadMoved(Observed, tag="head_moved"):
    """A line of the log that git keeps of a work tree's HEAD; only those of `Moved`, and nothing that anybody wrote.

    `at` is a whole second, since git writes no other, where the commit itself was not found as it was written.

    Attributes:
        tree: Top folder of the work tree.
        repository: That of the repository's main work tree.
        project: What the repository's project is called.
        moved: A Moved.
        old: The commit before, in full; empty for none.
        new: The commit after.
        branch: The branch that was checked out, empty for none.
        likeness: Digest of the commit's author, their date and the message, which a commit that is made anew or picked
            has in common with the one it is made of; empty where git had packed it away already.
        content: The tree object of the commit: all its files.
        named: Commits that its message names as those it was made of.
    """

    tree: str
    repository: str = ""
    project: str = ""
    moved: str = ""
    old: str = ""
    new: str = ""
    branch: str = ""
    likeness: str = ""
    content: str = ""
    named: list[str] = []


class LinesStayed(Observed, tag="lines_stayed"):
    """How many lines of a commit were there when it was that old, as `git blame` said.

    Attributes:
        repository: As `HeadMoved` has it.
        project: What the repository's project is called.
        sha: The commit, in full.
        made: When it was made, Unix nanoseconds.
        days: Its age: the last one of those at which its lines are counted.
        branch: The one on which they were looked for.
        written: Lines that were the commit's own when it was made.
        stayed: Those that still were; -1 where to count them would have taken too much.
    """

    repository: str
    sha: str
    made: int
    days: int
    project: str = ""
    branch: str = ""
    written: int = 0
    stayed: int = 0


class PullRequest(Observed, tag="pull_request"):
    """The client connects its session with a pull request (`pr-link`): its number, and `owner/name` of where it is."""

    number: int
    where: str = ""


class Policy(Observed, tag="policy"):
    """Settings that change rows: how traces join a TRACEPARENT, labels per project, projects opted out.

    `cost_by_branch`: the metric of cost has the branch as a label. `watchdog` has the settings of that section that are
    not their defaults. `logs`: log records are written. `hash`: SHA-256 of the administrator's file, empty without one
    or without `logs`.
    """

    adopt_traceparent: bool = False
    cost_by_branch: bool = False
    labels: dict[str, dict[str, str]] = {}
    opted_out: list[str] = []
    watchdog: dict[str, float] = {}
    logs: bool = False
    hash: str = ""


class Gap(Observed, tag="gap"):
    """No agent ran from `since` until `at` (Unix nanoseconds). `killed`: it had not ended in good order."""

    since: int
    killed: bool = False


class HooksJudged(Observed, tag="hooks_judged"):
    """Whether the client runs hookspan's hooks: what is wrong with them, in words of a closed list; else nothing."""

    troubles: list[str] = []


class Forgotten(Observed, tag="forgotten"):
    """Replaces a record of a forgotten session (`hookspan forget SESSION`), so that record numbers stay the same."""


class Removed(Observed, tag="removed"):
    """A made-up session of the page is removed from the store with all its rows. It has no effect on real sessions."""


class RateLimit(msgspec.Struct, frozen=True, array_like=True):
    """A window of the account's quota: its name, percent of it that are used, when it begins anew (Unix ns)."""

    window: str
    used: float
    resets_at: int


class PromptCache(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the client says of a session's prompt cache; times are Unix nanoseconds.

    `hit_ratio`: the share of input tokens that was read from it, -1 if it says none. `causes` counts misses by the
    client's own words, `last_causes` are those of the newest one; it can't name each.
    """

    warm: bool = False
    ttl: str = ""
    expires_at: int = 0
    requests: int = 0
    misses: int = 0
    expected_rebuilds: int = 0
    hit_ratio: float = -1.0
    written_tokens: int = 0
    missed_tokens: int = 0
    cold_tokens: int = 0
    last_miss_at: int = 0
    last_causes: list[str] = []
    causes: dict[str, int] = {}


class StatusLine(Observed, tag="status_line"):
    """What the client told its status line, which no hook and no transcript has. `folder`: the project that it is in.

    `context_window` is the model's, in tokens, and `context_tokens` what of it is used; 0 before the first answer.
    `cost_nano` is the client's own total of the session, -1 if it gave none. `pull_request` is a number, 0 without one.
    """

    folder: str = ""
    limits: list[RateLimit] = []
    context_window: int = 0
    context_tokens: int = 0
    cache: PromptCache | None = None
    cost_nano: int = -1
    effort: str = ""
    label: str = ""
    pull_request: int = 0
    review: str = ""


class ClientTold(Observed, tag="client_told"):
    """What one request of Claude Code's own telemetry told of a session. `key` is a digest of the request.

    It comes seconds after what it is about, in any order with hooks and transcripts.
    """

    hooks: list[HooksRan] = []
    registered: list[HookRegistered] = []
    decisions: list[CallDecided] = []
    calls: list[CallTimed] = []
    requests: list[RequestTimed] = []


class Dropped(Observed, tag="dropped"):
    """How many events were lost or set aside so far, where and why. A total below the last one starts a new count."""

    where: str
    reason: str
    total: int


Fact: TypeAlias = (
    ModelCall
    | RequestShape
    | Listing
    | AttemptFailed
    | Interruption
    | Rejection
    | ToolResult
    | Permitted
    | TranscriptEvent
    | Decided
    | Children
    | QueuedPrompt
    | TeammateMessage
    | AgentMeta
    | CompactBoundary
    | StopHooks
    | CostState
    | Title
    | ClientVersion
    | BackgroundJob
    | TranscriptRead
    | Settled
    | Lull
    | Overdue
    | Silent
    | ClientGone
    | Running
    | Registered
    | Repository
    | HeadMoved
    | LinesStayed
    | PullRequest
    | Policy
    | Gap
    | HooksJudged
    | Forgotten
    | Removed
    | StatusLine
    | ClientTold
    | Dropped
)
