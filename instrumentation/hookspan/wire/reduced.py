"""The reduced event: an allow list of what a hook event says, with the size and keyed digest of the rest."""

from __future__ import annotations

import msgspec

from hookspan.catalogue.kept_fields import KeptFields

_TIME_MAX = (1 << 63) - 1


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One call of a PostToolBatch. `verdict` says why it never ran, empty when its result looks like a tool's.

    One that never ran has keyed digests of its input and of what the model was told.
    """

    tool_use_id: str
    tool: str
    verdict: str
    mcp_server: str = ""
    input_digest: str = ""
    told: str = ""


class Edit(msgspec.Struct, frozen=True, array_like=True):
    """What a call changed in a file: keyed digests of its path, of the lines that went and of those that came.

    Lines that only went or only came leave the other empty.
    """

    file: str
    gone: str
    come: str


VERDICT_HOOK = "hook"
"""Another hook blocked it."""
VERDICT_DENIED = "denied"
"""A permission rule denied it."""
VERDICT_REJECTED = "rejected"
"""A person said no, or nobody was there to ask."""
VERDICT_INVALID = "invalid"
"""Its input was invalid, the tool is unknown, or the client refused it itself."""

SERVED_BY_BEDROCK = "bedrock"
"""Amazon Bedrock serves the models."""
SERVED_BY_MANTLE = "mantle"
"""Amazon Bedrock, by its endpoint that speaks Anthropic's own API."""
SERVED_BY_VERTEX = "vertex"
"""Google Cloud's Vertex AI."""
SERVED_BY_FOUNDRY = "foundry"
"""Microsoft Foundry."""
SERVED_BY_OPENAI = "openai"
"""OpenAI, or what is set up in its place."""
SERVED_BY_GITHUB = "github"
"""GitHub, whichever maker's the model is, or what Copilot CLI is set up to ask in its place."""


class Target(msgspec.Struct, frozen=True, array_like=True):
    """A file that a tool call writes.

    Attributes:
        path: Keyed digest of its absolute path.
        name: Scrubbed last part of that, for the user's own page; empty when `content.local` is off.
        lines: Keyed digests of the lines that an edit takes away or puts there; None where it may be any.
        here: Whether it lies in the folder that the client works in, or in its project's.
    """

    path: str
    name: str = ""
    lines: tuple[int, ...] | None = None
    here: bool = True


class CacheEstimate(msgspec.Struct, frozen=True, array_like=True):
    """What the client tells of its prompt cache when a session is resumed, or its model is switched.

    `expired`: the cache is likely cold. `idle`: seconds since the last answer, `tokens` those in the context,
    `write_usd` its own estimate of what writing them to the cache costs; each -1 if it gave none.
    """

    expired: bool = False
    idle: float = -1.0
    tokens: int = -1
    write_usd: float = -1.0


class ModelRequest(msgspec.Struct, frozen=True, array_like=True):
    """A model request that hooks tell of: `id` is that of all its attempts, `attempt` counts them from 1.

    `kind` and `status` are the client's words, `status` empty before its end. `error_status` is the HTTP status of a
    failure, 0 where it names none. `input_tokens` are without cached ones. `cost_nano` is the list price in
    nano-USD, -1 without one.
    """

    id: str
    attempt: int = 1
    kind: str = ""
    status: str = ""
    response_id: str = ""
    error_status: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0
    cost_nano: int = -1
    prices: str = ""


