"""All that holds agents and people up, largest first: what each is, how its price is made, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hookspan.catalogue.appearance import ALARMS, CACHE_CAUSES
from hookspan.catalogue.enums import AlarmKind, CacheCause, WasteKind
from hookspan.store import WastedSession, WasteSum
from hookspan.web import schemas
from hookspan.web.serializers import NANO, ms
from hookspan.wire.command import OTHER

SHOWN: Final = 50
SESSIONS: Final = 5


class _Kind(NamedTuple):
    """How a kind of waste is called, and how its price is made: nothing where time alone is lost."""

    title: str
    price: str = ""


_REWRITTEN: Final = "Tokens that were written to the cache again, at what writing costs more than reading."
_CALL: Final = "Its part of the answer that asked for it, and the tokens of its result, once."
KINDS: Final[dict[str, _Kind]] = {
    WasteKind.LOOP: _Kind("An agent {}", "All of each model call, from the watchdog's alarm on."),
    WasteKind.CACHE_MISS: _Kind("Prompt cache missed: {}", _REWRITTEN),
    WasteKind.COMPACTION: _Kind(
        "Compactions",
        "What the request after the summary wrote to the cache again, at what writing costs more than reading. The "
        "summary's own call is in no transcript.",
    ),
    WasteKind.FAILED: _Kind("Failed calls: {}", _CALL),
    WasteKind.DENIED: _Kind("Refused calls: {}", _CALL),
    WasteKind.REPEATED: _Kind(
        "Repeated reads of what had not changed: {}",
        "The tokens of the result, and in each request after it, until a summary, the cache's price of them.",
    ),
    WasteKind.DEFINITIONS: _Kind(
        "Definitions that nothing used: {}",
        "Their tokens, estimated from lengths, at the cache's price in each request; where nothing was cached, at that "
        "of writing it.",
    ),
    WasteKind.RETRY: _Kind("Attempts that failed: {}"),
    WasteKind.ASKED: _Kind("Waited for your approval: {}"),
    WasteKind.HOOKS: _Kind("Hooks: {}"),
}
SEARCHED: Final = frozenset(
    {
        WasteKind.LOOP,
        WasteKind.CACHE_MISS,
        WasteKind.COMPACTION,
        WasteKind.FAILED,
        WasteKind.DENIED,
        WasteKind.REPEATED,
        WasteKind.RETRY,
        WasteKind.ASKED,
    }
)
"""Kinds whose spans can be searched for, by kind and what they are of."""


class Advice(NamedTuple):
    """What to do, and the line or setting to copy for it, with where it goes."""

    todo: str
    copy: str = ""
    into: str = ""


CLAUDE_MD: Final = "CLAUDE.md"
SETTINGS: Final = "settings.json"
COMMAND: Final = "a terminal"
_CAUSES: Final = {
    CacheCause.IDLE: Advice(
        "Keep the cache for an hour where you come back within one: writing it costs more then. Or begin anew.",
        json.dumps({"promptCacheTtl": "1h"}),
        SETTINGS,
    ),
    CacheCause.MODEL: Advice("Choose the model before the first prompt, and give another model's work to a subagent."),
    CacheCause.TOOLS: Advice(
        "Connect MCP servers and enable plugins before a session begins: tools stand first in each request."
    ),
    CacheCause.SYSTEM_PROMPT: Advice("Change what is in the system prompt, such as an output style, between sessions."),
    CacheCause.EFFORT: Advice("Set the effort before the first prompt; a subagent can have another."),
    CacheCause.UNKNOWN: Advice("Nothing in the transcript explains it: the API or a gateway let go of it early."),
}
_FAILED: Final = {
    "Edit": "- Read a file right before you edit it, and copy the text to replace exactly.",
    "Write": "- Read a file before you write over it.",
    "Read": "- Find a file with Glob before you read it, and give its absolute path.",
    "WebFetch": "- When a page can't be fetched, use another source instead of asking for it again.",
}
_DIALOGS: Final = {
    "AskUserQuestion": "The model's own questions, which no rule answers: say in the prompt what it should assume.",
    "ExitPlanMode": "Plans that wait to be approved, which no rule does.",
}
_REFUSED_API: Final = Advice("Your account's limit: let fewer sessions work at once. Nobody pays for what failed.")
_OF_KIND: Final[dict[str, Advice]] = {
    WasteKind.LOOP: Advice(
        "Stop it with Esc and say what else to try.",
        "- If a call gives the same result twice, stop and try another way, or ask.",
        CLAUDE_MD,
    ),
    WasteKind.COMPACTION: Advice(
        "Begin another task with `/clear`, and say what a summary must keep.",
        "# Compact instructions\nKeep the task, what was decided, which files were changed, and commands that worked.",
        CLAUDE_MD,
    ),
    WasteKind.FAILED: Advice(
        "Say how it is done right.", "- When `{called}` fails, find out why before you call it again.", CLAUDE_MD
    ),
    WasteKind.DENIED: Advice(
        "Say so beforehand, or allow what is safe with `/permissions`.",
        "- Say what you want to do before you call `{called}`: some of it is refused here.",
        CLAUDE_MD,
    ),
    WasteKind.REPEATED: Advice(
        "Long sessions forget what they have read: begin another task with `/clear`.",
        "- Don't read a file again that you have read, unless it was changed.",
        CLAUDE_MD,
    ),
    WasteKind.RETRY: Advice("The API was not available. In print mode `--fallback-model` names another model to ask."),
    WasteKind.HOOKS: Advice(
        "Claude Code measured them, hookspan's own among them. One that decides nothing need not be waited for.",
        '"async": true',
        "the hook, in settings.json",
    ),
}


def rows(sums: Iterable[WasteSum], rules: Sequence[schemas.Rule]) -> list[schemas.Waste]:
    """The sums in words. `rules` would have ended dialogs."""
    return [_row(one, rules) for one in sums]


def sessions(found: Iterable[WastedSession], *, content: bool) -> list[schemas.WastedSession]:
    """Those that have most of one, as the page and the command line show them."""
    return [
        schemas.WastedSession(
            id=one.id,
            title=one.title if content else "",
            project=one.project,
            count=one.count,
            cost=one.nano / NANO,
            time=ms(one.took),
        )
        for one in found
    ]


def _row(one: WasteSum, rules: Sequence[schemas.Rule]) -> schemas.Waste:
    kind, advice = KINDS[one.kind], _advice(one, rules)
    return schemas.Waste(
        kind=one.kind,
        what=one.what,
        title=kind.title.format(_name(one)),
        count=one.count,
        priced=one.priced,
        tokens=one.tokens,
        cost=one.nano / NANO if kind.price and (one.priced or one.nano) else None,
        time=ms(one.took),
        price=kind.price,
        todo=advice.todo,
        copy=advice.copy,
        into=advice.into,
        searched=one.kind in SEARCHED,
    )


def _name(one: WasteSum) -> str:
    if one.kind == WasteKind.CACHE_MISS:
        return CACHE_CAUSES[CacheCause(one.what)]
    if one.kind == WasteKind.DEFINITIONS:
        of, _, name = one.what.partition(":")
        return f"{'plugin' if of == 'plugin' else 'MCP server'} {name}"
    if one.kind == WasteKind.LOOP:
        return ALARMS[AlarmKind(one.what)]
    return one.what.replace("_", " ") if one.kind == WasteKind.RETRY else one.what


def _advice(one: WasteSum, rules: Sequence[schemas.Rule]) -> Advice:
    tool, _, program = one.what.partition(" ")
    called = program if program not in {"", OTHER} else tool
    if one.kind == WasteKind.CACHE_MISS:
        return _CAUSES[CacheCause(one.what)]
    if one.kind == WasteKind.DEFINITIONS:
        return _turn_off(one)
    if one.kind == WasteKind.ASKED:
        return _allow(tool, program, rules)
    advice = _REFUSED_API if (one.kind, one.what) == (WasteKind.RETRY, "rate_limit") else _OF_KIND[one.kind]
    line = _FAILED.get(tool, "") if one.kind == WasteKind.FAILED else ""
    return advice._replace(copy=line or advice.copy.format(called=called))


def _turn_off(one: WasteSum) -> Advice:
    """What hides a server's tools, or disables a plugin."""
    of, _, name = one.what.partition(":")
    where = f"It is of use in {', '.join(name or 'no project' for name in one.used_in)}: turn it off elsewhere."
    todo = where if one.used_in else "Turn it off, and on again where it is of use."
    if of == "plugin":
        return Advice(todo, f"claude plugin disable {name}", COMMAND)
    return Advice(todo, json.dumps({"permissions": {"deny": [f"mcp__{name}"]}}), SETTINGS)


def _allow(tool: str, program: str, rules: Sequence[schemas.Rule]) -> Advice:
    """The rules that would have ended the asking."""
    if todo := _DIALOGS.get(tool):
        return Advice(todo)
    own = [one.rule for one in rules if (one.tool, one.program) == (tool, program)]
    if not own:
        return Advice("No narrow rule covers it, or you refused some; `/permissions` adds one that you choose.")
    return Advice("Always approved: allow it.", json.dumps({"permissions": {"allow": own}}), SETTINGS)
