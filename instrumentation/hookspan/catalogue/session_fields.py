"""Every field that is shown of a session, declared once: its type, default and meaning, and what the API makes of it.

From here come the fold's state of those that it keeps (`model/state.py`), the copy of them (`model/summary.py`), the
columns of the store (a new one is added to a store that lacks it), the API's type `Session` and its schema, what
`hookspan sessions --json` prints, and the page's `types.d.ts` (`make generate`). Only what is more than a copy is code:
a field that is made of others in `model/summary.py`, one that the API makes of several in `web/schemas`.
"""

import functools
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from .claude_code import CLAUDE_CODE
from .enums import Basis, SessionPhase


class Conversion(Enum):
    """What the API makes of a value."""

    NONE = "as it is"
    TIME = "Unix nanoseconds to Unix milliseconds"
    TIME_OR_NULL = "Unix nanoseconds to Unix milliseconds, 0 to null"
    USD = "nano-USD to USD"
    CONTENT = "a text of the user's, empty where texts are not shown"


class Field(msgspec.Struct, frozen=True):
    """What is said about a field.

    Attributes:
        meaning: What it is; times are Unix nanoseconds here, 0 for none, and money nano-USD.
        api: Its name in the API, empty for the same; None if the API shows it only as a part of something else.
    """

    meaning: str
    api: str | None = ""
    conversion: Conversion = Conversion.NONE


class KeptFields(msgspec.Struct):
    """Fields that the fold keeps in a session's state and that are shown as they are there."""

    id: Annotated[str, Field("Session id.")]
    agent: Annotated[str, Field("The coding agent that it is of: claude-code, codex, copilot.")] = CLAUDE_CODE.name
    title: Annotated[
        str,
        Field(
            "Scrubbed label, never exported; empty without one, and then the store gives the first prompt's label.",
            conversion=Conversion.CONTENT,
        ),
    ] = ""
    source: Annotated[str, Field("How it began: startup, resume, clear, fork ...")] = ""
    entrypoint: Annotated[str, Field("How the client was started: cli, sdk-py ...")] = ""
    client_version: Annotated[str, Field("Version of the client.")] = ""
    host: Annotated[str, Field("Host on which it runs.")] = ""
    pid: Annotated[int, Field("Process id of the client, 0 if unknown.")] = 0
    phase: Annotated[SessionPhase, Field("What it is doing.", api=None)] = SessionPhase.IDLE
    phase_since: Annotated[int, Field("When the state last changed.", "since", Conversion.TIME)] = 0
    basis: Annotated[str, Field("What its state rests on, a Basis.")] = Basis.HOOK.value
    unhooked: Annotated[
        bool,
        Field(
            "Whether only the client's own registry tells of it: none of its hooks was heard, so that it has no turns, "
            "tools or cost."
        ),
    ] = False
    kind: Annotated[
        str,
        Field("What the client calls it: interactive (also in print mode), bg for a job in the background."),
    ] = ""
    job: Annotated[str, Field("Id of the background job that it is, empty for any other.")] = ""
    remote: Annotated[bool, Field("Whether the client runs remotely, as its environment says.")] = False
    last: Annotated[int, Field("Time of the newest event.", conversion=Conversion.TIME)] = 0
    end_reason: Annotated[str, Field("An EndReason, empty while it is open.")] = ""
    messages: Annotated[int, Field("Prompts and assistant messages.")] = 0
    context_tokens: Annotated[
        int, Field("Input of the newest call of the main agent, cached tokens included.", api=None)
    ] = 0
    model: Annotated[str, Field("Model of the newest call of the main agent.")] = ""
    permission_mode: Annotated[str, Field("Permission mode of the newest event.")] = ""
    local: Annotated[
        bool, Field("Whether it was imported from transcripts or made up for the page, and is never exported.")
    ] = False
    residual_nano: Annotated[
        int,
        Field(
            "What the client's own total has over the list price: calls that no transcript shows. Known when "
            "a run has ended.",
            "residual",
            Conversion.USD,
        ),
    ] = 0
    client_nano: Annotated[
        int,
        Field(
            "What the client's own totals say that all runs until then cost, and our sum of runs that left none; -1 if no "
            "run has ended with a total that can be its own.",
            api=None,
        ),
    ] = -1
    client_at: Annotated[int, Field("Up to when that counts.", api=None)] = 0
    context_window: Annotated[
        int, Field("Tokens that the model's context holds, as the status line says; 0 without one.", api=None)
    ] = 0
    told_tokens: Annotated[int, Field("Tokens in the context, as the status line says.", api=None)] = 0
    told_cost_nano: Annotated[int, Field("The client's own total, as the status line says.", api=None)] = 0
    cache_misses: Annotated[
        int, Field("Requests that had to write again what the prompt cache had held, as the status line says.")
    ] = 0
    cache_cause: Annotated[
        str, Field("Why the newest of them had to, in the client's own words; empty if it names no cause.")
    ] = ""
    cache_expires: Annotated[
        int, Field("When the prompt cache expires, as the status line says.", conversion=Conversion.TIME_OR_NULL)
    ] = 0
    status_at: Annotated[int, Field("When its status line last said something new, 0 without one.", api=None)] = 0
    failure: Annotated[
        str, Field("Why the newest turn failed (`error` of StopFailure), empty if it didn't or goes on.", api=None)
    ] = ""


