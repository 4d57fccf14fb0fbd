"""`hookspan demo`: a recorded session of the real client, played through the real relay into an agent of its own.

Nothing of it touches the user's state: everything lies in a temporary folder that goes with the demo.
"""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from hookspan import hooktime
from hookspan.catalogue.spans import MODEL, SESSION, TOOL, TURN, WAIT
from hookspan.errors import EXIT_USER, UserError
from hookspan.model.rows import Span
from hookspan.paths import make_folders
from hookspan.sandbox import Sandbox, sandbox
from hookspan.store import Reader
from hookspan.units import counted

RECORDING: Final = Path(__file__).parent.parent / "demo" / "session"
PROJECT: Final = "-home-u-shop"  # the folder of the recorded client's transcripts
PATIENCE: Final = 20.0  # seconds for the last turn's span: it waits for the transcript to be read past its end
POLL: Final = 0.1
HOOK_TIMEOUT: Final = 10.0

_TIMESTAMP: Final = re.compile(rb'("timestamp":")\d{4}-\d\d-\d\dT[\d:.]+Z(")')


@click.command()
@click.option("--no-open", is_flag=True, help="Don't open the page in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and clean up at once.")
@click.option("--endpoint", metavar="URL", help="Export the demo to this OTLP endpoint, too.")
@click.pass_context
def demo(ctx: click.Context, no_open: bool, as_json: bool, endpoint: str | None) -> None:
    """Play a recorded session and show what becomes of it.

    It takes six seconds, as the session did. Your own data is neither read nor changed. Exits 1 if an event is lost.
    """
    with sandbox("hookspan-demo-", _settings(endpoint)) as home:
        if not as_json:
            click.echo(f"Playing a session of six seconds into {home.folder} ..", err=True)
        home.cli("up")
        played = play(home)
        outcome = await_outcome(home, played)
        if as_json:
            click.echo(json.dumps(outcome))
        else:
            _show(home, outcome, opened=not no_open)
    if outcome["lost"] or not outcome["spans"]:
        ctx.exit(EXIT_USER)


def _settings(endpoint: str | None) -> dict[str, str]:
    return {} if endpoint is None else {"EXPORT_ENDPOINT": endpoint, "EXPORT_METRIC_INTERVAL": "1"}


# --- Playing


@dataclass(order=True, frozen=True, slots=True)
class Moment:
    """A recorded line and when it came (unix seconds); `file` None: an event for the relay."""

    at: float
    number: int
    file: str | None = field(compare=False)
    line: bytes = field(compare=False)


@dataclass(frozen=True, slots=True)
class Played:
    """What was sent: the new session's id, how many events, and how long they took."""

    session: str
    prompts: tuple[str, ...]
    events: int
    seconds: float


def play(home: Sandbox) -> Played:
    """Send the recording at its own pace, with ids and times of now: one relay process an event, as the client does."""
    moments = _recording()
    events = [json.loads(moment.line) for moment in moments if moment.file is None]
    session = str(events[0]["event"]["session_id"])
    prompts = dict.fromkeys(prompt for line in events if (prompt := line["event"].get("prompt_id")))
    fresh = {old: str(uuid.uuid4()) for old in (session, *prompts)}
    fresh["/home/u/.claude"] = str(home.folder / ".claude")
    began, first = time.monotonic(), moments[0].at
    for moment in moments:
        time.sleep(max(0.0, began + moment.at - first - time.monotonic()))
        line = moment.line
        for old, new in fresh.items():
            line = line.replace(old.encode(), new.encode())
        if moment.file is None:
            _hook(home, json.loads(line))
        else:
            _write(home, moment.file.replace(session, fresh[session]), line)
    renewed = tuple(fresh[prompt] for prompt in prompts)
    return Played(fresh[session], renewed, len(events), time.monotonic() - began)


def _recording() -> list[Moment]:
    """All recorded lines in the order of their times; one without a time comes right after the one before it."""
    lines = (RECORDING / "journal.jsonl").read_bytes().splitlines()
    moments = [Moment(json.loads(line)["at"] / 1e9, number, None, line) for number, line in enumerate(lines)]
    session = json.loads(lines[0])["event"]["session_id"]
    for source in sorted(RECORDING.iterdir()):
        if source.name == "journal.jsonl":
            continue
        is_main = source.name == "transcript.jsonl"
        name = f"{session}.jsonl" if is_main else f"{session}/subagents/{source.name}"
        at = moments[0].at
        for line in source.read_bytes().splitlines():
            if stamp := json.loads(line).get("timestamp"):
                at = dt.datetime.fromisoformat(stamp).timestamp()
            elif source.suffix == ".json":  # which call started the subagent: it is there when the subagent begins
                at = next(moment.at for moment in moments if b'"SubagentStart"' in moment.line)
            moments.append(Moment(at, len(moments), name, line))
    return sorted(moments)


