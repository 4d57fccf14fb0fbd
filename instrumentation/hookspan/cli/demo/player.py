"""The recorded session, played at its own pace into a sandbox, with ids and times of now."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hookspan.folders import make_folders
from hookspan.sandbox import Sandbox
from hookspan.setup import relay

RECORDING: Final = Path(__file__).with_name("session")
PROJECT: Final = "-home-u-shop"  # the folder of the recorded client's transcripts
HOOK_TIMEOUT: Final = 10.0

_TIMESTAMP: Final = re.compile(rb'("timestamp":")\d{4}-\d\d-\d\dT[\d:.]+Z(")')


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
    relay.run(home.relay, json.dumps(line["event"]).encode(), timeout=HOOK_TIMEOUT, env=env).check_returncode()


def _write(home: Sandbox, name: str, line: bytes) -> None:
    target = home.folder / ".claude" / "projects" / PROJECT / name
    make_folders(target.parent)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with target.open("ab") as file:
        file.write(_TIMESTAMP.sub(rb"\g<1>" + now.encode() + rb"\g<2>", line) + b"\n")