class SessionRow(KeptFields):
    """What lists and totals show of one session: those, and what is made of the state by `model/summary.py`.

    Written whole each time that the session changes. Only the store gives the values by their places: of so many
    fields, to give them by name takes nine times as long.
    """

    project: Annotated[str, Field("Name of the project.")] = ""
    repository: Annotated[str, Field("Name of the main repository, empty if it is in none.")] = ""
    branch: Annotated[str, Field("The branch that is checked out.")] = ""
    started: Annotated[int, Field("Time of the first event.", conversion=Conversion.TIME)] = 0
    ended: Annotated[
        int,
        Field("When it ended; set once that is final and its span is written.", conversion=Conversion.TIME_OR_NULL),
    ] = 0
    turns: Annotated[int, Field("Turns, open ones included.")] = 0
    prompts: Annotated[int, Field("Prompts, those included that were typed during a turn.")] = 0
    tools: Annotated[int, Field("Tool calls that finished.")] = 0
    tools_failed: Annotated[int, Field("Tool calls that failed.")] = 0
    subagents: Annotated[int, Field("Subagents that were started, as in the session's span.")] = 0
    current_tool: Annotated[str, Field("Tool that runs now, empty without one.", api=None)] = ""
    waiting_tool: Annotated[str, Field("Tool that waits for permission or an answer, empty without one.", api=None)] = (
        ""
    )
    waiting_since: Annotated[int, Field("Since when a dialog has waited.", conversion=Conversion.TIME_OR_NULL)] = 0
    input_tokens: Annotated[
        int,
        Field("With those that were read from the cache or written to it, as `gen_ai.usage.input_tokens`.", api=None),
    ] = 0
    output_tokens: Annotated[int, Field("Output tokens.", api=None)] = 0
    cache_read_tokens: Annotated[int, Field("Input tokens that were read from the cache.", api=None)] = 0
    cache_write_tokens: Annotated[int, Field("Input tokens that were written to the cache.", api=None)] = 0
    cost_nano: Annotated[int, Field("List price.", "cost", Conversion.USD)] = 0
    unpriced: Annotated[int, Field("Model calls without a known price.")] = 0
    retries: Annotated[
        int, Field("Repetition of the request that the main agent waits for: 1 after the first failure, 0 for none.")
    ] = 0
    retry_error: Annotated[str, Field("Why the attempt before it failed, empty for none.")] = ""
    collision: Annotated[str, Field("What another writes at the same time, a Collision; empty for none.", api=None)] = (
        ""
    )
    collision_with: Annotated[str, Field("The session that does, the same for another agent of its own.", api=None)] = (
        ""
    )
    collision_file: Annotated[str, Field("Name of the file.", api=None, conversion=Conversion.CONTENT)] = ""
    collision_at: Annotated[int, Field("When the newest of these writes began.", api=None)] = 0
    subagents_running: Annotated[int, Field("Subagents that work now.")] = 0
    alarm: Annotated[
        str, Field("What the watchdog noticed, an AlarmKind: what goes on, else the newest; empty for none.", api=None)
    ] = ""
    alarm_agent: Annotated[str, Field("The subagent that it is about, empty for the main agent.", api=None)] = ""
    alarm_since: Annotated[int, Field("When the first of its calls began.", api=None)] = 0
    alarm_ended: Annotated[int, Field("When it ended, 0 while it goes on.", api=None)] = 0
    alarm_calls: Annotated[int, Field("How many calls it has come to.", api=None)] = 0
    alarm_cost_nano: Annotated[int, Field("What was spent since, at list price.", api=None)] = 0
    alarm_first: Annotated[str, Field("Id of its first call, empty for a turn's cost or context.", api=None)] = ""
    alarm_last: Annotated[str, Field("Id of its last call.", api=None)] = ""


def without_content(row: SessionRow) -> SessionRow:
    """A row for where texts are not shown: `content.local` is off."""
    return msgspec.structs.replace(row, **dict.fromkeys(_texts(), ""))


@functools.cache
def _texts() -> tuple[str, ...]:
    return tuple(name for name, _, field in fields() if field.conversion is Conversion.CONTENT)


def fields(row: type[KeptFields] = SessionRow) -> Iterator[tuple[str, type[Any], Field]]:
    """Name, type and declaration of each field, in their order."""
    for name, hint in get_type_hints(row, include_extras=True).items():
        kind, declared = get_args(hint)
        yield name, kind, declared