def _hook(home: Sandbox, line: dict[str, Any]) -> None:
    env = (
        home.env | line["env"] | {"CLAUDE_PID": str(os.getpid()), "CLAUDE_CODE_SESSION_ID": line["event"]["session_id"]}
    )
    subprocess.run(home.relay, input=json.dumps(line["event"]).encode(), env=env, timeout=HOOK_TIMEOUT, check=True)


def _write(home: Sandbox, name: str, line: bytes) -> None:
    target = home.folder / ".claude" / "projects" / PROJECT / name
    make_folders(target.parent)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with target.open("ab") as file:
        file.write(_TIMESTAMP.sub(rb"\g<1>" + now.encode() + rb"\g<2>", line) + b"\n")


# --- What came of it


def await_outcome(home: Sandbox, played: Played) -> dict[str, Any]:
    """Wait until the session is written, and count."""
    reader = Reader(home.paths)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            names = collections.Counter(span.name for span in reader.spans_of_session(played.session))
            if names["session"] and names[TURN.name] >= len(played.prompts):
                break
            time.sleep(POLL)
        home.cli("flush", "--wait", f"{PATIENCE:.0f}s")
        spans = reader.spans_of_session(played.session)
        counts = reader.counts()
    finally:
        reader.close()
    status = json.loads(home.cli("status", "--json"))
    return {
        "events": played.events,
        "stored": counts.events,
        "lost": played.events - counts.events,
        "spans": len(spans),
        "by_kind": dict(collections.Counter(kind(span) for span in spans)),
        "metrics": counts.series,
        "hooks": status["hooks"],
        "exported": (status["export"] or {}).get("exported"),
        "session": played.session,
        "traces": [prompt.replace("-", "") for prompt in played.prompts],
        "url": status["agent"].get("url"),
        "seconds": round(played.seconds, 3),
    }


_WORDS: Final = {
    TOOL.operation: "tools",
    MODEL.operation: "model calls",
    SESSION.operation: "sessions",
    WAIT.operation: "waits",
}


def kind(span: Span) -> str:
    """What a span is about, in the words of the documentation."""
    if span.hook:
        return "hooks"
    first = span.name.partition(" ")[0]
    if first == TURN.operation:
        return "turns" if span.name == TURN.name else "subagents"
    return _WORDS.get(first, first)


def _show(home: Sandbox, outcome: dict[str, Any], *, opened: bool) -> None:
    kinds = ", ".join(counted(count, name) for name, count in sorted(outcome["by_kind"].items()))
    click.echo(f"events    {outcome['events']}, each by a relay process")
    if outcome["hooks"]:
        click.echo(f"hooks     {hooktime.words(outcome['hooks'])}")
    click.echo(f"spans     {outcome['spans']}: {kinds}")
    click.echo(f"metrics   {outcome['metrics']} series")
    if outcome["exported"] is not None:
        click.echo(f"exported  {counted(outcome['exported'], 'spans')}; traces {', '.join(outcome['traces'])}")
    click.echo(f"{outcome['lost']} lost\n")
    click.echo(home.cli("trace", outcome["session"]).rstrip())
    if not sys.stdin.isatty():
        click.echo("\nlook:     on a terminal, `hookspan demo` shows this session in your browser")
        return  # nobody is there to look, and the demo's data goes with it
    with_home = f"HOOKSPAN_HOME={home.env['HOOKSPAN_HOME']} hookspan"
    click.echo(f"\nlook:     {outcome['url'] or 'no page is served'}")
    click.echo(f"try:      {with_home} trace {outcome['session'][:8]}")
    if opened and outcome["url"]:
        with contextlib.suppress(UserError):  # there may be no browser: the address stands above
            home.cli("open")
    click.prompt("\nPress Enter to end the demo and delete its data", default="", show_default=False, prompt_suffix="")
