"""`hookspan tail`: the raw events as they come, one line each."""

from __future__ import annotations

import collections
import datetime as dt
import json
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import click

from hookspan.cli.terminal import completers
from hookspan.cli.terminal.text import printable, short
from hookspan.config import Project, load
from hookspan.errors import UserError
from hookspan.journal import segments
from hookspan.journal.position import Line, Position
from hookspan.journal.tail import Tail
from hookspan.opted_out import OptedOut, projects_in
from hookspan.paths import Paths
from hookspan.wire.foreign import decoder

POLL: Final = 0.2  # seconds; the journal tells nobody but the agent
DETAIL: Final = ("command", "file_path", "path", "pattern", "url", "query", "description", "prompt", "skill")
LONGEST: Final = 1000  # characters of a field: the line is cut to the terminal afterwards
TIME_WIDTH: Final = 100  # columns a line has where there is no terminal

# What a line shows beside the tool's input, by event.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "UserPromptSubmit": ("prompt",),
    "Notification": ("message", "notification_type"),
    "Stop": ("last_assistant_message",),
    "SubagentStart": ("agent_type",),
    "SubagentStop": ("agent_type",),
    "SessionStart": ("source",),
    "SessionEnd": ("reason",),
    "StopFailure": ("error",),
    "PreCompact": ("trigger",),
    "PostCompact": ("trigger",),
}


class Wanted(NamedTuple):
    """Which events are shown, all in lower case: a session whose id begins so, events and tools of these names."""

    session: str
    events: Collection[str]
    tools: Collection[str]

    def has(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is one of them."""
        name, tool, session = (str(part or "").lower() for part in _head(line))
        return (
            session.startswith(self.session)
            and (not self.events or name in self.events)
            and (not self.tools or tool in self.tools)
        )


_decode = decoder(dict[str, Any])
_Choice: TypeAlias = Callable[[list[Line]], Iterator[dict[str, Any]]]
"""What of the journal's lines is to be shown."""


@click.command()
@click.option(
    "-n",
    "count",
    type=click.IntRange(0, 100_000),
    default=10,
    show_default=True,
    help="How many old lines to show first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the journal's own lines: one JSON object each.")
@click.option("--no-follow", is_flag=True, help="Exit after the old lines.")
@click.option("--facts", is_flag=True, help="Also show what hookspan observed itself.")
@click.option(
    "--session", default="", help="Only this session (an id, or its first digits).", shell_complete=completers.sessions
)
@click.option("--event", multiple=True, help="Only events of this name (PreToolUse ...).")
@click.option("--tool", multiple=True, help="Only events of this tool (Bash ...).")
def tail(
    count: int,
    as_json: bool,
    no_follow: bool,
    facts: bool,
    session: str,
    event: Sequence[str],
    tool: Sequence[str],
) -> None:
    """Follow the raw events. Works without an agent."""
    paths = Paths.from_environment()
    if not paths.journal.is_dir():
        raise UserError("nothing has been recorded yet", hint="`hookspan install` adds the hooks")
    settings = load(paths)
    if as_json and not settings.content.local:
        raise UserError(
            "raw events are not shown, since `content.local` is off", hint="without `--json` they are, without content"
        )
    wanted = Wanted(session.lower(), frozenset(map(str.lower, event)), frozenset(map(str.lower, tool)))
    chosen = partial(_parsed, facts=facts, opted_out=_opted_out(paths, settings.projects), wanted=wanted)
    for line in _lines(paths, count, chosen, follow=not no_follow):
        shown = _as_json(line) if as_json else _readable(line, content=settings.content.local)
        if shown is not None:
            click.echo(shown)
            sys.stdout.flush()


def _lines(paths: Paths, count: int, chosen: _Choice, *, follow: bool) -> Iterator[dict[str, Any]]:
    reader, old = _start(paths, count, chosen)
    yield from old
    while follow:
        fresh = reader.read()
        yield from chosen(fresh)
        if not fresh:
            time.sleep(POLL)


def _start(paths: Paths, count: int, chosen: _Choice) -> tuple[Tail, list[dict[str, Any]]]:
    """A reader at the journal's end, and the last `count` events; of the segment before, too, if this one has fewer."""
    finished = [segment.first for segment in segments.finished(paths.journal)]
    starts = [segments.next_number(paths.journal), *finished[-1:]]
    reader, old = Tail(paths, mend=False), list[dict[str, Any]]()
    for first in starts:
        reader = Tail(paths, Position(first, first, 0, ""), mend=False)
        kept: collections.deque[dict[str, Any]] = collections.deque(maxlen=count)
        while lines := reader.read(5000):
            kept.extend(chosen(lines))
        old = list(kept)
        if len(old) >= count:
            break
    return reader, old


def _opted_out(paths: Paths, projects: Mapping[str, Project]) -> OptedOut:
    opted_out = OptedOut(projects)
    if not opted_out.names:
        return opted_out
    from hookspan.store import Reader  # SQLite is for those who leave out a project

    return OptedOut(projects, project_of=projects_in(Reader(paths)))


def _parsed(lines: list[Line], *, facts: bool, opted_out: OptedOut, wanted: Wanted) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = _decode(opted_out.blanked(line.data))
        except (ValueError, RecursionError):
            continue  # torn or foreign: the agent sets it aside and counts it
        if (facts or event.get("kind") != "fact") and wanted.has(event):
            yield event


def _as_json(line: dict[str, Any]) -> str:
    # ASCII on a terminal: what a tool printed may hold sequences that a terminal obeys.
    return json.dumps(line, ensure_ascii=sys.stdout.isatty(), separators=(",", ":"))


def _readable(line: dict[str, Any], *, content: bool) -> str | None:
    at = _number(line.get("at"))
    when = dt.datetime.fromtimestamp(at / 1e9).astimezone().isoformat(timespec="milliseconds")[11:23] if at else ""
    name, tool, session = _head(line)
    event, detail = line.get("event"), ""
    if isinstance(event, str):
        detail = str(line.get("label") or "") if content else ""
    elif isinstance(event, dict) and content:
        detail = _detail(event)
    took = f"{_number(line.get('took')) / 1e6:.2f} ms" if line.get("took") else ""
    head = f"{when:12}  {short(_clean(session)):8}  {_clean(name):18}  {_clean(tool):12}"
    width = shutil.get_terminal_size((TIME_WIDTH, 24)).columns
    room = max(0, width - len(head) - 14)
    return f"{head}  {_clean(detail)[:room]:{room}}  {took:>9}".rstrip()


def _head(line: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Name, tool and session of a line."""
    event = line.get("event")
    if isinstance(event, str):  # a reduced event has its name here
        return event, line.get("tool"), line.get("session")
    if isinstance(event, dict):
        return event.get("hook_event_name") or line.get("kind"), event.get("tool_name"), event.get("session_id")
    return line.get("type") or "?", "", line.get("session")


def _detail(event: Mapping[str, Any]) -> str:
    for name in FIELDS.get(str(event.get("hook_event_name")), ()):
        if event.get(name):
            return str(event[name])
    arguments = event.get("tool_input")
    if isinstance(arguments, dict):
        return next((str(arguments[name]) for name in DETAIL if arguments.get(name)), "")
    return ""


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0


def _clean(value: object) -> str:
    return printable(str(value if value is not None else "")[:LONGEST])