class Reduced(KeptFields, kw_only=True, omit_defaults=True, gc=False):
    """One hook event, past the allow list. Fields that are copied as they come are declared in the catalogue.

    Attributes:
        at: Unix nanoseconds at which the relay's process was made.
        age: Nanoseconds from there to its first instruction, 0 if unknown: then `at` is that of the first instruction.
        took: Nanoseconds from the first instruction until the journal's write.
        pid: The relay's.
        ppid: The relay's parent: the client.
        pidns: Inode of the pid namespace that `pid` and `ppid` are of, 0 if unknown.
        size: Bytes of the payload.
        digest: Keyed digest of the whole payload: equal payloads have equal digests.
        cut: The payload was over the relay's cap and is lost but for its size.
        client_pid: CLAUDE_PID, or the parent of a hook whose client has no such variable; 0 if unknown.
        served_by: Who serves the client's models, as its environment says; empty where that names nobody.
        duration_ms: The client's own measure of a tool call, -1 if it gave none.
        begins: When a tool that is announced begins, Unix nanoseconds; 0 if its end tells.
        awaits_result: The transcript will say how a call ended whose end this event tells.
        request: Of the events of a model request.
        prompt_size: Bytes of the prompt, in UTF-8.
        exit_code: Of a failed shell command, -1 if unknown.
        input_digest: Keyed digest of the tool's input, in canonical form: pairs a PermissionRequest with its call.
        output_digest: Keyed digest of the tool's result or error text, but for how long something took (which is left
            out of all but READING_TOOLS): equal ones of an equal input say that nothing had changed.
        edit: Of a call that changed lines of a file.
        commit: Of a shell command: the commit that it made, as git shortened it.
        pull_request: Number of the pull request that it made or changed, 0 for none.
        writes: Files that a tool call writes, as far as its input tells.
        rewrites: A folder in whose work tree a shell command rewrites files, as git does; empty for none.
        reads: Keyed digest of the path of a file that was read; empty for none.
        sandbox_refused: The user refused what a shell command's sandbox asked for.
        child_agent: Id of the subagent that a call started, or gave more to do.
        child_type: What kind of agent that is, where it is a teammate, whose events have its name for that.
        teammate: Name in an agent team: of a subagent that a call started, or whom an event is about.
        team: That team's name.
        workflow: The run of a workflow that a call started, or that a subagent which stopped was of.
        workflow_name: What the workflow that a call started is called.
        task: Id of the background task whose end a machine-made prompt reports, or that a call
            started, or of a task of the list.
        task_call: The tool call that started `task`, as the machine-made prompt says.
        estimate: Of SessionStart and PostModelSwitch.
        local: Made up for the page: never exported, never in a sum.
        label: Scrubbed text for the user's own page; empty when `content.local` is off.
        history: Its number (from 1) among the records that `import` made of a session's transcripts, 0 for a hook's
            event.
    """

    at: int
    took: int = 0
    age: int = 0
    pid: int = 0
    ppid: int = 0
    host: str = ""
    pidns: int = 0
    agent: str = "claude-code"
    size: int = 0
    digest: str = ""
    cut: bool = False

    client_pid: int = 0
    entrypoint: str = ""
    project_dir: str = ""
    remote: bool = False
    served_by: str = ""
    traceparent: str = ""
    effort: str = ""

    tool: str = ""
    tool_use_id: str = ""
    duration_ms: float = -1.0
    input_digest: str = ""
    input_size: int = 0
    output_size: int = 0
    output_digest: str = ""
    edit: Edit | None = None
    program: str = ""
    extension: str = ""
    lines_added: int = 0
    lines_removed: int = 0
    writes: tuple[Target, ...] = ()
    rewrites: str = ""
    reads: str = ""
    error: str = ""
    exit_code: int = -1
    commit: str = ""
    pull_request: int = 0
    sandbox_refused: bool = False
    interrupted: bool = False
    background: bool = False
    child_agent: str = ""
    child_type: str = ""
    workflow: str = ""
    workflow_name: str = ""
    task_call: str = ""
    calls: tuple[Call, ...] = ()
    begins: int = 0
    awaits_result: bool = False
    request: ModelRequest | None = None
    estimate: CacheEstimate | None = None

    machine_prompt: bool = False
    prompt_size: int = 0
    running_tasks: tuple[str, ...] = ()
    synthetic: bool = False
    local: bool = False
    label: str = ""
    history: int = 0

    @property
    def done(self) -> int:
        """When its relay was done, Unix nanoseconds: what the client waits for its hooks to do begins then."""
        return min(self.at + self.age + max(0, self.took), _TIME_MAX)
